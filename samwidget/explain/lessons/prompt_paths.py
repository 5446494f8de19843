"""Lesson 5, where the prompt goes: its exercises with their hints, and the figures that are its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from samwidget.core import INCLUDE, Prompt, SegmentedObject
from samwidget.explain import maps
from samwidget.explain.figure_parts import BLUE, draw_map, draw_outline, draw_photo, draw_prompt, draw_tint, new_figure
from samwidget.explain.inside import Steps, steps
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
from samwidget.images import load_rgb
from samwidget.predict import SamPredictor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COIN_XY = (172.0, 262.0)
"""The click that the lesson speaks of, in pixels of the photo."""
_ALIKE = 0.5  # mean likeness from which a coin lights up
_CLICKS = 3  # for two coins, at most
_COVERED = 0.9  # of the marked coin
_NEIGHBOUR_XY, _NEIGHBOUR_RADIUS_PX = (112.0, 260.0), 26  # the left neighbour of the marked coin
_NEIGHBOUR_PX, _MOST = 800, 2.5  # pixels beside the marked coin that are another one; areas of it that are too much


def follow_the_prompt(photos: str | Path, predictor: SamPredictor | None = None) -> Lesson:
    """Lesson 5: a click on a coin says where to look, and what to look for.

    Args:
        photos: the folder that ``samwidget lessons`` has copied, with ``coins.jpg`` and ``masks``.
        predictor: any model in this process; None takes the bundled ``nano``.

    Raises:
        ImageError: the folder has no such photo or mask.
        ModelError: the model runs on another computer, or failed.
    """
    image, truth = load_rgb(Path(photos) / "coins.jpg"), read_truth(photos, "coin")
    network = predictor or SamPredictor.from_pretrained()
    features = steps(network, image, Prompt().with_point(*COIN_XY, INCLUDE)).content("features")
    cell = _cell_at(features, truth, COIN_XY)

    exercises = (
        Exercise(
            "You click the marked coin. Which cells are most like the one under the click? Write 'this coin', "
            "'all coins' or 'background'.",
            lambda value: _likest(value, maps.likeness(features, cell), _cells_of(truth, features)),
        ),
        Exercise(
            f"In which cell of the features is the click at x = {COIN_XY[0]:g}, y = {COIN_XY[1]:g}? "
            "Give its row and its column, counted from 0, such as (3, 5).",
            lambda value: _cell(value, cell, (features.shape[1], features.shape[2])),
        ),
        Exercise(
            "Make the marked coin light up in the map of likeness with one click that is not on it.",
            judge_object(lambda last: _other_coin(last, features, truth), image, network),
        ),
        Exercise(
            f"Make the marked coin and its left neighbour one object, with at most {_CLICKS} clicks.",
            judge_object(lambda last: _two_coins(last, truth), image, network),
        ),
    )
    return Lesson(image, truth, network, exercises)


def draw_marked_coin(lesson: Lesson) -> Figure:
    """The photo with the outline of the coin that is meant, and the click."""
    figure, (photo,) = new_figure(1, "The marked coin, and the click")
    draw_photo(photo, lesson.image)
    draw_outline(photo, lesson.truth.astype(float), 0.5, BLUE)
    draw_prompt(photo, Prompt().with_point(*COIN_XY, INCLUDE))
    return figure


def draw_paths(lesson: Lesson, saved: object = ()) -> Figure:
    """A prompt beside what the model makes of it: where to look, what to look for, and the mask.

    Args:
        lesson: made by ``follow_the_prompt``.
        saved: your prompts, as ``Lesson.check`` takes them; without them it is the click of the lesson.

    Raises:
        PromptError: the last object has a box, or no clicks.
    """
    prompt = Prompt().with_point(*COIN_XY, INCLUDE)
    level = None
    if not isinstance(saved, Sequence) or len(saved) > 0:
        last = clicked_object(saved, lesson.image, lesson.predictor)
        prompt, level = last.prompt, last.level
    recorded = steps(lesson.predictor, lesson.image, prompt, level=level)
    features = recorded.content("features")
    points = [maps.likeness(features, _cell_at(features, lesson.truth, point)) for point in _included(prompt)]
    figure, (near, alike, result) = new_figure(3, "A prompt takes two ways, and they meet in the mask")
    draw_map(near, _nearness(recorded), lesson.image, "where:\nnear the clicks", vmin=0)
    draw_map(alike, np.max(points, 0), lesson.image, "what:\nlike the clicked cells", vmin=0, vmax=1)
    draw_photo(result, lesson.image, "the mask:\nnear and alike")
    draw_tint(result, recorded.mask, BLUE)
    draw_outline(result, recorded.mask.astype(float), 0.5, BLUE)
    for axes in (near, alike, result):
        draw_prompt(axes, prompt)
    return figure


def _included(prompt: Prompt) -> npt.NDArray[np.float32]:
    included = prompt.points_xy[prompt.labels == INCLUDE]
    return included if len(included) else prompt.points_xy


def _nearness(recorded: Steps) -> npt.NDArray[np.float32]:
    """(h, w): what ``nano`` computes of the positions of the clicks; with SAM, the attention, which knows them too."""
    if "prompt maps" in recorded:
        return np.asarray(recorded.content("prompt maps")[:2].max(0), np.float32)
    token = recorded.tokens.index(f"candidate {recorded.level + 1}")
    return np.asarray(np.sqrt(recorded.content(recorded.attention_names[-1])[:, token].mean(0)), np.float32)


def _cell_at(
    features: maps.Floats, truth: Mask, point_xy: Sequence[float] | npt.NDArray[np.float32]
) -> tuple[int, int]:
    """Row and column of the cell of (C, h, w) features that holds a point of the image."""
    (rows, columns), (height, width) = features.shape[1:], truth.shape
    x, y = point_xy
    return min(int(y / height * rows), rows - 1), min(int(x / width * columns), columns - 1)


def _cells_of(truth: Mask, features: maps.Floats) -> Mask:
    """(h, w) bool: the cells of (C, h, w) features whose middle is on the object."""
    rows, columns = (
        ((np.arange(cells) + 0.5) / cells * side).astype(int)
        for cells, side in zip(features.shape[1:], truth.shape, strict=True)
    )
    return truth[np.ix_(rows, columns)]


def _likest(value: object, likeness: maps.Floats, on_coin: Mask) -> Result:
    count = int(on_coin.sum())
    likest = likeness >= np.sort(likeness, axis=None)[-count]
    share = float((likest & on_coin).sum() / likest.sum())
    right = "this coin" if share > 0.5 else "all coins"
    word = word_from(value, ("this coin", "all coins", "background"))
    if word is None:
        return Result(False, f"{value!r} is none of them. Write 'this coin', 'all coins' or 'background'.")
    if word == right:
        return Result(
            True,
            f"Take the {count} likest cells, as many as the coin has: {share:.0%} of them are on it. "
            "The features say what is there. They do not say which one you mean.",
        )
    if word == "background":
        on, elsewhere = float(likeness[on_coin].mean()), float(likeness[~on_coin].mean())
        return Result(
            False, f"The mean likeness on the coin is {on:.2f}, elsewhere {elsewhere:.2f}. Metal looks like metal."
        )
    return Result(
        False,
        f"Only {share:.0%} of the {count} likest cells are on this coin. Which other parts of the photo look the same?"
        if word == "this coin"
        else f"{share:.0%} of the {count} likest cells are on one coin.",
    )


def _cell(value: object, right: tuple[float, float], grid_hw: tuple[int, int]) -> Result:
    numbers = [number_from(part) for part in value] if isinstance(value, list | tuple | np.ndarray) else []
    if len(numbers) != 2 or None in numbers:
        return Result(False, f"{value!r} is no cell. Write two numbers in brackets: (row, column).")
    row, column = (float(number or 0) for number in numbers)
    if [row, column] == [*right]:
        return Result(True, "Every pixel of the photo has a cell, and some 40 pixels share one.")
    if [column, row] == [*right]:
        return Result(False, "You have changed row and column. The row comes from y.")
    if [row - 1, column - 1] == [*right]:
        return Result(False, "You have counted from 1. The first cell is row 0, column 0.")
    if (row, column) == (COIN_XY[1], COIN_XY[0]) or row >= grid_hw[0] or column >= grid_hw[1]:
        return Result(
            False,
            f"There are only {grid_hw[0]} rows and {grid_hw[1]} columns for the whole photo. "
            "Divide by the pixels that one cell is wide and high.",
        )
    if [int(row), int(column)] == [*right] or [round(row), round(column)] == [*right]:
        return Result(False, "Almost: cells have whole numbers. Leave out what is behind the point.")
    wrong = "row" if int(row) != right[0] else "column"
    side = "y divided by the height of the photo" if wrong == "row" else "x divided by the width of the photo"
    return Result(False, f"The {wrong} is wrong. It is {side}, times the number of {wrong}s, without the fraction.")


def _other_coin(last: SegmentedObject, features: maps.Floats, truth: Mask) -> Result:
    points = last.prompt.points_xy
    if len(points) != 1:
        return Result(False, f"Your object has {len(points)} clicks. Call lesson.reset(3) and click once.")
    if last.prompt.labels[0] != INCLUDE:
        return Result(False, "Your click excludes. Call lesson.reset(3) and click with the left button.")
    x, y = (int(part) for part in points[0])
    if truth[min(y, truth.shape[0] - 1), min(x, truth.shape[1] - 1)]:
        return Result(False, "Your click is on the marked coin. Call lesson.reset(3) and click elsewhere.")
    likeness = maps.likeness(features, _cell_at(features, truth, points[0]))
    value = float(likeness[_cells_of(truth, features)].mean())
    if value < _ALIKE:
        return Result(
            False,
            f"The mean likeness on the marked coin is {value:.2f}, and {_ALIKE} is wanted. The ground is unlike it: "
            "click another coin, one that is as bright.",
        )
    covered = float((last.mask & truth).sum() / truth.sum())
    return Result(
        True,
        f"The mean likeness on the marked coin is {value:.2f}, but the mask covers {covered:.0%} of it. "
        "It looks right, and it is in the wrong place.",
    )


def _two_coins(last: SegmentedObject, truth: Mask) -> Result:
    count, mask = len(last.prompt.points_xy), last.mask
    if count > _CLICKS:
        return Result(False, f"Your object has {count} clicks. Call lesson.reset(4) and use at most {_CLICKS}.")
    covered, beside = float((mask & truth).sum() / truth.sum()), int((mask & ~truth).sum())
    if mask.sum() > _MOST * truth.sum():
        return Result(False, f"The mask has {int(mask.sum())} pixels, more than two coins. Do not click the ground.")
    if covered < _COVERED:
        return Result(False, f"The mask covers {covered:.0%} of the marked coin. Click it first.")
    if beside < _NEIGHBOUR_PX:
        if np.hypot(*(_included(last.prompt) - np.array(_NEIGHBOUR_XY)).T).min() > _NEIGHBOUR_RADIUS_PX:
            more = "Click its left neighbour too, in the same object."
        elif count < _CLICKS:
            more = "The ground between them is unlike both. What if you say that it belongs, too?"
        else:
            more = "Call lesson.reset(4): a click on each coin, and the third one where they nearly touch."
        return Result(False, f"Beside the marked coin the mask has only {beside} pixels. {more}")
    middle = np.nonzero(truth)[1].mean()
    if np.nonzero(mask & ~truth)[1].mean() > middle:
        return Result(False, "That is another neighbour. Take the one on the left.")
    return Result(True, f"{count} clicks, two coins: each click says once more where the object is.")
