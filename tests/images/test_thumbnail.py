"""Small pictures: their size, their orientation, and what cannot be read."""

import io

import numpy as np
import pytest
from PIL import Image

from samwidget.errors import ImageError
from samwidget.images import make_thumbnail


def opened(source, **options):
    return Image.open(io.BytesIO(make_thumbnail(source, options).data))


def jpeg(height, width, orientation=1):
    image = Image.fromarray(np.full((height, width, 3), 90, np.uint8))
    image.putpixel((0, 0), (255, 0, 0))
    image.paste((250, 10, 10), (0, 0, width // 2, height))  # the left half is red
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif, quality=95)
    return out.getvalue()


@pytest.mark.parametrize(
    ("size_hw", "wanted_hw"),
    [((960, 1280), (96, 128)), ((48, 64), (96, 128)), ((1200, 300), (96, 24)), ((100, 4000), (10, 384))],
)
@pytest.mark.parametrize("is_jpeg", [True, False])
def test_it_is_96_pixels_high_and_at_most_384_wide(size_hw, wanted_hw, is_jpeg):
    source = jpeg(*size_hw) if is_jpeg else np.zeros((*size_hw, 3), np.uint8)
    assert opened(source).size == wanted_hw[::-1]


def test_it_is_rotated_as_the_photo_says():
    turned = np.asarray(opened(jpeg(300, 400, orientation=6)))  # shown a quarter clockwise: red is at the top
    assert turned.shape[:2] == (96, 72)
    assert turned[10, 36, 0] > 200 > turned[85, 36, 0]
    as_stored = np.asarray(opened(jpeg(300, 400, orientation=6), exif="ignore"))
    assert as_stored.shape[:2] == (96, 128)


def test_deep_images_are_scaled_as_the_widget_scales_them():
    deep = np.zeros((100, 100), np.uint16)
    deep[:, 50:] = 4095
    pixels = np.asarray(opened(deep, scale=(0, 4095)))
    assert (pixels[48, 10, 0] < 20, pixels[48, 85, 0] > 235) == (True, True)


@pytest.mark.parametrize("data", [b"no image", jpeg(300, 400)[:60]])
def test_what_cannot_be_read_is_an_image_error(data):
    with pytest.raises(ImageError):
        make_thumbnail(data, {})
