"""Outlines and the size of the snapshot; what is drawn of a widget's objects is tests/widget/test_photo.py."""

import numpy as np
import pytest

from samwidget.images.overlay import SNAPSHOT_BYTES_MAX, _erode, encode_small_jpeg


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 8, 13])
def test_a_mask_shrinks_by_the_width_and_not_at_the_border(width):
    mask = np.zeros((60, 50), bool)
    mask[10:55, :30] = True
    expected = np.zeros_like(mask)
    expected[10 + width : 55 - width, : 30 - width] = True
    assert np.array_equal(_erode(mask, width), expected)


def test_a_busy_picture_is_made_coarser():
    noise = np.random.default_rng(0).integers(0, 255, (480, 480, 3), np.uint8)
    assert len(encode_small_jpeg(noise)) < 1.5 * SNAPSHOT_BYTES_MAX
    assert len(encode_small_jpeg(noise)) < len(encode_small_jpeg(np.zeros_like(noise))) * 100
