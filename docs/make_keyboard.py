"""Writes docs/keyboard.md from the table of shortcuts that the widget reads. Part of ``make generate``."""

import json
from pathlib import Path

DOCS = Path(__file__).parent
TABLE = DOCS.parent / "samwidget/frontend/src/shortcuts.json"

HEAD = """# Keyboard

Keys work while the widget has the focus (click the photo, or Tab to it); Esc gives the focus back to the notebook.
While an object is active, letters write its name. Only N and the letters of *Tools*, but not A, are keys then, where
one of them is typed alone; press Enter before the others.
This page is made from `samwidget/frontend/src/shortcuts.json` by `make generate`.
"""


def page() -> str:
    """Returns the text of docs/keyboard.md."""
    lines = [HEAD]
    group = None
    for row in json.loads(TABLE.read_text()):
        if row["group"] != group:
            group = row["group"]
            lines += ["", f"## {group}", "", "| keys | what |", "|---|---|"]
        many = row.get("label", row.get("gesture"))
        keys = [many] if many else [f"<kbd>{key}</kbd>" for key in row["keys"]]
        lines.append(f"| {' or '.join(keys)} | {row['does']} |")
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


if __name__ == "__main__":
    (DOCS / "keyboard.md").write_text(page())
