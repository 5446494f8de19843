"""set_image and embed read images as load_rgb does, with the same options."""

import numpy as np
import pytest
from PIL import Image

from samwidget import load_rgb
from samwidget.errors import ImageError, SamWidgetWarning
from samwidget.predict.predictor import SamPredictor
from tests.images.image_files import saved
from tests.predict.fake_segmenter import FakeSegmenter

RGB = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
DEEP = np.arange(1200, dtype=np.uint16).reshape(30, 40)


class SeeingSegmenter(FakeSegmenter):
    """Remembers the image that it encoded."""

    def encode(self, image, **options):
        self.image = image
        return super().encode(image, **options)


@pytest.fixture
def predictor():
    return SamPredictor(SeeingSegmenter())


def encoded(predictor):
    return predictor._segmenter.image


@pytest.mark.parametrize("method", ["set_image", "embed"])
def test_blue_first(predictor, method):
    getattr(predictor, method)(RGB[..., ::-1], image_format="BGR")
    np.testing.assert_array_equal(encoded(predictor), RGB)
    getattr(predictor, method)(RGB[::-1, :, ::-1], "BGR")  # by position, as in the reference
    np.testing.assert_array_equal(encoded(predictor), RGB[::-1])
    getattr(predictor, method)(RGB, image_format="RGB")
    with pytest.raises(ImageError, match="image_format is 'GBR'"):
        getattr(predictor, method)(RGB, image_format="GBR")


@pytest.mark.parametrize("method", ["set_image", "embed"])
def test_scale_frame_and_exif(predictor, method):
    getattr(predictor, method)(DEEP, scale=(0, 4095))
    np.testing.assert_array_equal(encoded(predictor), load_rgb(DEEP, scale=(0, 4095)))
    frames = saved(Image.fromarray(RGB[::-1].copy()), "TIFF", save_all=True, append_images=[Image.fromarray(RGB)])
    getattr(predictor, method)(frames, frame=1)
    np.testing.assert_array_equal(encoded(predictor), RGB)
    header = Image.Exif()
    header[0x0112] = 3
    getattr(predictor, method)(saved(RGB[:20], exif=header), exif="ignore")
    np.testing.assert_array_equal(encoded(predictor), RGB[:20])


def test_a_guess_is_said_at_the_line_of_the_user(predictor):
    with pytest.warns(SamWidgetWarning, match="scale=") as caught:
        predictor.set_image(DEEP)
    assert [warning.filename for warning in caught] == [__file__]


def test_after_a_failure_the_image_is_the_one_before(predictor):
    predictor.set_image(RGB)
    with pytest.raises(ImageError):
        predictor.set_image(RGB, frame=1)
    assert predictor.frame.image_hw == (30, 40)
