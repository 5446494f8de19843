"""Masks and stability computed strip by strip equal those counted on full-size logits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from samwidget.core.frame import Frame
from samwidget.core.upsample import upsample
from samwidget.predict.everything.stability import mask_and_stability


def blobs(shape, seed, spread=2.0):
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), spread)
    return (3 * noise / noise.std()).astype(np.float32)


@settings(max_examples=50, deadline=None)
@given(
    image_hw=st.tuples(st.integers(1, 200), st.integers(1, 200)),
    logits_side=st.integers(2, 40),
    offset=st.sampled_from([0, 0.25, 1, 2]),
    seed=st.integers(0, 1000),
)
def test_mask_and_stability(image_hw, logits_side, offset, seed):
    frame = Frame.padded(image_hw, 64, logits_side)
    logits = blobs(frame.logits_hw, seed)
    full = upsample(logits, frame)
    traced = mask_and_stability(logits, frame, offset, 0)
    assert traced is not None
    runs, stability = traced
    # Where a logit is within rounding of a threshold, the order of additions decides.
    assert not ((runs.to_mask() != (full > 0)) & (np.abs(full) > 1e-5)).any()
    close = [np.count_nonzero(np.abs(full - t) < 1e-5) for t in (-offset, offset)]
    if not any(close):
        possible = np.count_nonzero(full > -offset)
        expected = np.count_nonzero(full > offset) / possible if possible else np.nan
        np.testing.assert_allclose(stability, expected, rtol=1e-6)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("spread", [0.5, 2.0, 6.0])
def test_unstable_masks_are_left_out_and_no_others(seed, spread):
    frame = Frame.padded((300, 400), 256, 64)
    logits = blobs(frame.logits_hw, seed, spread)
    traced = mask_and_stability(logits, frame, 0.5, 0)
    assert traced is not None
    stability = float(traced[1])
    assert mask_and_stability(logits, frame, 0.5, stability - 1e-3) is not None
    assert mask_and_stability(logits, frame, 0.5, stability + 1e-3) is None


def test_nothing_is_never_stable():
    frame = Frame.padded((30, 40), 64, 16)
    logits = np.full(frame.logits_hw, -3.0, np.float32)
    assert mask_and_stability(logits, frame, 1.0, 0.1) is None
    traced = mask_and_stability(logits, frame, 1.0, 0)
    assert traced is not None
    assert traced[0].area == 0
    assert np.isnan(traced[1])
