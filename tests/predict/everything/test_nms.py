import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samwidget.core.objects import FoundObject
from samwidget.core.rle import RunLengths
from samwidget.predict.everything.nms import IncrementalNms, is_cut_off, suppress_overlaps

IMAGE = (60, 80)
WHOLE = (0, 0, 80, 60)


def box_shaped(id_, x0, y0, x1, y1, score, crop=WHOLE):
    mask = np.zeros(IMAGE, np.bool_)
    mask[y0:y1, x0:x1] = True
    return FoundObject(id_, RunLengths.from_mask(mask), score, 1.0, (x0, y0), 0, crop, None)


def ids(objects):
    return [found_object.id for found_object in objects]


def naive(ranked, iou_max):
    """Counts pixels of the boxes, from their first to their last pixel as the reference does."""
    survivors = []
    for found_object in ranked:
        x0, y0, x1, y1 = found_object.box_xyxy
        pixels = {(x, y) for x in range(x0, x1 - 1) for y in range(y0, y1 - 1)}
        if not any(pixels | old and len(pixels & old) / len(pixels | old) > iou_max for _, old in survivors):
            survivors.append((found_object, pixels))
    return [found_object for found_object, _ in survivors]


boxes = st.tuples(st.integers(0, 8), st.integers(0, 8), st.integers(1, 6), st.integers(1, 6))


@settings(deadline=None)
@given(st.lists(boxes, max_size=12), st.sampled_from([0, 0.1, 1 / 3, 0.5, 0.7, 1]))
def test_duplicates_as_a_naive_loop_finds_them(drawn, iou_max):
    ranked = [box_shaped(i, x, y, x + w, y + h, 1.0) for i, (x, y, w, h) in enumerate(drawn)]
    assert ids(suppress_overlaps(ranked, iou_max)) == ids(naive(ranked, iou_max))


@settings(deadline=None)
@given(st.lists(st.tuples(boxes, st.integers(0, 4)), max_size=12), st.integers(1, 5), st.sampled_from([0, 0.3, 0.7]))
def test_candidates_in_parts_are_selected_as_all_at_once(drawn, part, iou_max):
    candidates = [box_shaped(i, x, y, x + w, y + h, score / 4) for i, ((x, y, w, h), score) in enumerate(drawn)]
    nms = IncrementalNms(iou_max, 0.5)
    nms.begin_crop()
    for start in range(0, len(candidates), part):
        nms.add(candidates[start : start + part])
        so_far = sorted(candidates[: start + part], key=lambda candidate: -candidate.score)
        assert ids(nms.objects()) == ids(naive(so_far, iou_max))


def test_a_candidate_comes_back_when_its_rival_loses():
    low = box_shaped(0, 0, 0, 21, 21, 0.5)
    middle = box_shaped(1, 5, 0, 26, 21, 0.6)
    high = box_shaped(2, 10, 0, 31, 21, 0.7)
    nms = IncrementalNms(0.5, 0.5)
    nms.begin_crop()
    nms.add([low])
    assert ids(nms.objects()) == [0]
    nms.add([middle])
    assert ids(nms.objects()) == [1]
    nms.add([high])  # overlaps the middle one, but the low one too little to count
    assert ids(nms.objects()) == [2, 0]


def test_the_smaller_crop_wins_whatever_the_score():
    nms = IncrementalNms(0.7, 0.7)
    nms.begin_crop()
    nms.add([box_shaped(0, 1, 1, 11, 11, 0.9), box_shaped(1, 50, 1, 60, 11, 0.8)])
    nms.begin_crop()
    nms.add([box_shaped(2, 1, 1, 11, 11, 0.1, crop=(0, 0, 40, 30))])
    assert ids(nms.objects()) == [2, 1]


def test_equal_scores_stay_in_the_order_of_the_grid():
    nms = IncrementalNms(0.7, 0.7)
    nms.begin_crop()
    nms.add([box_shaped(7, 1, 1, 11, 11, 0.9), box_shaped(3, 1, 1, 11, 11, 0.9)])
    assert ids(nms.objects()) == [3]


@pytest.mark.parametrize(
    ("box", "crop", "expected"),
    [
        ((100, 100, 150, 150), (0, 0, 300, 200), False),
        ((270, 100, 281, 150), (0, 0, 300, 200), True),  # the last column is 280, 20 before the crop's end
        ((270, 100, 280, 150), (0, 0, 300, 200), False),
        ((0, 0, 150, 150), (0, 0, 300, 200), False),  # the image's own edge
        ((100, 100, 150, 190), (0, 0, 300, 200), True),
        ((330, 100, 400, 150), (300, 0, 600, 200), False),
        ((320, 100, 400, 150), (300, 0, 600, 200), True),
        ((330, 100, 600, 150), (300, 0, 600, 200), False),
    ],
)
def test_cut_off_by_a_crop(box, crop, expected):
    assert is_cut_off(box, crop, (400, 600)) is expected
