"""*Everything* explained: what became of each point of the grid, and why. And the film of it.

The rules are those of ``SamPredictor.everything``, which makes the candidates here too. This module applies them one by
one, so that it can say of each point which of them left its masks out, and try other thresholds without the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from samwidget.core import FoundObject
from samwidget.errors import PromptError
from samwidget.explain import colouring
from samwidget.explain.figure_parts import BLUE, FAINT, GREEN, INK, ORANGE, SKY, VERMILION
from samwidget.explain.film import Disc, Film, Item, Pictures, Rgb, Scene, Text, heading
from samwidget.images import load_rgb
from samwidget.models import EverythingDefaults
from samwidget.predict import SamPredictor
from samwidget.predict.everything import suppress_overlaps

GAVE_OBJECT, DUPLICATE, UNSTABLE, LOW_SCORE = "kept", "duplicate", "not stable", "score too low"
FATES = (GAVE_OBJECT, DUPLICATE, UNSTABLE, LOW_SCORE)
"""What becomes of a point, the best first: that of the best of its three candidates."""
REASONS = {
    GAVE_OBJECT: "score {scores}",
    DUPLICATE: "a mask with a better score covers the same pixels",
    UNSTABLE: "best stability {best:.2f}, below {limit}",
    LOW_SCORE: "best score {best:.2f}, not above {limit}",
}
"""The reason of each fate, with its numbers in braces."""
EMPTY = "its masks have no pixel"
"""The reason of a point without candidates."""
_COLOURS = {GAVE_OBJECT: GREEN, DUPLICATE: SKY, UNSTABLE: ORANGE, LOW_SCORE: VERMILION}
_POINTS_MAX = 64
_POINTS_AT_ONCE = 64
_LEVELS = 3  # candidates of a point
_PHOTO = (32.0, 84.0, 600.0, 430.0)


@dataclass(frozen=True, eq=False)
class GridPoint:
    """A point of the grid, and what became of it.

    Attributes:
        point_xy: in image pixels.
        fate: of ``FATES``.
        reason: the numbers behind it.
        objects: the found objects that it gave, as pixels, without logits.
    """

    point_xy: tuple[float, float]
    fate: str
    reason: str
    objects: tuple[FoundObject, ...]


@dataclass(frozen=True, eq=False)
class Grid:
    """What the model makes of a grid of points, before any rule drops a mask.

    Attributes:
        points_xy: row by row, in image pixels.
        candidates: all that are not empty, as pixels; the id of each is three times the index of its point, plus its
            level.
    """

    points_xy: tuple[tuple[float, float], ...]
    candidates: tuple[FoundObject, ...]


def grid_search(predictor: SamPredictor, image: object, points_per_side: int = 16) -> tuple[GridPoint, ...]:
    """Every point of the grid of a search for everything, row by row, with its fate.

    Args:
        predictor: any model; its own thresholds apply.
        image: whatever ``load_rgb`` reads.
        points_per_side: of the grid, at most 64.

    Raises:
        PromptError: ``points_per_side`` is out of its range.
    """
    return judge_grid(ask_grid(predictor, image, points_per_side), predictor.everything_defaults)


def ask_grid(predictor: SamPredictor, image: object, points_per_side: int) -> Grid:
    """The candidates of every point of a grid. The model is asked once at each point; ``judge_grid`` asks no model.

    Args:
        predictor: any model; only the offset of its stability applies.
        image: whatever ``load_rgb`` reads.
        points_per_side: of the grid, at most 64.

    Raises:
        PromptError: ``points_per_side`` is out of its range.
    """
    if not 1 <= points_per_side <= _POINTS_MAX:
        raise PromptError(f"points_per_side is {points_per_side}", hint=f"give 1 to {_POINTS_MAX}")
    pixels = load_rgb(image)
    height, width = pixels.shape[:2]
    sides = (np.arange(points_per_side) + 0.5) / points_per_side
    shares = np.array([(x, y) for y in sides for x in sides])
    candidates: list[FoundObject] = []
    for start in range(0, len(shares), _POINTS_AT_ONCE):  # the logits of all points would fill the memory
        batch = predictor.everything(
            pixels,
            point_grids=[shares[start : start + _POINTS_AT_ONCE]],
            pred_iou_thresh=0,
            stability_score_thresh=0,
            box_nms_thresh=1,
        )
        candidates += [replace(candidate, id=candidate.id + _LEVELS * start, candidate=None) for candidate in batch]
    points = tuple((float(x * width), float(y * height)) for x, y in shares)
    return Grid(points, tuple(sorted(candidates, key=lambda candidate: candidate.id)))


def judge_grid(grid: Grid, options: EverythingDefaults, box_nms_thresh: float = 0.7) -> tuple[GridPoint, ...]:
    """Every point of a grid with its fate, by the rules of a search for everything.

    Args:
        grid: what ``ask_grid`` returns.
        options: the thresholds for score and stability.
        box_nms_thresh: of masks whose boxes overlap by more than this IoU, the one with the highest score is kept.
    """
    score_min, stability_min = np.float32(options.pred_iou_thresh), np.float32(options.stability_score_thresh)
    stable = [
        candidate
        for candidate in grid.candidates
        if (candidate.score > score_min or score_min <= 0) and candidate.stability >= stability_min
    ]
    ranked = sorted(stable, key=lambda candidate: (-candidate.score, candidate.id))
    ids = {candidate.id for candidate in suppress_overlaps(ranked, box_nms_thresh)}
    of_point: dict[int, list[FoundObject]] = {}
    for candidate in grid.candidates:
        of_point.setdefault(candidate.id // _LEVELS, []).append(candidate)
    return tuple(
        _fate(point_xy, of_point.get(index, []), ids, options) for index, point_xy in enumerate(grid.points_xy)
    )


def _fate(
    point_xy: tuple[float, float], candidates: Sequence[FoundObject], ids: set[int], options: EverythingDefaults
) -> GridPoint:
    objects = tuple(candidate for candidate in candidates if candidate.id in ids)
    if objects:
        scores = ", ".join(f"{found_object.score:.2f}" for found_object in objects)
        return GridPoint(point_xy, GAVE_OBJECT, REASONS[GAVE_OBJECT].format(scores=scores), objects)
    if not candidates:
        return GridPoint(point_xy, LOW_SCORE, EMPTY, ())
    score_min = np.float32(options.pred_iou_thresh)
    good = [candidate for candidate in candidates if candidate.score > score_min or score_min <= 0]
    if not good:
        best = max(candidate.score for candidate in candidates)
        return GridPoint(point_xy, LOW_SCORE, _reason(LOW_SCORE, best, options.pred_iou_thresh), ())
    best = max(candidate.stability for candidate in good)
    if best < np.float32(options.stability_score_thresh):
        return GridPoint(point_xy, UNSTABLE, _reason(UNSTABLE, best, options.stability_score_thresh), ())
    return GridPoint(point_xy, DUPLICATE, REASONS[DUPLICATE], ())


def _reason(fate: str, best: float, limit: float) -> str:
    return REASONS[fate].format(best=best, limit=f"{limit:g}")


def everything_film(image: object, points: Sequence[GridPoint]) -> Film:
    """A scene for each row of the grid: the points that were asked, their fates, and the objects so far.

    Args:
        image: whatever ``load_rgb`` reads.
        points: what ``grid_search`` returns.

    Raises:
        PromptError: there are no points.
    """
    if not points:
        raise PromptError("there are no points to show", hint="give what grid_search(predictor, image) returns")
    pixels, pictures = load_rgb(image), Pictures()
    rows = sorted({point.point_xy[1] for point in points})
    scenes = [_scene(pixels, pictures, points, None, len(points))]
    scenes += [_scene(pixels, pictures, points, row, len(points)) for row in rows]
    return Film("Everything is a grid of clicks", {"Grid": tuple(scenes)}, tuple(pictures.images), seconds=0.8)


def _scene(pixels: Rgb, pictures: Pictures, points: Sequence[GridPoint], row: float | None, total: int) -> Scene:
    done = [point for point in points if row is not None and point.point_xy[1] <= row]
    objects = [found_object for point in done for found_object in point.objects]
    image = colouring.greyed(pixels)
    tints = (BLUE, ORANGE, GREEN, SKY, VERMILION)
    # The background would tint the whole photo.
    small = [found_object for found_object in objects if found_object.area < pixels.shape[0] * pixels.shape[1] / 2]
    for found_object in sorted(small, key=lambda found_object: -found_object.area):
        image = colouring.tinted(image, found_object.mask, tints[found_object.id % len(tints)])
    photo = pictures.fit(image, _PHOTO)
    scale = photo.width / pixels.shape[1]
    radius = max(2.0, 0.14 * photo.width / len(points) ** 0.5)
    items: list[Item] = [*heading("Everything is a grid of clicks"), photo]
    for point in points:
        x, y = photo.x + point.point_xy[0] * scale, photo.y + point.point_xy[1] * scale
        fill = _COLOURS[point.fate] if point in done else "#ffffff"
        items.append(Disc(round(x, 1), round(y, 1), radius, fill, "#ffffff" if point in done else INK))
    items.append(Text(f"{len(done)} of {total} points asked", 664, 130, 22, bold=True))
    for index, fate in enumerate(FATES):
        y = 190.0 + 58 * index
        count = sum(point.fate == fate for point in done)
        items += [
            Disc(678, y - 7, 10, _COLOURS[fate]),
            Text(fate, 702, y),
            Text(str(count), 928, y, 24, INK, "right", True),
        ]
    items.append(Text(f"{len(objects)} objects", 664, 450, 22, bold=True))
    asked = [point for point in done if point.point_xy[1] == row]
    if row is None:
        return Scene(tuple(items), f"{total} points, each a click on its own. Every click gives three candidates.")
    items.append(Text("a point may give more than one", 664, 482, 17, FAINT))
    count = sum(point.fate == GAVE_OBJECT for point in asked)
    return Scene(tuple(items), f"This row: {count} of {len(asked)} points give an object. {_example(asked)}")


def _example(asked: Sequence[GridPoint]) -> str:
    """The reason of the point of a row that came closest and was left out; empty where all were kept."""
    left_out = [point for point in asked if point.fate != GAVE_OBJECT]
    if not left_out:
        return ""
    closest = min(left_out, key=lambda point: FATES.index(point.fate))
    x, y = closest.point_xy
    return f"The point at ({x:.0f}, {y:.0f}) was dropped: {closest.reason}."
