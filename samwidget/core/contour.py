"""Logits to outlines. The twin of ``frontend/src/contour.ts``: ``tests/shared/contours.json`` checks both."""

from __future__ import annotations

from typing import cast

import contourpy
import numpy as np
import numpy.typing as npt


def rings(logits: npt.NDArray[np.float32], threshold: float = 0.0) -> list[npt.NDArray[np.float64]]:
    """The outlines of the region where interpolated logits reach ``threshold``, holes among them.

    Fill them together by the even-odd rule. Value (i, j) sits at x = j + 0.5, y = i + 0.5, as pixels do, so that
    ``Frame.logits_to_image`` takes the points to image pixels. At the borders the values continue for one more cell,
    so that an object cut by the image's edge is outlined beyond that edge and not along it: clip what is drawn.

    Args:
        logits: (h, w) float32, the window to outline; leave out the padding (``Frame.content_logits_hw``).
        threshold: a logit.

    Returns:
        Closed rings, each (N, 2) float64 x, y with the first point again at the end.
    """
    padded = np.pad(logits, 1, mode="edge")
    y, x = (np.arange(size) - 0.5 for size in padded.shape)
    generator = contourpy.contour_generator(x, y, padded, name="serial", fill_type=contourpy.FillType.OuterOffset)
    found: list[npt.NDArray[np.float64]] = []
    # Each outer ring comes with its holes behind it in one array; the offsets say where each begins.
    polygons = cast(
        "tuple[list[npt.NDArray[np.float64]], list[npt.NDArray[np.uint32]]]", generator.filled(threshold, np.inf)
    )
    for points, offsets in zip(*polygons, strict=True):
        found += np.split(points, offsets[1:-1])
    return found
