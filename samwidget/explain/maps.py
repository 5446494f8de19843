"""Numbers behind the figures: colours of features, likeness, areas over the threshold, and errors. Pure functions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from samwidget.core import iou
from samwidget.errors import PromptError

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]

THRESHOLDS = 61
"""Points of a threshold sweep."""
# Where the three components go in Oklab: lightness, blue to yellow, green to red. People who do not tell red from
# green see the first two, which carry most of the variance.
_LIGHTNESS, _YELLOW, _RED = (0.32, 0.93), 0.13, 0.09


def feature_colours(features: Floats) -> npt.NDArray[np.float64]:
    """(h, w, 3) RGB in [0, 1]: the three principal components of (C, h, w) features as colours.

    Cells of the same colour have similar features. The first component is lightness, the second goes from blue to
    yellow, the third from green to red.
    """
    channels, height, width = features.shape
    cells = np.asarray(features, np.float64).reshape(channels, -1).T
    cells = cells - cells.mean(0)
    _, axes = np.linalg.eigh(cells.T @ cells)  # the largest last
    axes = axes[:, ::-1][:, :3]
    # An axis and its opposite are equally good: take the one along which most channels grow, so that colours stay.
    axes = axes * np.where(axes.sum(0) < 0, -1, 1)
    components = np.zeros((len(cells), 3))
    components[:, : axes.shape[1]] = cells @ axes
    low, high = np.percentile(components, (2, 98), axis=0)
    shares = np.clip((components - low) / np.maximum(high - low, 1e-9), 0, 1)
    lightness = _LIGHTNESS[0] + (_LIGHTNESS[1] - _LIGHTNESS[0]) * shares[:, 0]
    yellow, red = (2 * shares[:, 1] - 1) * _YELLOW, (2 * shares[:, 2] - 1) * _RED
    return _rgb_of_oklab(lightness, red, yellow).reshape(height, width, 3)


def _rgb_of_oklab(
    lightness: npt.NDArray[np.float64], a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """(N, 3) sRGB in [0, 1] of N colours in Oklab (Ottosson 2020)."""
    to_cones = np.array(
        [[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.291485548]]
    )
    to_linear = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.707614701],
        ]
    )
    linear = np.clip((np.stack([lightness, a, b], 1) @ to_cones.T) ** 3 @ to_linear.T, 0, 1)
    return np.asarray(np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055), np.float64)


def likeness(features: Floats, cell: tuple[int, int]) -> Floats:
    """(h, w) float32 cosine similarity, -1 to 1, of each cell of (C, h, w) features to the cell (row, column)."""
    flat = np.asarray(features, np.float64).reshape(len(features), -1)
    unit = flat / np.maximum(np.linalg.norm(flat, axis=0), 1e-9)
    row, column = cell
    values = unit[:, row * features.shape[2] + column] @ unit
    return np.asarray(values.reshape(features.shape[1:]), np.float32)


class Sweep(NamedTuple):
    """The area of a mask at each of many thresholds.

    Attributes:
        thresholds: (N,) float64, rising.
        areas: (N,) float64, shares of the image, 0 to 1.
    """

    thresholds: npt.NDArray[np.float64]
    areas: npt.NDArray[np.float64]


def threshold_sweep(logits: Floats, reach: float) -> Sweep:
    """The areas of the masks of (H, W) full-size logits at the thresholds ``-reach`` to ``reach``."""
    thresholds = np.linspace(-reach, reach, THRESHOLDS)
    above = logits.size - np.searchsorted(np.sort(logits, axis=None), thresholds, side="right")
    return Sweep(thresholds, above / logits.size)


def stability(logits: Floats, offset: float) -> float:
    """The area of the mask at the threshold ``offset``, divided by that at ``-offset``; NaN where both are empty."""
    below = int((logits > -offset).sum())
    return int((logits > offset).sum()) / below if below else float("nan")


class Errors(NamedTuple):
    """How a mask differs from the truth.

    Attributes:
        missing: (H, W) bool: of the object, but not in the mask.
        excess: (H, W) bool: in the mask, but not of the object.
        iou: of mask and truth, 0 to 1.
    """

    missing: Mask
    excess: Mask
    iou: float


def errors_of(mask: Mask, truth: Mask) -> Errors:
    """How an (H, W) bool mask differs from the (H, W) bool truth.

    Raises:
        PromptError: they differ in size, or are no masks.
    """
    mask, truth = np.asarray(mask), np.asarray(truth)
    if mask.shape != truth.shape or mask.ndim != 2 or not (mask.dtype == truth.dtype == np.bool_):
        raise PromptError(
            f"the mask is {mask.dtype} {mask.shape}, the truth {truth.dtype} {truth.shape}",
            hint="give two (H, W) bool arrays of the image's size",
        )
    return Errors(truth & ~mask, mask & ~truth, iou(mask, truth))
