"""The photos of lesson 9, drawn by a program: mushrooms on moss, with masks of the caps and of the whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

Mask = npt.NDArray[np.bool_]

_WIDTH, _HEIGHT, _COUNT = 320, 240, 2
_FINE = 3  # drawn so many times larger, so that edges are smooth
_LEAF = 8  # pixels of a leaf of the moss


@dataclass(frozen=True, eq=False)
class MushroomPhoto:
    """A drawn photo.

    Attributes:
        image: (240, 320, 3) uint8 RGB.
        caps: (240, 320) bool, one of each mushroom, from left to right.
        mushrooms: the same with the stems.
    """

    image: npt.NDArray[np.uint8]
    caps: tuple[Mask, ...]
    mushrooms: tuple[Mask, ...]


def draw_mushrooms(seed: int) -> MushroomPhoto:
    """A photo of two mushrooms whose stems have almost the colour of the caps. The same seed gives the same photo."""
    rng = np.random.default_rng(seed)
    moss = np.array([rng.integers(60, 110), rng.integers(90, 130), rng.integers(40, 80)])
    leaves = moss + 14 * rng.normal(0, 1, (_HEIGHT // _LEAF, _WIDTH // _LEAF, 3))
    photo = Image.fromarray(np.clip(leaves, 0, 255).astype(np.uint8)).resize(
        (_WIDTH * _FINE, _HEIGHT * _FINE), Image.Resampling.BICUBIC
    )
    pen = ImageDraw.Draw(photo)
    caps, mushrooms = [], []
    for number in range(_COUNT):
        x = _WIDTH * (number + 0.5) / _COUNT + rng.uniform(-12, 12)
        y = _HEIGHT * rng.uniform(0.42, 0.55)
        radius = rng.uniform(34, 52)
        colour = np.array([rng.integers(150, 225), rng.integers(110, 170), rng.integers(70, 120)])
        stem, length = radius * rng.uniform(0.28, 0.4), radius * rng.uniform(1.1, 1.6)
        stem_box = _fine(x - stem, y - 2, x + stem, y + length)
        cap_box = _fine(x - radius, y - 0.85 * radius, x + radius, y + 0.85 * radius)
        cap = Image.new("L", photo.size)
        ImageDraw.Draw(cap).pieslice(cap_box, 180, 360, fill=255)
        mushroom = cap.copy()
        corner = 0.8 * stem * _FINE
        ImageDraw.Draw(mushroom).rounded_rectangle(stem_box, radius=corner, fill=255)
        pen.rounded_rectangle(stem_box, radius=corner, fill=_rgb(0.94 * colour))
        pen.pieslice(cap_box, 180, 360, fill=_rgb(colour))
        caps.append(_mask(cap))
        mushrooms.append(_mask(mushroom))
    soft = photo.filter(ImageFilter.GaussianBlur(2)).resize((_WIDTH, _HEIGHT), Image.Resampling.BOX)
    noisy = np.asarray(soft, np.float64) + rng.normal(0, 5, (_HEIGHT, _WIDTH, 3))
    return MushroomPhoto(np.clip(noisy, 0, 255).astype(np.uint8), tuple(caps), tuple(mushrooms))


def _fine(*edges: float) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (edge * _FINE for edge in edges)
    return x0, y0, x1, y1


def _rgb(colour: npt.NDArray[np.float64]) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in colour)
    return red, green, blue


def _mask(drawn: Image.Image) -> Mask:
    return np.asarray(np.asarray(drawn.resize((_WIDTH, _HEIGHT), Image.Resampling.BOX)) > 127)
