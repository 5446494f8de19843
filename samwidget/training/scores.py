"""Scores of masks against the truth, and their summary over many objects.

Pure functions on masks and numbers; no model runs here. ``evaluate`` fills one ``ObjectResult`` for each object and
calls ``summarise``. The names of the scores are the keys of the report ``scores.json``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

Mask = npt.NDArray[np.bool_]
BORDER_SHARE = 0.008
"""Distance at which two borders still match, as a share of the image's diagonal (Perazzi et al. 2016)."""
THRESHOLDS = (0.80, 0.85, 0.90)


@dataclass
class ObjectResult:
    """One object of one photo, and the scores of the model's masks of it.

    Attributes:
        group: averages are taken over groups too. It is the video sequence in a bench of videos, else the dataset.
        photo: index into the list of photos.
        truth: (H, W) bool, the true mask.
        valid: (H, W) bool, False where the truth is not known.
        masks: (H, W) bool masks by kind of prompt, for the contact sheet.
        values: scores by name.
        ious_by_click: IoU after each click in the centre of the deepest error.
        off_centre_ious: IoU after each click of a robot that clicks as people do; empty if it did not click.
        score_iou_pairs: the model's score and the IoU of every candidate after one, three and five clicks and for the
            box.
    """

    group: str
    photo: int
    truth: Mask
    valid: Mask
    masks: dict[str, Mask] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    ious_by_click: list[float] = field(default_factory=list)
    off_centre_ious: list[float] = field(default_factory=list)
    score_iou_pairs: list[tuple[float, float]] = field(default_factory=list)


def overlap(mask: Mask, truth: Mask, valid: Mask) -> float:
    """IoU of (H, W) bool masks within ``valid``; 1 if both are empty."""
    union = int(np.count_nonzero((mask | truth) & valid))
    return int(np.count_nonzero(mask & truth & valid)) / union if union else 1.0


def border_f(mask: Mask, truth: Mask) -> float:
    """F measure of the mask's border: the harmonic mean of precision and recall of border pixels, 0 to 1.

    A border pixel counts as right if the other mask's border is near, see ``BORDER_SHARE``.
    """
    border, true_border = _border(mask), _border(truth)
    if not border.any() or not true_border.any():
        return float(border.any() == true_border.any())
    radius = max(1, round(BORDER_SHARE * float(np.hypot(*mask.shape))))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    precision = (border & (cv2.dilate(true_border.astype(np.uint8), disc) > 0)).sum() / border.sum()
    recall = (true_border & (cv2.dilate(border.astype(np.uint8), disc) > 0)).sum() / true_border.sum()
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def clicks_needed(ious: Sequence[float], threshold: float) -> int:
    """Number of clicks until the IoU reached ``threshold``; the number of all clicks if it never did."""
    return next((count for count, iou in enumerate(ious, 1) if iou >= threshold), len(ious))


def summarise_clicks(rows: Sequence[Sequence[float]]) -> dict[str, Any]:
    """The scores of a robot that clicks until a mask is good enough, as the field reports them.

    Args:
        rows: for each object the IoU after each click. A row may end where the IoU has reached the highest threshold.

    Returns:
        ``iou_by_click``, the mean IoU after each click, where a row that has ended keeps its last IoU; and by threshold
        ``clicks_needed``, the mean number of clicks (NoC, Xu et al. 2016), and ``never_reached``, the share of objects
        that count all clicks without reaching it.
    """
    clicks = max(map(len, rows), default=0)
    return {
        "iou_by_click": [_mean([row[min(n, len(row) - 1)] for row in rows]) for n in range(clicks)],
        "clicks_needed": {f"{t:.2f}": _mean([clicks_needed(row, t) for row in rows]) for t in THRESHOLDS},
        "never_reached": {f"{t:.2f}": _mean([max(row) < t for row in rows]) for t in THRESHOLDS},
    }


def calibration(scores: Sequence[float], ious: Sequence[float], bins: int = 10) -> dict[str, object]:
    """How the model's scores compare with the true IoU: mean error, rank correlation, and means by bin of the score.

    Args:
        scores: the model's score of each mask.
        ious: the true IoU of each mask.
        bins: number of bins of equal width.
    """
    predicted, true = np.asarray(scores, float), np.asarray(ious, float)
    bin_indices = np.clip((predicted * bins).astype(int), 0, bins - 1)
    table = [
        {
            "score": round(float(predicted[bin_indices == b].mean()), 3),
            "iou": round(float(true[bin_indices == b].mean()), 3),
            "count": int((bin_indices == b).sum()),
        }
        for b in range(bins)
        if (bin_indices == b).any()
    ]
    order = float(spearmanr(predicted, true).statistic) if np.ptp(predicted) and np.ptp(true) else 0.0
    error = float(np.abs(predicted - true).mean())
    return {"mean_error": round(error, 4), "rank_correlation": round(order, 4), "bins": table}


