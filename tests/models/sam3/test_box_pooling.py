"""The features inside boxes against a plain loop over every sample, written from the definition of roi_align."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from samwidget.errors import UnsupportedModelError
from samwidget.models.sam3.box_pooling import let_it_pool_boxes, pool_boxes


def sample(image, y, x):
    """Bilinear, 0 more than a pixel outside, and the edge's value in between."""
    height, width = image.shape
    if not (-1 <= y <= height and -1 <= x <= width):
        return 0.0
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    y0, x0 = int(y), int(x)
    y1, x1 = min(y0 + 1, height - 1), min(x0 + 1, width - 1)
    top = image[y0, x0] * (1 - (x - x0)) + image[y0, x1] * (x - x0)
    bottom = image[y1, x0] * (1 - (x - x0)) + image[y1, x1] * (x - x0)
    return top * (1 - (y - y0)) + bottom * (y - y0)


def plain_loop(features, box, bins):
    x0, y0, x1, y1 = box
    width, height = max(x1 - x0, 1.0), max(y1 - y0, 1.0)
    rows, columns = math.ceil(height / bins), math.ceil(width / bins)
    pooled = np.zeros((len(features), bins, bins))
    for channel, image in enumerate(features):
        for row in range(bins):
            for column in range(bins):
                values = [
                    sample(
                        image,
                        y0 + height / bins * (row + (i + 0.5) / rows),
                        x0 + width / bins * (column + (j + 0.5) / columns),
                    )
                    for i in range(rows)
                    for j in range(columns)
                ]
                pooled[channel, row, column] = sum(values) / len(values)
    return pooled


def test_by_hand():
    """Four pixels, one part: the sample is in the middle of them, 0.5 pixels from the first one's position."""
    features = torch.tensor([[[0.0, 2.0], [4.0, 6.0]]])
    assert pool_boxes(features, torch.tensor([[0.0, 0.0, 1.0, 1.0]]), 1).item() == 3
    assert pool_boxes(features, torch.tensor([[5.0, 5.0, 6.0, 6.0]]), 1).item() == 0


@pytest.mark.parametrize("box", [(0, 0, 9, 6), (2.2, 1.5, 2.4, 1.6), (-3, -2, 4, 3), (7, 4, 14, 9), (0.5, 0, 8.5, 6)])
def test_a_plain_loop_gives_the_same(box):
    features = np.random.default_rng(0).normal(size=(3, 6, 9))
    pooled = pool_boxes(torch.from_numpy(features).float(), torch.tensor([box], dtype=torch.float32), 3)[0]
    np.testing.assert_allclose(pooled.numpy(), plain_loop(features, box, 3), atol=1e-5)


@given(
    x=st.floats(-2, 9),
    y=st.floats(-2, 6),
    width=st.floats(0.01, 12),
    height=st.floats(0.01, 12),
    bins=st.integers(1, 4),
)
def test_any_box(x, y, width, height, bins):
    features = np.arange(54, dtype=np.float64).reshape(1, 6, 9) % 7
    box = torch.tensor([[x, y, x + width, y + height]], dtype=torch.float64)
    pooled = pool_boxes(torch.from_numpy(features), box, bins)[0]
    np.testing.assert_allclose(pooled.numpy(), plain_loop(features, box[0].tolist(), bins), atol=1e-4)


def test_several_boxes_at_once():
    features = torch.arange(54, dtype=torch.float32).reshape(1, 6, 9)
    boxes = torch.tensor([[0.0, 0, 4, 4], [3.0, 2, 9, 6]])
    assert torch.equal(pool_boxes(features, boxes, 2), torch.cat([pool_boxes(features, box[None], 2) for box in boxes]))


def test_a_transformers_with_other_private_names_is_refused():
    """The names are those of the installed transformers, or every test with example boxes fails with this error."""

    class Sam3GeometryEncoder:
        def _encode_box_coordinates(self):
            """As before."""

    with pytest.raises(
        UnsupportedModelError, match=r"Sam3GeometryEncoder of transformers .* has no _encode_boxes"
    ) as caught:
        let_it_pool_boxes(Sam3GeometryEncoder())
    assert "pip install" in caught.value.hint
