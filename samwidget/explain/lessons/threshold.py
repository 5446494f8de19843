"""Lesson 3, threshold and stability: its exercises with their hints, the slider, and the figure at its end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import ipywidgets
import numpy as np
import numpy.typing as npt

from samwidget.core import INCLUDE, Masks, Prompt, SegmentedObject, iou
from samwidget.errors import PromptError
from samwidget.explain import maps
from samwidget.explain.figure_parts import (
    BLUE,
    INK,
    ORANGE,
    VERMILION,
    draw_photo,
    draw_prompt,
    draw_tint,
    new_figure,
    zoom_to,
)
from samwidget.explain.inside import Steps
from samwidget.explain.lessons import click_rules
from samwidget.explain.lessons.exercises import (
    Exercise,
    Lesson,
    Mask,
    Result,
    number_from,
    reaches,
    read_truth,
    word_from,
)
from samwidget.explain.lessons.rules import Measure, judged
from samwidget.images import encode_small_jpeg, load_rgb
from samwidget.predict import SamPredictor
from samwidget.replaying import replay

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HAIR_XY, SUIT_XY = (200.0, 50.0), (150.0, 300.0)
"""The click that the lesson speaks of, and one with a sure border, in pixels of the photo."""
LEVEL = 1
"""The candidate of this click that the lesson speaks of: the second."""
REACH, STEP = 4.0, 0.25
"""Of the slider, in logits: it goes from minus the reach to the reach."""
_GOOD = 0.9  # IoU from which a mask is the head
SURE, UNSURE = 0.95, 0.8
"""Stabilities from which a border is certain, and up to which it is not."""
_NEAR = 0.015  # how far from the right stability a number may be
_CURVE_W, _CURVE_H = 420, 300

Floats = npt.NDArray[np.float32]


def move_the_threshold(photos: str | Path, predictor: SamPredictor | None = None) -> Lesson:
    """Lesson 3: what the threshold does to a mask, and what the stability says about its border.

    Args:
        photos: the folder that ``samwidget lessons`` has copied, with ``astronaut.jpg`` and ``masks``.
        predictor: any model; None takes the bundled ``nano``.

    Raises:
        ImageError: the folder has no such photo or mask.
        ModelError: the model failed.
    """
    image, truth = load_rgb(Path(photos) / "astronaut.jpg"), read_truth(photos, "head")
    network = predictor or SamPredictor.from_pretrained()
    offset = network.everything_defaults.stability_score_offset
    masks = network.predict_many([Prompt().with_point(*HAIR_XY, INCLUDE)], network.embed(image))[0]
    logits = masks.to_logits()[LEVEL]
    exercises = (
        Exercise(
            "The threshold goes up from 0 to 1. What happens to the mask? Write 'larger', 'smaller' or 'same'.",
            lambda value: _direction(value, logits),
        ),
        Exercise(
            f"Compute the stability: the IoU of the masks at the thresholds {-offset:g} and {offset:g}.",
            lambda value: _stability(value, logits, offset),
        ),
        Exercise(
            f"At which threshold is the mask the head, with an IoU of at least {_GOOD}?",
            lambda value: _threshold(value, logits, truth),
        ),
        Exercise(
            f"Make two objects: one with a stability of at least {SURE}, and one of at most {UNSURE}.",
            lambda value: _two_borders(replay(value, image, predictor=network), offset),
        ),
    )
    return Lesson(image, truth, network, exercises)


class ThresholdSlider(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """A slider for the threshold of one candidate, with its mask and the curve of its area.

    Args:
        steps: of a prediction; its logits are used, so nothing is predicted again.

    Attributes:
        slider: its ``value`` is the threshold.
        area: pixels of the mask at this threshold.
    """

    def __init__(self, steps: Steps) -> None:
        self._image = steps.image
        self._logits: Floats = steps["full-size logits"]
        self._sweep = maps.threshold_sweep(self._logits, REACH)
        self.area = 0
        self.slider = ipywidgets.FloatSlider(
            value=0.0,
            min=-REACH,
            max=REACH,
            step=STEP,
            description="threshold",
            readout_format=".2f",
            layout=ipywidgets.Layout(width="560px", max_width="100%"),
        )
        self._text = ipywidgets.HTML()
        self._photo = ipywidgets.Image(format="jpeg", layout=ipywidgets.Layout(width="45%"))
        self._curve = ipywidgets.HTML(layout=ipywidgets.Layout(width="52%"))
        parts = ipywidgets.HBox([self._photo, self._curve], layout=ipywidgets.Layout(align_items="center"))
        super().__init__([self.slider, self._text, parts], layout=ipywidgets.Layout(width="100%", max_width="960px"))
        self.slider.observe(self._show, names="value")
        self._show()

    def _show(self, _change: object = None) -> None:
        threshold = float(self.slider.value)
        mask = self._logits > threshold
        self.area = int(mask.sum())
        # The area is rounded to the pixel, so that two of them can be divided.
        self._text.value = f'<div style="font-size:18px">area of the mask: <b>{self.area} pixels</b></div>'
        self._photo.value = encode_small_jpeg(_tinted(self._image, mask))
        self._curve.value = _curve_of(self._sweep, threshold)


def threshold_slider(steps: Steps) -> ThresholdSlider:
    """A widget with a slider for the threshold of a prediction: its mask, and its area over the threshold."""
    return ThresholdSlider(steps)


def draw_borders(lesson: Lesson, saved: object = ()) -> Figure:
    """The surest and the least sure object: what a small change of the threshold moves, and the area over it.

    Args:
        lesson: made by ``move_the_threshold``.
        saved: your prompts, as ``Lesson.check`` takes them; without two objects, a click on the suit and one on the
            hair are taken.
    """
    offset = lesson.predictor.everything_defaults.stability_score_offset
    objects: Sequence[SegmentedObject] = ()
    if not isinstance(saved, Sequence) or len(saved) > 0:
        objects = replay(saved, lesson.image, predictor=lesson.predictor)
    pairs = [(item.prompt, _full_logits(item)) for item in objects]
    pairs = [pair for pair in pairs if (pair[1] > -offset).any()]
    if len(pairs) < 2:
        suit, hair = (Prompt().with_point(x, y, INCLUDE) for x, y in (SUIT_XY, HAIR_XY))
        masks = lesson.predictor.predict_many([suit, hair], lesson.predictor.embed(lesson.image))
        pairs = [(suit, masks[0].to_logits()[masks[0].best]), (hair, masks[1].to_logits()[LEVEL])]
    pairs.sort(key=lambda pair: -maps.stability(pair[1], offset))
    figure, (sure, unsure, plot) = new_figure(3, "Where is the border uncertain?", widths=(1, 1, 1.1))
    for axes, (prompt, logits), name, colour, style in zip(
        (sure, unsure), (pairs[0], pairs[-1]), ("surest", "least sure"), (BLUE, VERMILION), ("-", "--"), strict=True
    ):
        draw_photo(axes, lesson.image, f"{name}: stability {maps.stability(logits, offset):.2f}", grey=True)
        draw_tint(axes, logits > offset, colour)
        draw_tint(axes, (logits > -offset) & ~(logits > offset), ORANGE, 0.95)
        draw_prompt(axes, prompt)
        zoom_to(axes, logits > -offset)
        sweep = maps.threshold_sweep(logits, REACH)
        area_at_0 = max(1, int((logits > 0).sum())) / logits.size
        plot.plot(sweep.thresholds, 100 * sweep.areas / area_at_0, style, color=colour, linewidth=5, label=name)
    plot.axvspan(-offset, offset, color=ORANGE, alpha=0.4, linewidth=0)
    plot.axvline(0, color=INK, linewidth=2, linestyle=":")
    plot.set(xlabel="threshold, in logits", ylabel="area, % of that at 0", xlim=(-REACH, REACH), ylim=(0, 200))
    plot.legend(frameon=False, fontsize=16, handlelength=1.2, loc="lower left")
    figure.supxlabel(
        f"orange: belongs to the mask at a threshold of \N{MINUS SIGN}{offset:g}, but not at {offset:g}",
        fontsize=19,
        color=INK,
    )
    return figure


def _full_logits(item: SegmentedObject) -> Floats:
    """(H, W) float32 logits of an object at the image's own size."""
    candidate = Masks(item.logits[None], np.array([item.score], np.float32), item.frame, item.prompt)
    return np.asarray(candidate.to_logits()[0])


