"""Measures of masks for the table of measurements: perimeter, solidity, centroid, mean colour. Pure functions.

Owns how each is computed. ``measurements`` makes rows of them.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.bool_]


def centroid(mask: Pixels) -> tuple[float, float]:
    """x, y of the mean of the centres of an (h, w) mask's pixels, at least one; that of pixel (0, 0) is (0.5, 0.5)."""
    rows, columns = mask.sum(1), mask.sum(0)
    area = rows.sum()
    return (
        float((columns @ (np.arange(len(columns)) + 0.5)) / area),
        float((rows @ (np.arange(len(rows)) + 0.5)) / area),
    )


def perimeter(mask: Pixels) -> float:
    """The length of the line through the centres of the border pixels of an (h, w) mask, holes included, in pixels.

    The estimate of Benkrid and Crookes, which scikit-image's ``perimeter`` computes, too: each border pixel counts 1,
    the square root of 2 or their mean, after where its neighbours on the border are.
    """
    padded = np.pad(mask, 1)
    inner = padded[1:-1, :-2] & padded[1:-1, 2:] & padded[:-2, 1:-1] & padded[2:, 1:-1]
    border = np.pad(mask & ~inner, 1).astype(np.int32)
    straight = border[1:-1, :-2] + border[1:-1, 2:] + border[:-2, 1:-1] + border[2:, 1:-1]
    diagonal = border[:-2, :-2] + border[:-2, 2:] + border[2:, :-2] + border[2:, 2:]
    is_border = border[1:-1, 1:-1] == 1
    counts = np.bincount((straight * 5 + diagonal)[is_border], minlength=25)
    return float(counts @ _LENGTHS)


def solidity(mask: Pixels) -> float:
    """The part of its convex hull that an (h, w) mask fills, 0 to 1; pixels are squares, so a rectangle has 1."""
    from scipy.spatial import ConvexHull  # 0.1 s to import

    rows = np.flatnonzero(mask.any(1))
    first = mask[rows].argmax(1)
    last = mask.shape[1] - mask[rows, ::-1].argmax(1)
    # The corners of the outermost pixels of each row.
    corners = np.concatenate([np.stack([x, rows + y], 1) for x in (first, last) for y in (0, 1)])
    return float(np.count_nonzero(mask) / ConvexHull(corners).volume)  # in the plane, the volume is the area


def mean_colour(mask: Pixels, pixels: npt.NDArray[np.uint8]) -> tuple[float, float, float]:
    """The mean red, green and blue, 0 to 255, of (h, w, 3) uint8 pixels in an (h, w) mask, which has at least one."""
    red, green, blue = pixels[mask].mean(0, dtype=np.float64)
    return float(red), float(green), float(blue)


def _lengths() -> npt.NDArray[np.float64]:
    """The length of a border pixel with s straight and d diagonal neighbours on the border, at 5 s + d."""
    lengths = np.zeros(25)
    for straight, diagonal, length in (
        (2, 0, 1.0), (2, 1, 1.0), (2, 2, 1.0), (3, 0, 1.0), (3, 1, 1.0), (3, 2, 1.0),
        (0, 2, math.sqrt(2)), (1, 3, math.sqrt(2)),
        (1, 1, (1 + math.sqrt(2)) / 2), (1, 2, (1 + math.sqrt(2)) / 2),
    ):  # fmt: skip
        lengths[5 * straight + diagonal] = length
    return lengths


_LENGTHS = _lengths()
