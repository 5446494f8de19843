"""Polygons of masks: the same pixels, without holes, and none touches itself."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image, ImageDraw

from samwidget.core import RunLengths
from samwidget.formats import annotation_entry, image_entry, mask_polygons


def mask_of(*rows):
    return np.array([[character == "#" for character in row] for row in rows])


@pytest.mark.parametrize(
    ("mask", "polygons"),
    [
        (mask_of("..", ".."), []),
        (mask_of(".#"), [[1, 0, 2, 0, 2, 1, 1, 1]]),
        (mask_of("##", "#."), [[0, 0, 2, 0, 2, 1, 1, 1, 1, 2, 0, 2]]),
        (mask_of("#.", ".#"), [[0, 0, 1, 0, 1, 1, 0, 1], [1, 1, 2, 1, 2, 2, 1, 2]]),
        (  # a ring is cut through its hole
            mask_of("###", "#.#", "###"),
            [[0, 0, 3, 0, 3, 1, 0, 1], [0, 1, 1, 1, 1, 2, 2, 2, 2, 1, 3, 1, 3, 3, 0, 3]],
        ),
    ],
)
def test_small_masks(mask, polygons):
    assert mask_polygons(mask) == polygons


@settings(deadline=None, max_examples=200)
@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.booleans()))
def test_they_are_the_mask_however_one_reads_them(mask):
    polygons = mask_polygons(mask)
    area = 0.0
    filled = np.zeros(mask.shape, np.int32)
    for polygon in polygons:
        corners = [tuple(corner) for corner in np.array(polygon).reshape(-1, 2).tolist()]
        assert len(set(corners)) == len(corners) >= 4, "it touches itself"
        x, y = np.array(corners).T
        area += abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2
        # Each pixel is drawn as 4 x 4, so that only whole pixels lie between the corners.
        canvas = Image.new("L", (mask.shape[1] * 4, mask.shape[0] * 4))
        ImageDraw.Draw(canvas).polygon([(4 * x, 4 * y) for x, y in corners], fill=1)
        filled += np.asarray(canvas)[2::4, 2::4]
    assert area == mask.sum()
    np.testing.assert_array_equal(filled, mask)


def test_entries_hold_plain_numbers():
    mask = mask_of("##", "#.")
    entry = annotation_entry(np.int64(3), np.int64(2), RunLengths.from_mask(mask), score=np.float32(0.5), polygons=True)
    image = image_entry(np.int64(2), "a.png", (np.int64(2), np.int64(2)))
    assert json.loads(json.dumps([entry, image])) == [entry, image]
    assert entry["segmentation"] == [[0, 0, 2, 0, 2, 1, 1, 1, 1, 2, 0, 2]]
    assert (entry["area"], entry["bbox"]) == (3, [0, 0, 2, 2])