def _tinted(image: npt.NDArray[np.uint8], mask: Mask) -> npt.NDArray[np.uint8]:
    """The photo with the mask tinted blue, and grey elsewhere."""
    grey = np.repeat((image @ np.array([0.3, 0.59, 0.11]))[..., None], 3, 2)
    blue = np.array([int(BLUE[at : at + 2], 16) for at in (1, 3, 5)])
    return np.where(mask[..., None], 0.5 * image + 0.5 * blue, 0.6 * grey + 80).clip(0, 255).astype(np.uint8)


def _curve_of(sweep: maps.Sweep, threshold: float) -> str:
    """SVG: the area over the threshold, with a disc at this one."""
    left, top, right, bottom = 70, 14, _CURVE_W - 12, _CURVE_H - 52
    most = float(sweep.areas.max()) or 1.0

    def at(value: float, area: float) -> tuple[float, float]:
        return left + (value + REACH) / (2 * REACH) * (right - left), bottom - area / most * (bottom - top)

    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(at, sweep.thresholds, sweep.areas))
    x, y = at(threshold, float(np.interp(threshold, sweep.thresholds, sweep.areas)))
    numbers = "".join(
        f'<text x="{at(value, 0)[0]:.0f}" y="{bottom + 22}" text-anchor="middle">{value:g}</text>'
        for value in np.arange(-REACH, REACH + 1, 2)
    )
    return (
        f'<svg viewBox="0 0 {_CURVE_W} {_CURVE_H}" width="100%" role="img" font-size="16" fill="currentColor" '
        'aria-label="Area of the mask over the threshold">'
        f'<path d="M{left},{top}V{bottom}H{right}" fill="none" stroke="currentColor" opacity="0.5"/>'
        f'<text x="{left - 8}" y="{top + 12}" text-anchor="end">{100 * most:.0f} %</text>'
        f'<text x="{left - 8}" y="{bottom}" text-anchor="end">0 %</text>{numbers}'
        f'<text x="{(left + right) / 2}" y="{bottom + 44}" text-anchor="middle">threshold, in logits</text>'
        f'<text x="18" y="{(top + bottom) / 2}" text-anchor="middle" '
        f'transform="rotate(-90 18 {(top + bottom) / 2})">area, % of the photo</text>'
        f'<polyline points="{line}" fill="none" stroke="currentColor" stroke-width="3"/>'
        f'<path d="M{x:.1f},{top}V{bottom}" stroke="{ORANGE}" stroke-width="2" stroke-dasharray="4 4"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8" fill="{ORANGE}" stroke="white" stroke-width="2"/></svg>'
    )


