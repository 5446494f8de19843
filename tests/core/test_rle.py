import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from samwidget.core.measure import box_of
from samwidget.core.rle import RunLengths

masks = arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9)))


def mask_of(picture):
    return np.array([[character == "#" for character in line] for line in picture.split()])


def test_a_run_is_a_vertical_line():
    runs = RunLengths.from_mask(mask_of("#.#  #.#  ..#  #.#"))
    assert (runs.columns.tolist(), runs.tops.tolist(), runs.bottoms.tolist()) == ([0, 0, 2], [0, 3, 0], [2, 4, 4])
    assert (runs.area, runs.box_xyxy, runs.byte_count) == (7, (0, 0, 3, 4), 18)


@pytest.mark.parametrize(
    ("picture", "counts"),
    [
        ("..  ..", [4]),
        ("##  ##", [0, 4]),
        (".#  .#", [2, 2]),
        ("#.  ##", [0, 2, 1, 1]),
        (".#  #.", [1, 2, 1]),  # the foot of one column and the head of the next
        ("#", [0, 1]),
    ],
)
def test_counts_are_those_of_coco(picture, counts):
    mask = mask_of(picture)
    assert RunLengths.from_mask(mask).to_counts() == counts
    np.testing.assert_array_equal(RunLengths.from_counts(counts, mask.shape).to_mask(), mask)


@given(masks)
def test_nothing_is_lost(mask):
    runs = RunLengths.from_mask(mask)
    np.testing.assert_array_equal(runs.to_mask(), mask)
    np.testing.assert_array_equal(RunLengths.from_counts(runs.to_counts(), mask.shape).to_mask(), mask)
    assert runs.area == np.count_nonzero(mask)
    assert runs.box_xyxy == box_of(mask)


@given(masks, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
def test_a_mask_moves_into_a_larger_image(mask, left, top, right, bottom):
    larger = np.pad(mask, ((top, bottom), (left, right)))
    moved = RunLengths.from_mask(mask).moved(left, top, larger.shape)
    np.testing.assert_array_equal(moved.to_mask(), larger)
    assert moved.to_counts() == RunLengths.from_mask(larger).to_counts()


@given(masks, st.integers(0, 9))
def test_parts_join(mask, cut):
    size = mask.shape
    parts = [
        RunLengths.from_mask(mask[:, :cut]).moved(0, 0, size),
        RunLengths.from_mask(mask[:, cut:]).moved(cut, 0, size),
    ]
    np.testing.assert_array_equal(RunLengths.joined(parts if cut < size[1] else parts[:1], size).to_mask(), mask)


@given(st.integers(1, 5), st.integers(1, 5), st.lists(st.tuples(st.integers(0, 25), st.integers(0, 25)), max_size=6))
def test_spans_are_united(height, width, spans):
    count = height * width
    spans = np.minimum(np.array(spans, np.int64).reshape(-1, 2), count)
    flat = np.zeros(count, bool)
    for begin, end in spans:
        flat[begin:end] = True
    runs = RunLengths.from_spans(spans[:, 0], spans[:, 1], (height, width))
    mask = flat.reshape(width, height).T
    np.testing.assert_array_equal(runs.to_mask(), mask)
    expected = RunLengths.from_mask(mask)
    for name in ("columns", "tops", "bottoms"):
        np.testing.assert_array_equal(getattr(runs, name), getattr(expected, name))


def test_counts_are_whole_numbers():
    with pytest.raises(ValueError, match="whole numbers"):
        RunLengths.from_counts([1.5, 1.5, 1.0], (2, 2))


def test_no_parts_are_an_empty_mask():
    runs = RunLengths.joined([], (2, 3))
    assert (runs.area, runs.box_xyxy, runs.to_counts()) == (0, None, [6])
    assert not runs.to_mask().any()


@pytest.mark.parametrize("counts", [[3], [1, 4], [5, -1]])
def test_counts_of_another_size_are_refused(counts):
    with pytest.raises(ValueError, match="2 x 2"):
        RunLengths.from_counts(counts, (2, 2))


@pytest.mark.parametrize(("height", "dtype"), [(32767, np.int16), (32768, np.int32)])
def test_a_mask_taller_than_the_small_type_counts(height, dtype):
    mask = np.zeros((height, 2), np.bool_)
    mask[-1, 1] = mask[0, 0] = True
    runs = RunLengths.from_mask(mask)
    assert runs.tops.dtype == dtype
    assert runs.box_xyxy == (0, 0, 2, height)
    np.testing.assert_array_equal(runs.to_mask(), mask)
    assert runs.moved(1, 5, (height + 5, 3)).box_xyxy == (1, 5, 3, height + 5)
