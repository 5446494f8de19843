"""A photo and its page, which is written once: to export the graphs takes seconds."""

import functools
from pathlib import Path

import pytest

from samwidget.images import load_rgb
from samwidget.models import Graphs, export_graphs
from samwidget.page import write, write_page

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def photo():
    return load_rgb(ROOT / "notebooks/photos/coffee.jpg")


@pytest.fixture(scope="session")
def pages(photo, tmp_path_factory):
    """The same page as a folder and as one file."""
    if not (ROOT / "samwidget/static/page/kernel.js").is_file():
        pytest.skip("the script of pages is not built: make bundle")
    folder = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write, "export_graphs", functools.cache(export_graphs))
        write_page(photo, folder / "folder", name="coffee.jpg")
        write_page(photo, folder / "coffee.html", name="coffee.jpg")
    return folder


@pytest.fixture
def built(monkeypatch, tmp_path):
    """Makes pages quick to write: their script and their graphs are stand-ins."""
    folder = tmp_path / "built"
    folder.mkdir()
    for name in ("page.js", "kernel.js", "runtime.wasm.gz", "THIRD_PARTY_NOTICES.txt"):
        (folder / name).write_bytes(f"{name} <-- here".encode())
    monkeypatch.setattr(write, "_BUILT", folder)
    monkeypatch.setattr(write, "export_graphs", lambda size: Graphs(b"encoder", b"decoder"))
    return folder
