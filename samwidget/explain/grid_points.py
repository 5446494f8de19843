"""*Everything* explained: what became of each point of the grid, and why. And the film of it.

``SamPredictor.everything`` decides which masks are kept. This module only says of the others which of the rules left
them out first, by the numbers that the rules compare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from samwidget.core import FoundObject, Masks, make_prompt
from samwidget.errors import PromptError
from samwidget.explain import colouring
from samwidget.explain.figure_parts import BLUE, FAINT, GREEN, INK, ORANGE, SKY, VERMILION
from samwidget.explain.film import Disc, Film, Item, Pictures, Rgb, Scene, Text, heading
from samwidget.explain.maps import stability
from samwidget.images import load_rgb
from samwidget.predict import SamPredictor

GAVE_OBJECT, DUPLICATE, UNSTABLE, LOW_SCORE = "kept", "duplicate", "not stable", "score too low"
FATES = (GAVE_OBJECT, DUPLICATE, UNSTABLE, LOW_SCORE)
"""What becomes of a point, the best first: that of the best of its three candidates."""
_COLOURS = {GAVE_OBJECT: GREEN, DUPLICATE: SKY, UNSTABLE: ORANGE, LOW_SCORE: VERMILION}
_POINTS_MAX = 64
_POINTS_AT_ONCE = 32
_PHOTO = (32.0, 84.0, 600.0, 430.0)


@dataclass(frozen=True, eq=False)
class GridPoint:
    """A point of the grid, and what became of it.

    Attributes:
        point_xy: in image pixels.
        fate: of ``FATES``.
        reason: the numbers behind it.
        objects: the found objects that it gave.
    """

    point_xy: tuple[float, float]
    fate: str
    reason: str
    objects: tuple[FoundObject, ...]


def grid_search(predictor: SamPredictor, image: object, points_per_side: int = 16) -> tuple[GridPoint, ...]:
    """Every point of the grid of a search for everything, row by row, with its fate.

    Args:
        predictor: any model; its own thresholds apply.
        image: whatever ``load_rgb`` reads.
        points_per_side: of the grid, at most 64.

    Raises:
        PromptError: ``points_per_side`` is out of its range.
    """
    if not 1 <= points_per_side <= _POINTS_MAX:
        raise PromptError(f"points_per_side is {points_per_side}", hint=f"give 1 to {_POINTS_MAX}")
    pixels = load_rgb(image)
    found_objects = predictor.everything(pixels, points_per_side=points_per_side)
    height, width = pixels.shape[:2]
    shares = (np.arange(points_per_side) + 0.5) / points_per_side
    points = [(float(x * width), float(y * height)) for y in shares for x in shares]
    # An object's id counts points, row by row, and three candidates for each.
    of_point: dict[int, list[FoundObject]] = {}
    for found_object in found_objects:
        of_point.setdefault(found_object.id // 3, []).append(found_object)
    embedding, fates = predictor.embed(pixels), []
    for start in range(0, len(points), _POINTS_AT_ONCE):  # the candidates of all points would fill the memory
        batch = points[start : start + _POINTS_AT_ONCE]
        candidates = predictor.predict_many([make_prompt([point]) for point in batch], embedding)
        fates += [
            _fate(predictor, point, masks, tuple(of_point.get(index, ())))
            for index, (point, masks) in enumerate(zip(batch, candidates, strict=True), start)
        ]
    return tuple(fates)


def _fate(
    predictor: SamPredictor, point_xy: tuple[float, float], masks: Masks, objects: tuple[FoundObject, ...]
) -> GridPoint:
    if objects:
        scores = ", ".join(f"{found_object.score:.2f}" for found_object in objects)
        return GridPoint(point_xy, GAVE_OBJECT, f"score {scores}", objects)
    options = predictor.everything_defaults
    is_good = masks.scores > np.float32(options.pred_iou_thresh)
    if not is_good.any():
        reason = f"best score {masks.scores.max():.2f}, not above {options.pred_iou_thresh:g}"
        return GridPoint(point_xy, LOW_SCORE, reason, ())
    logits = masks.to_logits()[is_good]
    best = max(np.nan_to_num(stability(candidate, options.stability_score_offset)) for candidate in logits)
    if best < options.stability_score_thresh:
        reason = f"best stability {best:.2f}, below {options.stability_score_thresh:g}"
        return GridPoint(point_xy, UNSTABLE, reason, ())
    return GridPoint(point_xy, DUPLICATE, "a mask with a better score covers the same pixels", ())


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
