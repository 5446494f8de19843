"""Overlap of two masks as run lengths: the same numbers as with pixels."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from samwidget.core import RunLengths
from samwidget.predict.find.overlap import iou, shared_area

MASK = arrays.arrays(np.bool_, (6, 5), elements=st.booleans())


@given(MASK, MASK)
def test_overlap_is_that_of_the_pixels(a, b):
    runs_a, runs_b = RunLengths.from_mask(a), RunLengths.from_mask(b)
    assert shared_area(runs_a, runs_b) == np.count_nonzero(a & b)
    union = np.count_nonzero(a | b)
    assert iou(runs_a, runs_b) == (np.count_nonzero(a & b) / union if union else 1.0)
