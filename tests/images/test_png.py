import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from samwidget.errors import FormatError
from samwidget.images.png import decode_png, encode_png


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (300, 7)])
def test_there_and_back(shape):
    mask = np.random.default_rng(0).random(shape) < 0.5
    np.testing.assert_array_equal(decode_png(encode_png(mask)), mask)


def test_the_file_is_eight_bit_gray_of_0_and_255():
    with Image.open(io.BytesIO(encode_png(np.eye(3, dtype=np.bool_)))) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "L", (3, 3))
        assert np.asarray(image).tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_masks_of_other_programs_are_read(mode):
    buffer = io.BytesIO()
    Image.fromarray(np.array([[0, 255]], np.uint8)).convert(mode).save(buffer, "PNG")
    assert decode_png(buffer.getvalue()).tolist() == [[False, True]]


@pytest.mark.parametrize(
    "mask", [np.zeros((2, 2), np.uint8), np.zeros((1, 2, 2), np.bool_), np.zeros((0, 3), np.bool_)]
)
def test_only_bool_images_are_masks(mask):
    with pytest.raises(FormatError, match="mask is"):
        encode_png(mask)


def test_broken_bytes_are_refused():
    png = encode_png(np.random.default_rng(0).random((64, 64)) < 0.5)
    for data in (b"", b"not a png", png[: len(png) // 2]):
        with pytest.raises(FormatError, match="not a PNG"):
            decode_png(data)


def test_a_huge_mask_is_refused_before_it_is_decoded():
    png = bytearray(encode_png(np.zeros((1, 1), np.bool_)))
    png[16:24] = struct.pack(">II", 20_000, 15_000)
    png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
    with pytest.raises(FormatError):
        decode_png(bytes(png))


def png(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def palette_image(indices, colours):
    image = Image.fromarray(np.array(indices, np.uint8), "P")
    image.putpalette([value for colour in colours for value in colour])
    return image


# Each is the mask of the second pixel alone.
WRITTEN = {
    "0 and 255": Image.fromarray(np.array([[0, 255]], np.uint8)),
    "0 and 1": Image.fromarray(np.array([[0, 1]], np.uint8)),
    "gray": Image.fromarray(np.array([[127, 128]], np.uint8)),
    "one bit": Image.fromarray(np.array([[False, True]])),
    "16 bits": Image.fromarray(np.array([[0, 65535]], np.uint16)),
    "16 bits, 0 and 1": Image.fromarray(np.array([[0, 1]], np.uint16)),
    "16 bits, 0 and 255": Image.fromarray(np.array([[0, 255]], np.uint16)),
    "RGB": Image.fromarray(np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)),
    "RGB, 0 and 1": Image.fromarray(np.array([[[0, 0, 0], [1, 1, 1]]], np.uint8)),
    "palette, dark": palette_image([[0, 1]], [(0, 0, 0), (128, 0, 0)]),
    "palette, white first": palette_image([[0, 3]], [(255, 255, 255)] * 3 + [(0, 0, 0)]),
}


@pytest.mark.parametrize("written", WRITTEN)
def test_a_mask_is_read_however_it_was_written(written):
    assert decode_png(png(WRITTEN[written])).tolist() == [[False, True]]


@pytest.mark.parametrize("value", [0, 1, 255])
def test_a_mask_of_one_value(value):
    assert decode_png(png(Image.fromarray(np.full((2, 2), value, np.uint8)))).all() == bool(value)
