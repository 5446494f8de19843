"""Where *everything* asks the model: grids of points, and crops of the image. Pure functions.

The rules are those of ``segment_anything/utils/amg.py`` (https://github.com/facebookresearch/segment-anything); the
tests compare the numbers. Called by ``everything/options`` and ``everything/search``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

import numpy as np
import numpy.typing as npt

from samwidget.core import Box, Size

_GOLDEN_RATIO = (5**0.5 - 1) / 2


def point_grid(points_per_side: int) -> npt.NDArray[np.float64]:
    """(N * N, 2) float64 x, y in [0, 1]: the centres of N x N equal cells, row by row."""
    offset = 1 / (2 * points_per_side)
    steps = np.linspace(offset, 1 - offset, points_per_side)
    x, y = np.meshgrid(steps, steps)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def crop_boxes(image_hw: Size, layers: int, overlap_ratio: float) -> Iterator[tuple[int, Box]]:
    """Layer and box of each crop: the whole image is layer 0, 2 x 2 crops are layer 1, 4 x 4 are layer 2, and so on.

    Boxes are x0, y0, x1, y1 in image pixels, the maximum exclusive. Crops without area, which deep layers of a small
    image have, are left out.

    Args:
        image_hw: height and width of the image.
        layers: number of layers besides the whole image.
        overlap_ratio: how much neighbours in layer 1 overlap, as a share of the image's shorter side; half of that in
            layer 2, and so on.
    """
    height, width = image_hw
    yield 0, (0, 0, width, height)
    for layer in range(1, layers + 1):
        count = 2**layer
        overlap = int(overlap_ratio * min(height, width) * (2 / count))
        crop_w = math.ceil((overlap * (count - 1) + width) / count)
        crop_h = math.ceil((overlap * (count - 1) + height) / count)
        for column, row in product(range(count), repeat=2):
            x0, y0 = (crop_w - overlap) * column, (crop_h - overlap) * row
            x1, y1 = min(x0 + crop_w, width), min(y0 + crop_h, height)
            if x0 < x1 and y0 < y1:
                yield layer, (x0, y0, x1, y1)


def spread_order(count: int) -> npt.NDArray[np.intp]:
    """(N,) intp, the numbers 0 to N - 1 in an order of which the first k are spread evenly, for every k.

    So objects appear all over the image at once, and a cancelled search has covered the image evenly.
    """
    # The fractional parts of multiples of the golden ratio are spread evenly in [0, 1), and so are those in any part
    # of it. Sorting by them puts evenly spread numbers first.
    return np.argsort(np.arange(count) * _GOLDEN_RATIO % 1, kind="stable")
