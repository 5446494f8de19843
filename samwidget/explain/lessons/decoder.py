"""Lesson 6, inside the decoder: its exercises with their hints, and the figures that are its own."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from samwidget.core import INCLUDE, Prompt, SegmentedObject
from samwidget.explain.arithmetic import Logit, logit_at
from samwidget.explain.decode_scenes import picture_of
from samwidget.explain.figure_parts import BLUE, INK, ORANGE, VERMILION, draw_photo, draw_prompt, draw_tint, new_figure
from samwidget.explain.inside import Steps, steps
from samwidget.explain.lessons.exercises import (
    Exercise,
    Lesson,
    Result,
    clicked_object,
    judge_object,
    number_from,
    read_truth,
)
from samwidget.images import load_rgb
from samwidget.predict import SamPredictor

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NOSE_XY, SUIT_XY = (220.0, 120.0), (150.0, 350.0)
"""The click and the marked pixel that the lesson speaks of, in pixels of the photo."""
_FAR_PX = 80  # from the marked pixel to a click that may change it
_NEAR = 0.02  # how far from the right logit a number may be
# What the steps know; all others know both.
_IMAGE = ("pixels", "fine features", "features", "deep features", "context", "finer features", "finest features")
_PROMPT = ("prompt maps", "tokens", "mask features")


def inside_the_decoder(photos: str | Path, predictor: SamPredictor | None = None) -> Lesson:
    """Lesson 6: the way from a click on the nose of the astronaut to a mask, down to one number.

    Args:
        photos: the folder that ``samwidget lessons`` has copied, with ``astronaut.jpg`` and ``masks``.
        predictor: any model in this process; None takes the bundled ``nano``.

    Raises:
        ImageError: the folder has no such photo or mask.
        ModelError: the model runs on another computer, or failed.
    """
    image, truth = load_rgb(Path(photos) / "astronaut.jpg"), read_truth(photos, "astronaut")
    network = predictor or SamPredictor.from_pretrained()
    recorded = steps(network, image, Prompt().with_point(*NOSE_XY, INCLUDE))
    logit = logit_at(recorded, NOSE_XY)

    def judge_from_afar(last: SegmentedObject) -> Result:
        recorded = steps(network, image, last.prompt, level=last.level)
        return _from_afar(last, logit_at(recorded, SUIT_XY).value)

    exercises = (
        Exercise(
            "Which step is the first that knows both the photo and the prompt? Write its name.",
            lambda value: _first_step(value, recorded),
        ),
        Exercise("How many logits does one candidate have?", lambda value: _logit_count(value, recorded)),
        Exercise(
            "Compute the logit of the pixel under the click from its features and weights.",
            lambda value: _logit(value, logit),
        ),
        Exercise(
            f"Change a number from afar: make the logit of the marked pixel on the suit negative. No click is nearer "
            f"to it than {_FAR_PX} pixels, and the nose stays in the mask.",
            judge_object(judge_from_afar, image, network),
        ),
    )
    return Lesson(image, truth, network, exercises)


def draw_number(steps: Steps) -> Figure:
    """The mask with the marked pixel, and the products whose sum is the pixel's logit.

    Args:
        steps: of a prediction on the photo of ``inside_the_decoder``.
    """
    logit = logit_at(steps, SUIT_XY)
    side = "above 0" if logit.value > 0 else "not above 0"
    figure, (photo, bars) = new_figure(
        2, f"The marked pixel: logit {logit.value:.2f}, {side}".replace("-", "\N{MINUS SIGN}"), widths=(1, 1.3)
    )
    draw_photo(photo, steps.image, "the marked pixel")
    draw_tint(photo, steps.mask, BLUE)
    _draw_mark(photo)
    draw_prompt(photo, steps.prompt)
    _draw_products(bars, logit)
    return figure


def draw_way(lesson: Lesson, saved: object = ()) -> Figure:
    """A prediction from the photo to the mask, the main steps side by side.

    Args:
        lesson: made by ``inside_the_decoder``.
        saved: your prompts, as ``Lesson.check`` takes them; without them it is the click on the nose.

    Raises:
        PromptError: the last object has a box, or no clicks.
    """
    prompt, level = Prompt().with_point(*NOSE_XY, INCLUDE), None
    if not isinstance(saved, tuple | list) or len(saved) > 0:
        last = clicked_object(saved, lesson.image, lesson.predictor)
        prompt, level = last.prompt, last.level
    recorded = steps(lesson.predictor, lesson.image, prompt, level=level)
    meeting = ("coarse mask", "a first mask") if "coarse mask" in recorded else (recorded.attention_names[-1],) * 2
    figure, panels = new_figure(5, "From a click to a mask")
    figure.set_size_inches(12.8, 4.4)  # five square panels leave the lower half of a slide empty
    draw_photo(panels[0], lesson.image, "photo,\nprompt")
    draw_prompt(panels[0], prompt)
    names = (("features", "features,\nonly once"), (meeting[0], f"they meet:\n{meeting[1]}"))
    for axes, (name, title) in zip(panels[1:], (*names, ("logits", "logits:\nblue: above 0")), strict=False):
        axes.imshow(picture_of(recorded, name), interpolation="nearest")
        axes.set_axis_off()
        axes.set_title(title, pad=10, fontsize=22)
    draw_photo(panels[4], picture_of(recorded, "mask"), "the mask:\nabove 0")
    return figure


def _draw_mark(photo: Axes) -> None:
    x, y = SUIT_XY
    for width, colour in ((7, "white"), (4, VERMILION)):
        photo.plot([x], [y], "s", markersize=20, markerfacecolor="none", markeredgecolor=colour, markeredgewidth=width)


def _draw_products(bars: Axes, logit: Logit) -> None:
    values = [*logit.products.tolist(), *([logit.rest] if logit.rest_name else [])]
    colours = [BLUE if value > 0 else VERMILION for value in values]
    bars.bar(range(len(values)), values, color=colours, width=0.7)
    if logit.rest_name:
        bars.text(
            len(values) - 1, values[-1], "rest", ha="center", va="bottom" if values[-1] > 0 else "top", fontsize=16
        )
    bars.axhline(0, color=INK, linewidth=2)
    bars.axhline(logit.value, color=ORANGE, linewidth=5, linestyle="--", label=f"sum of all: {logit.value:.2f}")
    bars.set(xlabel="features of the pixel", ylabel="feature times weight", xticks=[])
    bars.legend(frameon=False, fontsize=19, loc="best")


def _first_step(value: object, recorded: Steps) -> Result:
    names = list(recorded)
    right = next(name for name in names if name not in (*_IMAGE, *_PROMPT, "HQ features"))
    name = value.strip().lower() if isinstance(value, str) else value
    if name == right:
        return Result(True, "Before it, the photo and the prompt were apart. From here on, each step knows both.")
    if name in _PROMPT:
        return Result(False, f"{name!r} knows only the prompt. For any other photo it would be the same.")
    if name in _IMAGE:
        return Result(False, f"{name!r} knows only the photo. It was there before you clicked.")
    if name in names:
        return Result(False, f"{name!r} knows both, but an earlier step does, too.")
    return Result(False, f"{value!r} is no step. Copy a name from the first column of the table.")


def _logit_count(value: object, recorded: Steps) -> Result:
    number = number_from(value)
    height, width = recorded["logits"].shape
    image_height, image_width = recorded.image.shape[:2]
    right = height * width
    if number is None:
        return Result(False, f"{value!r} is no number. Multiply the two sides of its array.")
    if number == right:
        share = image_height * image_width / right
        return Result(
            True, f"{height} rows of {width}: a logit stands for {share:.0f} pixels. The outline is drawn between them."
        )
    if number == 3 * right:
        return Result(False, "That is the number for all three candidates.")
    if number == image_height * image_width:
        return Result(
            False, "That is the number of pixels. The network computes fewer logits; they are scaled up later."
        )
    if number in (height, width):
        return Result(False, "That is one side. Multiply it by the other.")
    return Result(False, "In the table, take the shape of the step 'logits', and multiply its two sides.")


def _logit(value: object, logit: Logit) -> Result:
    number = number_from(value)
    if isinstance(value, np.ndarray) and value.size > 1:
        return Result(False, f"These are {value.size} numbers, and a logit is one. Add them up with .sum().")
    if number is None:
        return Result(False, f"{value!r} is no number. Multiply features and weights, and add up with .sum().")
    total, near = float(logit.products.sum()), _NEAR * max(1.0, abs(logit.value))
    if abs(number - logit.value) <= near:
        return Result(
            True, f"{logit.value:.2f} is above 0, so the pixel belongs to the mask. Each logit is such a sum."
        )
    if logit.rest_name and abs(number - total) <= near:
        return Result(False, f"{total:.2f} is the sum of the products. Add number.rest: {logit.rest_name}.")
    if abs(number - 1 / (1 + math.exp(-logit.value))) <= _NEAR:
        return Result(False, "That is the probability that belongs to the logit. The logit itself is asked for.")
    if abs(number - float(logit.features.sum() * logit.weights.sum())) <= near:
        return Result(False, "You have added up first. Multiply each feature with its own weight, then add up.")
    return Result(False, "Multiply each feature with the weight of the same index, add up, and add number.rest.")


def _from_afar(last: SegmentedObject, logit: float) -> Result:
    points, labels = last.prompt.points_xy, last.prompt.labels
    distances = np.hypot(*(points - np.array(SUIT_XY)).T)
    if distances.min() < _FAR_PX:
        return Result(
            False,
            f"A click is {distances.min():.0f} pixels from the marked pixel, and {_FAR_PX} are the least. "
            "Call lesson.reset(4) and stay away from it.",
        )
    suit, nose = (bool(last.mask[int(y), int(x)]) for x, y in (SUIT_XY, NOSE_XY))
    if not nose:
        return Result(False, "The nose is not in the mask. Include it with your first click.")
    state = f"The logit of the marked pixel is {logit:.2f}."
    if logit > 0 and (labels == INCLUDE).all():
        return Result(False, f"{state} Only a click that excludes can take it below 0.")
    if logit > 0 and not suit:
        return Result(
            False,
            f"{state} The mask leaves it out only as an island that no click is on. Exclude another part of the suit.",
        )
    if logit > 0:
        return Result(False, f"{state} Exclude a place that is like it: which other parts are orange?")
    if (labels == INCLUDE).all():
        return Result(
            False, f"{state} You have chosen another candidate. Take that of the whole person, and exclude a part."
        )
    return Result(
        True,
        f"{state} The nearest click is {distances.min():.0f} pixels away. A click goes into the features of all cells "
        "that are near it or like it, and so into many logits.",
    )
