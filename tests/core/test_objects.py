import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from samwidget.core.frame import Frame
from samwidget.core.masks import Masks
from samwidget.core.measure import box_of
from samwidget.core.objects import FoundObject, SegmentedObject
from samwidget.core.prompt import Prompt, make_prompt
from samwidget.core.rle import RunLengths
from samwidget.core.upsample import upsample_mask

FRAME = Frame.padded((33, 47), 32, 8)


def an_object(**changes):
    logits = np.full((8, 8), -1.0, np.float32)
    logits[1:4, 2:5] = 4.0
    return replace(SegmentedObject(1, "cup", "#e8590c", logits, 0.9, FRAME, make_prompt([[20, 10]]), 0), **changes)


def test_the_mask_follows_logits_and_threshold():
    item = an_object()
    np.testing.assert_array_equal(item.mask, upsample_mask(item.logits, FRAME))
    assert item.area == item.mask.sum()
    assert an_object(threshold=3.0).area < item.area
    assert item.prompts is item.prompt


def test_a_found_object_has_the_properties_of_an_object():
    item = an_object()
    candidate = Masks(item.logits[None], np.array([item.score], np.float32), FRAME, item.prompt)
    found_object = FoundObject(
        7, RunLengths.from_mask(item.mask), item.score, 0.9, (20.0, 10.0), 0, (0, 0, 47, 33), candidate
    )
    np.testing.assert_array_equal(found_object.mask, item.mask)
    assert (found_object.box_xyxy, found_object.area, found_object.score) == (item.box_xyxy, item.area, item.score)
    assert found_object.mask is not found_object.mask, "a thousand of these would not fit in memory"


@pytest.mark.parametrize("is_exact", [False, True], ids=["of logits", "of pixels"])
def test_an_object_keeps_no_full_size_mask(is_exact):
    """The history holds many objects of large photos."""
    frame = Frame.padded((3000, 4000), 32, 8)
    pixels = np.zeros(frame.image_hw, np.bool_)
    pixels[1000:1100, 1000:1100] = True
    item = an_object(frame=frame)
    if is_exact:
        item = replace(item, run_lengths=RunLengths.from_mask(pixels), prompt=Prompt())
    del pixels
    tracemalloc.start()
    try:
        assert item.mask.any()
        assert item.area > 0
        assert item.to_run_lengths().area == item.area
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 200_000 < frame.image_hw[0] * frame.image_hw[1] < peak


def test_the_box_has_an_exclusive_maximum():
    x0, y0, x1, y1 = an_object().box_xyxy
    mask = an_object().mask
    assert mask[y0:y1, x0:x1].sum() == mask.sum()
    assert mask[y0].any()
    assert mask[y1 - 1].any()
    assert mask[:, x0].any()
    assert mask[:, x1 - 1].any()


def test_an_empty_mask_has_no_box():
    assert an_object(threshold=9.0).box_xyxy is None
    assert an_object(threshold=9.0).area == 0


def test_passed_pixels_are_the_mask_until_the_prompt_says_more():
    pixels = np.zeros((33, 47), np.bool_)
    pixels[5, 7] = True
    item = an_object(run_lengths=RunLengths.from_mask(pixels), prompt=Prompt())
    np.testing.assert_array_equal(item.mask, pixels)
    assert item.box_xyxy == (7, 5, 8, 6)
    refined = replace(item, prompt=make_prompt([[1, 1]]))
    np.testing.assert_array_equal(refined.mask, upsample_mask(item.logits, FRAME))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"logits": np.zeros((3, 3), np.float32)}, "logits has shape"),
        ({"run_lengths": RunLengths.from_mask(np.zeros((3, 3), np.bool_))}, "run_lengths has size"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_other_forms_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        an_object(**changes)


@pytest.mark.parametrize("threshold", [-20.0, -1.0, 0.0, 1.0, 20.0])
def test_run_lengths_are_those_of_the_mask(threshold):
    frame = Frame.padded((60, 100), 64, 16)
    logits = np.random.default_rng(0).normal(0, 2, (16, 16)).astype(np.float32)
    item = SegmentedObject(1, "a", "#000000", logits, 0.9, frame, Prompt([[5, 5]], [1]), None, threshold=threshold)
    np.testing.assert_array_equal(item.to_run_lengths().to_mask(), item.mask)
    assert (item.area, item.box_xyxy) == (item.mask.sum(), box_of(item.mask))
