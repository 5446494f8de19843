"""What the channels of a TIFF mean: in planes or together, with opacity, other bands, a palette, a turn."""

import numpy as np
import pytest

from samwidget.errors import ImageError
from samwidget.images.load import load_rgb, read_image
from samwidget.images.options import ReadOptions
from tests.images.image_files import tiff

COLOURS = np.random.default_rng(3).integers(0, 200, (6, 8, 3))
DTYPES = [np.uint8, np.uint16, np.float32]
LAYOUTS = ["contig", "separate"]
pytestmark = pytest.mark.filterwarnings("ignore::samwidget.SamWidgetWarning")


def stored(values, layout, **options):
    """The bytes of a TIFF whose channels are together or in planes of their own."""
    return tiff(values if layout == "contig" else np.moveaxis(values, 2, 0).copy(), planarconfig=layout, **options)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_bands_beside_the_colours_are_no_opacity(dtype, layout):
    colours = COLOURS.astype(dtype)
    infrared = np.zeros_like(colours[..., :1])
    for values in ([colours, infrared], [colours, infrared, infrared]):
        data = stored(
            np.concatenate(values, axis=2), layout, photometric="rgb", extrasamples=["unspecified"] * (len(values) - 1)
        )
        np.testing.assert_array_equal(load_rgb(data), load_rgb(colours))
    gray = np.concatenate([colours[..., :1], infrared], axis=2)
    data = stored(gray, layout, photometric="minisblack", extrasamples=["unspecified"])
    np.testing.assert_array_equal(load_rgb(data), load_rgb(colours[..., 0]))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha"])
def test_opacity_is_opacity(dtype, layout, kind):
    most = np.iinfo(dtype).max if dtype != np.float32 else 1
    straight = (COLOURS / 255 * most).astype(dtype)
    opacity = np.full_like(straight[..., :1], most * 0.6)
    colours = straight * (0.6 if kind == "assocalpha" else 1)
    data = stored(
        np.concatenate([colours.astype(dtype), opacity], axis=2), layout, photometric="rgb", extrasamples=[kind]
    )
    scale = (0, most)
    on_white = load_rgb(straight, scale=scale) * 0.6 + 255 * 0.4
    assert np.abs(load_rgb(data, scale=scale) - on_white).max() <= 2


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_three_bands_in_planes_are_colours(dtype):
    data = stored(COLOURS.astype(dtype), "separate", photometric="minisblack")
    np.testing.assert_array_equal(load_rgb(data), load_rgb(COLOURS.astype(dtype)))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_four_bands_without_opacity_are_refused(layout):
    bands = np.concatenate([COLOURS, COLOURS[..., :1]], axis=2).astype(np.uint16)
    with pytest.raises(ImageError, match="shape") as caught:
        load_rgb(stored(bands, layout, photometric="minisblack"))
    assert "1 or 3 of its channels" in caught.value.hint


@pytest.mark.parametrize(
    ("kind", "dtype", "layout"),
    [
        ("cielab", np.uint16, "contig"),
        ("cielab", np.uint8, "separate"),
        ("ycbcr", np.uint8, "separate"),
        ("ycbcr", np.uint16, "contig"),
        ("separated", np.uint16, "separate"),
        ("separated", np.float32, "contig"),
    ],
)
def test_colours_of_another_kind_are_not_taken_for_rgb(kind, dtype, layout):
    values = np.concatenate([COLOURS, COLOURS[..., :1]], axis=2) if kind == "separated" else COLOURS
    with pytest.raises(ImageError, match=kind.upper()) as caught:
        load_rgb(stored(values.astype(dtype), layout, photometric=kind))
    assert caught.value.hint == "convert it to RGB"


def test_a_palette_of_16_bits_is_colours():
    numbers = np.arange(48, dtype=np.uint16).reshape(6, 8) * 7
    palette = np.random.default_rng(4).integers(0, 65536, (3, 65536), dtype=np.uint16)
    expected = np.moveaxis(palette[:, numbers] >> 8, 0, 2)
    np.testing.assert_array_equal(load_rgb(tiff(numbers, photometric="palette", colormap=palette)), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_applied_also_where_pillow_does_not_read(orientation):
    turned = [
        tiff(COLOURS.astype(dtype), photometric="rgb", extratags=[(274, "H", 1, orientation, True)])
        for dtype in (np.uint8, np.float64)
    ]
    by_pillow, by_tifffile = (load_rgb(data, scale=(0, 255)) for data in turned)
    np.testing.assert_array_equal(by_tifffile, by_pillow)


def test_a_stranger_s_file_is_read_by_pillow_alone():
    data = stored(COLOURS.astype(np.uint16)[..., :2], "separate", photometric="minisblack")
    # Some versions of Pillow open it, and would read it wrongly.
    with pytest.raises(ImageError, match=r"not read here|not an image"):
        read_image(data, ReadOptions(formats=("TIFF",)))
