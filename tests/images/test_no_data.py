"""Pixels without data, and ranges with values far away."""

import numpy as np
import pytest

from samwidget import load_rgb
from samwidget.errors import ImageError, SamWidgetWarning
from samwidget.images.scale import NO_DATA_GRAY
from tests.images.image_files import tiff

pytestmark = pytest.mark.filterwarnings("ignore::samwidget.errors.SamWidgetWarning")


def test_masked_cells_are_gray_and_not_part_of_the_range():
    values = np.int16([[0, 100, 200, -9999]])
    masked = np.ma.masked_equal(values, -9999)
    assert load_rgb(masked)[0].tolist() == [[n] * 3 for n in (0, 128, 255, NO_DATA_GRAY)]
    assert load_rgb(np.ma.masked_equal(values, 7)).tolist() == load_rgb(values).tolist()


@pytest.mark.parametrize("dtype", [np.uint8, np.bool_, np.int64, np.float32])
def test_masked_arrays_of_every_type(dtype):
    values = np.array([[0, 1, 1]], dtype)
    out = load_rgb(np.ma.masked_array(values, [[False, False, True]]))
    np.testing.assert_array_equal(out[:, :2], load_rgb(values)[:, :2])
    assert out[0, 2].tolist() == [NO_DATA_GRAY] * 3


def test_a_pixel_is_masked_where_a_channel_is_and_channels_may_be_first():
    rgb = np.full((3, 4, 5), 9, np.uint8)
    mask = np.zeros_like(rgb, bool)
    mask[1, 2, 3] = True
    expected = np.full((4, 5, 3), 9, np.uint8)
    expected[2, 3] = NO_DATA_GRAY
    np.testing.assert_array_equal(load_rgb(np.ma.masked_array(rgb, mask)), expected)


@pytest.mark.parametrize("values", [np.ma.masked_all((3, 3), np.uint16), np.ma.masked_all((3, 3), np.float32)])
def test_an_image_without_any_value_is_refused(values):
    values.data[:] = 0
    with pytest.raises(ImageError, match=r"no values|NaN") as caught:
        load_rgb(values)
    assert caught.value.hint


def test_the_memory_of_the_user_is_not_written():
    values = np.full((4, 4, 3), 9, np.uint8)
    load_rgb(np.ma.masked_array(values, np.eye(4, dtype=bool)[..., None].repeat(3, 2)))
    assert (values == 9).all()


def test_marks_of_several_kinds_together():
    values = np.float32([[0, 500, 1000, np.nan, -3.4028235e38, 9.96921e36]])
    assert load_rgb(values)[0, :, 0].tolist() == [0, 128, 255] + [NO_DATA_GRAY] * 3


@pytest.mark.parametrize("mark", ["-9999", "-9999.0", "nan", "-3.4e+38"])
def test_a_tiff_that_declares_its_mark(mark):
    values = np.float32([[0, 500, 1000, float(mark)]])
    data = tiff(values, extratags=[(42113, "s", 0, mark, True)])
    assert load_rgb(data)[0, :, 0].tolist() == [0, 128, 255, NO_DATA_GRAY]


def test_a_declared_mark_of_colours_counts_where_all_channels_have_it():
    rgb = np.uint8([[[0, 0, 0], [0, 9, 0], [7, 7, 7]]])
    data = tiff(rgb, photometric="rgb", extratags=[(42113, "s", 0, "0", True)])
    assert load_rgb(data)[0].tolist() == [[NO_DATA_GRAY] * 3, [0, 9, 0], [7, 7, 7]]


@pytest.mark.parametrize(
    ("value", "count", "dtype"),
    [
        (65535, 1, np.uint16),
        (-32768, 300, np.int16),
        (-1e30, 300, np.float32),
        (1e20, 5, np.float64),
    ],
)
def test_values_far_away_leave_the_others_their_contrast(value, count, dtype):
    values = np.arange(1000, 2000).astype(dtype).reshape(20, 50)
    values.flat[:count] = value
    with pytest.warns(SamWidgetWarning, match="scale=") as caught:
        out = load_rgb(values)
    assert "but for a few" in str(caught[0].message)
    assert out.flat[3 * count :].std() > 60
    np.testing.assert_array_equal(load_rgb(tiff(values)), out)
    flat = load_rgb(values, scale="minmax")
    assert flat.flat[3 * count :].std() < 16


@pytest.mark.parametrize(
    "values",
    [
        np.where(np.arange(400).reshape(20, 20) == 7, 4000, 0).astype(np.uint16),  # a dot
        np.uint16([[0, 1, 2, 65535]]),
        np.arange(400).reshape(20, 20).astype(np.uint16) ** 2 // 40,
    ],
)
def test_images_that_keep_their_whole_range(values):
    with pytest.warns(SamWidgetWarning, match=f"values {values.min()} to {values.max()} became"):
        out = load_rgb(values)
    assert (out.min(), out.max()) == (0, 255)


@pytest.mark.parametrize(
    ("low", "high", "is_clipped"),
    [
        (0.3, 1.0000001, True),
        (-0.05, 1.05, True),
        (0, 1.1, True),
        (0, 1.2, False),
        (-0.3, 1, False),
        (-0.05, 0.05, False),
    ],
)
def test_an_overshoot_is_clipped(low, high, is_clipped):
    values = np.linspace(low, high, 12).reshape(3, 4)
    expected = np.clip(values, 0, 1) if is_clipped else (values - low) / (high - low)
    np.testing.assert_allclose(load_rgb(values)[..., 0], expected * 255, atol=0.51)
    assert load_rgb(np.linspace(0.3, 1, 12).reshape(3, 4))[0, 0, 0] == round(0.3 * 255)
