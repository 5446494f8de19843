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
