"""Lesson 8, everything is a grid of clicks: its exercises with their hints, the sliders, and the figure at its end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from samwidget.core import FoundObject, SegmentedObject
from samwidget.explain.figure_parts import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    SKY,
    VERMILION,
    draw_outline,
    draw_photo,
    draw_tint,
    new_figure,
)
from samwidget.explain.grid_points import (
    DUPLICATE,
    FATES,
    GAVE_OBJECT,
    LOW_SCORE,
    UNSTABLE,
    Grid,
    GridPoint,
    ask_grid,
    judge_grid,
)
from samwidget.explain.lessons.exercises import (
    Exercise,
    Lesson,
    Result,
    judge_object,
    number_from,
    read_truth,
    word_from,
)
from samwidget.explain.lessons.grid_rules import (
    COINS,
    LARGE,
    MISSED_COIN,
    SETTINGS,
    SIDES,
    kept_measures,
    overlap_measures,
)
from samwidget.explain.lessons.rules import judged, object_measures
from samwidget.explain.lessons.sliders import FigureSliders, slider_of
from samwidget.images import load_rgb
from samwidget.predict import SamPredictor

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEW, MANY = 4, 8
"""Points per side that the exercises speak of."""
SHARES = tuple(round(0.05 * index, 2) for index in range(20))
"""Scores, stabilities and overlaps among which one chooses."""
OVERLAP = 0.7
"""Of two boxes, where nobody chooses."""
COMPARED_SIDES, COMPARED_SCORE = (4, 6, 8, 12), 0.9
"""The grids that the last figure compares, and the lowest score there."""
_RULES = {"score": LOW_SCORE, "stability": UNSTABLE, "duplicate": DUPLICATE}
_COLOURS = {GAVE_OBJECT: GREEN, DUPLICATE: SKY, UNSTABLE: ORANGE, LOW_SCORE: VERMILION}


class GridLesson(Lesson):
    """The lesson with the grids that were asked so far: another threshold needs no model."""

    def points(
        self,
        points_per_side: int,
        score: float | None = None,
        stability: float | None = None,
        overlap: float = OVERLAP,
    ) -> tuple[GridPoint, ...]:
        """Every point of a grid with its fate.

        Args:
            points_per_side: of the grid, at most 64.
            score: masks with a score above it are kept, 0 to 1; None takes the model's own number.
            stability: masks with at least this stability are kept, 0 to 1; None takes the model's own number.
            overlap: of masks whose boxes overlap by more than this IoU, the one with the highest score is kept.

        Raises:
            PromptError: ``points_per_side`` is out of its range.
        """
        defaults = self.predictor.everything_defaults
        options = defaults._replace(
            pred_iou_thresh=defaults.pred_iou_thresh if score is None else score,
            stability_score_thresh=defaults.stability_score_thresh if stability is None else stability,
        )
        return judge_grid(self._grid(points_per_side), options, overlap)

    def _grid(self, points_per_side: int) -> Grid:
        grids = self.__dict__.setdefault("_grids", {})
        if points_per_side not in grids:
            grids[points_per_side] = ask_grid(self.predictor, self.image, points_per_side)
        grid: Grid = grids[points_per_side]
        return grid


def grid_of_clicks(photos: str | Path, predictor: SamPredictor | None = None) -> GridLesson:
    """Lesson 8: all coins of a photo, found with a grid of clicks.

    Args:
        photos: the folder that ``samwidget lessons`` has copied, with ``coins.jpg`` and ``masks``.
        predictor: any model; None takes the bundled ``nano``.

    Raises:
        ImageError: the folder has no such photo or mask.
        ModelError: the model failed.
    """
    image, truth = load_rgb(Path(photos) / "coins.jpg"), read_truth(photos, "coin")
    network = predictor or SamPredictor.from_pretrained()

    def judge_missed_coin(last: SegmentedObject) -> Result:
        objects = objects_of(lesson.points(FEW))
        measures = object_measures(last, {}, 4) | overlap_measures(last.mask, objects)
        return judged(MISSED_COIN, measures)

    exercises = (
        Exercise(f"How many candidates does the model make for a grid of {MANY} points per side?", _candidate_count),
        Exercise(
            "Which rule drops the most points of this grid? Write 'score', 'stability' or 'duplicate'.",
            lambda value: _rule(value, lesson.points(MANY)),
        ),
        Exercise(
            f"Find settings that keep all {COINS} coins, each once, and nothing else. The background may stay.",
            lambda value: _settings(value, lesson),
        ),
        Exercise(
            f"Find a coin that the grid of {FEW} points per side misses, with one click.",
            judge_object(judge_missed_coin, image, network),
        ),
    )
    lesson = GridLesson(image, truth, network, exercises)
    return lesson


def draw_grid(image: npt.NDArray[np.uint8], points: Sequence[GridPoint]) -> Figure:
    """The photo with the kept objects and all points, coloured by their fate, beside the number of each fate.

    Args:
        image: (H, W, 3) uint8 RGB.
        points: what ``grid_search`` returns.
    """
    objects = objects_of(points)
    figure, (photo, bars) = new_figure(2, f"{len(points)} clicks, {len(objects)} objects", widths=(1.5, 1))
    draw_photo(photo, image, grey=True)
    for found_object in objects:
        _draw_object(photo, found_object, 0.5)
        draw_outline(photo, found_object.mask.astype(float), 0.5, BLUE)
    size = max(6.0, 80 / len(points) ** 0.5)
    for index, fate in enumerate(FATES):
        chosen = np.array([point.point_xy for point in points if point.fate == fate]).reshape(-1, 2) - 0.5
        options = {"color": _COLOURS[fate], "markersize": size, "markeredgecolor": "white", "zorder": 5}
        photo.plot(*chosen.T, "o", **options)
        bars.barh(index, len(chosen), color=_COLOURS[fate], height=0.6)
        bars.text(len(chosen), index, f" {len(chosen)}", va="center", fontsize=22, weight="bold")
    bars.set_yticks(range(len(FATES)), FATES)
    bars.tick_params(axis="y", labelcolor=INK, length=0)
    bars.locator_params(axis="x", nbins=5)
    bars.set(xlabel="points", ylim=(len(FATES) - 0.4, -0.6), xlim=(0, 1.2 * len(points)))
    return figure


def grid_sliders(lesson: GridLesson) -> FigureSliders:
    """Sliders for the settings of the search, and the figure that follows them; ``settings`` has their values.

    Args:
        lesson: made by ``grid_of_clicks``.
    """
    defaults = lesson.predictor.everything_defaults

    def draw(**settings: float) -> Figure:
        return draw_grid(lesson.image, lesson.points(**settings))  # type: ignore[arg-type]  # the slider has integers

    return FigureSliders(
        draw,
        {
            "points_per_side": slider_of("points per side", list(SIDES), MANY),
            "score": slider_of("lowest score", list(SHARES), nearest(defaults.pred_iou_thresh)),
            "stability": slider_of("lowest stability", list(SHARES), nearest(defaults.stability_score_thresh)),
            "overlap": slider_of("overlap allowed", list(SHARES), OVERLAP),
        },
    )


def draw_sides(lesson: GridLesson, score: float = COMPARED_SCORE) -> Figure:
    """The number of coins and of other objects over the points per side.

    Args:
        lesson: made by ``grid_of_clicks``.
        score: masks with a score above it are kept.
    """
    sides = COMPARED_SIDES
    counts = [kept_measures(objects_of(lesson.points(side, score))) for side in sides]
    coins, others = ([int(count[name]) for count in counts] for name in ("coins", "others"))
    figure, (photo, bars) = new_figure(2, "More clicks find more, and cost more", widths=(1.2, 1))
    draw_photo(photo, lesson.image, f"{sides[-1]} points per side", grey=True)
    for found_object in objects_of(lesson.points(sides[-1], score)):
        _draw_object(photo, found_object, 0.6)
    indices = np.arange(len(sides))
    bars.bar(indices - 0.2, coins, 0.4, color=BLUE, label="coins")
    bars.bar(indices + 0.2, others, 0.4, color=ORANGE, label="other objects")
    for index, (coin_count, other_count) in enumerate(zip(coins, others, strict=True)):
        bars.text(index - 0.2, coin_count + 0.3, str(coin_count), ha="center", fontsize=18, weight="bold")
        bars.text(index + 0.2, other_count + 0.3, str(other_count), ha="center", fontsize=18, weight="bold")
    bars.axhline(COINS, color=INK, linewidth=2, linestyle=":")
    bars.set_xticks(indices, [f"{side}\n{side * side}" for side in sides])
    bars.set(xlabel="points per side, and clicks", ylabel="objects", ylim=(0, COINS * 1.35))
    bars.legend(frameon=False, fontsize=19, loc="upper left", ncols=2)
    return figure


def _draw_object(photo: Axes, found_object: FoundObject, alpha: float) -> None:
    """Tints an object; the background would tint the whole photo, and is left as it is."""
    if found_object.area < LARGE * found_object.mask.size:
        draw_tint(photo, found_object.mask, BLUE, alpha)


def objects_of(points: Sequence[GridPoint]) -> list[FoundObject]:
    """The objects that the points gave, point by point."""
    return [found_object for point in points for found_object in point.objects]


def nearest(value: float) -> float:
    """The one of ``SHARES`` that is nearest to a value."""
    return min(SHARES, key=lambda share: abs(share - value))


def _candidate_count(value: object) -> Result:
    number, points = number_from(value), MANY * MANY
    if number == 3 * points:
        return Result(True, f"{MANY} rows of {MANY} points, and three candidates for each.")
    if number == points:
        return Result(False, f"{points} is the number of points. How many candidates does one click have?")
    if number in (MANY, 3 * MANY, 2 * MANY):
        return Result(False, f"{MANY} is the number of points in one row. The grid has {MANY} rows.")
    if number is None:
        return Result(False, f"{value!r} is no number. Write a whole number.")
    return Result(False, "Count the points of the grid first. Each is a click, with as many candidates as any click.")


def _rule(value: object, points: Sequence[GridPoint]) -> Result:
    word = word_from(value, _RULES)
    counts = {rule: sum(point.fate == fate for point in points) for rule, fate in _RULES.items()}
    if word is None:
        return Result(False, f"{value!r} is no rule. Write 'score', 'stability' or 'duplicate'.")
    count, most = counts[word], max(counts.values())
    if count == most:
        return Result(
            True, f"{count} of {len(points)} points: many clicks lie on one object, and it is to be kept only once."
        )
    return Result(
        False,
        f"It drops {count} of {len(points)} points, and another rule drops {most}. "
        "A coin is wider than a step of the grid: how many points lie on it?",
    )


def _settings(value: object, lesson: GridLesson) -> Result:
    names = ("points_per_side", "score", "stability", "overlap")
    if not isinstance(value, dict) or set(value) != set(names):
        return Result(False, f"Give the settings of the sliders, sliders.settings, with {', '.join(names)}.")
    numbers = [number_from(value[name]) for name in names]
    if any(number is None for number in numbers):
        return Result(False, "Each setting is a number.")
    side, *shares = (float(number or 0) for number in numbers)
    objects = objects_of(lesson.points(int(side), *shares))
    return judged(SETTINGS, {"side": side} | kept_measures(objects))
