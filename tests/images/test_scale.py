"""Values of any bit depth and range to 8 bits, through ``load_rgb``."""

import numpy as np
import pytest

from samwidget.errors import ImageError
from samwidget.images.load import load_rgb

GRAY = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)[..., 0]


@pytest.mark.parametrize("array", [GRAY, GRAY[..., None], GRAY[None], GRAY.astype(np.int32), GRAY / 255])
def test_gray_becomes_three_equal_channels(array):
    rgb = load_rgb(array)
    np.testing.assert_array_equal(rgb, np.repeat(GRAY[..., None], 3, axis=2))
    assert rgb.flags.c_contiguous
    assert rgb.flags.writeable


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[0, 4095]], np.uint16), [0, 255]),  # 12-bit data in 16 bits
        (np.array([[1000, 1510, 2020]], np.uint16), [0, 128, 255]),
        (np.array([[-100, 0, 100]], np.int16), [0, 128, 255]),
        (np.array([[0.0, 2.0]]), [0, 255]),
        (np.array([[-1.0, 0.0, 1.0]]), [0, 128, 255]),
        (np.array([[-1e308, 1e308]]), [0, 255]),
        (np.array([[0, 300]]), [0, 255]),
        (np.array([[0, 51]]), [0, 51]),  # Python's own integers within 8 bits
        (np.array([[0.0, 0.2]]), [0, 51]),
        (np.array([[7, 7]], np.uint16), [0, 0]),
        (np.array([[False, True]]), [0, 255]),
    ],
)
def test_deep_values_are_scaled_by_their_range(array, expected):
    assert load_rgb(array)[0, :, 0].tolist() == expected


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([["a", "b"]]), "dtype"),
        (np.zeros((2, 2), np.complex64), "complex64"),
        (np.full((2, 2), np.nan), "NaN or infinity"),
        (np.array([[0, np.inf]], np.float32), "NaN or infinity"),
    ],
)
def test_values_that_are_no_image(array, message):
    with pytest.raises(ImageError, match=message) as caught:
        load_rgb(array)
    assert caught.value.hint
