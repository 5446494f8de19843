"""Axes by name, with arrays of xarray itself."""

import numpy as np
import pytest
from xarray import DataArray, Dataset

from samwidget import load_rgb
from samwidget.errors import ImageError
from samwidget.images.scale import NO_DATA_GRAY

pytestmark = pytest.mark.filterwarnings("ignore::samwidget.errors.SamWidgetWarning")

PICTURE = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("dims", "axes"),
    [
        (("y", "x", "band"), (0, 1, 2)),
        (("x", "y", "band"), (1, 0, 2)),
        (("lon", "lat", "rgb"), (1, 0, 2)),
        (("band", "x", "y"), (2, 1, 0)),
        (("Longitude", "channel", "Latitude"), (1, 2, 0)),
        (("row", "col", "wavelength"), (0, 1, 2)),
        (("bands", "northing", "easting"), (2, 0, 1)),
    ],
)
def test_rows_are_y_whatever_the_order(dims, axes):
    array = DataArray(PICTURE.transpose(axes), dims=dims)
    np.testing.assert_array_equal(load_rgb(array), PICTURE)
    np.testing.assert_array_equal(load_rgb(DataArray(array.values[..., None], dims=(*dims, "time"))), PICTURE)
    blue_first = DataArray(PICTURE[..., ::-1].transpose(axes), dims=dims)
    np.testing.assert_array_equal(load_rgb(blue_first, image_format="BGR"), PICTURE)


def test_a_small_array_with_names_is_not_ambiguous():
    small = PICTURE[:3, :3]
    np.testing.assert_array_equal(load_rgb(DataArray(small.transpose(2, 1, 0), dims=("band", "x", "y"))), small)
    np.testing.assert_array_equal(load_rgb(DataArray(small[..., 0].T, dims=("x", "y"))), load_rgb(small[..., 0]))


def test_a_stack_with_names():
    stack = DataArray(np.stack([PICTURE[..., 0], PICTURE[..., 1], PICTURE[..., 2]]), dims=("time", "y", "x"))
    with pytest.raises(ImageError, match="3 images along 'time'") as caught:
        load_rgb(stack)
    assert "isel(time=0)" in caught.value.hint
    np.testing.assert_array_equal(load_rgb(stack, frame=2), load_rgb(PICTURE[..., 2]))


@pytest.mark.parametrize("attrs", [{"_FillValue": -9999}, {"nodatavals": (-9999.0,)}, {"missing_value": -9999}])
def test_attributes_that_declare_a_mark(attrs):
    array = DataArray(np.int16([[0, 100, 200, -9999]]), dims=("y", "x"), attrs=attrs)
    assert load_rgb(array)[0, :, 0].tolist() == [0, 128, 255, NO_DATA_GRAY]


def test_a_dataset_is_refused_with_the_remedy():
    dataset = Dataset({"red": (("y", "x"), PICTURE[..., 0]), "green": (("y", "x"), PICTURE[..., 1])})
    with pytest.raises(ImageError, match="a Dataset holds several arrays") as caught:
        load_rgb(dataset)
    assert "dataset['name']" in caught.value.hint
    np.testing.assert_array_equal(load_rgb(dataset["green"]), load_rgb(PICTURE[..., 1]))


def test_many_channels_are_refused():
    with pytest.raises(ImageError, match="7 channels"):
        load_rgb(DataArray(np.zeros((7, 5, 6), np.uint8), dims=("band", "y", "x")))
