"""Where *everything* looks: grids of points, and crops of the image. Pure functions; the rules are the reference's.

Source: ``segment_anything/utils/amg.py``, whose numbers the tests compare with.
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
    along = np.linspace(offset, 1 - offset, points_per_side)
    x, y = np.meshgrid(along, along)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def crop_boxes(image_hw: Size, layers: int, overlap_ratio: float) -> Iterator[tuple[int, Box]]:
    """Layer and x0, y0, x1, y1 of each crop: the whole image, then 2 x 2 crops in layer 1, 4 x 4 in layer 2, ...

    Crops without area, which small images have in deep layers, are left out.

    Args:
        image_hw: height and width of the image.
        layers: of crops, beside the whole image.
        overlap_ratio: how much neighbours of layer 1 overlap, as a share of the image's shorter side; half of it in
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
    """(N,) intp, the numbers 0 to N - 1 in an order whose every beginning is spread evenly.

    So objects appear all over the photo, and a search that is cancelled has looked everywhere a little.
    """
    # Multiples of the golden ratio fall evenly into every part of [0, 1); those in its first part are asked first.
    return np.argsort(np.arange(count) * _GOLDEN_RATIO % 1, kind="stable")
