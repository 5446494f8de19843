"""Files that people take for images: the error says what they are, and what to do."""

import io

import numpy as np
import pytest

from samwidget.errors import ImageError
from samwidget.images.load import load_rgb, read_image
from samwidget.images.options import ReadOptions
from tests.images.image_files import tiff

DRAWING = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>'


@pytest.mark.parametrize(
    ("data", "message", "remedy"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC photo", "pillow-heif"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", "a video", "frames"),
        (b"RIFF\0\0\0\0AVI LIST", "a video", "frames"),
        (b"%PDF-1.4\n", "a PDF", "PNG"),
        (bytes(128) + b"DICM" + bytes(50), "a DICOM file", "pydicom"),
        (b"\x89HDF\r\n\x1a\n" + bytes(600), "an HDF5 file", "h5py"),
        (b"\x1f\x8b\x08" + bytes(20), "compressed with gzip", "unpack"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS", "git lfs pull"),
        (b"\n<!DOCTYPE html><title>404</title>", "a web page", "address"),
        (DRAWING, "an SVG drawing", "PNG"),
        (b'{"error": "not found"}', "text", "downloaded"),
        (b"hello", "not an image", "Pillow reads"),
    ],
)
def test_files_that_are_no_images_are_named(data, message, remedy):
    with pytest.raises(ImageError, match=f"the data is {message}") as caught:
        load_rgb(data)
    assert remedy in caught.value.hint
    with pytest.raises(ImageError) as caught:
        read_image(data, ReadOptions(formats=("JPEG", "PNG")))
    assert caught.value.hint == "give JPEG, PNG"  # nobody can install something for a stranger


def test_what_another_program_would_read_is_not_called_broken(monkeypatch):
    monkeypatch.setenv("PATH", "")  # without Ghostscript
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", None)
    drawing = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n%%EOF\n"
    with pytest.raises(ImageError, match="cannot be read on this machine") as caught:
        load_rgb(drawing)
    assert "Ghostscript" in caught.value.hint


def test_a_file_that_is_open_for_writing(tmp_path):
    with (
        (tmp_path / "photo.png").open("wb") as file,
        pytest.raises(ImageError, match=r"photo.png is not open") as caught,
    ):
        load_rgb(file)
    assert caught.value.hint == "open it with mode 'rb'"


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.filterwarnings("ignore::samwidget.SamWidgetWarning")
def test_halves_without_data():
    values = np.array([[0, 0.5], [np.nan, 1]], np.float16)
    assert load_rgb(values)[..., 0].tolist() == load_rgb(tiff(values))[..., 0].tolist() == [[0, 128], [128, 255]]
    assert load_rgb(io.BytesIO(tiff(values))).shape == (2, 2, 3)
