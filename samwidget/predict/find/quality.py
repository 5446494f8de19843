"""Quality: the probability that a mask is an object like the examples, from four numbers that every model has.

Owns the four numbers, their weights, and which candidates of a point pass. Called by ``search``.

The weights are those of a logistic regression on the candidates for clicks on photos of nuclei, fruit, mushrooms,
crystals, jars and roofs, none of them held out for scores. On photos left out one by one, fifteen numbers were hardly
better, among them shape, colour and the share of other points that give the same mask. The score tells most. The
likeness of the cells under a mask tells objects from ground, but hardly whole objects from parts and groups.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from samwidget.core import Box, FoundObject, Masks, RunLengths
from samwidget.models import EverythingDefaults
from samwidget.predict.everything.stability import mask_and_stability
from samwidget.predict.find.features import Features
from samwidget.predict.find.likeness import Cover, Likeness

QUALITY_MIN = 0.75
"""Least quality of a found object."""

# Objects of a kind differ much in size: of mushrooms, half have an area within a factor of 2.5, and 19 of 20 within 6.
# A small one as the example needs more: on training photos, 12 finds 3 more of 100, and no more of the found are wrong.
_AREA_FACTOR = 12.0
# The model's scores are lower for small things than for those that *everything* looks for.
_SCORE_PART = 0.7


class Evidence(NamedTuple):
    """The numbers that tell how probable it is that a mask is an object like the examples.

    Attributes:
        score: of the model; 0 at the threshold that suits the model, 1 for the score 1.
        stability: likewise.
        likeness: the mean of the mask's likenesses to each example, 0 to 1.
        area_difference: between the mask and the nearest example: the logarithm of the quotient, 0 or more.
    """

    score: float
    stability: float
    likeness: float
    area_difference: float


WEIGHTS, CONSTANT = Evidence(score=3.0, stability=0.8, likeness=3.3, area_difference=-0.7), -1.7
"""They are older than ``python -m tests.performance.fit_quality``, which fits such numbers to labelled photos."""


class Candidate(NamedTuple):
    """A mask within the limits of score, area and likeness, and what it tells of itself."""

    run_lengths: RunLengths
    stability: float
    cover: Cover
    evidence: Evidence

    @property
    def quality(self) -> float:
        """The probability that this is an object like the examples."""
        return quality_of(self.evidence)


class Similar(NamedTuple):
    """A mask that may be an object like the examples; the best of those that overlap becomes a found object."""

    found_object: FoundObject
    cover: Cover
    quality: float


@dataclass(frozen=True, eq=False)
class Filter:
    """What a mask must have to be like the examples.

    Attributes:
        features: of the image.
        likeness: to the examples as a group: what looks like one of them is like them.
        likenesses: to each example alone. Their mean is what counts for quality: with more examples it is surer.
        areas: (K,) of the examples, in image pixels.
        likeness_min: least likeness.
        defaults: the thresholds that suit the model; scores of one model are not those of another.
    """

    features: Features
    likeness: Likeness
    likenesses: Sequence[Likeness]
    areas: npt.NDArray[np.float64]
    likeness_min: float
    defaults: EverythingDefaults

    def passing(self, masks: Masks, point_xy: npt.NDArray[np.float64], number: int) -> list[Similar]:
        """The candidates of the point ``number`` that have the least quality, as found objects."""
        height, width = masks.frame.image_hw
        whole_xyxy: Box = (0, 0, width, height)
        x, y = point_xy.tolist()
        passing = []
        for level in range(len(masks)):
            candidate = self.candidate(masks, level, QUALITY_MIN)
            if candidate is None or candidate.quality < QUALITY_MIN:
                continue
            found_object = FoundObject(
                id=number * len(masks) + level,
                run_lengths=candidate.run_lengths,
                score=float(masks.scores[level]),
                stability=candidate.stability,
                point_xy=(x, y),
                level=level,
                crop_xyxy=whole_xyxy,
                candidate=replace(
                    masks, logits=masks.logits[level : level + 1].copy(), scores=masks.scores[level : level + 1]
                ),
            )
            passing.append(Similar(found_object, candidate.cover, candidate.quality))
        return passing

    def candidate(self, masks: Masks, level: int, quality_min: float = 0.0) -> Candidate | None:
        """One candidate of a point; None where it is beyond a limit, or cannot have a quality.

        The tests that cost least come first; the mask itself costs most.
        """
        logits, score = masks.logits[level], float(masks.scores[level])
        if score < self.defaults.pred_iou_thresh * _SCORE_PART:
            return None
        rows, columns = masks.frame.content_logits_hw
        (x0, y0), (x1, y1) = masks.frame.logits_to_image([[0, 0], [1, 1]]).tolist()
        area = np.count_nonzero(logits[:rows, :columns] > 0) * (x1 - x0) * (y1 - y0)
        if area == 0:
            return None
        difference = float(np.abs(np.log(area / self.areas)).min())
        if difference > math.log(_AREA_FACTOR):
            return None
        cover = self.features.cover_of_logits(logits)
        if self.likeness.of(cover) < self.likeness_min:
            return None
        evidence = Evidence(
            score=_above(score, self.defaults.pred_iou_thresh),
            stability=1.0,
            likeness=float(np.mean([likeness.of(cover) for likeness in self.likenesses])),
            area_difference=difference,
        )
        if quality_of(evidence) < quality_min:
            return None
        made = mask_and_stability(logits, masks.frame, self.defaults.stability_score_offset, 0)
        if made is None or made[0].area == 0:
            return None
        stability = _above(float(made[1]), self.defaults.stability_score_thresh)
        return Candidate(made[0], float(made[1]), cover, evidence._replace(stability=stability))


def quality_of(evidence: Evidence) -> float:
    """The probability that a mask is an object like the examples."""
    terms = (weight * value for weight, value in zip(WEIGHTS, evidence, strict=True))
    return 1 / (1 + math.exp(-CONSTANT - sum(terms)))


def _above(value: float, threshold: float) -> float:
    """How far a value is above the model's threshold: 0 there, 1 for the value 1."""
    return (value - threshold) / max(1 - threshold, 0.01)
