"""The notebook that Notebook 7, Voila and nbconvert show."""

import nbformat

CELLS = [
    """
import ipywidgets
from samwidget import SamWidget

w = SamWidget("coffee.jpg", opacity=1.0)
summary = ipywidgets.Label("Python has 0 objects")


def show(w):
    summary.value = f"Python has {len(w.objects)} objects" + "".join(
        f" {item.colour} {item.area}" for item in w.objects
    )


w.on_change(show)
w""",
    "summary",
]


def notebook_text(*cells: str) -> str:
    """The file of a notebook with these cells."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    return nbformat.writes(notebook)
