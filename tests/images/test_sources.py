"""Where a file may come from, and what is said where it cannot be read."""

import base64
import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from samwidget import load_rgb
from samwidget.errors import ImageError
from samwidget.images.sources import read_source
from tests.images.image_files import npz, saved

PICTURE = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
PNG = saved(PICTURE)
DATA_URL = "data:image/png;base64," + base64.b64encode(PNG).decode()


@pytest.mark.parametrize(
    "name",
    ["~scan.png", "~", "~nobody/scan.png", "phöto µ.png", "a b%20c.png", "#1?.png", "s3.png", "a:b.png", " .png"],
)
def test_odd_names(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(PNG)
    for source in (name, path, tmp_path / path, (tmp_path / path).as_uri()):
        np.testing.assert_array_equal(load_rgb(source), PICTURE)


def test_the_home_folder(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(PNG)
    monkeypatch.setenv("HOME", str(tmp_path))
    for source in ("~/a.png", Path("~/a.png")):
        np.testing.assert_array_equal(load_rgb(source), PICTURE)


def test_a_file_is_read_from_its_start_and_left_where_it_was():
    file = io.BytesIO(PNG)
    file.seek(7)
    np.testing.assert_array_equal(load_rgb(file), PICTURE)
    assert file.tell() == 7


def test_a_stream_that_cannot_go_back():
    class Stream:
        def read(self):
            return PNG

    np.testing.assert_array_equal(load_rgb(Stream()), PICTURE)


@pytest.mark.parametrize(
    "url",
    [
        DATA_URL,
        DATA_URL.replace("data:image/png;base64", "DATA:;charset=utf-8;BASE64"),
        DATA_URL.replace("+", "%2B").replace("/", "%2F").replace("image%2Fpng", "image/png"),
        DATA_URL[:60] + "\n  " + DATA_URL[60:],
        "data:," + "".join(f"%{byte:02x}" for byte in PNG),
    ],
)
def test_data_urls(url):
    np.testing.assert_array_equal(load_rgb(url), PICTURE)


@pytest.mark.parametrize("url", ["data:image/png;base64", "data:image/png;base64,AAA", DATA_URL + "é", "data:,secret"])
def test_broken_data_urls_are_not_echoed(url):
    with pytest.raises(ImageError, match="the data URL") as caught:
        load_rgb(url)
    assert len(str(caught.value)) < 200
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("s3://bucket/a.png", "s3://"),
        ("gs://bucket/a.png", "gs://"),
        ("nonsense://a.png", "samwidget does not read nonsense://"),
        ("memory://missing.png", "no file 'memory://missing.png'"),
        ("file:///missing.png", "no file '/missing.png'"),
        ("file://elsewhere/a.png", "names another machine"),
        ("missing.png", "no file 'missing.png'"),
        ("~nobody/missing.png", "no file"),
        ("x" * 10_000, "cannot be read"),
        ("a\0b.png", "cannot be read"),
        ("", "path of the image is empty"),
        (base64.b64encode(PNG * 9).decode(), r"no file '.{40}\.\.\..{40}'"),
        (io.StringIO("hello"), "open as text"),
        (io.BytesIO(b""), "is empty"),
    ],
)
def test_what_cannot_be_read_is_named(source, message):
    with pytest.raises(ImageError, match=message) as caught:
        load_rgb(source)
    assert caught.value.hint
    assert len(str(caught.value)) < 500


def test_a_scheme_without_the_library_for_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)  # so that its import fails
    with pytest.raises(ImageError, match="s3:// needs fsspec") as caught:
        load_rgb("s3://bucket/a.png")
    assert "pip install fsspec" in caught.value.hint


def test_files_that_are_open_as_text_or_closed(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    for encoding in ("utf-8", "latin-1"):
        with path.open(encoding=encoding) as file, pytest.raises(ImageError, match="open as text"):
            load_rgb(file)
    with path.open("rb") as file:
        pass
    with pytest.raises(ImageError, match="cannot be read"):
        load_rgb(file)


def test_a_member_that_is_not_in_the_archive(tmp_path):
    (tmp_path / "archive.zip").write_bytes(npz(a=PICTURE))
    with pytest.raises(ImageError, match=r"missing\.png cannot be read") as caught:
        load_rgb(zipfile.Path(tmp_path / "archive.zip", "missing.png"))
    assert caught.value.hint


@pytest.mark.parametrize("value", [None, 7, [1, 2], {"a": 1}, Image])
def test_what_is_no_file(value):
    assert read_source(value) is None
    with pytest.raises(ImageError, match="is not an image"):
        load_rgb(value)
