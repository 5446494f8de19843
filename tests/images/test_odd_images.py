"""Images that are rare: modes, layouts, arrays of other libraries, and files that are broken or no images."""

import struct
import sys
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from samwidget import load_rgb
from samwidget.errors import ImageError
from samwidget.images import ReadOptions, read_image
from tests.images.image_files import chunk, npy, npz, png16, ppm16, saved, tiff

pytestmark = pytest.mark.filterwarnings("ignore::samwidget.errors.SamWidgetWarning")

RGB = np.random.default_rng(0).integers(0, 256, (6, 7, 3), dtype=np.uint8)
DEEP = np.random.default_rng(1).integers(0, 4096, (6, 7, 3)).astype(np.uint16)


def interlaced_png16(values):
    """A PNG of uint16 RGB in which the pixels are written in seven passes."""
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    lines = b""
    for y, x, y_step, x_step in passes:
        part = values[y::y_step, x::x_step]
        lines += b"".join(b"\0" + line.astype(">u2").tobytes() for line in part if line.size)
    height, width = values.shape[:2]
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 1))
    return png16(values)[:8] + head + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "data",
    [
        interlaced_png16(DEEP),
        tiff(DEEP, photometric="rgb", tile=(16, 16)),
        tiff(DEEP, photometric="rgb", rowsperstrip=2),
        tiff(DEEP, photometric="rgb", bigtiff=True),
        tiff(DEEP, photometric="rgb", compression="zlib", predictor=True, rowsperstrip=2),
        tiff(np.dstack([DEEP, DEEP[..., 0]]), photometric="rgb", extrasamples=["unspecified"]),
        tiff(np.moveaxis(DEEP, 2, 0), photometric="rgb", planarconfig="separate", compression="zlib"),
        tiff(DEEP.astype(np.uint32), photometric="rgb"),
        tiff(DEEP.astype(np.float32), photometric="rgb"),
        tiff(DEEP.astype(np.float64), photometric="rgb", byteorder=">"),
        ppm16(DEEP),
    ],
)
def test_deep_colours_are_those_of_the_array(data):
    np.testing.assert_array_equal(load_rgb(data), load_rgb(DEEP))
    np.testing.assert_array_equal(load_rgb(data, scale=(0, 5000)), load_rgb(DEEP, scale=(0, 5000)))


