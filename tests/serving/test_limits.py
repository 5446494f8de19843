"""Each limit, once at it and once above, and images with false headers."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from samwidget.errors import ImageError, LimitError
from samwidget.formats.azure_ml.messages import build_request, parse_request
from samwidget.serving.limits import IMAGE_FORMATS, Limits
from tests.drawn_photo import drawn_photo


def encoded(kind, hw=(6, 8)):
    buffer = io.BytesIO()
    Image.fromarray(drawn_photo(*hw)).save(buffer, kind)
    return buffer.getvalue()


def png_of_claimed_size(width, height):
    """A PNG of a few bytes whose header promises many pixels, as decompression bombs do."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", IMAGE_FORMATS)
def test_formats_that_are_read(kind):
    Limits().check_image(encoded(kind))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"some text",
        encoded("JPEG")[:20],
        encoded("PPM"),
        encoded("EPS"),  # Pillow hands these to Ghostscript
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"\x89PNG\r\n\x1a\n" + b"\xff" * 40,
    ],
)
def test_other_data_is_refused(data):
    with pytest.raises(ImageError, match="send one of BMP, GIF, JPEG, PNG, TIFF, WEBP"):
        Limits().check_image(data)


@pytest.mark.parametrize("size", [(8, 6), (7, 7)])
def test_pixels_are_counted_in_the_header(size):
    limits = Limits(pixels=48)
    if size == (8, 6):
        limits.check_image(png_of_claimed_size(*size))
        return
    with pytest.raises(LimitError, match="more than 48 pixels") as caught:
        limits.check_image(png_of_claimed_size(*size))
    assert (caught.value.limit, caught.value.maximum) == ("pixels", 48)


@pytest.mark.parametrize("size", [(20_000, 20_000), (100_000, 100_000), (2**31 - 1, 2**31 - 1)])
def test_decompression_bombs_are_refused_before_they_are_decoded(size):
    with pytest.raises(LimitError, match="pixels"):
        Limits().check_image(png_of_claimed_size(*size))


def rows_of(count, points):
    """``count`` rows with one prompt of ``points`` points each."""
    return parse_request(build_request([encoded("PNG")] * count, points=[[[[1, 2]] * points]] * count))


@pytest.mark.parametrize(
    ("limits", "count", "points", "limit"),
    [
        (Limits(rows=2), 2, 1, None),
        (Limits(rows=2), 3, 1, "rows"),
        (Limits(prompts=2), 2, 1, None),
        (Limits(prompts=2), 3, 1, "prompts"),
        (Limits(points=6), 2, 3, None),
        (Limits(points=5), 2, 3, "points"),
        (Limits(pixels=47), 1, 1, "pixels"),
    ],
)
def test_rows_prompts_and_points_are_counted(limits, count, points, limit):
    if limit is None:
        limits.check_rows(rows_of(count, points))
        return
    with pytest.raises(LimitError) as caught:
        limits.check_rows(rows_of(count, points))
    assert caught.value.limit == limit


def test_a_broken_image_names_its_row():
    rows = parse_request(build_request([encoded("PNG"), b"broken"], points=[[[1, 2]], [[1, 2]]]))
    with pytest.raises(ImageError, match="row 1: the data is not an image"):
        Limits().check_rows(rows)


def test_a_mask_may_be_as_large_as_an_image():
    image = np.zeros((50, 60, 3), np.uint8)
    Limits(pixels=3000).check_rows(parse_request(build_request(image, points=[[1, 2]])))
