"""What `make docs` adds to docs/: the pages that lie elsewhere, and facts of the configuration.

README.md, RESULTS.md, CHANGELOG.md, CONTRIBUTING.md, SECURITY.md and the model card are pages, too.
Links between Markdown files are written as the files lie in the repository; here they are changed
to where the pages are in the site. A target without a page stays, and the strict build fails.

docs/configuration.md says what each field means. The values that it takes, its default and what
the presets change are read from `evae_tf.config`.
"""

import os
import posixpath
import re
import sys
import typing
from pathlib import Path

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from evae_tf import config as configs  # noqa: E402
from evae_tf import fields  # noqa: E402
from evae_tf.presets import PRESETS  # noqa: E402

PAGES = {
    "README.md": "index.md",
    "RESULTS.md": "results.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "assets/MODEL_CARD.md": "model-card.md",
}
_SOURCES = {page: source for source, page in PAGES.items()}
_LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")
_FIELD = re.compile(r"^\| `([\w.]+)` \| (.+) \|$", re.MULTILINE)


def on_files(files, config):
    """Adds the pages that lie outside docs/."""
    for source, page in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown, page, config, files):
    """Changes links to the site's, and completes the configuration reference."""
    name = page.file.src_uri
    if name == "configuration.md":
        markdown = _configuration(markdown)
    folder = posixpath.dirname(_SOURCES.get(name, f"docs/{name}"))

    def moved(link):
        target = posixpath.normpath(posixpath.join(folder, link[1]))
        target = PAGES.get(target, target.removeprefix("docs/"))
        place = posixpath.relpath(target, posixpath.dirname(name) or ".")
        return f"]({place}{link[2] or ''})"

    return _LINK.sub(moved, markdown)


def on_serve(server, config, builder):
    """Lets `mkdocs serve` notice changes of the pages that lie outside docs/."""
    for source in PAGES:
        server.watch(os.fspath(ROOT / source))
    return server


def _configuration(markdown):
    """The page with two more columns, values and default, and with the table of presets."""
    kinds = dict(_kinds(configs.Config))
    described = [match[1] for match in _FIELD.finditer(markdown)]
    if sorted(described) != sorted(kinds):
        wrong = sorted(set(described) ^ set(kinds)) or "some more than once"
        raise PluginError(f"docs/configuration.md: expected each field once, but for {wrong}.")
    default = _values(PRESETS["default"])

    def completed(row):
        name, meaning = row.groups()
        return f"| `{name}` | {meaning} | {_words(kinds[name])} | `{_text(default[name])}` |"

    markdown = _FIELD.sub(completed, markdown)
    markdown = markdown.replace("| field | meaning |\n|---|---|", _HEADER)
    return markdown.replace("<!-- presets -->", _presets(default))


_HEADER = "| field | meaning | values | default |\n|---|---|---|---|"


def _presets(default):
    """A table of the fields that some preset changes; a value equal to the default is left out."""
    presets = {name: _values(preset) for name, preset in PRESETS.items()}
    rows = [["field", *presets], ["---"] * (1 + len(presets))]
    for name in default:
        values = [_text(preset[name]) for preset in presets.values()]
        if name != "preset" and len(set(values)) > 1:
            others = [f"`{value}`" if value != values[0] else "" for value in values[1:]]
            rows.append([f"`{name}`", f"`{values[0]}`", *others])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _kinds(record, prefix=""):
    """The name and annotated type of each field that `--set` knows."""
    for name, kind in typing.get_type_hints(record, include_extras=True).items():
        if kind is configs.Augmentation:
            yield from _kinds(kind, f"{name}.")
        else:
            yield f"{prefix}{name}", kind


def _values(record, prefix=""):
    """The value of each field, by the name that `--set` knows it by."""
    values = {}
    for name, value in vars(record).items():
        if isinstance(value, configs.Augmentation):
            values |= _values(value, f"{name}.")
        else:
            values[f"{prefix}{name}"] = value
    return values


def _words(kind):
    """A type and its range, as the table says it."""
    ranges = getattr(kind, "__metadata__", ())
    said = fields.words(kind.__origin__ if ranges else kind)
    for low, high in ranges:
        said += f", {_number(low)} to {_number(high)}"
    return said


def _number(value):
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def _text(value):
    """A value as `--set` takes it."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)
