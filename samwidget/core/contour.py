"""Outlines of low-res logits, as closed rings of points.

Owns the interpolation and what happens at the border. It draws nothing. Its twin is ``frontend/src/contour.ts``,
with which the browser outlines masks; both agree with the examples in ``tests/shared/contours.json``.
"""

from __future__ import annotations

from typing import cast

import contourpy
import numpy as np
import numpy.typing as npt


def rings(logits: npt.NDArray[np.float32], threshold: float = 0.0) -> list[npt.NDArray[np.float64]]:
    """The outlines of the region where the interpolated logits reach ``threshold``, with those of its holes.

    Fill all rings in one path with the even-odd rule, so that holes stay empty. The logits continue for one more cell
    beyond each border: an object that the border cuts is outlined outside the image and not along its edge. Clip what
    you draw.

    Args:
        logits: (h, w) float32, without padding (``Frame.content_logits_hw``).
        threshold: a logit; logits above it are inside.

    Returns:
        Closed rings, each (N, 2) float64 x, y in positions of the logits, the first point again at the end. The centre
        of logit (i, j) is x = j + 0.5, y = i + 0.5; ``Frame.logits_to_image`` converts to image pixels.
    """
    padded = np.pad(logits, 1, mode="edge")
    y, x = (np.arange(size) - 0.5 for size in padded.shape)
    generator = contourpy.contour_generator(x, y, padded, name="serial", fill_type=contourpy.FillType.OuterOffset)
    # An outer ring and its holes are one array of points, and the offsets say where each ring begins. contourpy's own
    # type is a union over all fill types, so the one of OuterOffset has to be named.
    polygons = cast(
        "tuple[list[npt.NDArray[np.float64]], list[npt.NDArray[np.uint32]]]", generator.filled(threshold, np.inf)
    )
    return [ring for points, offsets in zip(*polygons, strict=True) for ring in np.split(points, offsets[1:-1])]
