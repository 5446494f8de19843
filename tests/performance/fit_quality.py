"""Fits the weights of *find similar*'s quality on labelled photos: ``WEIGHTS`` and ``CONSTANT`` of ``find/quality.py``.

``python -m tests.performance.fit_quality FOLDER...``. The folders are of the form that ``similar`` reads, and their
photos must not be held out for scores: of the repository's data, sets of ``train``. It prints the weights as they
stand in ``quality.py``, and how well they tell right candidates from wrong ones on photos that were left out.

On each photo it searches for objects like the first example, with every candidate of every point that the search asks:
the evidence of ``quality.Filter``, and whether the candidate is right, which is an IoU of .5 with an object. Then a
logistic regression, in which each photo has the same weight: otherwise a photo of 200 nuclei would count as 50 of
fruit. When the bundled network is trained again, its scores mean something else: fit again.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple
from unittest.mock import patch

import numpy as np
import numpy.typing as npt

from samwidget.core import Masks, RunLengths
from samwidget.models.cores import core_count
from samwidget.predict import SamPredictor
from samwidget.predict.find import search_similar, similar
from samwidget.predict.find.overlap import iou
from samwidget.predict.find.quality import Candidate, Evidence, Filter, Similar
from tests.performance.similar import VOID, chosen_examples, labelled_photos

PHOTOS_MAX = 5
"""Photos of each folder."""
_RIDGE = 1e-3
_STEPS = 30


class Candidates(NamedTuple):
    """All candidates of one photo: evidence (N, 4), and (N,) bool which are right."""

    evidence: npt.NDArray[np.float64]
    is_right: npt.NDArray[np.bool_]


class Recorder(Filter):
    """A filter that remembers all candidates of all points."""

    seen: ClassVar[list[Candidate]] = []

    def passing(self, masks: Masks, point_xy: npt.NDArray[np.float64], number: int) -> list[Similar]:
        """The same as the filter's."""
        self.seen += [made for level in range(len(masks)) if (made := self.candidate(masks, level)) is not None]
        return super().passing(masks, point_xy, number)


def main(folders: Sequence[Path]) -> str:
    """The weights, and the log-loss on photos that were left out one by one, as lines of text."""
    predictor = SamPredictor.from_pretrained(threads=min(2, core_count()))
    photos = [photo for folder in folders for photo in labelled_photos(folder, PHOTOS_MAX)]
    of_photos = [made for photo in photos if len((made := candidates_of(predictor, *photo)).is_right)]
    weights = fitted(of_photos)
    left_out = [
        log_loss(fitted([*of_photos[:index], *of_photos[index + 1 :]]), photo) for index, photo in enumerate(of_photos)
    ]
    count = sum(len(photo.is_right) for photo in of_photos)
    values = ", ".join(f"{name}={value:.1f}" for name, value in zip(Evidence._fields, weights[:-1], strict=True))
    return (
        f"WEIGHTS, CONSTANT = Evidence({values}), {weights[-1]:.1f}\n"
        f"{count} candidates of {len(of_photos)} photos; "
        f"log-loss on photos left out one by one: {np.mean(left_out):.3f}"
    )


def candidates_of(predictor: SamPredictor, image: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8]) -> Candidates:
    """What a search for objects like the first example sees on one photo."""
    predictor.set_image(image)
    embedding = predictor.embedding
    assert embedding is not None
    objects = [RunLengths.from_mask(labels == number) for number in np.unique(labels) if number not in (0, VOID)]
    example = chosen_examples(predictor, [mask.to_mask() for mask in objects], 0)[1][0]
    Recorder.seen.clear()
    with patch.object(similar, "Filter", Recorder):
        for _ in search_similar(predictor, embedding, [example]):
            pass
    evidence, is_right = [], []
    for candidate in Recorder.seen:
        if np.mean(labels[candidate.run_lengths.to_mask()] == VOID) <= 0.5:
            evidence.append(candidate.evidence)
            is_right.append(max(iou(candidate.run_lengths, mask) for mask in objects) >= 0.5)
    return Candidates(np.array(evidence, np.float64).reshape(-1, len(Evidence._fields)), np.array(is_right, bool))


def fitted(of_photos: Sequence[Candidates]) -> npt.NDArray[np.float64]:
    """(5,) the weights and the constant of a logistic regression, by Newton's method."""
    values = np.concatenate([_with_one(photo.evidence) for photo in of_photos])
    is_right = np.concatenate([photo.is_right for photo in of_photos])
    counts = np.concatenate([np.full(len(photo.is_right), 1 / len(photo.is_right)) for photo in of_photos])
    weights = np.zeros(values.shape[1])
    for _ in range(_STEPS):
        probability = _logistic(values @ weights)
        slope = values.T @ (counts * (probability - is_right)) + _RIDGE * weights
        curvature = (values * (counts * probability * (1 - probability))[:, None]).T @ values
        weights = weights - np.linalg.solve(curvature + _RIDGE * np.eye(len(weights)), slope)
    return weights


def log_loss(weights: npt.NDArray[np.float64], photo: Candidates) -> float:
    """The mean surprise by which candidates of a photo are right: 0 is best, 0.69 is that of a coin's toss."""
    probability = np.clip(_logistic(_with_one(photo.evidence) @ weights), 1e-9, 1 - 1e-9)
    return float(-np.mean(np.log(np.where(photo.is_right, probability, 1 - probability))))


def _with_one(evidence: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.column_stack([evidence, np.ones(len(evidence))])


def _logistic(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    result: npt.NDArray[np.float64] = 1 / (1 + np.exp(-values))
    return result


if __name__ == "__main__":
    print(main([Path(name) for name in sys.argv[1:]]))