def test_opacity_that_was_multiplied_into_16_bit_colours():
    alpha = np.full((6, 7, 1), 32768, np.uint16)
    straight = np.concatenate([DEEP, alpha], axis=2)
    multiplied = np.concatenate([(DEEP.astype(np.uint64) * 32768 // 65535).astype(np.uint16), alpha], axis=2)
    data = tiff(multiplied, photometric="rgb", extrasamples=["assocalpha"])
    assert np.abs(load_rgb(data).astype(int) - load_rgb(straight)).max() <= 1


def test_a_colour_that_is_transparent():
    key = DEEP[0, 0]
    expected = load_rgb(DEEP)
    expected[(key == DEEP).all(axis=2)] = 255
    np.testing.assert_array_equal(load_rgb(png16(DEEP, chunk(b"tRNS", struct.pack(">HHH", *key)))), expected)
    gray = np.uint16([[0, 100, 200]])
    data = png16(gray[..., None], chunk(b"tRNS", struct.pack(">H", 100)))
    assert load_rgb(data)[0, :, 0].tolist() == [0, 255, 255]


@pytest.mark.parametrize("mode", ["LAB", "La", "RGBa", "PA", "RGBX", "I;16", "I;16B", "HSV", "YCbCr", "1"])
def test_rare_modes(mode):
    white = {"LAB": (255, 128, 128), "La": (255, 255), "HSV": (0, 0, 255), "YCbCr": (255, 128, 128), "PA": 255}
    pixel = white.get(mode, (255,) * len(Image.new(mode, (1, 1)).getbands()) if ";" not in mode else 65535)
    image = Image.new(mode, (3, 2), pixel[0] if isinstance(pixel, tuple) and len(pixel) == 1 else pixel)
    if mode == "PA":
        image = Image.new("LA", (3, 2), (255, 255)).convert("PA")
    assert load_rgb(image).min() >= (0 if ";" in mode else 254)
    assert load_rgb(image, scale="minmax").shape == (2, 3, 3)


@pytest.mark.parametrize(
    ("data", "remedy"),
    [
        (b"P3\n2 1\n4095\n0 0 0 4095 4095 4095\n", "PNG or TIFF"),
        (struct.pack(">hBBHHHHII", 474, 0, 2, 3, 2, 1, 3, 0, 65535).ljust(512, b"\0") + bytes(12), "PNG or TIFF"),
    ],
    ids=["PPM in text", "SGI"],
)
def test_deep_colours_that_cannot_be_read_in_full_are_refused(data, remedy):
    with pytest.raises(ImageError, match="more than 8 bits") as caught:
        load_rgb(data)
    assert remedy in caught.value.hint


def test_deep_gray_written_in_digits():
    assert load_rgb(b"P2\n3 1\n4095\n0 1000 4000\n")[0, :, 0].tolist() == [0, 64, 255]


def test_a_jpeg_2000_of_16_bits():
    gray = np.linspace(0, 60_000, 64).reshape(8, 8).astype(np.uint16)
    data = saved(Image.fromarray(gray), "JPEG2000", irreversible=False)
    np.testing.assert_array_equal(load_rgb(data), load_rgb(gray))
    colours = bytearray(saved(np.zeros((8, 8, 3), np.uint8), "JPEG2000"))
    start = colours.find(b"\xff\x4f\xff\x51")
    for component in range(3):
        colours[start + 42 + 3 * component] = 15  # its header says 16 bits
    with pytest.raises(ImageError, match=r"more than 8 bits|broken"):
        load_rgb(bytes(colours))


def test_without_tifffile_the_remedy_is_named(monkeypatch):
    data = tiff(DEEP.astype(np.float32), photometric="rgb")
    monkeypatch.setitem(sys.modules, "tifffile", None)  # so that its import fails
    with pytest.raises(ImageError, match="Pillow does not read") as caught:
        load_rgb(data)
    assert "pip install tifffile imagecodecs" in caught.value.hint
    np.testing.assert_array_equal(load_rgb(tiff_of_pillow()), RGB)


def tiff_of_pillow():
    return saved(RGB, "TIFF")


class Foreign:
    """An array of another library: it has what is given here, and nothing else."""

    def __init__(self, **members):
        self.__dict__.update(members)


def foreign(name, value):
    """An object whose class has one special member."""
    return type("Foreign", (), {name: value})()


def test_arrays_of_other_libraries():
    for source in (
        foreign("__array__", lambda self, dtype=None, copy=None: RGB),
        foreign("__array_interface__", RGB.__array_interface__),
        Foreign(detach=lambda: Foreign(cpu=lambda: Foreign(numpy=lambda: RGB)), cpu=None),
        type("Cupy", (), {"__cuda_array_interface__": {}, "get": lambda self: RGB})(),
        type(
            "Dlpack",
            (),
            {"__dlpack__": lambda self, **k: RGB.__dlpack__(**k), "__dlpack_device__": lambda self: (1, 0)},
        )(),
    ):
        np.testing.assert_array_equal(load_rgb(source), RGB)


def test_pandas():
    import pandas as pd

    np.testing.assert_array_equal(load_rgb(pd.DataFrame(RGB[..., 0])), load_rgb(RGB[..., 0]))


def test_an_array_that_is_elsewhere():
    def raises(self, dtype=None, copy=None):
        raise TypeError("it is on a GPU")

    with pytest.raises(ImageError, match="cannot be read as an array") as caught:
        load_rgb(foreign("__array__", raises))
    assert "GPU" in caught.value.hint


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((3, 3), np.complex128),
        np.zeros((3, 3), "datetime64[s]"),
        np.zeros((3, 3), [("r", "u1"), ("g", "u1")]),
        np.full((3, 3), None),
        np.array([["a"]]),
        np.array(7),
        np.zeros((3, 3, 3), np.uint8),
        np.zeros((0, 3, 3), np.uint8),
        np.zeros((3, 0), np.uint8),
        np.zeros((2, 3, 4, 5, 3), np.uint8),
        np.float32([[1, -np.inf]]),
    ],
)
def test_arrays_that_are_refused(array):
    with pytest.raises(ImageError) as caught:
        load_rgb(array)
    assert caught.value.hint
    if array.dtype.kind != "O":
        with pytest.raises(ImageError):
            load_rgb(npy(array))


def test_a_broken_second_page_does_not_matter_for_the_first():
    pages = saved(Image.fromarray(RGB), "TIFF", save_all=True, append_images=[Image.fromarray(RGB[::-1].copy())])
    single = saved(Image.fromarray(RGB), "TIFF")
    for length in range(len(single), len(pages), 3):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            np.testing.assert_array_equal(load_rgb(pages[:length]), RGB)


def test_every_cut_of_a_file_is_an_image_error():
    for data in (png16(DEEP), tiff(DEEP, photometric="rgb"), saved(RGB, "GIF"), saved(RGB, "WEBP"), npz(a=RGB)):
        for length in range(1, len(data), 7):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    load_rgb(data[:length])
                except ImageError as error:
                    assert error.hint  # noqa: PT017


def test_files_of_strangers_are_read_by_the_listed_formats_within_the_limit():
    options = ReadOptions(formats=("PNG", "JPEG"), pixels_max=50)
    assert read_image(saved(RGB), options).notes == ()
    assert len(read_image(png16(DEEP), options).notes) == 1
    for data, message in [
        (saved(RGB, "TIFF"), "is not an image"),
        (tiff(DEEP.astype(np.float32), photometric="rgb"), "is not an image"),
        (npy(RGB), "is not an image"),
        (npz(a=RGB), "is not an image"),
        (saved(np.zeros((8, 8), np.uint8)), "8 x 8 pixels"),
        (saved(np.zeros((8, 8), np.uint8), "GIF"), "is not an image"),
    ]:
        with pytest.raises(ImageError, match=message):
            read_image(data, options)


def test_an_image_whose_file_was_closed_is_refused(tmp_path):
    path = tmp_path / "photo.png"
    Image.new("RGB", (4, 3)).save(path)
    with path.open("rb") as file:
        image = Image.open(file)
    with pytest.raises(ImageError, match="cannot be read any more"):
        load_rgb(image)
