"""Lesson 1, one click and three candidates: its exercises with their hints, and the figure at its end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from samwidget.core import INCLUDE, Masks, Prompt, SegmentedObject, box_of, iou
from samwidget.explain.figure_parts import BLUE, INK, ORANGE, VERMILION, draw_outline, draw_photo, new_figure
from samwidget.explain.lessons import click_rules
from samwidget.explain.lessons.exercises import (
    Exercise,
    Lesson,
    Mask,
    Result,
    judge_object,
    number_from,
    read_truth,
)
from samwidget.explain.lessons.rules import judged, object_measures
from samwidget.images import load_rgb
from samwidget.predict import SamPredictor

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NOSE_XY = (220.0, 120.0)
"""The click that the lesson speaks of, in pixels of the photo."""
_ALIKE = 0.7  # IoU from which a candidate is the object that was meant
_STEP = 16  # pixels between the clicks of the figure


def one_click(photos: str | Path, predictor: SamPredictor | None = None) -> Lesson:
    """Lesson 1: the head of the astronaut, which is one of three candidates.

    Args:
        photos: the folder that ``samwidget lessons`` has copied, with ``astronaut.jpg`` and ``masks``.
        predictor: any model; None takes the bundled ``nano``.

    Raises:
        ImageError: the folder has no such photo or mask.
        ModelError: the model failed.
    """
    image, truth = load_rgb(Path(photos) / "astronaut.jpg"), read_truth(photos, "head")
    network = predictor or SamPredictor.from_pretrained()
    at_nose = _candidates(network, image, Prompt().with_point(*NOSE_XY, INCLUDE))
    overlaps = [iou(mask, truth) for mask in at_nose.to_bool()]

    def judge_score(value: object) -> Result:
        return _best_score(value, at_nose)

    def judge_meaning(value: object) -> Result:
        return _best_overlap(value, at_nose, overlaps)

    def judge_strange_click(last: SegmentedObject) -> Result:
        candidates = _candidates(network, image, last.prompt)
        return judged(click_rules.STRANGE_CLICK, object_measures(last, {"head": truth}, 3, candidates))

    def judge_two_clicks(last: SegmentedObject) -> Result:
        return judged(click_rules.TWO_CLICKS, object_measures(last, {"head": truth}, 4))

    exercises = (
        Exercise("Which candidate of the click on the nose gets the highest score: 1, 2 or 3?", judge_score),
        Exercise("You mean the head. Which candidate has the highest IoU with it: 1, 2 or 3?", judge_meaning),
        Exercise(
            "Find one click on the head for which none of the three candidates is the head.",
            judge_object(judge_strange_click, image, network),
        ),
        Exercise("Make the head with exactly two clicks.", judge_object(judge_two_clicks, image, network)),
    )
    return Lesson(image, truth, network, exercises)


def draw_click_map(lesson: Lesson) -> Figure:
    """The photo with a disc for each of many single clicks on the object, and how many of them say what was meant.

    Blue: the candidate with the highest score is the object. Orange: another candidate is. Vermilion: none is.

    Args:
        lesson: made by ``one_click``.
    """
    rows, columns = (np.arange(_STEP // 2, side, _STEP) for side in lesson.truth.shape)
    points = [(x + 0.5, y + 0.5) for y in rows for x in columns if lesson.truth[y, x]]
    prompts = [Prompt().with_point(x, y, INCLUDE) for x, y in points]
    embedding = lesson.predictor.embed(lesson.image)
    kinds = np.array([_kind(masks, lesson.truth) for masks in lesson.predictor.predict_many(prompts, embedding)])
    figure, (photo, bars) = new_figure(2, "One click on the head: what does the model take?", widths=(1, 1.1))
    draw_photo(photo, lesson.image, f"{len(points)} single clicks", grey=True)
    draw_outline(photo, lesson.truth.astype(float), 0.5, INK)
    names = ("the highest score\nis the head", "another candidate\nis the head", "no candidate\nis the head")
    for kind, colour in enumerate((BLUE, ORANGE, VERMILION)):
        chosen = np.array(points)[kinds == kind] - 0.5
        photo.plot(*chosen.T, "o", color=colour, markersize=14, markeredgecolor="white", markeredgewidth=1.5, zorder=5)
        bars.barh(kind, len(chosen), color=colour, height=0.6)
        bars.text(len(chosen), kind, f" {len(chosen)}", va="center", fontsize=22, weight="bold")
    _frame(photo, lesson.truth)
    bars.set_yticks(range(3), names)
    bars.tick_params(axis="y", labelcolor=INK, length=0)
    bars.set(xlabel="clicks", ylim=(2.6, -0.6), xlim=(0, 1.15 * np.bincount(kinds).max()))
    return figure


def _frame(axes: Axes, mask: Mask) -> None:
    """Shows the square around a mask, with a little of the photo on each side."""
    x0, y0, x1, y1 = box_of(mask) or (0, 0, mask.shape[1], mask.shape[0])
    half = 0.6 * max(x1 - x0, y1 - y0)
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    axes.set(xlim=(x - half, x + half), ylim=(y + half, y - half))


def _candidates(predictor: SamPredictor, image: npt.NDArray[np.uint8], prompt: Prompt) -> Masks:
    return predictor.predict_many([prompt], predictor.embed(image))[0]


def _kind(masks: Masks, truth: Mask) -> int:
    """0 where the candidate with the highest score is the truth, 1 where another one is, 2 where none is."""
    overlaps = [iou(mask, truth) for mask in masks.to_bool()]
    if overlaps[masks.best] >= _ALIKE:
        return 0
    return 1 if max(overlaps) >= _ALIKE else 2


def _best_score(value: object, masks: Masks) -> Result:
    number = number_from(value)
    if number not in (1, 2, 3):
        return Result(False, f"{value!r} is no candidate. Write 1, 2 or 3.")
    score = masks.scores[int(number) - 1]
    if number == masks.best + 1:
        return Result(True, f"Its score is {score:.2f}. The model thinks that this outline is the most certain one.")
    if number == 1:
        return Result(
            False,
            f"Candidate 1 is the smallest; its score is {score:.2f}. The model does not know that you look at a face. "
            "Which object in the photo has the clearest outline?",
        )
    return Result(False, f"Its score is {score:.2f}, and another one is higher. Run the next cell and compare.")


def _best_overlap(value: object, masks: Masks, overlaps: list[float]) -> Result:
    number = number_from(value)
    if number not in (1, 2, 3):
        return Result(False, f"{value!r} is no candidate. Write 1, 2 or 3.")
    index, best = int(number) - 1, int(np.argmax(overlaps))
    if index == best:
        return Result(
            True,
            f"Its IoU is {overlaps[best]:.2f}, but its score is {masks.scores[best]:.2f}. "
            "The score does not know what you mean.",
        )
    if index == masks.best:
        return Result(
            False,
            f"This candidate has the highest score, but its IoU with the head is {overlaps[index]:.2f}. "
            "The score says how certain an outline is. It does not say that you mean it.",
        )
    return Result(
        False,
        f"Its IoU with the head is {overlaps[index]:.2f}: it has many pixels that are not of the head. "
        "Try a smaller candidate.",
    )
