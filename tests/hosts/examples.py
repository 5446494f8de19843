"""The examples of docs/hosts.md, which the hosts run as they are."""

import re
from pathlib import Path

import nbformat

PAGE = (Path(__file__).parents[2] / "docs/hosts.md").read_text()


def example(host: str) -> str:
    """The Python program below this heading."""
    section = PAGE.split(f"\n## {host}\n")[1].split("\n## ")[0]
    return re.search(r"^```py\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)[1]


def notebook(*cells: str) -> str:
    """The file of a notebook with these cells."""
    return nbformat.writes(
        nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        )
    )
