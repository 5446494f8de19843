"""Numpy's files: what is refused, and that a header which claims a huge array takes no memory."""

import io
import tracemalloc
import zipfile

import numpy as np
import pytest

from samwidget.errors import ImageError
from samwidget.images.load import load_rgb
from tests.images.image_files import npy, npz

RGB = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)


def with_header(shape, dtype, values=b"\0" * 100, version=(1, 0)):
    """A .npy file of these bytes, which says that it holds another array."""
    text = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 13) % 64) + b"\n"
    length = len(text).to_bytes(2 if version == (1, 0) else 4, "little")
    return b"\x93NUMPY" + bytes(version) + length + text + values


def as_member(data):
    """The same .npy file as the only member of a .npz file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", data)
    return buffer.getvalue()


@pytest.mark.parametrize("pack", [bytes, as_member], ids=["npy", "npz"])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (with_header("(100000000, 100000000, 3)", "|u1"), r"cut off: its header says shape .* and it has \d+ bytes"),
        (with_header("(30000, 30000, 3)", "<f8"), "cut off"),
        (with_header("(10, 11)", "|u1"), "cut off"),
        (with_header("(1099511627776, 1099511627776)", "|u1"), "cut off"),
        (with_header("(-5, -5)", "|u1"), "broken"),
        (with_header("(0, 1000000000000)", "|u1"), "no pixels"),
        (with_header("(2, 2)", "|O"), "dtype object: give integers, floats or booleans"),
        (with_header("(1000000000000,)", "|S0"), "dtype"),
        (with_header("(2, 2)", "<U5"), "dtype <U5"),
        (with_header("(2, 2)", "|V8"), "dtype"),
        (with_header("(2, 2)", "<M8[ns]"), "dtype datetime64"),
        (with_header("(2, 3)", [("r", "|u1")]), "dtype"),
        (with_header("(2, 2)", "<c8"), "dtype complex64: give np.abs"),
        (with_header("(2, 2)", "nonsense"), "broken"),
        (with_header("(2, 2)", "|u1", version=(9, 0)), "broken"),
        (b"\x93NUMPY", "broken"),
        (npy(RGB)[:150], "cut off"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_files_that_are_no_array_of_numbers(data, message, pack):
    tracemalloc.start()
    with pytest.raises(ImageError, match=message) as caught:
        load_rgb(pack(data))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert caught.value.hint
    assert peak < 5_000_000


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_header(version):
    data = with_header(str(RGB.shape), "|u1", RGB.tobytes(), version)
    np.testing.assert_array_equal(load_rgb(data), RGB)


@pytest.mark.parametrize("values", [RGB, np.asfortranarray(RGB), RGB.astype(">u4"), RGB[1:, ::-1]], ids=str)
def test_arrays_of_any_order(values):
    for data in (npy(values), npz(a=values)):
        pixels = load_rgb(data)
        np.testing.assert_array_equal(pixels, values)
        assert pixels.flags.writeable


def test_an_array_that_does_not_fit_into_memory(monkeypatch):
    def raises(*_, **__):
        raise MemoryError

    monkeypatch.setattr("samwidget.images.numpy_file.npy_format.read_array", raises)
    with pytest.raises(ImageError, match="does not fit into memory: give a part"):
        load_rgb(npy(RGB))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (npz(a=RGB, b=RGB), "holds 2 arrays: a, b"),
        (npz(), "is not an image"),
        (npz(a=RGB)[:-60], "broken"),
    ],
)
def test_archives_that_are_not_one_array(data, message):
    with pytest.raises(ImageError, match=message) as caught:
        load_rgb(data)
    assert caught.value.hint