# Any: the report is JSON, and its readers index it unchecked.
def summarise(results: Sequence[ObjectResult], clicks_max: int) -> dict[str, Any]:
    """The report of an evaluation: means over objects and groups, share above 0.85, clicks needed, calibration.

    Args:
        results: the objects with their scores.
        clicks_max: how many clicks an object got at most.
    """
    names = list(results[0].values)
    groups = sorted({result.group for result in results})
    by_group = {
        group: {name: _mean([result.values[name] for result in results if result.group == group]) for name in names}
        for group in groups
    }
    pairs = [pair for result in results for pair in result.score_iou_pairs]
    return {
        "objects": len(results),
        "clicks_max": clicks_max,
        "mean": {name: _mean([result.values[name] for result in results]) for name in names},
        "mean_over_groups": {name: _mean([by_group[group][name] for group in groups]) for name in names},
        "share_above_85": {
            name: _mean([float(result.values[name] >= 0.85) for result in results])
            for name in names
            if "border" not in name
        },
        **summarise_clicks([result.ious_by_click for result in results]),
        "off_centre": summarise_clicks([result.off_centre_ious for result in results if result.off_centre_ious]),
        "lost_by_ranking": _lost_by_ranking(by_group),
        "score_calibration": calibration([score for score, _ in pairs], [iou for _, iou in pairs]),
        "by_group": by_group,
        "objects_by_group": {group: sum(result.group == group for result in results) for group in groups},
    }


def _lost_by_ranking(by_group: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """How much worse the IoU of the best-scored candidate is than the best IoU of three: by prompt, and the mean."""
    suffix = "_best_of_3"
    prompt_kinds = [name.removesuffix(suffix) for name in next(iter(by_group.values())) if name.endswith(suffix)]
    lost = {
        kind: _mean([group[f"{kind}_best_of_3"] - group[f"{kind}_chosen_of_3"] for group in by_group.values()])
        for kind in prompt_kinds
    }
    return {**lost, "mean": _mean(list(lost.values()))}


def format_table(report: Mapping[str, Any]) -> str:
    """The main numbers of a report of ``summarise`` as text, one score a line."""
    rows = [f"{report['objects']} objects: mean over objects, mean over groups, share above .85"]
    for name, value in report["mean"].items():
        above = report["share_above_85"].get(name)
        tail = "" if above is None else f"  {above:.3f}"
        rows.append(f"  {name:24s} {value:.3f}  {report['mean_over_groups'][name]:.3f}{tail}")
    rows += _click_rows(report)
    scores = report["score_calibration"]
    rows.append(f"  lost by ranking: {report['lost_by_ranking']}")
    rows.append(f"  scores: mean error {scores['mean_error']}, rank correlation {scores['rank_correlation']}")
    rows.append("  IoU by group: objects, 1 click, 3 clicks, 5 clicks, box; boundary F after 1 click")
    columns = ("1_clicks", "3_clicks", "5_clicks", "box", "1_clicks_border_f")
    for group, values in report["by_group"].items():
        cells = "  ".join(f"{values[name]:.3f}" for name in columns if name in values)
        rows.append(f"  {group:24s} {report['objects_by_group'][group]:4d}  {cells}")
    return "\n".join(rows)


def _click_rows(report: Mapping[str, Any]) -> list[str]:
    """The mean clicks to each IoU, with the share of objects that never reached it, for each robot."""
    rows = [f"  mean clicks to an IoU, at most {report['clicks_max']} (never reached)"]
    for robot, scores in (("in the centre of errors", report), ("off the centre", report["off_centre"])):
        if not scores["iou_by_click"]:
            continue
        cells = (f"{t}: {n:.2f} ({scores['never_reached'][t]:.0%})" for t, n in scores["clicks_needed"].items())
        rows.append(f"    {robot:24s} {'  '.join(cells)}")
        after = (f"{n}: {scores['iou_by_click'][n - 1]:.3f}" for n in (1, 3, 5) if n <= len(scores["iou_by_click"]))
        rows.append(f"    {'  IoU after clicks':24s} {'  '.join(after)}")
    return rows


def _border(mask: Mask) -> Mask:
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0) > 0
    return np.asarray(mask & ~inner, np.bool_)


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 4) if len(values) else 0.0
