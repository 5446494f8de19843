"""Rules of an exercise: which mistake gets which hint, as data, so that a page without Python judges in the same way.

Owns how rules are read, and the measures of clicks and boxes. Lessons write the rules; the page of a lesson reads the
same ones as JSON (``samwidget/frontend/src/page/lesson``), and measures in the same way.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from samwidget.core import EXCLUDE, INCLUDE, Masks, Prompt, SegmentedObject, box_of, iou
from samwidget.explain.lessons.exercises import Mask, Result
from samwidget.explain.maps import errors_of

Measure = float | int | str
Measures = Mapping[str, Measure]

SIDES = ("left", "upper", "right", "lower")
_COMPARE = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


class Rule(NamedTuple):
    """A case of an exercise: the first one whose conditions hold gives the result.

    Attributes:
        when: conditions that must all hold, each a measure, a comparison, and a number or another measure, such as
            ``"clicks > 1"``. Without any the rule always holds.
        passed: whether the exercise is solved then.
        text: of the result, with measures in braces as ``str.format`` has them, such as ``{iou_head:.2f}``.
    """

    when: tuple[str, ...]
    passed: bool
    text: str


def judged(rules: Sequence[Rule], measures: Measures) -> Result:
    """The result of the first rule that holds; the last rule has no conditions."""
    rule = next(rule for rule in rules if all(_holds(condition, measures) for condition in rule.when))
    return Result(rule.passed, rule.text.format(**measures))


def object_measures(
    item: SegmentedObject, truths: Mapping[str, Mask], exercise: int, candidates: Masks | None = None
) -> dict[str, Measure]:
    """The measures of an object in a notebook, where an exercise of this number begins again by a call."""
    measures = prompt_measures(item.prompt, item.mask, truths, candidates)
    return measures | {"again": f"Call lesson.reset({exercise})"}


def prompt_measures(
    prompt: Prompt, mask: Mask, truths: Mapping[str, Mask], candidates: Masks | None = None
) -> dict[str, Measure]:
    """What exercises ask of one object: its clicks and its box, and how its mask compares with each truth.

    Args:
        prompt: of the object, in image pixels.
        mask: (H, W) bool, which it shows.
        truths: by name, each (H, W) bool.
        candidates: of its prompt; with them the best IoU of a candidate is measured, too.
    """
    clicks, excludes = len(prompt.points_xy), prompt.points_xy[prompt.labels == EXCLUDE]
    measures: dict[str, Measure] = {
        "clicks": clicks,
        "s": "" if clicks == 1 else "s",
        "excludes": len(excludes),
        "box": int(prompt.box_xyxy is not None),
        "area": int(mask.sum()),
    }
    for name, truth in truths.items():
        errors = errors_of(mask, truth)
        measures |= {
            f"iou_{name}": errors.iou,
            f"excess_{name}": int(errors.excess.sum()),
            f"missing_{name}": int(errors.missing.sum()),
            f"includes_on_{name}": _on(truth, prompt.points_xy[prompt.labels == INCLUDE]),
            f"excludes_on_{name}": _on(truth, excludes),
        }
        if candidates is not None:
            overlaps = [iou(candidate, truth) for candidate in candidates.to_bool()]
            measures |= {
                f"best_iou_{name}": max(overlaps),
                f"best_candidate_{name}": int(np.argmax(overlaps)) + 1,
            }
        if prompt.box_xyxy is not None:
            measures |= _off(prompt.box_xyxy, truth, name)
    return measures


def _off(box: npt.NDArray[np.float32], truth: Mask, name: str) -> dict[str, Measure]:
    """The side of a box that is farthest from the truth, as a share of the size of the truth, and how far it is."""
    around = np.asarray(box_of(truth), float)
    sizes = np.tile(around[2:] - around[:2], 2)
    # Positive: outside of the truth.
    outward = (np.asarray(box, float) - around) * (-1, -1, 1, 1)
    index = int(np.argmax(np.abs(outward) / sizes))
    return {
        f"off_share_{name}": float(abs(outward[index]) / sizes[index]),
        f"off_side_{name}": SIDES[index],
        f"outward_{name}": float(outward[index]),
        f"inward_{name}": float(-outward[index]),
    }


def _on(mask: Mask, points_xy: npt.NDArray[np.float32]) -> int:
    height, width = mask.shape
    return sum(
        0 <= x < width and 0 <= y < height and bool(mask[y, x]) for x, y in np.asarray(points_xy).astype(int).tolist()
    )


def _holds(condition: str, measures: Measures) -> bool:
    name, comparison, limit = condition.split()
    other = measures[limit] if limit in measures else float(limit)
    return bool(_COMPARE[comparison](measures[name], other))
