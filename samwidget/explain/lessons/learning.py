"""Lesson 9, teach it your objects: the caps of drawn mushrooms, what else is lost, and the figure at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from samwidget.core import iou
from samwidget.errors import ModelError
from samwidget.explain.click_robot import robot
from samwidget.explain.figure_parts import BLUE, INK, ORANGE, draw_outline, draw_photo, draw_tint, new_figure
from samwidget.explain.lessons.exercises import Exercise, Lesson, Mask, Result, number_from, read_truth, word_from
from samwidget.explain.lessons.mushrooms import MushroomPhoto, draw_mushrooms
from samwidget.images import load_rgb
from samwidget.predict import SamPredictor
from samwidget.replaying import replay

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from samwidget.training import FineTuned

LEARNED_SEEDS, HELD_OUT_SEEDS = (0, 1, 3), (8, 10, 12)
"""Of the drawn photos. One click of ``nano`` mostly takes the whole mushroom."""
STEPS = 16
_GAIN_TASK = "By how many points has the IoU after one click risen on the held-out photos? A point is 0.01."
_LOSS_TASK = "Which of the other objects has lost most? Write its name."
_OTHERS = {"astronaut": "astronaut.jpg", "cup": "coffee.jpg", "coin": "coins.jpg"}
_GOOD = 0.9  # IoU from which a mask is the cap
_POINTS_NEAR = 1.0  # how far from the right gain a number may be

Losses = Mapping[str, tuple[float, float]]


def teach_it(photos: str | Path, predictor: SamPredictor | None = None) -> Lesson:
    """Lesson 9: the model learns the caps of mushrooms. What does it gain, and what does it lose?

    Args:
        photos: the folder that ``samwidget lessons`` has copied, with the sample photos and ``masks``.
        predictor: ``nano`` or a SAM 1; None takes the bundled ``nano``.

    Raises:
        ImageError: the folder has no such photo or mask.
        ModelError: OpenCV is not installed, or the model failed.
    """
    for name, file in _OTHERS.items():
        load_rgb(Path(photos) / file)  # a missing file is an error now, and not after the learning
        read_truth(photos, name)
    photo = draw_mushrooms(LEARNED_SEEDS[0])
    network = predictor or SamPredictor.from_pretrained()
    taken = _one_click(network, photo.image, photo.caps[0])
    exercises = (
        Exercise(
            "Click once in the middle of a cap. What does the model take? Write 'cap' or 'whole'.",
            lambda value: _taken(value, taken, photo),
        ),
        Exercise(
            "Label the photo: make one object of each cap, without the stem.",
            lambda value: _labels([item.mask for item in replay(value, photo.image, predictor=network)], photo),
        ),
        Exercise(_GAIN_TASK, _gain),
        Exercise(_LOSS_TASK, _lost_most),
    )
    return Lesson(photo.image, np.logical_or.reduce(photo.caps), network, exercises)


def teach_caps(
    lesson: Lesson,
    saved: object = (),
    folder: str | PathLike[str] | None = None,
    *,
    photos: int = len(LEARNED_SEEDS),
    steps: int = STEPS,
    show: bool = True,
) -> FineTuned:
    """The lesson's model learns caps by ``samwidget.training.fine_tune``, in a quarter of a minute on two cores.

    Args:
        lesson: made by ``teach_it``; its predictor stays as it is.
        saved: your prompts for the first photo, as ``Lesson.check`` takes them; without two objects the drawn masks
            are taken.
        folder: of the new model; None takes the first free ``NAME-fine-tuned`` here.
        photos: how many it learns from, 1 to 3. Three others are held out.
        steps: of the learning.
        show: whether to show the curve while it grows.

    Raises:
        ModelError: OpenCV is not installed, or the learning failed.
        UnsupportedModelError: the model is neither ``nano`` nor a SAM 1.
        FormatError: the folder exists.
    """
    try:
        from samwidget.training import fine_tune
    except ImportError as error:
        raise ModelError("the learning needs OpenCV", hint="pip install 'samwidget[train]'") from error
    drawn = [draw_mushrooms(seed) for seed in (*LEARNED_SEEDS[:photos], *HELD_OUT_SEEDS)]
    pairs = [(photo.image, list(photo.caps)) for photo in drawn]
    if not isinstance(saved, Sequence) or len(saved) > 0:
        masks = [item.mask for item in replay(saved, lesson.image, predictor=lesson.predictor)]
        if len(masks) >= len(drawn[0].caps):
            pairs[0] = (drawn[0].image, masks)
    held_out = [f"photo {number}" for number in range(len(pairs) - len(HELD_OUT_SEEDS) + 1, len(pairs) + 1)]
    return fine_tune(pairs, folder, model=lesson.predictor, steps=steps, held_out=held_out, show=show)


def measure_others(lesson: Lesson, photos: str | Path, result: FineTuned) -> dict[str, tuple[float, float]]:
    """IoU after one click, before and after the learning, of objects that are no caps.

    Args:
        lesson: made by ``teach_it``.
        photos: as for ``teach_it``.
        result: of ``teach_caps``.

    Raises:
        ModelError: nothing was saved, or a model failed.
    """
    learned, losses = result.predictor, {}
    for name, file in _OTHERS.items():
        image, truth = load_rgb(Path(photos) / file), read_truth(photos, name)
        before, after = (iou(_one_click(model, image, truth), truth) for model in (lesson.predictor, learned))
        losses[name] = (before, after)
    return losses


def draw_held_out(lesson: Lesson, result: FineTuned) -> Figure:
    """The held-out photos with the masks of one click on each cap, after the learning; the caps are outlined.

    Raises:
        ModelError: nothing was saved, or the model failed.
    """
    learned = result.predictor
    figure, panels = new_figure(len(HELD_OUT_SEEDS), "Held-out photos: one click on each cap")
    for axes, seed in zip(panels, HELD_OUT_SEEDS, strict=True):
        photo = draw_mushrooms(seed)
        draw_photo(axes, photo.image)
        for cap in photo.caps:
            before = iou(_one_click(lesson.predictor, photo.image, cap), cap)
            mask = _one_click(learned, photo.image, cap)
            draw_tint(axes, mask, BLUE)
            draw_outline(axes, cap.astype(float), 0.5, INK)
            left, bottom = np.nonzero(cap)[1].mean(), float(np.nonzero(cap)[0].min()) - 10
            text = f"{before:.2f} → {iou(mask, cap):.2f}"
            axes.text(left, bottom, text, ha="center", color="white", fontsize=16, fontweight="bold")
    return figure


def draw_learning(result: FineTuned, losses: Losses) -> Figure:
    """The curve of the learning, beside what other objects have lost.

    Args:
        result: of ``teach_caps``.
        losses: of ``measure_others``.
    """
    figure, (curve, bars) = new_figure(2, "What it has learned, and what it has lost", widths=(1.2, 1))
    steps = [point.step for point in result.curve]
    curve.plot(
        steps, [point.learning_iou for point in result.curve], "-", color=ORANGE, linewidth=5, label="learned from"
    )
    held_out = [np.nan if point.held_out_iou is None else point.held_out_iou for point in result.curve]
    curve.plot(steps, held_out, "--", color=BLUE, linewidth=5, label="held out")
    curve.set(xlabel="steps", ylabel="IoU of caps after one click", ylim=(0, 1.03))
    curve.legend(frameon=False, fontsize=19, loc="lower right")
    positions = np.arange(len(losses))
    for shift, index, colour, label in ((-0.2, 0, ORANGE, "before"), (0.2, 1, BLUE, "after")):
        values = [pair[index] for pair in losses.values()]
        bars.bar(positions + shift, values, 0.38, color=colour, label=label)
        for x, value in zip(positions, values, strict=True):
            bars.text(x + shift, value + 0.01, f"{value:.2f}", ha="center", fontsize=16)
    bars.set_xticks(positions, list(losses), color=INK)
    bars.set(ylabel="IoU after one click", ylim=(0, 1.25))
    bars.legend(frameon=False, fontsize=19, loc="upper center", ncols=2)
    return figure


def _one_click(predictor: SamPredictor, image: npt.NDArray[np.uint8], truth: Mask) -> Mask:
    """(H, W) bool: the mask of one click in the middle of the object, as the widget shows it."""
    return next(robot(predictor, image, truth, clicks=1)).mask


def _taken(value: object, taken: Mask, photo: MushroomPhoto) -> Result:
    word = word_from(value, ("cap", "whole"))
    if word is None:
        return Result(False, f"{value!r} is neither. Write 'cap' or 'whole', with the quotation marks.")
    of_cap, of_mushroom = iou(taken, photo.caps[0]), iou(taken, photo.mushrooms[0])
    state = f"Its mask has an IoU of {of_mushroom:.2f} with the whole mushroom and {of_cap:.2f} with the cap."
    if (word == "whole") != (of_mushroom > of_cap):
        return Result(False, "Click on the left cap, and look where the mask ends: is the stem in it?")
    return Result(True, f"{state} The model cannot know that you mean the cap.")


def _labels(masks: Sequence[Mask], photo: MushroomPhoto) -> Result:
    if len(masks) == 1 and all((masks[0] & cap).sum() > cap.sum() / 2 for cap in photo.caps):
        return Result(False, "One object is on both caps. Delete it, and press Enter between the two caps.")
    for side, cap, mushroom in zip(("left", "right"), photo.caps, photo.mushrooms, strict=True):
        best = max(masks, key=lambda mask: iou(mask, cap))
        overlap = iou(best, cap)
        if overlap >= _GOOD:
            continue
        if overlap == 0:
            return Result(False, f"The {side} cap has no object yet. Press Enter, then click on it.")
        if iou(best, mushroom) > overlap:
            return Result(
                False,
                f"The stem of the {side} mushroom is in your object. Press 1, 2 or 3 to take another of the three "
                "masks, or exclude the stem with a right-click.",
            )
        return Result(
            False, f"Your object at the {side} cap has an IoU of {overlap:.2f}; {_GOOD} is wanted. Look at its edge."
        )
    if len(masks) > len(photo.caps):
        return Result(
            False, f"There are {len(masks)} objects and {len(photo.caps)} caps. Delete those that are no caps."
        )
    return Result(True, "Both caps are labelled. You have shown the model what you mean.")


def _gain(value: object) -> Result:
    before, after, points = value if isinstance(value, Sequence) and len(value) == 3 else (None, None, None)
    if points is None:
        return Result(False, f"Do this first: {_GAIN_TASK}")
    numbers = [number_from(part) for part in (before, after, points)]
    if None in numbers:
        return Result(False, f"{points!r} is no number of points.")
    first, last, proposed = (number or 0.0 for number in numbers)
    gain = 100 * (last - first)
    if abs(proposed - gain) <= _POINTS_NEAR:
        return Result(True, f"From {first:.2f} to {last:.2f}: {gain:.0f} points, on photos that it has never seen.")
    if abs(100 * proposed - gain) <= _POINTS_NEAR:
        return Result(False, f"{proposed:g} is the difference of the two IoUs. A point is 0.01: multiply it by 100.")
    if abs(proposed + gain) <= _POINTS_NEAR:
        return Result(False, "Subtract the IoU before from the IoU after, not the other way round.")
    return Result(False, "Look at the row 'IoU after 1 click' of the table: after minus before, times 100.")


def _lost_most(value: object) -> Result:
    losses, word = value if isinstance(value, Sequence) and len(value) == 2 else (None, None)
    if word is None:
        return Result(False, f"Do this first: {_LOSS_TASK}")
    table: Losses = losses if isinstance(losses, Mapping) else {}
    name = word_from(word, table)
    if name is None:
        names = ", ".join(map(repr, table)) or "those of the table"
        return Result(False, f"{word!r} is none of the objects. Write one of {names}.")
    most = max(table, key=lambda item: table[item][0] - table[item][1])
    if name != most:
        before, after = table[name]
        return Result(False, f"The {name} goes from {before:.2f} to {after:.2f}. Another one loses more.")
    first, last = table[most]
    return Result(
        True, f"The {most} goes from {first:.2f} to {last:.2f}: the model has forgotten some of what it knew."
    )
