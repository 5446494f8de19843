"""Measures how few clicks a model needs for objects whose truth is known: the IoU after each click of the robot.

A click gives what it gives in the widget: of the three candidates the one with the best score. Called by ``tune``
before, during and after the learning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from samwidget.core import Prompt, upsample_mask
from samwidget.models import Embedding, Segmenter
from samwidget.predict import remove_islands_and_holes
from samwidget.training.click_simulator import off_centre_click, robot_click
from samwidget.training.fine_tuning.examples import Example, Mask
from samwidget.training.scores import clicks_needed, overlap

CLICKS = 5
TARGET = 0.85
"""The IoU to which clicks are counted."""
FIRST_CLICKS, CLICKS_IN_ALL = 4, 40
"""Each of few objects is measured from so many first clicks; more objects from fewer, about so many in all."""


@dataclass(frozen=True)
class ClickScores:
    """How good masks are, averaged over objects.

    Attributes:
        objects: how many were measured.
        ious: the mean IoU after one click, after two, and so on.
        clicks_needed: the mean number of clicks to an IoU of 0.85; an object that never gets there counts all clicks.
    """

    objects: int
    ious: tuple[float, ...]
    clicks_needed: float


@dataclass(frozen=True, eq=False)
class MeasuredPhoto:
    """A photo that is measured: its embedding, made once, and the true masks."""

    embedding: Embedding
    masks: tuple[Mask, ...]
    valid: Mask


def measured_photos(
    segmenter: Segmenter, examples: Sequence[Example], objects_max: int, threads: int
) -> list[MeasuredPhoto]:
    """The examples, encoded, with about the same number of objects of each photo.

    Args:
        segmenter: the model.
        examples: the photos.
        objects_max: about how many objects to measure in all; the largest of each photo are taken.
        threads: that the encoder uses.
    """
    count = max(1, objects_max // max(1, len(examples)))
    return [
        MeasuredPhoto(
            segmenter.encode(example.image, threads=threads),
            tuple(sorted(example.masks, key=lambda mask: -int(mask.sum()))[:count]),
            example.valid,
        )
        for example in examples[:objects_max]
    ]


def click_scores(
    segmenter: Segmenter,
    photos: Sequence[MeasuredPhoto],
    *,
    clicks: int = CLICKS,
    chains_masks: bool = False,
    threads: int = 1,
) -> ClickScores:
    """The scores of a model with the robot's clicks.

    Args:
        segmenter: the model.
        photos: with at least one object in all.
        clicks: on each object.
        chains_masks: whether the model reads a click together with the mask before it, as ``nano`` does by itself;
            given to it here, each mask is computed once.
        threads: that share the objects of a photo.
    """
    rows = [row for photo in photos for row in _ious(segmenter, photo, clicks, chains_masks, threads)]
    needed = float(np.mean([clicks_needed(row, TARGET) for row in rows]))
    return ClickScores(len(rows), tuple(np.mean(rows, axis=0).tolist()), needed)


def one_click_ious(segmenter: Segmenter, photos: Sequence[MeasuredPhoto], threads: int = 1) -> npt.NDArray[np.float64]:
    """(objects,) the IoU of each object after one click.

    Of few objects it is the mean of a click in the centre and of clicks as people make them: there chance does less.

    Args:
        segmenter: the model.
        photos: with at least one object in all.
        threads: that share the objects of a photo.
    """
    objects = sum(len(photo.masks) for photo in photos)
    count = min(FIRST_CLICKS, max(1, CLICKS_IN_ALL // objects))
    ious = []
    for number, photo in enumerate(photos):
        rng = np.random.default_rng(number)  # the same clicks before and after
        prompts = [
            Prompt().with_point(x + 0.5, y + 0.5, label)
            for truth in photo.masks
            for x, y, label in _first_clicks(rng, truth, photo.valid, count)
        ]
        pairs = _masks_on_screen(segmenter, photo, prompts, threads)
        truths = [truth for truth in photo.masks for _ in range(count)]
        ious += [overlap(mask, truth, photo.valid) for (mask, _), truth in zip(pairs, truths, strict=True)]
    return np.asarray(np.reshape(ious, (objects, count)).mean(1), np.float64)


def _first_clicks(rng: np.random.Generator, truth: Mask, valid: Mask, count: int) -> list[tuple[int, int, int]]:
    """x, y and label of clicks on an object, of which some pixel is known: one in its centre, the others off it."""
    nothing = np.zeros_like(truth)
    clicks = [robot_click(truth, nothing, valid)]
    clicks += [off_centre_click(rng, truth, nothing, valid) for _ in range(count - 1)]
    return [click for click in clicks if click is not None]


def _ious(
    segmenter: Segmenter, photo: MeasuredPhoto, clicks: int, chains_masks: bool, threads: int
) -> list[list[float]]:
    """The IoU of each object after each click; where nothing is wrong any more, the last one stays."""
    masks = [np.zeros_like(truth) for truth in photo.masks]
    prompts = [Prompt() for _ in photo.masks]
    ious: list[list[float]] = [[] for _ in photo.masks]
    for _ in range(clicks):
        wrong = []
        for index, (truth, mask) in enumerate(zip(photo.masks, masks, strict=True)):
            click = robot_click(truth, mask, photo.valid)
            if click is not None:
                wrong.append(index)
                prompts[index] = prompts[index].with_point(click[0] + 0.5, click[1] + 0.5, click[2])
        if wrong:
            pairs = _masks_on_screen(segmenter, photo, [prompts[index] for index in wrong], threads)
            for index, (mask, logits) in zip(wrong, pairs, strict=True):
                masks[index] = mask
                if chains_masks:
                    prompts[index] = replace(prompts[index], mask=logits)
        for row, truth, mask in zip(ious, photo.masks, masks, strict=True):
            row.append(overlap(mask, truth, photo.valid))
    return ious


def _masks_on_screen(
    segmenter: Segmenter, photo: MeasuredPhoto, prompts: Sequence[Prompt], threads: int
) -> list[tuple[Mask, npt.NDArray[np.float32]]]:
    """For each prompt the (H, W) mask that a user sees, and the (h, w) logits of which it was made."""
    frame = photo.embedding.frame
    logits, scores = segmenter.decode(photo.embedding, prompts, multimask_output=True, threads=threads)
    pairs = []
    for prompt, candidates, best in zip(prompts, logits.float().cpu().numpy(), scores.argmax(1).tolist(), strict=True):
        cleaned = candidates[best : best + 1]
        if segmenter.cleans_masks:
            cleaned = remove_islands_and_holes(cleaned, prompt, frame)
        pairs.append((np.asarray(upsample_mask(cleaned[0], frame, 0.0), np.bool_), candidates[best]))
    return pairs
