"""Lesson 4, a race with the click robot: its exercises with their hints, and the figure at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from samwidget.core import EXCLUDE, INCLUDE, Prompt, SegmentedObject, iou
from samwidget.explain.click_robot import RobotClick, clicks_to, robot
from samwidget.explain.figure_parts import (
    BLUE,
    INK,
    ORANGE,
    draw_outline,
    draw_photo,
    draw_prompt,
    draw_tint,
    new_figure,
    zoom_to,
)
from samwidget.explain.lessons import click_rules
from samwidget.explain.lessons.exercises import (
    Exercise,
    Lesson,
    Mask,
    Result,
    clicked_object,
    judge_object,
    number_from,
    read_truth,
    word_from,
)
from samwidget.explain.lessons.rules import Measure, judged, object_measures
from samwidget.images import load_rgb
from samwidget.predict import SamPredictor
from samwidget.replaying import replay

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TARGET = 0.85
"""The IoU to which clicks are counted."""
_CLICKS = 8  # of the robot, at most


def race_the_robot(photos: str | Path, predictor: SamPredictor | None = None) -> Lesson:
    """Lesson 4: who needs fewer clicks for the head of the astronaut?

    Args:
        photos: the folder that ``samwidget lessons`` has copied, with ``astronaut.jpg`` and ``masks``.
        predictor: any model; None takes the bundled ``nano``.

    Raises:
        ImageError: the folder has no such photo or mask.
        ModelError: OpenCV is not installed, or the model failed.
    """
    image, truth = load_rgb(Path(photos) / "astronaut.jpg"), read_truth(photos, "head")
    network = predictor or SamPredictor.from_pretrained()
    states = list(robot(network, image, truth, _CLICKS))

    x, y = states[0].prompt.points_xy[0]
    first_xy = int(x), int(y)

    def judge_race(last: SegmentedObject) -> Result:
        needed = clicks_to(_overlaps(last, image, truth, network), TARGET) or 0
        measures = {"needed": needed, "needed_s": "" if needed == 1 else "s"}
        rules = click_rules.race(clicks_to(states[-1].ious, TARGET), TARGET)
        return judged(rules, object_measures(last, {"head": truth}, 4) | measures)

    exercises = (
        Exercise(
            "Where does the robot click first? Give x and y, such as (100, 400).",
            lambda value: _first_click(value, truth, first_xy),
        ),
        Exercise(
            "Is the robot's second click an include or an exclude? Write 'include' or 'exclude'.",
            lambda value: _second_click(value, states),
        ),
        Exercise(
            f"How many clicks does the robot need to an IoU of {TARGET}?", lambda value: _click_count(value, states)
        ),
        Exercise(
            "Beat the robot: make the head with as few clicks as you can.", judge_object(judge_race, image, network)
        ),
    )
    return Lesson(image, truth, network, exercises)


def draw_truth(lesson: Lesson) -> Figure:
    """The photo and the outline of the object that is meant, with pixel numbers to read x and y from."""
    figure, (photo,) = new_figure(1, "The truth: what the robot is to make")
    draw_photo(photo, lesson.image)
    draw_outline(photo, lesson.truth.astype(float), 0.5, BLUE)
    zoom_to(photo, lesson.truth)
    photo.set_axis_on()
    photo.grid(color="white", linewidth=1, alpha=0.6)
    photo.locator_params(nbins=10)
    photo.set(xlabel="x", ylabel="y")
    return figure


def draw_race(lesson: Lesson, saved: object = ()) -> Figure:
    """Your mask with your clicks, beside the IoU after each click, yours and the robot's.

    Args:
        lesson: made by ``race_the_robot``.
        saved: your prompts, as ``Lesson.check`` takes them; without them the robot is alone.

    Raises:
        PromptError: the last object has a box, or no clicks.
    """
    states = list(robot(lesson.predictor, lesson.image, lesson.truth, _CLICKS))
    prompt, mask, title = states[-1].prompt, states[-1].mask, "the robot's clicks"
    curves = [("the robot", states[-1].ious, ORANGE, "--")]
    if not isinstance(saved, Sequence) or len(saved) > 0:
        last = clicked_object(saved, lesson.image, lesson.predictor)
        prompt, mask, title = last.prompt, last.mask, "your clicks"
        curves.append(("you", _overlaps(last, lesson.image, lesson.truth, lesson.predictor), BLUE, "-"))
    figure, (photo, plot) = new_figure(2, "How many clicks does the head need?", widths=(1, 1.2))
    draw_photo(photo, lesson.image, title)
    draw_tint(photo, mask, BLUE)
    draw_outline(photo, lesson.truth.astype(float), 0.5, INK)
    draw_prompt(photo, prompt)
    zoom_to(photo, lesson.truth)
    for name, ious, colour, style in curves:
        needed = clicks_to(ious, TARGET)
        label = f"{name}: {'never' if needed is None else _count(needed)} to {TARGET}"
        numbers = range(1, len(ious) + 1)
        plot.plot(numbers, ious, style, marker="o", color=colour, linewidth=5, markersize=13, label=label)
    plot.axhline(TARGET, color=INK, linewidth=2, linestyle=":")
    plot.set(xlabel="clicks", ylabel="IoU with the truth", ylim=(0, 1.03), xticks=range(1, _CLICKS + 1))
    plot.legend(frameon=False, fontsize=19, loc="lower right")
    return figure


def _overlaps(
    item: SegmentedObject, image: npt.NDArray[np.uint8], truth: Mask, predictor: SamPredictor
) -> tuple[float, ...]:
    """The IoU after each click of an object, with the mask that the screen has shown after it."""
    points, labels = item.prompt.points_xy, item.prompt.labels
    before = [replace(item, prompt=Prompt(points[:count], labels[:count])) for count in range(1, len(points) + 1)]
    return tuple(iou(made.mask, truth) for made in replay(before, image, predictor=predictor))


def _first_click(value: object, truth: Mask, first_xy: tuple[int, int]) -> Result:
    numbers = [number_from(part) for part in value] if isinstance(value, Sequence | np.ndarray) else []
    height, width = truth.shape
    if len(numbers) != 2 or None in numbers or isinstance(value, str):
        return Result(False, f"{value!r} is no point. Write two numbers in brackets: (x, y).")
    x, y = (int(number or 0) for number in numbers)
    if not (0 <= x < width and 0 <= y < height):
        return Result(False, f"({x}, {y}) is outside the photo, which is {width} wide and {height} high.")
    swapped = y < width and x < height and truth[x, y]
    advice = " Did you write y before x?" if swapped else " Read x and y at the edges of the figure."
    depth, most = depth_at(truth, x, y), depth_at(truth, *first_xy)
    measures: dict[str, Measure] = {"x": x, "y": y, "is_on": int(truth[y, x]), "depth": depth, "advice": advice}
    return judged(click_rules.first_click(most), measures)


def _second_click(value: object, states: Sequence[RobotClick]) -> Result:
    labels = {"include": INCLUDE, "exclude": EXCLUDE}
    word = word_from(value, labels)
    if word is None:
        return Result(False, f"{value!r} is neither. Write 'include' or 'exclude', with the quotation marks.")
    errors = states[0].errors
    excess, missing = int(errors.excess.sum()), int(errors.missing.sum())
    state = f"After the first click {excess} pixels are too much and {missing} are missing."
    if states[0].next_click is not None and labels[word] == states[0].next_click[2]:
        return Result(True, f"{state} The robot clicks into the middle of the largest error.")
    return Result(False, f"{state} Which of the two does an {word} mend?")


def _click_count(value: object, states: Sequence[RobotClick]) -> Result:
    number, ious = number_from(value), states[-1].ious
    needed = clicks_to(ious, TARGET)
    if number is None or number < 1 or number != int(number):
        return Result(False, f"{value!r} is no number of clicks. Write a whole number from 1.")
    if number == needed:
        return Result(True, f"After {needed} clicks its IoU is {ious[int(number) - 1]:.2f}. This number is called NoC.")
    if needed is None or number < needed:
        reached = ious[min(int(number), len(ious)) - 1]
        return Result(False, f"After {int(number)} its IoU is only {reached:.2f}. It needs more.")
    return Result(False, "It needs fewer. Play the film: where does the curve cross the line?")


def _count(clicks: int) -> str:
    return f"{clicks} click{'s' * (clicks != 1)}"


def depth_at(truth: Mask, x: int, y: int) -> float:
    """The distance in pixels from a pixel to the nearest one outside the object or the image."""
    rows, columns = np.nonzero(~np.pad(truth, 1))
    return float(np.sqrt(((rows - 1 - y) ** 2 + (columns - 1 - x) ** 2).min()))
