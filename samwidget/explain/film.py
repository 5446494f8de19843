"""Film: recorded scenes that play without a model: texts, lines and pictures at their positions.

Owns the values and how they become JSON. ``decode_scenes``, ``robot_scenes`` and ``grid_points`` make films;
``page`` plays them in any notebook and any HTML page, also where no kernel is; ``canvas`` plays them with ipycanvas.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from samwidget.core import INCLUDE, Prompt
from samwidget.explain.figure_parts import BLUE, FAINT, INK, VERMILION
from samwidget.explain.page import page_of
from samwidget.images import encode_rgb_png, encode_small_jpeg, shrink

WIDTH, HEIGHT = 960, 540
"""Of a scene, in its own pixels; players scale it."""
Rgb: TypeAlias = npt.NDArray[np.uint8]


class Text(NamedTuple):
    """Words in one line; ``y`` is the baseline, ``align`` is left, center or right."""

    text: str
    x: float
    y: float
    size: float = 20
    fill: str = INK
    align: str = "left"
    bold: bool = False


class Picture(NamedTuple):
    """The image of this number in the film, scaled to a box."""

    image: int
    x: float
    y: float
    width: float
    height: float


class Line(NamedTuple):
    """A line through points x, y."""

    points: tuple[tuple[float, float], ...]
    fill: str = INK
    width: float = 3


class Disc(NamedTuple):
    """A disc with an edge in another colour."""

    x: float
    y: float
    radius: float
    fill: str
    edge: str = "#ffffff"


class Area(NamedTuple):
    """A box that is filled."""

    x: float
    y: float
    width: float
    height: float
    fill: str


Item: TypeAlias = "Text | Picture | Line | Disc | Area"


class Scene(NamedTuple):
    """What is seen at one moment; later items lie on top.

    Attributes:
        items: what is drawn.
        sentence: what to look at, below the scene.
    """

    items: tuple[Item, ...]
    sentence: str


@dataclass(frozen=True, eq=False)
class Film:
    """Scenes in one or more levels of detail.

    Attributes:
        title: of the film.
        scenes: by the name of the detail, the coarsest first.
        images: what the scenes show, each as a PNG or JPEG file.
        seconds: how long a scene stays.
    """

    title: str
    scenes: Mapping[str, tuple[Scene, ...]]
    images: tuple[bytes, ...]
    seconds: float = 2.0

    def to_json(self) -> dict[str, Any]:
        """What a player needs: title, seconds, images as data URLs, and for each detail its scenes."""
        return {
            "title": self.title,
            "seconds": self.seconds,
            "size": [WIDTH, HEIGHT],
            "images": [
                f"data:image/{format_of(file)};base64,{base64.b64encode(file).decode('ascii')}" for file in self.images
            ],
            "details": [
                {
                    "name": name,
                    "scenes": [
                        {"sentence": scene.sentence, "items": [[_kind(item), *item] for item in scene.items]}
                        for scene in scenes
                    ],
                }
                for name, scenes in self.scenes.items()
            ],
        }

    def __repr__(self) -> str:
        counts = ", ".join(f"{name}: {len(scenes)}" for name, scenes in self.scenes.items())
        return f"Film({self.title!r}, scenes: {counts})"

    def _repr_html_(self) -> str:
        return page_of(self.to_json())


def _kind(item: Item) -> str:
    return type(item).__name__.lower()


def format_of(file: bytes) -> str:
    """``jpeg`` or ``png``."""
    return "jpeg" if file.startswith(b"\xff\xd8") else "png"


@dataclass(eq=False)
class Pictures:
    """Collects the images of a film, each once.

    Attributes:
        images: PNG or JPEG files so far.
    """

    images: list[bytes] = field(default_factory=list)

    def fit(self, image: Rgb, box: tuple[float, float, float, float]) -> Picture:
        """The image as large as it fits into a box x, y, width, height, in its middle."""
        x, y, width, height = box
        small = np.ascontiguousarray(shrink(image, WIDTH))
        # Photos are smaller as JPEG; maps of few colours are smaller, and sharper, as PNG.
        file = min(encode_rgb_png(small), encode_small_jpeg(small), key=len)
        if file not in self.images:
            self.images.append(file)
        rows, columns = image.shape[:2]
        scale = min(width / columns, height / rows)
        left, top = x + (width - columns * scale) / 2, y + (height - rows * scale) / 2
        return Picture(
            self.images.index(file), *(round(side, 2) for side in (left, top, columns * scale, rows * scale))
        )


def prompt_items(prompt: Prompt, picture: Picture, image_hw: tuple[int, int], radius: float = 11) -> tuple[Item, ...]:
    """The points and the box of a prompt on a picture of an image."""
    scale = picture.width / image_hw[1]

    def at(x: float, y: float) -> tuple[float, float]:
        return round(picture.x + float(x) * scale, 2), round(picture.y + float(y) * scale, 2)

    items: list[Item] = []
    if prompt.box_xyxy is not None:
        x0, y0, x1, y1 = prompt.box_xyxy
        corners = tuple(at(x, y) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)))
        items += [Line(corners, "#ffffff", 6), Line(corners, INK, 3)]
    for (x, y), label in zip(prompt.points_xy, prompt.labels, strict=True):
        centre_x, centre_y = at(x, y)
        arm = radius * 0.5
        items.append(Disc(centre_x, centre_y, radius, BLUE if label == INCLUDE else VERMILION))
        items.append(Line(((centre_x - arm, centre_y), (centre_x + arm, centre_y)), "#ffffff", 3))
        if label == INCLUDE:
            items.append(Line(((centre_x, centre_y - arm), (centre_x, centre_y + arm)), "#ffffff", 3))
    return tuple(items)


def heading(text: str, note: str = "") -> tuple[Item, ...]:
    """The first line of a scene, and a note at its right end."""
    items: tuple[Item, ...] = (Text(text, 32, 46, 28, bold=True),)
    return (*items, Text(note, WIDTH - 32, 46, 20, FAINT, "right")) if note else items
