"""One JupyterLab for all journeys, and notebooks in it: a new one, or the one whose kernel is warm.

A new notebook costs seconds: the page, the kernel, and what the kernel imports and loads. So a journey takes a new one
only where it needs a new page or kernel, because it ends, blocks or changes them.
"""

import shutil
from pathlib import Path

import pytest

from tests.browser.lab import Lab, Notebook

ROOT = Path(__file__).parents[2]
ARTIFACTS = ROOT / "tests/artifacts"
FIRST_CELL = "from samwidget import SamWidget\nw = SamWidget('coffee.jpg')\nw"
HAS_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    item.stash[HAS_FAILED] = item.stash.get(HAS_FAILED, False) or report.failed
    return report


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    for photo in (ROOT / "notebooks/photos").glob("*.jpg"):
        shutil.copy(photo, folder)
    lab = Lab(folder)
    yield lab
    lab.close()


def name_of(request):
    """The journey's name, as a file may have it."""
    return request.node.name.replace("[", "-").replace("]", "").replace(".", "_")


@pytest.fixture
def open_notebook(lab, chromium, request):
    """A function that opens a new notebook with these cells, by default one that shows the widget, and runs it."""
    contexts = []
    notebooks = []

    def open_notebook(*cells, scale=1.0, theme=None, width=1280, height=900, touch=False):
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            device_scale_factor=scale,
            color_scheme=theme,
            has_touch=touch,
        )
        contexts.append(context)
        notebook = Notebook(lab, context.new_page(), f"{name_of(request)}-{len(contexts)}", list(cells) or [FIRST_CELL])
        notebooks.append(notebook)
        notebook.run_all()
        return notebook

    yield open_notebook
    for notebook in notebooks:
        if request.node.stash[HAS_FAILED]:
            notebook.screenshot(ARTIFACTS, notebook.name.removesuffix(".ipynb"))
        notebook.shut_down()
    for context in contexts:
        context.close()


class Warm:
    """A notebook that journeys use one after the other; after a journey that failed comes a new one."""

    def __init__(self, lab, chromium):
        self._lab = lab
        self._chromium = chromium
        self._notebook = None

    def take(self, cells, width, height):
        if self._notebook is None:
            context = self._chromium.new_context(viewport={"width": width, "height": height})
            self._notebook = Notebook(self._lab, context.new_page(), "warm", [])
            self._notebook.keep_connected()
        self._notebook.start_over(cells, width, height)
        return self._notebook

    def drop(self):
        notebook, self._notebook = self._notebook, None
        if notebook is not None:
            notebook.disconnect()
            notebook.shut_down()
            notebook.page.context.close()


@pytest.fixture(scope="session")
def warm(lab, chromium):
    warm = Warm(lab, chromium)
    yield warm
    warm.drop()


@pytest.fixture
def warm_notebook(warm, request):
    """A function as ``open_notebook``, for a journey that needs neither a new page nor a new kernel.

    It puts the cells into the notebook whose kernel has imported torch and loaded the network. Nothing is left of the
    journey before: its widgets are closed, and its names, cells, outputs and theme are gone.
    """
    taken = []

    def warm_notebook(*cells, width=1280, height=900):
        assert not taken, "a journey has one warm notebook"
        taken.append(warm.take(list(cells) or [FIRST_CELL], width, height))
        taken[0].run_all()
        return taken[0]

    yield warm_notebook
    if request.node.stash[HAS_FAILED]:
        for notebook in taken:
            notebook.screenshot(ARTIFACTS, name_of(request))
        warm.drop()
