"""Grids whose points a live page of lesson 8 must judge as Python's lesson does.

``tests/shared/grids.json`` has candidates that no network made, settings, and what Python replied: the fate and the
reason of each point, which candidates are kept, and what the exercises measure of them. ``python -m tests.page.grids``
writes the replies anew, after a change of the rules.
"""

import json
from pathlib import Path

import numpy as np

from samwidget.core import FoundObject, RunLengths
from samwidget.explain.grid_points import EMPTY, REASONS, Grid, judge_grid
from samwidget.explain.lessons import grid_rules
from samwidget.models import EverythingDefaults
from samwidget.page import runs_of

FILE = Path(__file__).parents[1] / "shared/grids.json"
SIZE_HW = (120, 160)
SIDE = 4
SETTINGS = (
    {"score": 0.6, "stability": 0.7, "overlap": 0.7},
    {"score": 0.0, "stability": 0.0, "overlap": 0.95},
    {"score": 0.0, "stability": 0.0, "overlap": 0.0},
    {"score": 0.85, "stability": 0.0, "overlap": 0.5},
    {"score": 0.3, "stability": 0.9, "overlap": 0.7},
    {"score": 0.75, "stability": 0.75, "overlap": 0.25},
    {"score": 0.95, "stability": 0.95, "overlap": 0.7},
)


def made():
    """A grid of candidates: around each point a disc, a larger one, and the photo or nothing."""
    numbers = np.random.default_rng(8)
    height, width = SIZE_HW
    rows, columns = np.mgrid[:height, :width]
    points = []
    for index in range(SIDE * SIDE):
        x, y = ((index % SIDE + 0.5) / SIDE * width, (index // SIDE + 0.5) / SIDE * height)
        # Neighbours in a row share a thing, so that there are duplicates.
        middle = (x + (12 if index % 2 else -12), y + numbers.uniform(-3, 3))
        distance = np.hypot(columns - middle[0], rows - middle[1])
        masks = [distance < numbers.uniform(14, 22), distance < numbers.uniform(25, 45)]
        masks.append(np.full(SIZE_HW, index % 5 == 0))
        candidates = [
            {
                "id": 3 * index + level,
                # Some are exactly at a limit, which float32 and float64 would judge differently.
                "score": float(np.float32(numbers.choice([0.6, 0.75, 0.85, numbers.uniform(0.2, 1)]))),
                "stability": float(np.float32(numbers.choice([0.7, 0.9, numbers.uniform(0.4, 1)]))),
                "runs": runs_of(mask),
            }
            for level, mask in enumerate(masks)
            if mask.any()
        ]
        points.append({"x": x, "y": y, "candidates": [] if index == 7 else candidates})
    return points


def replies(points):
    """What Python makes of a grid for each of the settings, and the overlap of the first candidate of each point."""
    grid = Grid(
        tuple((point["x"], point["y"]) for point in points),
        tuple(_object_of(item, point) for point in points for item in point["candidates"]),
    )
    return [_reply(grid, points, settings) for settings in SETTINGS]


def _reply(grid, points, settings):
    options = EverythingDefaults(SIDE, settings["score"], settings["stability"], 1.0)
    judged = judge_grid(grid, options, settings["overlap"])
    objects = [found_object for point in judged for found_object in point.objects]
    firsts = [_object_of(point["candidates"][0], point).mask for point in points if point["candidates"]]
    return {
        "settings": settings,
        "fates": [point.fate for point in judged],
        "reasons": [point.reason for point in judged],
        "kept": [found_object.id for found_object in objects],
        "measures": grid_rules.kept_measures(objects),
        "overlaps": [grid_rules.overlap_measures(mask, objects) for mask in firsts],
    }


def _object_of(item, point):
    flat = np.zeros(SIZE_HW[0] * SIZE_HW[1], bool)
    ends = np.cumsum(item["runs"])
    for begin, end in zip(ends[::2], ends[1::2], strict=False):
        flat[begin:end] = True
    return FoundObject(
        id=item["id"],
        run_lengths=RunLengths.from_mask(flat.reshape(SIZE_HW)),
        score=item["score"],
        stability=item["stability"],
        point_xy=(point["x"], point["y"]),
        level=item["id"] % 3,
        crop_xyxy=(0, 0, SIZE_HW[1], SIZE_HW[0]),
        candidate=None,
    )


def content(points):
    """What the file has."""
    return {
        "size_hw": SIZE_HW,
        "side": SIDE,
        "coin": {"area_px": grid_rules.COIN_PX, "same": grid_rules.SAME, "large": grid_rules.LARGE},
        "texts": {"reasons": REASONS, "empty": EMPTY},
        "points": points,
        "replies": replies(points),
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(content(made())) + "\n", encoding="utf-8")
