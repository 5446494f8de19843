"""Lesson 10, fool it: changes of a photo, the exercises with their hints, the sliders, and the figure at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from samwidget.core import INCLUDE, Masks, Prompt, SegmentedObject, iou
from samwidget.errors import PromptError
from samwidget.explain.figure_parts import (
    BLUE,
    INK,
    ORANGE,
    draw_outline,
    draw_photo,
    draw_prompt,
    draw_tint,
    new_figure,
)
from samwidget.explain.lessons.exercises import (
    Exercise,
    Lesson,
    Mask,
    Result,
    judge_object,
    number_from,
    reaches,
    read_truth,
    word_from,
)
from samwidget.explain.lessons.sliders import FigureSliders, slider_of
from samwidget.images import load_rgb
from samwidget.predict import SamPredictor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Pixels = npt.NDArray[np.uint8]

NOSE_XY = (220.0, 120.0)
"""The click that the lesson speaks of, in pixels of the photo."""
_BROKEN, _GOOD, _OTHER = 0.7, 0.9, 0.5  # IoUs: below it a mask is broken, from it good, below it another object
_RADIUS, _RADII = 4, range(1, 13)  # of the blur in exercises 1 and 4, and those that exercise 2 tries
_CLICKS = 2  # that mend, at most


def blur(image: Pixels, radius_px: float) -> Pixels:
    """(H, W, 3) uint8: the image out of focus.

    Args:
        image: (H, W, 3) uint8 RGB.
        radius_px: the standard deviation of the Gaussian, in pixels; 0 changes nothing.
    """
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius_px)), np.uint8)


def lower_contrast(image: Pixels, share: float) -> Pixels:
    """(H, W, 3) uint8: the image with each colour nearer to the mean colour.

    Args:
        image: (H, W, 3) uint8 RGB.
        share: of the contrast that stays; 1 changes nothing, 0 leaves one colour.
    """
    mean = image.mean((0, 1))
    return np.asarray(np.clip(mean + (image - mean) * share, 0, 255).round(), np.uint8)


def shrink(image: Pixels, factor: int) -> Pixels:
    """(H, W, 3) uint8: the image with fewer pixels, shown at its old size as squares of one colour.

    Args:
        image: (H, W, 3) uint8 RGB.
        factor: the side of a square in pixels; 1 changes nothing.
    """
    height, width = image.shape[:2]
    small = Image.fromarray(image).resize((max(1, width // factor), max(1, height // factor)), Image.Resampling.BOX)
    return np.asarray(small.resize((width, height), Image.Resampling.NEAREST), np.uint8)


def change_pixel(image: Pixels, point_xy: tuple[float, float], colour: tuple[int, int, int] = (0, 0, 0)) -> Pixels:
    """(H, W, 3) uint8: the image with another colour in one pixel.

    Args:
        image: (H, W, 3) uint8 RGB.
        point_xy: in image pixels.
        colour: red, green and blue, 0 to 255.

    Raises:
        PromptError: the point lies outside the image.
    """
    height, width = image.shape[:2]
    x, y = int(point_xy[0]), int(point_xy[1])
    if not (0 <= x < width and 0 <= y < height):
        raise PromptError(f"the point ({x}, {y}) lies outside the image", hint=f"x is below {width}, y below {height}")
    changed: Pixels = image.copy()
    changed[y, x] = colour
    return changed


# Of the figure at the end: what changes, how much, and by which function.
_LIMITS: tuple[tuple[str, tuple[float, ...], Callable[[Pixels, float], Pixels]], ...] = (
    ("blur, radius in pixels", (0, 1, 2, 2.5, 3, 4, 8), blur),
    ("contrast, share that stays", (1, 0.5, 0.2, 0.1, 0.05, 0.02), lower_contrast),
    ("pixels, side of a square", (1, 2, 3, 4, 8, 16), lambda image, factor: shrink(image, int(factor))),
)


def fool_it(photos: str | Path, predictor: SamPredictor | None = None) -> Lesson:
    """Lesson 10: how little changes the mask of the astronaut, and how a click mends it.

    Args:
        photos: the folder that ``samwidget lessons`` has copied, with ``astronaut.jpg`` and ``masks``.
        predictor: any model; None takes the bundled ``nano``.

    Raises:
        ImageError: the folder has no such photo or mask.
        ModelError: the model failed.
    """
    image, truth = load_rgb(Path(photos) / "astronaut.jpg"), read_truth(photos, "astronaut")
    network = predictor or SamPredictor.from_pretrained()
    blurred = blur(image, _RADIUS)

    def overlap(changed: Pixels) -> float:
        return overlap_after(lesson, changed)

    def judge_one_pixel(last: SegmentedObject) -> Result:
        return _one_pixel(last.prompt, truth, lambda points: _masks_at(network, image, points))

    exercises = (
        Exercise(
            f"Which change breaks the mask: a blur of {_RADIUS} pixels, a fifth of the contrast, half as many pixels "
            "on each side, or one black pixel under the click? Write 'blur', 'contrast', 'pixels' or 'one pixel'.",
            lambda value: _breaking(value, image, overlap),
        ),
        Exercise(
            "What is the smallest blur that breaks the mask? Give its radius, a whole number of pixels.",
            lambda value: _smallest_blur(value, lambda radius: overlap(blur(image, radius))),
        ),
        Exercise(
            "Find one click on the astronaut for which a click one pixel beside it makes another object.",
            judge_object(judge_one_pixel, image, network),
        ),
        Exercise(
            f"The photo is blurred by {_RADIUS} pixels. Make the whole astronaut with at most {_CLICKS} clicks.",
            judge_object(lambda last: _mending(last, truth), blurred, network),
            blurred,
        ),
    )
    lesson = Lesson(image, truth, network, exercises)
    return lesson


def overlap_after(lesson: Lesson, changed: Pixels) -> float:
    """The IoU with the truth of the mask that the click on the nose gets on a changed photo.

    Args:
        lesson: made by ``fool_it``.
        changed: (H, W, 3) uint8, of the size of the photo.
    """
    masks = _masks_at(lesson.predictor, changed, [NOSE_XY])[0]
    return iou(masks.to_bool()[masks.best], lesson.truth)


def draw_changed(lesson: Lesson, changed: Pixels) -> Figure:
    """The mask of the click on the nose, on the photo and on a changed photo, with the IoU of each.

    Args:
        lesson: made by ``fool_it``.
        changed: (H, W, 3) uint8, of the size of the photo.
    """
    figure, panels = new_figure(2, "Does the mask survive?")
    for axes, image, name in zip(panels, (lesson.image, changed), ("the photo", "changed"), strict=True):
        masks = _masks_at(lesson.predictor, image, [NOSE_XY])[0]
        mask = masks.to_bool()[masks.best]
        draw_photo(axes, image, f"{name}: IoU {iou(mask, lesson.truth):.2f}")
        draw_tint(axes, mask, BLUE)
        draw_outline(axes, mask.astype(float), 0.5, BLUE)
        draw_prompt(axes, Prompt().with_point(*NOSE_XY, INCLUDE))
    return figure


def fool_sliders(lesson: Lesson) -> FigureSliders:
    """Sliders for blur, contrast and pixels, and the figure that follows them.

    Args:
        lesson: made by ``fool_it``.
    """

    def draw(radius: int, contrast: float, factor: int) -> Figure:
        return draw_changed(lesson, shrink(lower_contrast(blur(lesson.image, radius), contrast), factor))

    shares = (1, 0.7, 0.5, 0.3, 0.2, 0.15, 0.1, 0.07, 0.05, 0.03)
    return FigureSliders(
        draw,
        {
            "radius": slider_of("blur (radius in px)", list(range(9)), 0),
            "contrast": slider_of("contrast", [(f"{share:.0%}", share) for share in shares], 1),
            "factor": slider_of("square (side in px)", [1, 2, 3, 4, 6, 8, 12, 16], 1),
        },
    )


def draw_limits(lesson: Lesson) -> Figure:
    """The IoU over the strength of each change: of the candidate that is chosen, and of the best of the three.

    Args:
        lesson: made by ``fool_it``.
    """
    figure, panels = new_figure(len(_LIMITS), "How much does the mask bear?")
    for axes, (label, strengths, change) in zip(panels, _LIMITS, strict=True):
        highest, best = [], []
        for strength in strengths:
            masks = _masks_at(lesson.predictor, change(lesson.image, strength), [NOSE_XY])[0]
            overlaps = [iou(mask, lesson.truth) for mask in masks.to_bool()]
            highest.append(overlaps[masks.best])
            best.append(max(overlaps))
        indices = range(len(strengths))
        axes.plot(indices, best, "--s", color=ORANGE, linewidth=4, markersize=11, label="best of the three")
        axes.plot(indices, highest, "-o", color=BLUE, linewidth=5, markersize=13, label="highest score")
        axes.axhline(_BROKEN, color=INK, linewidth=2, linestyle=":")
        axes.set_xticks(indices, [f"{strength:g}" for strength in strengths], fontsize=15)
        axes.set(xlabel=label, ylim=(0, 1.03))
    panels[0].set_ylabel("IoU with the astronaut")
    panels[-1].legend(frameon=False, fontsize=14, handlelength=1.2, loc="upper right", bbox_to_anchor=(1.03, 0.66))
    return figure


def _masks_at(predictor: SamPredictor, image: Pixels, points: Sequence[tuple[float, float]]) -> list[Masks]:
    return predictor.predict_many([Prompt().with_point(x, y, INCLUDE) for x, y in points], predictor.embed(image))


def _breaking(value: object, image: Pixels, overlap: Callable[[Pixels], float]) -> Result:
    changes: dict[str, Callable[[], Pixels]] = {
        "blur": lambda: blur(image, _RADIUS),
        "contrast": lambda: lower_contrast(image, 0.2),
        "pixels": lambda: shrink(image, 2),
        "one pixel": lambda: change_pixel(image, NOSE_XY),
    }
    word = word_from(value, changes)
    if word is None:
        return Result(False, f"{value!r} is no change. Write 'blur', 'contrast', 'pixels' or 'one pixel'.")
    value_after = overlap(changes[word]())
    if value_after < _BROKEN:
        return Result(
            True, f"The IoU falls to {value_after:.2f}. You still see a person; the model sees another object."
        )
    reasons = {
        "contrast": "The photo is pale, but the outline is still there.",
        "pixels": "The outline of a person is larger than a pixel.",
        "one pixel": "The model reads thousands of pixels.",
        "blur": "This model is used to soft photos.",
    }
    return Result(False, f"The IoU is still {value_after:.2f}. {reasons[word]}")


def _smallest_blur(value: object, overlap: Callable[[int], float]) -> Result:
    number = number_from(value)
    if number is None or number != int(number) or not 1 <= number <= _RADII[-1]:
        return Result(False, f"{value!r} is no radius. Write a whole number from 1 to {_RADII[-1]}.")
    radius = int(number)
    here = overlap(radius)
    if here >= _BROKEN:
        return Result(
            False, f"With a radius of {radius} the IoU is {here:.2f}, and below {_BROKEN} it is broken. Blur more."
        )
    if radius > 1 and (before := overlap(radius - 1)) < _BROKEN:
        return Result(False, f"A radius of {radius - 1} breaks it too: the IoU is {before:.2f} there. Blur less.")
    return Result(
        True, f"With a radius of {radius} the IoU is {here:.2f}, and one pixel less leaves the mask as it was."
    )


def _one_pixel(prompt: Prompt, truth: Mask, masks_at: Callable[[Sequence[tuple[float, float]]], list[Masks]]) -> Result:
    if len(prompt.points_xy) != 1 or prompt.labels[0] != INCLUDE:
        return Result(False, "One click that includes is asked for. Call lesson.reset(3) and click once.")
    height, width = truth.shape
    x, y = (float(part) for part in prompt.points_xy[0])
    if not truth[min(int(y), height - 1), min(int(x), width - 1)]:
        return Result(False, "Your click is not on the astronaut. Call lesson.reset(3) and click on head or suit.")
    moves = {"right": (x + 1, y), "left": (x - 1, y), "down": (x, y + 1), "up": (x, y - 1)}
    inside = {name: (px, py) for name, (px, py) in moves.items() if 0 <= px <= width and 0 <= py <= height}
    mine, *others = (masks.to_bool()[masks.best] for masks in masks_at([(x, y), *inside.values()]))
    overlaps = {name: iou(mine, other) for name, other in zip(inside, others, strict=True)}
    name = min(overlaps, key=lambda name: overlaps[name])
    if overlaps[name] < _OTHER:
        return Result(
            True,
            f"One pixel {name}, and the mask is another object: the IoU of both masks is {overlaps[name]:.2f}. "
            "The scores of two candidates are almost equal here.",
        )
    share = mine.sum() / truth.sum()
    size = "the whole person" if share > 0.6 else f"a part, {share:.0%} of the person"
    return Result(
        False,
        f"The mask is {size}, and one pixel {name} it is nearly the same: IoU {overlaps[name]:.2f}. Move the pointer "
        "slowly over neck and collar. Where the mask under it jumps, zoom in and click.",
    )


def _mending(last: SegmentedObject, truth: Mask) -> Result:
    count, value = len(last.prompt.points_xy), iou(last.mask, truth)
    if count > _CLICKS:
        return Result(False, f"Your object has {count} clicks. Call lesson.reset(4) and use at most {_CLICKS}.")
    if reaches(value, _GOOD):
        more = "A second click says what the blur has hidden." if count > 1 else "From here, one click is enough."
        return Result(True, f"The IoU is {value:.2f}. {more}")
    missing, excess = int((truth & ~last.mask).sum()), int((last.mask & ~truth).sum())
    if missing > excess:
        hint = "A large part of the person is missing: include it with a click on its middle."
    else:
        hint = "The mask has much that is not the person: exclude it, or begin at another place."
    return Result(False, f"The IoU is {value:.2f}, and {_GOOD} is wanted. {hint}")
