"""PIL images that were loaded or changed. Their owner may not know it: a notebook that shows an image loads it."""

import io

import numpy as np
import pytest
from PIL import Image

from samwidget import load_rgb
from samwidget.errors import SamWidgetWarning
from tests.images.image_files import png16, ppm16, saved, tiff

RGB = np.random.default_rng(0).integers(0, 256, (6, 7, 3), dtype=np.uint8)
DEEP = np.random.default_rng(1).integers(0, 4096, (6, 7, 3)).astype(np.uint16)
GRAY = (np.arange(48, dtype=np.uint16) * 80).reshape(6, 8)
PALETTE = Image.new("P", (3, 1))
PALETTE.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
PALETTE.putdata([0, 1, 2])
PALETTE.info["transparency"] = 1


def loaded(data_or_path):
    image = Image.open(io.BytesIO(data_or_path) if isinstance(data_or_path, bytes) else data_or_path)
    image.load()
    return image


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(GRAY),
        loaded(png16(GRAY[..., None])),
        loaded(tiff(GRAY)),
        loaded(ppm16(GRAY[..., None], b"P5")),
        loaded(png16(GRAY[..., None])).copy(),
        Image.frombytes("I;16B", (8, 6), GRAY.astype(">u2").tobytes()),
        Image.fromarray(GRAY.astype(np.int32)),
        Image.fromarray(GRAY).convert("I"),
    ],
    ids=lambda image: f"{image.format} {image.mode}",
)
def test_a_loaded_deep_gray_image_is_that_of_the_array(image):
    with pytest.warns(SamWidgetWarning, match="values 0 to 3760 became 0 to 255"):
        np.testing.assert_array_equal(load_rgb(image), load_rgb(GRAY))


@pytest.mark.parametrize("data", [png16(DEEP), tiff(DEEP, photometric="rgb"), ppm16(DEEP)], ids=["PNG", "TIFF", "PPM"])
def test_a_loaded_deep_colour_image_is_read_from_its_file(data, tmp_path):
    """Pillow loads 8 of the 16 bits: an image with 12 of them is nearly black. Showing an image loads it."""
    path = tmp_path / "deep"
    path.write_bytes(data)
    image = loaded(path)
    with pytest.warns(SamWidgetWarning, match="became 0 to 255"):
        np.testing.assert_array_equal(load_rgb(image), load_rgb(DEEP))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (png16(DEEP // 4), "if its file has 16 bits"),
        (ppm16(DEEP // 4), "if its file has 16 bits"),
        (tiff(DEEP, photometric="rgb"), "8 of its 16 bits"),
    ],
    ids=["PNG", "PPM", "TIFF"],
)
def test_a_loaded_deep_colour_image_without_its_file_says_so(data, message, tmp_path):
    path = tmp_path / "deep"
    path.write_bytes(data)
    without_file, changed, replaced = loaded(data), loaded(path), loaded(path)
    changed.putpixel((0, 0), (9, 9, 9))
    for image in (without_file, changed):
        with pytest.warns(SamWidgetWarning, match=message):
            np.testing.assert_array_equal(load_rgb(image), np.asarray(image))
    path.write_bytes(png16(DEEP[::-1] // 2))
    with pytest.warns(SamWidgetWarning, match=message):
        np.testing.assert_array_equal(load_rgb(replaced), np.asarray(replaced))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "PPM"])
def test_a_loaded_image_of_8_bits_is_taken_as_it_is(kind, tmp_path):
    path = tmp_path / "plain"
    path.write_bytes(saved(RGB, kind))
    np.testing.assert_array_equal(load_rgb(loaded(path)), load_rgb(path))


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize(
    "image", [PALETTE, *(loaded(saved(PALETTE, kind)) for kind in ("PNG", "GIF"))], ids=["made", "png", "gif"]
)
def test_a_palette_image_that_was_converted_has_no_transparent_colour(image, mode):
    """Pillow keeps the palette's transparent colour in ``info``."""
    converted = image.convert(mode)
    assert "transparency" in converted.info
    np.testing.assert_array_equal(load_rgb(converted), load_rgb(np.asarray(converted)))
    assert "transparency" in converted.info, "the user's image was changed"
    assert load_rgb(image)[0, 1].tolist() == [255, 255, 255], "as a palette image it is transparent there"
