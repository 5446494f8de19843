"""Lesson 2, encode once, decode many: its exercises with their hints, and the figure at its end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from samwidget.core import SegmentedObject, iou
from samwidget.explain import maps
from samwidget.explain.figure_parts import BLUE, INK, ORANGE, draw_map, draw_outline, draw_prompt, new_figure
from samwidget.explain.inside import steps
from samwidget.explain.lessons.costs import COFFEE, Costs
from samwidget.explain.lessons.exercises import Exercise, Lesson, Result, number_from, read_truth, word_from
from samwidget.images import load_rgb
from samwidget.predict import SamPredictor
from samwidget.replaying import replay

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLICKS = 20
"""The clicks whose cost is asked for."""
_OBJECTS = 3
_ALIKE = 0.8  # IoU from which two objects are the same one
_NEAR = 0.1  # how far from the right cost a number may be, as a share of it
_DECODED = {
    "a": "A click elsewhere is another prompt, and prompts go to the decoder.",
    "b": "A box is another prompt, and prompts go to the decoder.",
    "e": "The pixels are the same, so the embedding is. The name of a file does not matter.",
}
_ENCODED = {
    "c": "after one of the others a single pixel differs. Can a program know that it does not matter?",
    "d": "after one of the others you see the same cup, but its pixels are elsewhere.",
}


def encode_once(photos: str | Path, predictor: SamPredictor | None = None) -> Lesson:
    """Lesson 2: what has to be computed once for a photo, and what for each click.

    Args:
        photos: the folder that ``samwidget lessons`` has copied, with ``coffee.jpg`` and ``masks``.
        predictor: any model; None takes the bundled ``nano``.

    Raises:
        ImageError: the folder has no such photo or mask.
        ModelError: there is no such model.
    """
    image, truth = load_rgb(Path(photos) / "coffee.jpg"), read_truth(photos, "cup")
    network = predictor or SamPredictor.from_pretrained()
    exercises = (
        Exercise(
            "You click a second time into the same photo. What has to run again: 'encoder', 'decoder' or 'both'?",
            _second_click,
        ),
        Exercise(
            f"Give three times in ms: of the encoder, of the decoder, and your own result for {CLICKS} clicks in one "
            "photo, such as (100, 20, 300).",
            _cost,
        ),
        Exercise("After which of the changes a to e does the encoder run? Write their letters.", _changes),
        Exercise(
            f"Make {_OBJECTS} different objects in the photo, all from one embedding.",
            lambda value: _many_objects(replay(value, image, predictor=network)),
        ),
    )
    return Lesson(image, truth, network, exercises)


def draw_costs(lesson: Lesson, costs: Costs, saved: object = ()) -> Figure:
    """The embedding with the objects that came from it, beside the cost of many clicks, with and without it.

    Args:
        lesson: made by ``encode_once``.
        costs: made by ``measure_costs``.
        saved: your prompts, as ``Lesson.check`` takes them.
    """
    objects: Sequence[SegmentedObject] = ()
    if not isinstance(saved, Sequence) or len(saved) > 0:
        objects = replay(saved, lesson.image, predictor=lesson.predictor)
    encode, decode = median(costs.encode_ms), median(costs.decode_ms)
    figure, (colours, plot) = new_figure(2, "The photo is encoded once; each click is decoded", widths=(1, 1.1))
    features = steps(lesson.predictor, lesson.image, COFFEE).content("features")
    made = f"{len(objects)} object{'s' * (len(objects) != 1)} from it" if objects else "it knows of no click"
    draw_map(colours, maps.feature_colours(features), lesson.image, f"the embedding: {made}")
    for item in objects:
        draw_outline(colours, item.mask.astype(float), 0.5, INK)
        draw_prompt(colours, item.prompt)
    clicks = np.arange(1, CLICKS + 1)
    for values, colour, style, name in (
        (clicks * (encode + decode), ORANGE, "--", "forget it: encode for each click"),
        (encode + clicks * decode, BLUE, "-", "keep it: encode once"),
    ):
        plot.plot(clicks, values / 1000, style, color=colour, linewidth=5, label=name)
        plot.text(CLICKS + 0.4, values[-1] / 1000, f"{values[-1] / 1000:.1f} s", va="center", color=colour, fontsize=20)
    top = 1.3 * CLICKS * (encode + decode) / 1000  # room for the legend
    plot.set(xlabel="clicks in one photo", ylabel="seconds in all", xlim=(0, CLICKS * 1.2), ylim=(0, top))
    plot.set_xticks(range(0, CLICKS + 1, 5))
    plot.legend(frameon=False, fontsize=18, loc="upper left")
    return figure


def _second_click(value: object) -> Result:
    word = word_from(value, ("decoder", "both", "encoder"))
    if word == "decoder":
        return Result(True, "The photo has not changed, so its embedding has not. Only the prompt is new.")
    if word == "both":
        return Result(False, "The encoder reads the photo and nothing else. Has the photo changed?")
    if word == "encoder":
        return Result(False, "The encoder reads the photo and never sees a click. Which part reads the clicks?")
    return Result(False, f"{value!r} is none of the three. Write 'encoder', 'decoder' or 'both', with quotation marks.")


def _cost(value: object) -> Result:
    is_row = isinstance(value, Iterable) and not isinstance(value, str)
    numbers = [number_from(part) for part in value] if is_row else []  # type: ignore[attr-defined]
    if len(numbers) != 3 or None in numbers:
        return Result(False, f"{value!r} are not three numbers. Write (encoder, decoder, {CLICKS} clicks), all in ms.")
    encode, decode, total = (float(number or 0) for number in numbers)
    if min(encode, decode, total) <= 0:
        return Result(False, "A time is above 0. Take the medians of the table.")
    if max(encode, decode) < 1:
        return Result(False, "These look like seconds. Write milliseconds, as the table does.")
    if encode <= decode:
        return Result(False, "Here the decoder takes longer than the encoder. Did you write them in the other order?")

    def is_near(cost: float) -> bool:
        return abs(total - cost) <= _NEAR * cost

    right = encode + CLICKS * decode
    if is_near(right):
        saved = CLICKS * (encode + decode) / right
        return Result(
            True,
            f"{encode:g} + {CLICKS} \N{MULTIPLICATION SIGN} {decode:g} = {right:g} ms. A model that encodes for each "
            f"click takes {saved:.1f} times as long.",
        )
    if is_near(CLICKS * (encode + decode)):
        return Result(False, f"This is the cost if the encoder runs {CLICKS} times. How often does it have to?")
    if is_near(CLICKS * encode):
        return Result(False, f"You took {CLICKS} times the encoder. Which part runs for each click?")
    if is_near(CLICKS * decode):
        return Result(False, "The clicks are right. What has to be there before the first of them?")
    if is_near(encode + decode):
        return Result(False, f"This is the cost of one click. What do the other {CLICKS - 1} need?")
    return Result(False, f"Add up what runs once for the photo, and {CLICKS} times what runs for a click.")


def _changes(value: object) -> Result:
    text = "".join(str(part) for part in value) if isinstance(value, str | list | tuple | set) else ""
    letters = {letter for letter in text.lower().replace("and", "") if letter.isalpha()}
    if not letters or letters - {*_DECODED, *_ENCODED}:
        return Result(False, f"{value!r} are no letters of the list. Write letters from a to e, such as 'ab'.")
    for letter in sorted(letters - set(_ENCODED)):
        return Result(False, f"Not {letter}. {_DECODED[letter]}")
    for letter in sorted(set(_ENCODED) - letters):
        return Result(False, f"There is one more: {_ENCODED[letter]}")
    return Result(
        True,
        "The embedding belongs to the pixels: equal pixels have the same one, and the smallest change needs a new one.",
    )


def _many_objects(objects: Sequence[SegmentedObject]) -> Result:
    prompted = [item for item in objects if not item.prompt.is_empty]
    count = sum(len(item.prompt.points_xy) + (item.prompt.box_xyxy is not None) for item in prompted)
    if len(prompted) == 1 and count > 1:
        return Result(
            False,
            f"You have one object of {count} prompts: each refines the same object. Press Enter to accept it, then "
            "click the next.",
        )
    if len(prompted) < _OBJECTS:
        return Result(False, f"You have {len(prompted)} of {_OBJECTS}. Press Enter, then click something else.")
    masks = [item.mask for item in prompted]
    for (first, mask), (second, other) in combinations(enumerate(masks, start=1), 2):
        if iou(mask, other) >= _ALIKE:
            return Result(
                False,
                f"Objects {first} and {second} are nearly the same mask: IoU {iou(mask, other):.2f}. Press 1, 2 or 3 "
                "to show another candidate, or delete one of them.",
            )
    return Result(
        True,
        f"{len(prompted)} objects from {count} prompts: the decoder ran for each of them, the encoder once. The "
        "embedding has the whole photo in it, not one object.",
    )