def _direction(value: object, logits: Floats) -> Result:
    word = word_from(value, ("smaller", "larger", "same"))
    before, after = int((logits > 0).sum()), int((logits > 1).sum())
    if word == "smaller":
        return Result(True, f"Fewer logits are above 1 than above 0: {after} pixels instead of {before}.")
    if word == "larger":
        return Result(
            False, "A pixel is in the mask if its logit is above the threshold. Which is harder: above 0 or 1?"
        )
    if word == "same":
        return Result(
            False, "That is so only if no logit lies between 0 and 1. At a border that the model doubts, many do."
        )
    return Result(False, f"{value!r} is none of the three. Write 'larger', 'smaller' or 'same', with quotation marks.")


def _stability(value: object, logits: Floats, offset: float) -> Result:
    number = number_from(value)
    if number is None:
        return Result(False, f"{value!r} is no number. Write one, or a division such as 700 / 1000.")
    low, middle, high = (int((logits > threshold).sum()) for threshold in (-offset, 0.0, offset))
    right = maps.stability(logits, offset)

    def is_near(other: float) -> bool:
        return abs(number - other) <= _NEAR * max(1.0, abs(other))

    if is_near(right):
        return Result(True, f"{high} / {low} = {right:.2f}. A small change of the threshold moves {low - high} pixels.")
    if is_near(low / max(1, high)):
        return Result(False, "You divided the larger area by the smaller one. An IoU is never above 1.")
    if is_near(100 * right):
        return Result(False, "This is a percentage. Write it as a number from 0 to 1.")
    if is_near(low - high):
        return Result(False, "This many pixels change. An IoU is a share: divide one area by the other.")
    if is_near(high / max(1, middle)) or is_near(middle / max(1, low)):
        return Result(
            False, f"You took an area at the threshold 0. Both are needed elsewhere: at {-offset:g} and {offset:g}."
        )
    if number > 1:
        return Result(False, "An IoU is never above 1. Divide the smaller area by the larger one.")
    return Result(
        False,
        f"Read the area at {offset:g} and at {-offset:g}. The smaller mask lies inside the larger one: so how many "
        "pixels are in both, and how many in at least one?",
    )


def _threshold(value: object, logits: Floats, truth: Mask) -> Result:
    number = number_from(value)
    if number is None or not -REACH <= number <= REACH:
        return Result(False, f"{value!r} is no threshold of the slider. Write a number from {-REACH:g} to {REACH:g}.")
    mask = logits > number
    overlap, at_0 = iou(mask, truth), iou(logits > 0, truth)
    if reaches(overlap, _GOOD):
        return Result(True, f"The IoU is {overlap:.2f}; at the threshold 0 it is {at_0:.2f}. No new prompt was needed.")
    errors = maps.errors_of(mask, truth)
    excess, missing = int(errors.excess.sum()), int(errors.missing.sum())
    if excess > missing:
        where = "Below 0 the mask gets larger. " if number < 0 else ""
        return Result(False, f"The IoU is {overlap:.2f}: {excess} pixels are too much. {where}Go up.")
    return Result(False, f"The IoU is {overlap:.2f}: {missing} pixels of the head are missing. Go down.")


def _two_borders(objects: Sequence[SegmentedObject], offset: float) -> Result:
    prompted = [item for item in objects if len(item.prompt.points_xy) or item.prompt.box_xyxy is not None]
    if not prompted:
        raise PromptError("there is no object that was clicked", hint="click into the photo first")
    values = [maps.stability(_full_logits(item), offset) for item in prompted]
    state = " ".join(f"Object {number} has a stability of {value:.2f}." for number, value in enumerate(values, start=1))
    measures: dict[str, Measure] = {
        "objects": len(prompted),
        "clicks": len(prompted[-1].prompt.points_xy),
        "most": max(values),
        "least": min(values),
        "state": state,
    }
    return judged(click_rules.two_borders(SURE, UNSURE), measures)
