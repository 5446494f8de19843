"""Lesson 7, point, box, exclusion and mask: its exercises with their hints, and its figures."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from samwidget.core import EXCLUDE, INCLUDE, Masks, Prompt, SegmentedObject, box_of, iou
from samwidget.explain.figure_parts import (
    BLUE,
    INK,
    ORANGE,
    VERMILION,
    draw_outline,
    draw_photo,
    draw_prompt,
    draw_tint,
    new_figure,
    zoom_to,
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
from samwidget.images import load_rgb
from samwidget.predict import SamPredictor

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NOSE_XY = (220.0, 120.0)
COLLAR_XY = (230.0, 220.0)
"""Where the lesson includes, and where it excludes, in pixels of the photo."""
_GOOD = 0.9  # IoU from which a mask is the head
_GOOD_SUIT = 0.87  # and the suit, which a box alone reaches with 0.84
_OFF = 0.12  # how far a side of a box may be from the object, as a share of the object's side
_SIDES = ("left", "upper", "right", "lower")


class Way(NamedTuple):
    """A way to ask for the head.

    Attributes:
        name: of the way.
        cost: what a person does for it.
        prompt: in image pixels.
        masks: the candidates.
    """

    name: str
    cost: str
    prompt: Prompt
    masks: Masks

    @property
    def agreement(self) -> float:
        """The mean IoU of each two candidates: 1 where all are the same mask."""
        return float(np.mean([iou(mask, other) for mask, other in combinations(self.masks.to_bool(), 2)]))

    @property
    def best_mask(self) -> Mask:
        """(H, W) bool: the candidate with the highest score."""
        return np.asarray(self.masks.to_bool()[self.masks.best])


def four_prompts(photos: str | Path, predictor: SamPredictor | None = None) -> Lesson:
    """Lesson 7: the head of the astronaut, by a point, a box, a point with an exclusion, and a mask.

    Args:
        photos: the folder that ``samwidget lessons`` has copied, with ``astronaut.jpg`` and ``masks``.
        predictor: any model; None takes the bundled ``nano``.

    Raises:
        ImageError: the folder has no such photo or mask.
        ModelError: the model failed.
    """
    image, head = load_rgb(Path(photos) / "astronaut.jpg"), read_truth(photos, "head")
    suit = read_truth(photos, "astronaut") & ~head
    network = predictor or SamPredictor.from_pretrained()
    ways = _ways(network, image, head)
    overlaps = []  # with the head, of what the model makes of each candidate of the click on the nose
    for logits in ways[0].masks.logits:
        masks = _candidates(network, image, Prompt(mask=logits))
        overlaps.append(iou(masks.to_bool()[masks.best], head))

    exercises = (
        Exercise(
            "With one of the four prompts the model does not take the head. Which? Write 'point', 'box', 'exclusion' "
            "or 'mask'.",
            lambda value: _failing(value, ways, head),
        ),
        Exercise(
            "Make the head with a box, and no click.",
            judge_object(lambda last: _box(last, head), image, network, with_boxes=True),
        ),
        Exercise(
            "Give one of the three candidates of the click on the nose back as a mask. With which does the model make "
            "the head: 1, 2 or 3?",
            lambda value: _returned(value, overlaps),
        ),
        Exercise(
            "Make the suit without the head: a box, and what a box cannot say.",
            judge_object(lambda last: _suit(last, suit, head), image, network, with_boxes=True),
        ),
    )
    return Lesson(image, head, network, exercises)


def draw_four_prompts(lesson: Lesson) -> Figure:
    """What the model makes of each of the four prompts, with its score and the IoU with the head.

    The dotted line is the mask that was given as a prompt.

    Args:
        lesson: made by ``four_prompts``.
    """
    ways = _ways(lesson.predictor, lesson.image, lesson.truth)
    figure, panels = new_figure(len(ways), "The head, asked for in four ways")
    for axes, way in zip(panels, ways, strict=True):
        mask = way.best_mask
        score, overlap = way.masks.scores[way.masks.best], iou(mask, lesson.truth)
        draw_photo(axes, lesson.image, f"{way.name}\nscore {score:.2f}\nIoU {overlap:.2f}")
        draw_tint(axes, mask, BLUE)
        draw_outline(axes, mask.astype(float), 0.5, BLUE)
        if way.prompt.mask is not None:
            rough = Masks(way.prompt.mask[None], way.masks.scores[:1], way.masks.frame, way.prompt)
            draw_outline(axes, rough.to_logits()[0], 0, INK, ":")
        _draw_way(axes, way, lesson.truth)
    return figure


def draw_agreement(lesson: Lesson) -> Figure:
    """The outlines of the three candidates for each of the four prompts: what each costs, and how well they agree.

    Args:
        lesson: made by ``four_prompts``.
    """
    ways = _ways(lesson.predictor, lesson.image, lesson.truth)
    figure, panels = new_figure(len(ways), "What you say, and how much the model has to guess")
    for axes, way in zip(panels, ways, strict=True):
        overlap = iou(way.best_mask, lesson.truth)
        draw_photo(axes, lesson.image, f"{way.name}\n{way.cost}", grey=True)
        axes.text(
            0.5,
            -0.04,
            f"agreement {way.agreement:.2f}\nIoU {overlap:.2f}",
            transform=axes.transAxes,
            ha="center",
            va="top",
            fontsize=22,
        )
        for mask, colour, style in zip(way.masks.to_bool(), (ORANGE, BLUE, VERMILION), ("-", "--", ":"), strict=True):
            draw_outline(axes, mask.astype(float), 0.5, colour, style)
        _draw_way(axes, way, lesson.truth)
    return figure


def _draw_way(axes: Axes, way: Way, head: Mask) -> None:
    """The prompt of a way, and the part of the photo around the head; a mask has no points to draw."""
    draw_prompt(axes, way.prompt)
    zoom_to(axes, head)


def _ways(predictor: SamPredictor, image: npt.NDArray[np.uint8], head: Mask) -> tuple[Way, ...]:
    nose = Prompt().with_point(*NOSE_XY, INCLUDE)
    rough = _candidates(predictor, image, nose).logits[0]
    prompts = {
        ("point", "1 click"): nose,
        ("box", "1 drag"): Prompt(box_xyxy=np.asarray(box_of(head), np.float32)),
        ("exclusion", "2 clicks"): nose.with_point(*COLLAR_XY, EXCLUDE),
        ("mask", "1 click, 1 choice"): Prompt(mask=rough),
    }
    return tuple(
        Way(name, cost, prompt, _candidates(predictor, image, prompt)) for (name, cost), prompt in prompts.items()
    )


def _candidates(predictor: SamPredictor, image: npt.NDArray[np.uint8], prompt: Prompt) -> Masks:
    return predictor.predict_many([prompt], predictor.embed(image))[0]


def _failing(value: object, ways: tuple[Way, ...], head: Mask) -> Result:
    overlaps = {way.name: iou(way.best_mask, head) for way in ways}
    word = word_from(value, overlaps)
    if word is None:
        names = ", ".join(f"'{name}'" for name in overlaps)
        return Result(False, f"{value!r} is none of the four. Write {names}, with quotation marks.")
    if overlaps[word] == min(overlaps.values()):
        return Result(
            True,
            f"Its IoU with the head is {overlaps[word]:.2f}: the model takes the whole person. A point says "
            "where the object is, and not where it ends.",
        )
    hints = {
        "box": "A box has four sides, and each of them says where the head ends.",
        "exclusion": "The second point says what does not belong to the head: it cuts off the suit.",
        "mask": "A rough mask says at every pixel what belongs to the object. Which prompt says it at one pixel alone?",
    }
    return Result(False, hints.get(word, "With this one it does."))


def _box(item: SegmentedObject, head: Mask) -> Result:
    points, box = len(item.prompt.points_xy), item.prompt.box_xyxy
    if box is None:
        return Result(
            False,
            "Your last object has no box. Press B, or choose the box among the tools, and drag from corner to corner.",
        )
    if points:
        return Result(
            False,
            f"Your box has {points} click{'s' * (points != 1)} with it. Call lesson.reset(2) and use the box alone.",
        )
    overlap = iou(item.mask, head)
    if reaches(overlap, _GOOD):
        return Result(
            True, f"The IoU is {overlap:.2f}, from one drag. It need not be exact: the model finds the outline."
        )
    hint = _box_hint(box, head, "head. Hair and neck belong to it.")
    hint = hint or "The box is right, but the candidate is not: press 1, 2 or 3 to show another."
    return Result(False, f"The IoU is {overlap:.2f}, and {_GOOD} is wanted. {hint}")


def _box_hint(box: npt.NDArray[np.float32], truth: Mask, name: str) -> str | None:
    """Which side of a box is farthest from the object, as a share of its size; None where all are near.

    Args:
        box: (4,) in image pixels.
        truth: (H, W) bool.
        name: of the object, and what belongs to it.
    """
    around = np.asarray(box_of(truth), float)
    sizes = np.tile(around[2:] - around[:2], 2)
    # Positive: outside of the object.
    outward = (np.asarray(box, float) - around) * (-1, -1, 1, 1)
    index = int(np.argmax(np.abs(outward) / sizes))
    if abs(outward[index]) / sizes[index] < _OFF:
        return None
    side, pixels = _SIDES[index], abs(outward[index])
    if outward[index] > 0:
        return f"The {side} side of your box is {pixels:.0f} pixels too far out: what else is inside?"
    return f"The {side} side of your box cuts {pixels:.0f} pixels off the {name}"


def _returned(value: object, overlaps: list[float]) -> Result:
    number = number_from(value)
    if number not in (1, 2, 3):
        return Result(False, f"{value!r} is no candidate. Write 1, 2 or 3.")
    overlap = overlaps[int(number) - 1]
    if reaches(overlap, _GOOD):
        return Result(
            True,
            f"The IoU is {overlap:.2f}. A mask says: about this. The model keeps most of it and mends the outline.",
        )
    return Result(
        False,
        f"With candidate {int(number)} the IoU is {overlap:.2f}. A mask says: about this, and this candidate is more "
        "than the head. Which candidate is nearest to the head?",
    )


def _suit(item: SegmentedObject, suit: Mask, head: Mask) -> Result:
    prompt = item.prompt
    overlap = iou(item.mask, suit)
    if prompt.box_xyxy is None:
        return Result(False, f"The IoU is {overlap:.2f}. Begin with a box around the suit: press B and drag.")
    excluded = prompt.points_xy[prompt.labels == EXCLUDE].astype(int)
    if len(excluded) == 0 and reaches(overlap, _GOOD_SUIT):
        return Result(
            False,
            f"The IoU is {overlap:.2f}, from the box alone: it stays clear of the head. Draw it around the whole suit, "
            "with the collar. Then press E, and exclude the head with a click.",
        )
    if len(excluded) == 0:
        return Result(
            False,
            f"The IoU is {overlap:.2f}, and {_GOOD_SUIT} is wanted. The model takes the head, too: a box cannot say "
            "that you do not mean it. Exclude it: press E, then click on it.",
        )
    if reaches(overlap, _GOOD_SUIT):
        return Result(True, f"The IoU is {overlap:.2f}. The box says where, and the excluding click says what not.")
    if not any(_is_on(head, x, y) for x, y in excluded):
        return Result(
            False, f"The IoU is {overlap:.2f}. Your excluding click is not on the head. What is to be left out?"
        )
    hint = _box_hint(prompt.box_xyxy, suit, "suit. It reaches from the collar to the lower edge, with both sleeves.")
    hint = hint or "The box is right. Exclude in the middle of the face: on the nose."
    return Result(False, f"The IoU is {overlap:.2f}, and {_GOOD_SUIT} is wanted. {hint}")


def _is_on(mask: Mask, x: int, y: int) -> bool:
    return 0 <= x < mask.shape[1] and 0 <= y < mask.shape[0] and bool(mask[y, x])
