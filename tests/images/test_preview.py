"""What the browser is sent of an image: the preview, and details at the image's own size."""

import numpy as np
import pytest
from PIL import Image

from samwidget.images.preview import PREVIEW_SIDE_MAX, crop_detail, make_preview, shrink
from tests.drawn_photo import decoded, smooth_photo


@pytest.mark.parametrize(
    ("box", "width", "cut", "size"),
    [
        ([0, 0, 128, 96], 64, (0, 0, 128, 96), (64, 48)),
        ([-50, -50, 500, 500], 1000, (0, 0, 128, 96), (128, 96)),
        ([127.5, 95.5, 130, 100], 1, (127, 95, 128, 96), (1, 1)),
        ([-1e300, 0, 1e300, 1], 10, (0, 0, 128, 1), (10, 1)),
    ],
)
def test_details_are_cut_to_the_image_and_to_the_width(box, width, cut, size):
    cut_xyxy, picture = crop_detail(smooth_photo(), box, width)
    assert cut_xyxy == cut
    assert decoded(picture.data).shape[1::-1] == size


@pytest.mark.parametrize(
    ("size_hw", "mime", "shown_hw"),
    [
        ((1, 1), "image/png", (1, 1)),
        ((256, 256), "image/png", (256, 256)),
        ((300, 400), "image/jpeg", (300, 400)),
        ((1200, 3200), "image/jpeg", (600, 1600)),
        ((7, 3000), "image/png", (4, 1600)),
    ],
)
def test_the_preview_is_small_enough_and_true(size_hw, mime, shown_hw):
    image = smooth_photo(*size_hw)
    picture = make_preview(image)
    pixels = decoded(picture.data)
    assert picture.mime == mime
    assert pixels.shape[:2] == shown_hw
    assert max(shown_hw) <= PREVIEW_SIDE_MAX
    expected = np.asarray(Image.fromarray(image).resize(shown_hw[::-1], Image.Resampling.BILINEAR, reducing_gap=2.0))
    assert np.abs(pixels.astype(int) - expected).mean() < 2


def test_an_image_is_shrunk_only_where_it_is_larger():
    image = smooth_photo()
    assert shrink(image, 128) is image
    assert shrink(image, 64).shape == (48, 64, 3)
