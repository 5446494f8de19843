"""What the process that decodes images does with one: formats, pixels, broken files."""

import io

import numpy as np
import pytest
from PIL import Image

from samwidget.errors import ImageError, LimitError
from samwidget.images import load_rgb
from samwidget.serving.decode_worker import IMAGE_FORMATS, LENGTHS, decode, serve, write
from samwidget.serving.limits import Limits
from tests.serving.image_files import encoded, png_of_claimed_size


@pytest.mark.parametrize("kind", IMAGE_FORMATS)
def test_formats_that_are_read(kind):
    np.testing.assert_array_equal(decode(encoded(kind), Limits()), load_rgb(encoded(kind)))


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
        decode(data, Limits())


@pytest.mark.parametrize("size", [(8, 6), (7, 7)])
def test_pixels_are_counted_in_the_header(size):
    error, message = (ImageError, "broken or cut off") if size == (8, 6) else (LimitError, "more than 48 pixels")
    with pytest.raises(error, match=message):
        decode(png_of_claimed_size(*size), Limits(pixels=48))


@pytest.mark.parametrize("size", [(20_000, 20_000), (100_000, 100_000), (2**31 - 1, 2**31 - 1)])
def test_decompression_bombs_are_refused_before_they_are_decoded(size):
    with pytest.raises(LimitError, match="pixels"):
        decode(png_of_claimed_size(*size), Limits())


@pytest.mark.parametrize("claimed", [(4, 4), (400, 400)])
def test_whichever_size_a_reader_sees_is_checked(monkeypatch, claimed):
    """Two readings of one file that see two sizes: the limit holds for both."""
    sizes = iter([claimed, (400, 400) if claimed == (4, 4) else (4, 4)])
    formats_tried = []

    def open_again(source, mode="r", formats=None):
        formats_tried.append(formats)
        return opened(io.BytesIO(encoded("BMP", next(sizes))))

    opened = Image.open
    monkeypatch.setattr(Image, "open", open_again)
    with pytest.raises((ImageError, LimitError), match="pixels"):
        decode(b"any", Limits(pixels=16))
    assert set(formats_tried) == {IMAGE_FORMATS}


def test_a_file_of_two_formats_is_read_as_an_allowed_one():
    """Pillow takes this WebP of 48 pixels for a PhotoCD of 393,216, where its readers for both may look at it."""
    data = encoded("WEBP").ljust(2048, b"\0") + b"PCD_" + bytes(800_000)
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (768, 512)
    np.testing.assert_array_equal(decode(data, Limits(pixels=48)), load_rgb(encoded("WEBP")))


@pytest.mark.parametrize(("exif", "hw"), [("apply", (8, 6)), ("ignore", (6, 8))])
def test_the_rotation_is_applied_as_the_caller_says(exif, hw):
    block = Image.Exif()
    block[0x0112] = 6
    assert decode(encoded("JPEG", (6, 8), exif=block), Limits(), exif).shape[:2] == hw


def test_images_that_come_one_after_the_other():
    images = [encoded("PNG"), b"broken", png_of_claimed_size(9, 9), encoded("JPEG")]
    source, target = io.BytesIO(), io.BytesIO()
    for data in images:
        write(source, {"exif": "apply"}, data)
    source.seek(0)
    serve(source, target, Limits(pixels=48))
    target.seek(0)
    heads = []
    while lengths := target.read(LENGTHS.size):
        head_length, byte_count = LENGTHS.unpack(lengths)
        heads.append(target.read(head_length).decode())
        assert len(target.read(byte_count)) == (6 * 8 * 3 if "hw" in heads[-1] else 0)
    assert [next(word for word in ("hw", "image", "limit") if f'"{word}"' in head) for head in heads] == [
        "hw",
        "image",
        "limit",
        "hw",
    ]
