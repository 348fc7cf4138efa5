"""The pages, and the code and the commands in them."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
_PATHS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "assets/MODEL_CARD.md"]
TEXTS = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in _PATHS}

_BLOCK = re.compile(
    r"(?:^<!-- not run: (.+) -->\n)?^ *```(.*)\n((?:.*\n)*?) *```$",
    re.MULTILINE,
)


class Block(NamedTuple):
    """A piece of code; `reason` says why it cannot be run here, and is empty if it can."""

    reason: str
    language: str
    code: str


def blocks(name):
    """All blocks of a page, in order."""
    return [Block(*block) for block in _BLOCK.findall(TEXTS[name])]


def command_lines(code):
    """Each command of shell code as its words, without the variables that stand before it."""
    for line in code.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True) if "curl" not in code else []
        while words and re.match(r"[A-Z_]+=", words[0]):
            words.pop(0)
        if ">" in words:
            words = words[: words.index(">")]
        if words:
            yield words


def inline_commands(name):
    """The same of the commands that stand within the sentences of a page."""
    found = re.findall(r"`((?:python|make|evae-\w+) [^`]+)`", _BLOCK.sub("", TEXTS[name]))
    for command in found:
        yield from command_lines(" ".join(command.split()))
