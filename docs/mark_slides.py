"""Writes the slide type of each cell of the lessons: ``python docs/mark_slides.py`` changes the notebooks in place.

Owns the rule that docs/teaching.md describes. ``jupyter nbconvert --to slides`` reads the types.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LESSONS = Path(__file__).parents[1] / "notebooks/lessons"


def slide_type(cell: Mapping[str, Any]) -> str:
    """The type of a cell of the notebook format: ``slide``, ``subslide`` or ``skip``."""
    source = "".join(cell["source"]).strip()
    if cell["cell_type"] == "markdown":
        return "slide" if source.startswith("#") else "subslide"
    last = source.splitlines()[-1] if source else ""
    # A check or the list of exercises is for the person who solves them; a cell that ends in no value shows nothing.
    is_hidden = not last or "check(" in last or last == "lesson" or re.match(r"\w+(\.\w+)? = |(from|import) ", last)
    return "skip" if is_hidden else "subslide"


def main() -> None:
    """Marks all lessons; a notebook that is marked already stays as it is."""
    for path in sorted(LESSONS.glob("*.ipynb")):
        before = path.read_text(encoding="utf-8")
        notebook = json.loads(before)
        for cell in notebook["cells"]:
            cell["metadata"]["slideshow"] = {"slide_type": slide_type(cell)}
        after = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        if after != before:
            path.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main()
