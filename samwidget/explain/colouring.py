"""Arrays as small RGB images, for films, which need no matplotlib: heat, signs, tints, and several maps in one.

Pure functions. The colours are those of the figures (``figure_parts``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from samwidget.explain.figure_parts import BLUE, VERMILION
from samwidget.explain.film import Rgb

Values: TypeAlias = npt.NDArray[Any]  # bool, uint8 or float
# Five colours of matplotlib's cividis, from dark blue to yellow; those between are mixed.
_HEAT = ("#00224e", "#434e6c", "#7d7c78", "#bcae6c", "#fee838")
_SIDE_MIN = 360
_GAP = 0.06
_TINT = 0.5


def rgb_of(colour: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255, of ``#rrggbb``."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def heat(values: Values, low: float | None = None, high: float | None = None) -> Rgb:
    """(h, w, 3) of (h, w) values: dark blue at ``low`` to yellow at ``high``; None takes the least and the largest."""
    low = float(values.min()) if low is None else low
    high = float(values.max()) if high is None else high
    shares = np.clip((values - low) / max(high - low, 1e-9), 0, 1) * (len(_HEAT) - 1)
    stops = np.array([rgb_of(colour) for colour in _HEAT], float)
    channels = [np.interp(shares, np.arange(len(stops)), stops[:, index]) for index in range(3)]
    return _rounded(np.stack(channels, -1))


def signs(values: Values, reach: float | None = None) -> Rgb:
    """(h, w, 3) of (h, w) values: orange below 0, white at 0, blue above; full colour from ``reach`` on."""
    reach = max(float(np.percentile(np.abs(values), 98)), 1e-9) if reach is None else reach
    shares = np.clip(values / reach, -1, 1)[..., None]
    end = np.where(shares > 0, np.array(rgb_of(BLUE)), np.array(rgb_of(VERMILION)))
    return _rounded(255 + np.abs(shares) * (end - 255.0))


def from_shares(colours: Values) -> Rgb:
    """(h, w, 3) uint8 of colours in [0, 1]."""
    return _rounded(colours * 255)


def tinted(image: Rgb, mask: npt.NDArray[np.bool_], colour: str = BLUE, opacity: float = _TINT) -> Rgb:
    """(H, W, 3): the image with the True pixels of a mask tinted."""
    out = image.astype(np.float32)
    out[mask] = (1 - opacity) * out[mask] + opacity * np.array(rgb_of(colour), np.float32)
    return _rounded(out)


def greyed(image: Rgb) -> Rgb:
    """(H, W, 3): the image without its colours, and a little lighter, so that colours on it stand out."""
    grey = 40 + (image @ np.array([0.3, 0.59, 0.11])) * (215 / 255)
    return np.repeat(_rounded(grey)[..., None], 3, 2)


def enlarged(image: Rgb) -> Rgb:
    """A small image with each pixel as a square of several, so that browsers do not blur it."""
    times = max(1, math.ceil(_SIDE_MIN / max(image.shape[:2])))
    return image.repeat(times, 0).repeat(times, 1)


def side_by_side(images: Sequence[Rgb], columns: int) -> Rgb:
    """Images of one size in rows of ``columns``, with white gaps."""
    height, width = images[0].shape[:2]
    gap = max(1, round(_GAP * max(height, width)))
    rows = -(-len(images) // columns)
    out = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for index, image in enumerate(images):
        y, x = (index // columns) * (height + gap), (index % columns) * (width + gap)
        out[y : y + height, x : x + width] = image
    return out


def _rounded(levels: Values) -> Rgb:
    return np.asarray(np.round(levels), np.uint8)
