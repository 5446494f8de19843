"""Which images a folder, a pattern or a list has, and in which order."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from samwidget.errors import ImageError
from samwidget.widget.image_sources import sources_of


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("cell10.png", "cell2.PNG", "Cell1.jpg", "notes.txt", ".hidden.png", "scan.dat", "no_suffix"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside/cell3.tif").touch()
    return tmp_path


def names(image):
    return [item.name for item in sources_of(image)]


@pytest.mark.parametrize(
    ("image", "wanted"),
    [
        (".", ["Cell1.jpg", "cell2.PNG", "cell10.png"]),
        (Path(), ["Cell1.jpg", "cell2.PNG", "cell10.png"]),
        ("*", ["Cell1.jpg", "cell2.PNG", "cell10.png"]),
        ("*.*", ["Cell1.jpg", "cell2.PNG", "cell10.png"]),
        ("*.dat", ["scan.dat"]),
        ("cell?.PNG", ["cell2.PNG"]),
        ("**/*.tif", ["cell3.tif"]),
        (["cell10.png", Path("Cell1.jpg")], ["cell10.png", "Cell1.jpg"]),
        ([np.zeros((4, 4, 3)), "https://example.com/a/dog.jpg?size=3"], ["image 1", "dog.jpg"]),
        ((path for path in ["inside/cell3.tif"]), ["cell3.tif"]),
        (iter(["cell10.png", "Cell1.jpg"]), ["cell10.png", "Cell1.jpg"]),
        (np.array(["cell10.png", "Cell1.jpg"]), ["cell10.png", "Cell1.jpg"]),
        (pd.Series(["cell10.png", "Cell1.jpg"], index=[5, 3]), ["cell10.png", "Cell1.jpg"]),
        (["inside/cell3.tif", "cell3.tif"], None),
    ],
)
def test_the_images_and_their_order(image, wanted, folder):
    assert names(image) == (wanted or ["inside/cell3.tif", f"{folder.name}/cell3.tif"])


@pytest.mark.parametrize(
    "image",
    [
        "",
        "cell10.png",
        b"bytes",
        np.zeros((4, 4)),
        "https://example.com/*.png",
        "data:image/png;base64,*",
        io.BytesIO(b""),
    ],
)
def test_what_is_one_image(image):
    assert sources_of(image) is None


def test_a_file_whose_name_is_a_pattern_is_that_file(folder):
    (folder / "a[1].png").touch()
    assert sources_of("a[1].png") is None


@pytest.mark.parametrize("image", ["inside/..", "inside"])
def test_paths_do_not_depend_on_the_current_folder(image, monkeypatch, folder):
    paths = [item.path for item in sources_of(image)]
    monkeypatch.chdir(folder / "inside")
    assert all(path.exists() for path in paths)


@pytest.mark.parametrize("image", ["folder.png", "*.gif", "a\0*", [], ()])
def test_where_there_is_no_image(image):
    with pytest.raises(ImageError, match=r"there is no image|is empty"):
        sources_of(image)
