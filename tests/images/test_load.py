"""load_rgb: the same pixels from each kind of source, and a clear error for all that is not an image."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from samwidget.core.frame import PIXELS_MAX
from samwidget.errors import ImageError
from samwidget.images.load import load_rgb

PICTURE = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


def file_of(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_of_size(width, height):
    """A PNG whose header claims a size; there are no pixels behind it."""
    data = bytearray(file_of(Image.new("L", (1, 1))))
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


def same_as_picture(rgb):
    assert rgb.dtype == np.uint8
    assert rgb.flags.c_contiguous
    np.testing.assert_array_equal(rgb, PICTURE)


def test_every_way_in(tmp_path):
    path = tmp_path / "a picture.png"
    Image.fromarray(PICTURE).save(path)
    data = path.read_bytes()
    for source in (path, str(path), data, bytearray(data), memoryview(data), Image.open(path), PICTURE):
        same_as_picture(load_rgb(source))


def test_arrays_and_tensors():
    import torch

    for array in (
        PICTURE,
        PICTURE[::-1][::-1],
        np.asfortranarray(PICTURE),
        np.dstack([PICTURE, np.full((5, 7), 255, np.uint8)]),
        PICTURE.transpose(2, 0, 1),
        PICTURE.astype(np.int64),
        PICTURE / 255,
        (PICTURE / 255).astype(np.float32),
        torch.from_numpy(PICTURE.transpose(2, 0, 1).copy()),
        torch.from_numpy(PICTURE),
        torch.from_numpy(PICTURE / 255).requires_grad_(),
    ):
        same_as_picture(load_rgb(array))
    bright = torch.ones(3, 5, 7, dtype=torch.bfloat16)
    assert (load_rgb(bright) == 255).all()


def test_labelled_arrays():
    class DataArray:
        """What xarray's class shows of itself."""

        dims = ("band", "y", "x")
        values = PICTURE.transpose(2, 0, 1)
        transpose = None

    same_as_picture(load_rgb(DataArray()))
    unnamed = DataArray()
    unnamed.dims, unnamed.values = ("a", "b", "d"), PICTURE
    same_as_picture(load_rgb(unnamed))


def test_sixteen_bits_in_a_file_and_in_an_array_are_the_same():
    deep = np.array([[500, 1000, 3000]], np.uint16)
    for rgb in (load_rgb(file_of(Image.fromarray(deep))), load_rgb(file_of(Image.fromarray(deep), "TIFF"))):
        np.testing.assert_array_equal(rgb, load_rgb(deep))


def test_transparency_is_laid_on_white():
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0, :, 3] = (0, 51, 255)
    expected = [255, 204, 0]
    with_alpha = Image.fromarray(rgba)
    palette = Image.new("P", (3, 1))
    palette.putpalette([0, 0, 0, 200, 0, 0])
    palette.putpixel((1, 0), 1)
    assert load_rgb(file_of(palette, transparency=0))[0].tolist() == [[255] * 3, [200, 0, 0], [255] * 3]
    for source in (
        with_alpha,
        file_of(with_alpha),
        rgba,
        rgba / 255,
        rgba.astype(np.int64),
        file_of(with_alpha.convert("LA")),
    ):
        assert load_rgb(source)[0, :, 0].tolist() == expected


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "HSV", "LA", "RGBA", "I", "F"])
def test_modes_of_pillow(mode):
    source = Image.fromarray(np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8))
    source = source.convert("L").convert(mode) if mode in ("I", "F") else source.convert(mode)
    assert load_rgb(source)[0].tolist() == [[0, 0, 0], [255, 255, 255]]


def test_a_cmyk_jpeg():
    data = file_of(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=95)
    assert np.abs(load_rgb(data).astype(int) - [255, 0, 0]).max() < 10


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(orientation):
    upright = np.zeros((16, 24, 3), np.uint8)
    upright[:8, :8] = 255
    stored = Image.fromarray(upright)
    inverse = {  # what the camera stores: the upright picture turned back
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    if orientation in inverse:
        stored = stored.transpose(inverse[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = file_of(stored, "JPEG", exif=exif, quality=95)
    for source in (data, Image.open(io.BytesIO(data))):
        rgb = load_rgb(source)
        assert rgb.shape == (16, 24, 3)
        assert rgb[2:6, 2:6].min() > 200
        assert rgb[10:, 10:].max() < 60


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_broken_exif_block_is_no_reason_to_refuse_the_picture():
    data = file_of(Image.fromarray(PICTURE), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff", quality=95)
    assert load_rgb(data).shape == (5, 7, 3)


@pytest.mark.parametrize(
    ("shape", "is_tensor"),
    [((3, 9, 3), False), ((3, 9, 4), False), ((3, 9, 1), False), ((1, 9, 1), False), ((1, 9, 3), True)],
)
def test_shapes_that_can_be_read_both_ways_are_refused(shape, is_tensor):
    import torch

    array = np.zeros(shape, np.uint8)
    with pytest.raises(ImageError, match="channels may be first or last"):
        load_rgb(torch.from_numpy(array) if is_tensor else array)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 3), (1, 9, 4), (1, 1, 1), (4, 9, 3)])
def test_small_arrays_are_channels_last(shape):
    assert load_rgb(np.zeros(shape, np.uint8)).shape == (shape[0], shape[1], 3)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 4, 2), np.uint8), r"shape \(4, 4, 2\)"),
        (np.zeros((1, 3, 8, 8), np.uint8), r"shape \(1, 3, 8, 8\)"),
        (np.zeros(9, np.uint8), r"shape \(9,\)"),
        (np.zeros((0, 4, 3), np.uint8), "no pixels"),
        (np.broadcast_to(np.uint8(0), (20_000, 15_000)), "15000 x 20000 pixels"),
    ],
)
def test_arrays_that_are_no_picture(array, message):
    with pytest.raises(ImageError, match=message) as caught:
        load_rgb(array)
    assert caught.value.hint


@pytest.mark.parametrize("value", [None, 7, {"a": 1}, object()])
def test_other_things_are_no_picture(value):
    with pytest.raises(ImageError, match="is not an image") as caught:
        load_rgb(value)
    assert "path, URL, bytes" in caught.value.hint


def test_files_that_cannot_be_read(tmp_path):
    png = file_of(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)))
    jpeg = file_of(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)), "JPEG")
    files = {
        "empty.png": (b"", "empty.png is empty"),
        "cut.png": (png[: len(png) // 2], "cut.png is broken or cut off"),
        "cut.jpg": (jpeg[: len(jpeg) // 2], "cut.jpg is broken or cut off"),
        "text.png": (b"hello, this is a letter", "text.png is not an image"),
        "page.jpg": (b"<!doctype html><html></html>", "page.jpg is a web page"),
        "bomb.png": (png_of_size(20_000, 15_000), "bomb.png has"),
        "just too large.png": (png_of_size(PIXELS_MAX // 1000 + 1, 1000), "just too large.png has"),
    }
    for name, (data, message) in files.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ImageError, match=message) as caught:
            load_rgb(tmp_path / name)
        assert caught.value.hint


def test_paths_that_are_no_files(tmp_path):
    with pytest.raises(ImageError, match=r"no file .*missing\.jpg") as caught:
        load_rgb(tmp_path / "missing.jpg")
    assert "current folder" in caught.value.hint
    for path in (tmp_path, "x" * 5000, "a\0b"):
        with pytest.raises(ImageError, match="cannot be read"):
            load_rgb(path)
    with pytest.raises(ImageError, match="the path of the image is empty"):
        load_rgb("")
