"""Upsampling equals torch's two resizes, at every size that has been trouble."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samwidget.core.frame import Frame
from samwidget.core.upsample import area_bounds, upsample, upsample_mask


def two_steps_of_torch(logits, frame):
    import torch
    import torch.nn.functional as F

    tensor = torch.from_numpy(logits)[None, None]
    tensor = F.interpolate(tensor, frame.input_hw, mode="bilinear", align_corners=False)
    tensor = tensor[..., : frame.content_hw[0], : frame.content_hw[1]]
    return F.interpolate(tensor, frame.image_hw, mode="bilinear", align_corners=False)[0, 0].numpy()


def noise(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


FRAMES = [
    pytest.param(Frame.padded(image_hw, 1024, 256), id=f"{image_hw}")
    for image_hw in [(1, 1), (1, 2000), (7, 3000), (3000, 7), (100, 50), (1023, 1025), (1025, 1023), (1500, 2000)]
] + [
    pytest.param(Frame.padded((333, 500), 64, 256), id="input smaller than logits"),
    pytest.param(Frame.stretched((123, 457), (1008, 1008), (288, 288)), id="stretched"),
    pytest.param(Frame.stretched((40, 30), (384, 512), (192, 256)), id="stretched and shrunk"),
]


@pytest.mark.parametrize("frame", FRAMES)
def test_equals_two_resizes_of_torch(frame):
    logits = noise(frame.logits_hw)
    expected = two_steps_of_torch(logits, frame)
    # torch computes positions in float32, which is what the tolerance is for.
    np.testing.assert_allclose(upsample(logits, frame), expected, atol=5e-4)
    different = np.count_nonzero(upsample_mask(logits, frame, 0.3) != (expected > 0.3))
    assert different <= expected.size * 1e-5


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("corner", [(0, 0), (0, -1), (-1, 0), (-1, -1)])
def test_a_mask_in_a_corner_is_whole(frame, corner):
    # The window that is computed must reach the image's edge, and padding must stay out.
    logits = np.full(frame.logits_hw, -1.0, np.float32)
    logits[corner] = 3.0
    np.testing.assert_array_equal(upsample_mask(logits, frame), upsample(logits, frame) > 0)


over_small_frames = given(
    image_hw=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    input_side=st.integers(1, 40),
    logits_side=st.integers(1, 40),
    threshold=st.floats(-3, 3),
    seed=st.integers(0, 1000),
)


@settings(max_examples=60, deadline=None)
@over_small_frames
def test_the_window_changes_nothing(image_hw, input_side, logits_side, threshold, seed):
    frame = Frame.padded(image_hw, input_side, logits_side)
    logits = noise(frame.logits_hw, seed)
    full = upsample(logits, frame)
    np.testing.assert_allclose(full, two_steps_of_torch(logits, frame), atol=1e-4)
    # At the threshold itself, the order of additions decides.
    differs = upsample_mask(logits, frame, threshold) != (full > threshold)
    assert not (differs & (np.abs(full - threshold) > 1e-5)).any()


@settings(max_examples=60, deadline=None)
@over_small_frames
def test_the_area_lies_within_its_bounds(image_hw, input_side, logits_side, threshold, seed):
    frame = Frame.padded(image_hw, input_side, logits_side)
    logits = noise(frame.logits_hw, seed)
    at_least, at_most = area_bounds(logits, frame, threshold)
    full = upsample(logits, frame)
    assert at_least <= np.count_nonzero(full > threshold - 1e-5)
    assert at_most >= np.count_nonzero(full > threshold + 1e-5)


def test_bounds_of_a_large_square_are_close():
    logits = np.full((64, 64), -1.0, np.float32)
    logits[16:48, 16:48] = 1.0
    at_least, at_most = area_bounds(logits, Frame.padded((640, 640), 64, 64), 0.0)
    assert 300**2 <= at_least <= 320**2 <= at_most <= 340**2


def test_nothing_above_the_threshold_is_an_empty_mask():
    frame = Frame.padded((30, 40), 64, 16)
    assert not upsample_mask(np.zeros((16, 16), np.float32), frame).any()


def test_a_mask_in_the_padding_is_empty():
    frame = Frame.padded((10, 100), 64, 16)
    logits = np.full((16, 16), -1.0, np.float32)
    logits[10:] = 5.0
    assert not upsample_mask(logits, frame).any()


def test_logits_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"\(8, 8\)"):
        upsample(np.zeros((8, 8), np.float32), Frame.padded((30, 40), 64, 16))
