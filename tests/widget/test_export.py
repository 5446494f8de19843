"""Which image the documented request of a widget holds: the widget's own pixels, whatever happened to their source."""

import base64
import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.images.image_files import png16, saved, tiff

FIRST, SECOND = np.random.default_rng(0).integers(0, 256, (2, 40, 60, 3), dtype=np.uint8)


def sent_bytes(widget):
    widget.add(points=[[20, 20]])
    return base64.b64decode(widget.request()["input_data"]["data"][0][0])


def sent_pixels(widget):
    with Image.open(io.BytesIO(sent_bytes(widget))) as image:
        return np.asarray(image)


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_another_picture_under_the_same_name_is_not_sent(make, tmp_path, form):
    path = tmp_path / "frame"
    path.write_bytes(saved(FIRST, form))
    widget = make(path)
    path.write_bytes(saved(SECOND, form))
    np.testing.assert_array_equal(sent_pixels(widget), widget.image)


def test_another_file_of_the_same_name_in_another_folder_is_not_sent(make, tmp_path, monkeypatch):
    for name, image in (("one", FIRST), ("two", SECOND)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "frame.png").write_bytes(saved(image))
    monkeypatch.chdir(tmp_path / "one")
    widget = make("frame.png")
    os.chdir(tmp_path / "two")
    np.testing.assert_array_equal(sent_pixels(widget), FIRST)


@pytest.mark.parametrize("kind", [bytearray, io.BytesIO])
def test_memory_that_is_used_again_is_not_sent(make, kind):
    first, second = saved(FIRST), saved(SECOND)
    memory = kind(first.ljust(max(len(first), len(second)), b"\0"))
    widget = make(memory)
    if kind is bytearray:
        memory[:] = second.ljust(len(memory), b"\0")
    else:
        memory.seek(0)
        memory.write(second)
    np.testing.assert_array_equal(sent_pixels(widget), FIRST)


@pytest.mark.parametrize("what", ["deleted", "cut off", "a folder", "text"])
def test_a_source_that_is_no_image_any_more(make, tmp_path, what):
    path = tmp_path / "frame.png"
    path.write_bytes(saved(FIRST))
    widget = make(path)
    path.unlink()
    if what == "a folder":
        path.mkdir()
    elif what != "deleted":
        path.write_bytes(saved(FIRST)[:500] if what == "cut off" else b"hello")
    np.testing.assert_array_equal(sent_pixels(widget), FIRST)


@pytest.mark.filterwarnings("ignore::samwidget.errors.SamWidgetWarning")
@pytest.mark.parametrize(
    ("data", "options"),
    [
        (saved(FIRST), {"scale": (0, 100)}),
        (png16(FIRST.astype(np.uint16) * 16), {}),
        (tiff(FIRST[..., 0].astype(np.uint16)), {}),
        (saved(Image.fromarray(FIRST), save_all=True, append_images=[Image.fromarray(SECOND)]), {"frame": 1}),
        (saved(FIRST, transparency=tuple(FIRST[0, 0].tolist())), {}),
        (saved(np.dstack([FIRST, FIRST[..., 0]])), {}),
        (saved(np.ma.getdata(FIRST[..., 0])), {}),
    ],
)
def test_values_that_were_changed_when_they_were_read_are_sent_as_the_widget_shows_them(make, data, options):
    widget = make(data, **options)
    np.testing.assert_array_equal(sent_pixels(widget), widget.image)
    if "frame" in options:
        np.testing.assert_array_equal(widget.image, SECOND)


def test_a_file_that_is_unchanged_is_sent_itself(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = saved(FIRST, "JPEG")
    Path("~frame.jpg").write_bytes(data)
    for source in ("~frame.jpg", Path("~frame.jpg"), data, bytearray(data), memoryview(data)):
        assert sent_bytes(make(source)) == data


def test_the_widget_does_not_share_memory_with_what_was_given(make):
    given = FIRST.copy()
    shared = type("Dlpack", (), {"__array_interface__": given.__array_interface__})()
    widget = make(shared)
    given[:] = 0
    np.testing.assert_array_equal(widget.image, FIRST)
