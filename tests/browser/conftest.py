"""One JupyterLab for all journeys; each journey has its own notebook, kernel and page."""

import shutil
from pathlib import Path

import pytest

from tests.browser.lab import Lab, Notebook

ROOT = Path(__file__).parents[2]
ARTIFACTS = ROOT / "tests/artifacts"
FIRST_CELL = "from samwidget import SamWidget\nw = SamWidget('coffee.jpg')\nw"


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    for photo in (ROOT / "notebooks/photos").glob("*.jpg"):
        shutil.copy(photo, folder)
    lab = Lab(folder)
    yield lab
    lab.close()


@pytest.fixture
def open_notebook(lab, chromium, request):
    """A function that opens a notebook with these cells, by default one that shows the widget, and runs it."""
    contexts = []
    notebooks = []

    def open_notebook(*cells, run=True, scale=1.0, theme=None, width=1280, height=900, touch=False):
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            device_scale_factor=scale,
            color_scheme=theme,
            has_touch=touch,
        )
        contexts.append(context)
        page = context.new_page()
        name = f"{request.node.name}-{len(contexts)}".replace("[", "-").replace("]", "").replace(".", "_")
        notebook = Notebook(lab, page, name, list(cells) or [FIRST_CELL])
        notebooks.append(notebook)
        if run:
            notebook.run_all()
        return notebook

    yield open_notebook
    for notebook in notebooks:
        notebook.screenshot(ARTIFACTS, notebook.name.removesuffix(".ipynb"))
        notebook.shut_down()
    for context in contexts:
        context.close()
