"""``jupyter nbconvert --to html``, opened from the disk and without a network: the picture is there."""

import base64
import io
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.hosts.conftest import ARTIFACTS, CUP, ROOT
from tests.hosts.examples import notebook as notebook_file

MAKE = "from samwidget import SamWidget\nw = SamWidget('coffee.jpg', opacity=1.0{more})\nw"
ADD = "cup = w.add(points=[290, 110])\nprint('colour', cup.colour)"


@pytest.fixture
def export(tmp_path):
    """A function that runs a notebook and converts it with nbconvert; returns the notebook and its output's text."""
    shutil.copy(ROOT / "notebooks/photos/coffee.jpg", tmp_path)

    def export(*cells, options=()):
        (tmp_path / "app.ipynb").write_text(notebook_file(*cells))
        for arguments in (["--to", "notebook", "--execute", "--inplace", *options], ["--to", "html"]):
            command = [sys.executable, "-m", "nbconvert", *arguments, "app.ipynb"]
            subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)
        notebook = json.loads((tmp_path / "app.ipynb").read_text())
        (printed,) = [
            "".join(output["text"])
            for cell in notebook["cells"]
            for output in cell["outputs"]
            if output["output_type"] == "stream" and output["name"] == "stdout"
        ]
        return notebook, printed

    return export


@pytest.fixture
def open_offline(chromium, tmp_path):
    """A function that opens the exported page and returns its pictures as (H, W, 3) arrays of the screen."""
    context = chromium.new_context(viewport={"width": 1100, "height": 900}, color_scheme="dark", offline=True)

    def open_offline(name):
        page = context.new_page()
        page.goto((tmp_path / "app.html").as_uri(), wait_until="domcontentloaded")
        pictures = page.locator("img")
        page.wait_for_function("[...document.images].every((image) => image.complete)")
        ARTIFACTS.mkdir(exist_ok=True)
        page.screenshot(path=ARTIFACTS / f"host-{name}.png", full_page=True)
        return [
            np.asarray(Image.open(io.BytesIO(picture.screenshot())).convert("RGB")).astype(int)
            for picture in pictures.all()
        ]

    yield open_offline
    context.close()


def is_cup_drawn(picture, colour):
    """Whether the cup has this colour in a picture of the screen."""
    x, y = (round(position * picture.shape[1] / 600) for position in (CUP[0], CUP[1] + 30))
    wanted = [int(colour[n : n + 2], 16) for n in (1, 3, 5)]
    return np.abs(picture[y, x] - wanted).max() < 40  # JPEG


def test_an_executed_notebook_shows_the_last_picture(export, open_offline):
    _, printed = export(MAKE.format(more=""), ADD)
    (picture,) = open_offline("export-with-state")
    assert is_cup_drawn(picture, printed.split()[-1])


def test_a_notebook_without_the_state_of_its_widgets_shows_the_picture_of_its_cell(export, open_offline):
    options = ["--ExecutePreprocessor.store_widget_state=False"]
    notebook, printed = export("\n".join([*MAKE.format(more="").splitlines()[:2], ADD, "w"]), options=options)
    (picture,) = open_offline("export-without-state")
    assert is_cup_drawn(picture, printed.split()[-1])
    # What a page that shows notebooks as they are has of it.
    bundles = [output.get("data", {}) for output in notebook["cells"][0]["outputs"]]
    (png,) = [bundle["image/png"] for bundle in bundles if "image/png" in bundle]
    assert len(png) < 130_000
    assert Image.open(io.BytesIO(base64.b64decode(png))).size == (480, 320)


def test_no_picture_is_saved_where_none_may_be(export, open_offline):
    notebook, _ = export(MAKE.format(more=", save_picture=False"), ADD)
    assert open_offline("export-without-picture") == []
    text = json.dumps(notebook)
    assert "image/png" not in text
    (states,) = [kind["state"].values() for kind in notebook["metadata"]["widgets"].values()]
    (buffers,) = [state.get("buffers", []) for state in states if "_esm" in state["state"]]
    assert [buffer["data"] for buffer in buffers] in ([], [""])
