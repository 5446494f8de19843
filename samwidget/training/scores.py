"""How good masks are: overlap, border, clicks needed, and whether the network's own scores can be believed."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

Mask = npt.NDArray[np.bool_]
BORDER_SHARE = 0.008
"""Width of the band in which a border counts as found, as a share of the diagonal (Perazzi et al. 2016)."""


def overlap(mask: Mask, truth: Mask, valid: Mask) -> float:
    """Intersection over union within ``valid``; 1 where both are empty."""
    either = int(np.count_nonzero((mask | truth) & valid))
    return int(np.count_nonzero(mask & truth & valid)) / either if either else 1.0


def border_f(mask: Mask, truth: Mask) -> float:
    """F measure of the mask's border against the truth's, each within a band about the other."""
    mine, theirs = _border(mask), _border(truth)
    if not mine.any() or not theirs.any():
        return float(mine.any() == theirs.any())
    radius = max(1, round(BORDER_SHARE * float(np.hypot(*mask.shape))))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    precision = (mine & (cv2.dilate(theirs.astype(np.uint8), disc) > 0)).sum() / mine.sum()
    recall = (theirs & (cv2.dilate(mine.astype(np.uint8), disc) > 0)).sum() / theirs.sum()
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def clicks_needed(ious: Sequence[float], threshold: float) -> int:
    """Number of clicks until the IoU reached ``threshold``; all of them where it never did (NoC)."""
    return next((count for count, iou in enumerate(ious, 1) if iou >= threshold), len(ious))


def calibration(scores: Sequence[float], ious: Sequence[float], bins: int = 10) -> dict[str, object]:
    """How the network's scores compare with the true IoU: mean error, rank correlation and a table of bins."""
    predicted, true = np.asarray(scores, float), np.asarray(ious, float)
    which = np.clip((predicted * bins).astype(int), 0, bins - 1)
    table = [
        {
            "score": round(float(predicted[which == b].mean()), 3),
            "iou": round(float(true[which == b].mean()), 3),
            "count": int((which == b).sum()),
        }
        for b in range(bins)
        if (which == b).any()
    ]
    order = float(spearmanr(predicted, true).statistic) if np.ptp(predicted) and np.ptp(true) else 0.0
    error = float(np.abs(predicted - true).mean())
    return {"mean_error": round(error, 4), "rank_correlation": round(order, 4), "bins": table}


def _border(mask: Mask) -> Mask:
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0) > 0
    return np.asarray(mask & ~inner, np.bool_)
