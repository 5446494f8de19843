import numpy as np
import pytest

from samwidget.core.frame import Frame


@pytest.mark.parametrize(
    ("image_hw", "content_hw"),
    [
        ((1, 1), (1024, 1024)),
        ((1023, 1025), (1022, 1024)),
        ((7, 3000), (2, 1024)),
        ((1, 3000), (1, 1024)),  # the reference would round to nothing
        ((600, 400), (1024, 683)),
    ],
)
def test_the_longest_side_fills_the_input(image_hw, content_hw):
    assert Frame.padded(image_hw, 1024, 256).content_hw == content_hw


def test_points_go_to_the_input_and_the_logits_and_back():
    frame = Frame.padded((500, 1000), 1024, 256)
    points = np.array([[0, 0], [1000, 500], [250, 125]], np.float32)
    np.testing.assert_allclose(frame.image_to_input(points), [[0, 0], [1024, 512], [256, 128]])
    np.testing.assert_allclose(frame.image_to_logits(points), [[0, 0], [256, 128], [64, 32]])
    np.testing.assert_allclose(frame.logits_to_image(frame.image_to_logits(points)), points)


def test_a_stretched_frame_scales_each_axis_alone():
    frame = Frame.stretched((100, 300), (1008, 1008), (288, 288))
    np.testing.assert_allclose(frame.image_to_logits([[300, 100], [150, 25]]), [[288, 288], [144, 72]])


def test_padding_is_not_content():
    assert Frame.padded((500, 1000), 1024, 256).content_logits_hw == (128, 256)
    assert Frame.padded((7, 3000), 1024, 256).content_logits_hw == (1, 256)


def test_json_and_back():
    frame = Frame.padded((7, 3000), 1024, 256)
    assert Frame.from_json(frame.to_json()) == frame


@pytest.mark.parametrize(
    "change",
    [
        {"image_hw": [0, 10]},
        {"image_hw": [10]},
        {"image_hw": ["10", "10"]},
        {"input_hw": [64.0, 64.5]},
        {"logits_hw": [-16, 16]},
        {"content_hw": [64, 65]},
        {"content_hw": [65, 64]},
    ],
)
def test_sizes_that_cannot_be_are_refused(change):
    sizes = {"image_hw": [10, 10], "input_hw": [64, 64], "content_hw": [64, 64], "logits_hw": [16, 16]}
    assert Frame.from_json(sizes) == Frame.stretched((10, 10), (64, 64), (16, 16))
    (name,) = change
    with pytest.raises(ValueError, match=f"{name} is|to unpack"):
        Frame.from_json({**sizes, **change})
