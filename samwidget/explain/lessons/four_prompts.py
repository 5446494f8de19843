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
from samwidget.explain.lessons import click_rules
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
from samwidget.explain.lessons.rules import judged, object_measures
from samwidget.images import load_rgb
from samwidget.predict import SamPredictor

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HAIR_XY = (230.0, 50.0)
COLLAR_XY = (230.0, 220.0)
"""Where the lesson includes, and where it excludes, in pixels of the photo."""
_GOOD = 0.9  # IoU from which a mask is the head


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
    ways = ways_to_ask(network, image, head)
    overlaps = []  # with the head, of what the model makes of each candidate of the click on the hair
    for logits in ways[0].masks.logits:
        masks = _candidates(network, image, Prompt(mask=logits))
        overlaps.append(iou(masks.to_bool()[masks.best], head))

    def judge_box(last: SegmentedObject) -> Result:
        return judged(click_rules.BOX, object_measures(last, {"head": head}, 2))

    def judge_suit(last: SegmentedObject) -> Result:
        return judged(click_rules.SUIT, object_measures(last, {"head": head, "suit": suit}, 4))

    exercises = (
        Exercise(
            "With one of the four prompts the model does not take the head. Which? Write 'point', 'box', 'exclusion' "
            "or 'mask'.",
            lambda value: _failing(value, ways, head),
        ),
        Exercise(
            "Make the head with a box, and no click.",
            judge_object(judge_box, image, network, with_boxes=True),
        ),
        Exercise(
            "Give one of the three candidates of the click on the hair back as a mask. With which does the model make "
            "the head: 1, 2 or 3?",
            lambda value: _returned(value, overlaps),
        ),
        Exercise(
            "Make the suit without the head: a box, and what a box cannot say.",
            judge_object(judge_suit, image, network, with_boxes=True),
        ),
    )
    return Lesson(image, head, network, exercises)


def draw_four_prompts(lesson: Lesson) -> Figure:
    """What the model makes of each of the four prompts, with its score and the IoU with the head.

    The dotted line is the mask that was given as a prompt.

    Args:
        lesson: made by ``four_prompts``.
    """
    ways = ways_to_ask(lesson.predictor, lesson.image, lesson.truth)
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
    ways = ways_to_ask(lesson.predictor, lesson.image, lesson.truth)
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


def ways_to_ask(predictor: SamPredictor, image: npt.NDArray[np.uint8], head: Mask) -> tuple[Way, ...]:
    """The four ways to ask for the head, with what the model answers; ``head`` is (H, W) bool, the image uint8 RGB."""
    hair = Prompt().with_point(*HAIR_XY, INCLUDE)
    rough = _candidates(predictor, image, hair).logits[0]
    prompts = {
        ("point", "1 click"): hair,
        ("box", "1 drag"): Prompt(box_xyxy=np.asarray(box_of(head), np.float32)),
        ("exclusion", "2 clicks"): hair.with_point(*COLLAR_XY, EXCLUDE),
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
