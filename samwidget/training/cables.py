"""Draws cables over a photo, each an object of its own with an exact mask.

The data sets have hardly any object that is thin, curved and long, and no cable at all. Called by ``data``.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree

from samwidget.training.augment import Ids, Rgb

POINTS = 8
"""Corners of the line before it is rounded."""
EXACT_WITHIN = 14
"""Pixels from the line; a cable is at most 18 pixels wide in crops of 640 x 480."""


def add_cable(rng: np.random.Generator, rgb: Rgb, ids: Ids, new_id: int) -> None:
    """Draws a curved cable with a highlight and a shadow over ``rgb`` and ``ids`` in place.

    Args:
        rng: draws its course, width, colour and light.
        rgb: (H, W, 3) uint8 RGB, the photo.
        ids: (H, W) uint8 object ids; those under the cable are replaced.
        new_id: the id of the cable.
    """
    course = cable_course(rng, ids.shape)
    radius = min(ids.shape) * np.exp(rng.uniform(np.log(0.004), np.log(0.018)))
    distance = _distance(course, ids.shape)
    light = rng.normal(0, 1, 2)
    light /= np.hypot(*light)
    photo = rgb.astype(np.float32)
    # The shadow lies on the far side of the light, softer and farther away where the cable is off the ground.
    shadow = _distance(course - light * radius * rng.uniform(0.5, 2.5), ids.shape)
    softness = radius * rng.uniform(0.6, 2.0)
    photo *= 1 - rng.uniform(0, 0.5) * np.exp(-((shadow / (radius + softness)) ** 2))[..., None]
    colour = rng.choice([rng.uniform(5, 50), rng.uniform(190, 245)]) + rng.normal(0, 8, 3)
    if rng.random() < 0.35:
        colour = rng.uniform(10, 230, 3)
    # A round surface is darker at both sides, and bright where it faces the light.
    facing = np.sqrt(np.clip(1 - (distance / radius) ** 2, 0, 1))
    shine = np.exp(-((_distance(course + light * radius * 0.45, ids.shape) / (0.35 * radius)) ** 2))
    surface = colour * (0.5 + 0.5 * facing[..., None]) + rng.uniform(0, 120) * shine[..., None]
    alpha = np.clip(radius + 0.5 - distance, 0, 1)[..., None]
    rgb[:] = np.clip(photo + (surface - photo) * alpha, 0, 255).astype(np.uint8)
    ids[distance <= radius] = new_id


def cable_course(rng: np.random.Generator, size_hw: tuple[int, int]) -> npt.NDArray[np.float64]:
    """(N, 2) x, y of a smooth line from a random point; its direction changes by chance, so it may cross itself."""
    bend = rng.normal(0, 0.35)
    angles = rng.uniform(0, 2 * np.pi) + np.cumsum(bend + rng.normal(0, 0.55, POINTS))
    steps = np.column_stack([np.cos(angles), np.sin(angles)])
    steps *= min(size_hw) * np.exp(rng.uniform(np.log(0.08), np.log(0.28)))
    start = rng.uniform(0.1, 0.9, 2) * (size_hw[1], size_hw[0])
    line = np.cumsum(np.vstack([start, steps]), 0)
    for _ in range(4):
        first, second = line[:-1], line[1:]
        cut = np.stack([0.75 * first + 0.25 * second, 0.25 * first + 0.75 * second], 1).reshape(-1, 2)
        line = np.concatenate([line[:1], cut, line[-1:]])
    return line


def _distance(course: npt.NDArray[np.float64], size_hw: tuple[int, int]) -> npt.NDArray[np.float32]:
    """(H, W) float32 distance of each pixel to a line, in pixels: exact near the line, to a pixel elsewhere."""
    canvas = np.full(size_hw, 255, np.uint8)
    cv2.polylines(canvas, [np.round(course * 16).astype(np.int32)], False, 0, 1, cv2.LINE_8, 4)
    distance = np.asarray(cv2.distanceTransform(canvas, cv2.DIST_L2, 5), np.float32)
    lengths = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(course, axis=0).T))])
    along = np.arange(0, lengths[-1], 0.25)
    dense = np.column_stack([np.interp(along, lengths, course[:, axis]) for axis in (0, 1)])
    y, x = np.nonzero(distance < EXACT_WITHIN)
    distance[y, x] = KDTree(dense).query(np.column_stack([x, y]))[0]
    return distance
