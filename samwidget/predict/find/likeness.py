"""Likeness: how much each cell of an image looks like the examples. Pure numpy.

A linear function of the features tells the inside of the examples from what surrounds them: it goes along the
difference of the two means, and is 1 at the mean of the examples and 0 at that of their surroundings. The image as a
whole and each excluded example are further things to be told from: the least of these likenesses counts. Weighing the
features by how much they vary in the image (Fisher's discriminant) was worse: one example is too few for it. Called by
``similar``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from samwidget.predict.find.features import Features

_RING_CELLS = 3

Cover = npt.NDArray[np.float32]
"""(h, w), which share of each cell lies in a mask."""


class Likeness:
    """How much the cells of an image look like the examples, and more like them than like what is excluded.

    Args:
        features: of the image.
        examples: what to look for, each the cells that it covers.
        excluded: what not to look for.

    Attributes:
        map: (h, w) float32; 1 looks like an example, 0 like its surroundings.
    """

    def __init__(self, features: Features, examples: Sequence[Cover], excluded: Sequence[Cover] = ()) -> None:
        height, width, channels = features.vectors.shape
        vectors = features.vectors.reshape(-1, channels).astype(np.float64)
        vectors -= vectors.mean(0)
        known = np.maximum.reduce(list(examples))
        insides = [_mean(vectors, inner_weights(cover)) for cover in examples]
        outsides = [_ring_mean(vectors, cover, known, inside) for cover, inside in zip(examples, insides, strict=True)]
        excluded_means = [_mean(vectors, inner_weights(cover)) for cover in excluded]
        likest = np.full(len(vectors), -np.inf)
        # The mean of all examples is less noisy than each; what looks like one of them alone counts as well.
        means = [np.mean(insides, 0), *(insides if len(insides) > 1 else [])]
        ring, image = np.mean(outsides, 0), np.zeros(channels)
        for inside in means:
            values = np.full(len(vectors), np.inf)
            for other in [ring, image, *excluded_means]:
                difference = inside - other
                scale = max(float(difference @ difference), 1e-9)
                values = np.minimum(values, (vectors - other) @ difference / scale)
            likest = np.maximum(likest, values)
        self.map: npt.NDArray[np.float32] = np.clip(likest, 0, 1).astype(np.float32).reshape(height, width)

    def of(self, cover: Cover) -> float:
        """The likeness of what a mask covers, 0 to 1; 0 where it covers nothing."""
        weights = inner_weights(cover)
        total = float(weights.sum())
        return float((self.map * weights).sum()) / total if total else 0.0


def inner_weights(cover: Cover) -> Cover:
    """The cells of which most lies inside; for an object smaller than a cell, the cells that have most of it."""
    return cover * (cover >= min(0.6, 0.9 * float(cover.max())))


def grown(is_inside: npt.NDArray[np.bool_], steps: int) -> npt.NDArray[np.bool_]:
    """(h, w) bool, grown by so many cells on all sides."""
    out: npt.NDArray[np.bool_] = is_inside.copy()
    for _ in range(steps):
        before = out.copy()
        out[1:] |= before[:-1]
        out[:-1] |= before[1:]
        out[:, 1:] |= before[:, :-1]
        out[:, :-1] |= before[:, 1:]
    return out


def _mean(vectors: npt.NDArray[np.float64], weights: Cover) -> npt.NDArray[np.float64]:
    flat = weights.ravel().astype(np.float64)
    mean: npt.NDArray[np.float64] = flat @ vectors / max(flat.sum(), 1e-9)
    return mean


def _ring_mean(
    vectors: npt.NDArray[np.float64], cover: Cover, known: Cover, inside: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """The mean of what surrounds an example, less the quarter of it that looks most like the example.

    That quarter may be its neighbours: objects of a kind touch each other. Without surroundings, because the example
    fills the image, it is the mean of the image, which is 0.
    """
    is_ring = grown(cover > 0, _RING_CELLS) & (known < 0.05)
    ring = vectors[is_ring.ravel()]
    if len(ring) == 0:
        return np.zeros_like(inside)
    nearness = ring @ inside
    mean: npt.NDArray[np.float64] = ring[nearness <= np.quantile(nearness, 0.75)].mean(0)
    return mean
