import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samwidget.core.frame import Frame
from samwidget.core.mask_logits import checked_mask, logits_of_mask
from samwidget.core.measure import iou
from samwidget.core.upsample import upsample_mask
from samwidget.errors import PromptError


@pytest.mark.parametrize("values", [(0, 1), (0, 255), (0.0, 1.0), (False, True)])
def test_masks_of_zeros_and_ones_are_read(values):
    checked = checked_mask(np.array([values, values[::-1]]), (2, 2))
    assert checked.dtype == np.bool_
    assert checked.tolist() == [[False, True], [True, False]]
    assert not checked.flags.writeable


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.zeros((3, 2), bool), r"shape \(3, 2\)"),
        (np.zeros((1, 2, 2), bool), r"shape \(1, 2, 2\)"),
        (np.array([[0.5, 0], [0, 1]]), "other than 0 and 1"),
        (np.array([[np.nan, 0], [0, 1]]), "other than 0 and 1"),
        (np.array([["a", "b"], ["c", "d"]]), "other than 0 and 1"),
        ("mask.png", r"shape \(\)"),
    ],
)
def test_anything_else_is_refused(mask, message):
    with pytest.raises(PromptError, match=message):
        checked_mask(mask, (2, 2))


def test_the_callers_array_is_copied():
    mask = np.zeros((2, 2), bool)
    checked = checked_mask(mask, (2, 2))
    mask[0, 0] = True
    assert not checked.any()


def test_whole_cells_are_sure_and_halves_are_in_between():
    frame = Frame.stretched((4, 4), (2, 2), (2, 2))
    pixels = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]], bool)
    assert logits_of_mask(pixels, frame).tolist() == [[8.0, 0.0], [-8.0, -8.0]]


def test_the_padding_is_outside():
    logits = logits_of_mask(np.ones((10, 20), bool), Frame.padded((10, 20), 64, 16))
    assert (logits[:8] == 8).all()
    assert (logits[8:] == -8).all()


@given(st.integers(20, 90), st.integers(20, 90), st.booleans(), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_the_logits_scaled_up_are_the_mask_again(height, width, is_padded, random):
    frame = (
        Frame.padded((height, width), 256, 64) if is_padded else Frame.stretched((height, width), (256, 256), (64, 64))
    )
    pixels = np.zeros((height, width), bool)
    y, x = random.randrange(height // 2), random.randrange(width // 2)
    pixels[y : y + height // 2, x : x + width // 2] = True
    assert iou(upsample_mask(logits_of_mask(pixels, frame), frame), pixels) > 0.85
