"""Writes docs/tutorial.ipynb from docs/tutorial.md, the only source of both.

`python -m recipes.tutorial_notebook`

Each Python block becomes a code cell, the text between blocks a Markdown cell.
"""

import json
import re
from pathlib import Path
from typing import Any

from evae_tf import atomic

DOCS = Path(__file__).parents[1] / "docs"
SOURCE, NOTEBOOK = DOCS / "tutorial.md", DOCS / "tutorial.ipynb"

_BLOCK = re.compile(r"^```python\n(.*?)^```\n", re.DOTALL | re.MULTILINE)


def notebook(markdown: str) -> dict[str, Any]:
    """The notebook of a page, as nbformat 4.5 lays it out."""
    parts = _BLOCK.split(markdown)  # text and code by turns
    cells = [
        _cell(index, "markdown" if index % 2 == 0 else "code", part.strip("\n"))
        for index, part in enumerate(parts)
        if part.strip()
    ]
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _cell(index: int, kind: str, source: str) -> dict[str, Any]:
    cell = {
        "cell_type": kind,
        "id": f"cell-{index}",
        "metadata": {},
        "source": source.splitlines(keepends=True),
    }
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def text() -> str:
    """What docs/tutorial.ipynb has to hold."""
    content = notebook(SOURCE.read_text(encoding="utf-8"))
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    atomic.write_text(NOTEBOOK, text())
