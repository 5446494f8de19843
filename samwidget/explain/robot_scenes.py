"""The film of the click robot at work: its mask, the errors with the next click, and the IoU after each click."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from samwidget.core import INCLUDE, Prompt
from samwidget.errors import PromptError
from samwidget.explain import colouring
from samwidget.explain.click_robot import RobotClick
from samwidget.explain.figure_parts import BLUE, FAINT, GREEN, INK, ORANGE, VERMILION
from samwidget.explain.film import Area, Disc, Film, Item, Line, Pictures, Rgb, Scene, Text, heading, prompt_items
from samwidget.images import load_rgb

_MASK, _ERRORS = (32.0, 84.0, 300.0, 330.0), (352.0, 84.0, 300.0, 330.0)
_PLOT = (716.0, 110.0, 212.0, 270.0)
_TARGET = 0.85
"""The IoU to which the field counts clicks."""


def robot_film(image: object, truth: npt.NDArray[np.bool_], clicks: Iterable[RobotClick]) -> Film:
    """A scene for each click of a robot.

    Args:
        image: whatever ``load_rgb`` reads.
        truth: (H, W) bool, the object that the robot was given.
        clicks: what ``robot`` yields.

    Raises:
        PromptError: there are no clicks.
    """
    pixels = load_rgb(image)
    states = list(clicks)
    if not states:
        raise PromptError("there are no clicks to show", hint="give what robot(predictor, image, truth) yields")
    pictures = Pictures()
    scenes = tuple(_scene(pixels, truth, state, len(states), pictures) for state in states)
    return Film("A robot labels an object", {"Clicks": scenes}, tuple(pictures.images))


def error_image(image: Rgb, mask: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> Rgb:
    """(H, W, 3) RGB of mask and truth on the grey photo: green is right, orange missing, red too much."""
    out = colouring.tinted(colouring.greyed(image), mask & truth, GREEN, 0.45)
    out = colouring.tinted(out, truth & ~mask, ORANGE, 0.95)
    return colouring.tinted(out, mask & ~truth, VERMILION, 0.95)


def _scene(image: Rgb, truth: npt.NDArray[np.bool_], state: RobotClick, count: int, pictures: Pictures) -> Scene:
    clicks = len(state.ious)
    mask = pictures.fit(colouring.tinted(image, state.mask, BLUE), _MASK)
    errors = pictures.fit(error_image(image, state.mask, truth), _ERRORS)
    size = (image.shape[0], image.shape[1])
    items: list[Item] = [
        *heading(f"Click {clicks}", f"IoU {state.ious[-1]:.2f}"),
        mask,
        *prompt_items(state.prompt, mask, size, 9),
        errors,
        Text("the mask", 182, 446, align="center"),
        Text("its errors", 502, 446, align="center"),
        *_legend(352, 480),
        *_curve(state.ious, count),
    ]
    if state.next_click is None:
        return Scene(tuple(items), "No pixel is wrong any more: the robot stops.")
    x, y, label = state.next_click
    items += prompt_items(Prompt().with_point(x, y, label), errors, size, 9)
    region, verb = ("missing", "includes") if label == INCLUDE else ("too much", "excludes")
    return Scene(tuple(items), f"The deepest wrong part is {region}. The next click {verb} the point in its middle.")


def _legend(x: float, y: float) -> list[Item]:
    items: list[Item] = []
    for colour, name, width in ((GREEN, "right", 84), (ORANGE, "missing", 110), (VERMILION, "too much", 0)):
        items += [Area(x, y - 14, 16, 16, colour), Text(name, x + 22, y, 17)]
        x += width
    return items


def _curve(ious: tuple[float, ...], count: int) -> list[Item]:
    """The IoU over the clicks so far, with the target as a line."""
    left, top, width, height = _PLOT
    steps = max(count - 1, 1)
    points = tuple(
        (round(left + 8 + index / steps * (width - 16), 2), round(top + (1 - value) * height, 2))
        for index, value in enumerate(ious)
    )
    target_y = top + (1 - _TARGET) * height
    items: list[Item] = [
        Line(((left, top), (left, top + height), (left + width, top + height)), FAINT, 2),
        Line(((left, target_y), (left + width, target_y)), ORANGE, 3),
        Text("1", left - 10, top + 6, 17, FAINT, "right"),
        Text("0", left - 10, top + height + 6, 17, FAINT, "right"),
        Text(f"{_TARGET:g}", left - 10, target_y + 6, 17, FAINT, "right"),
        Text("clicks", left + width / 2, top + height + 66, 20, INK, "center"),
        Text("1", left + 8, top + height + 26, 17, FAINT, "center"),
        Text(str(count), left + width - 8, top + height + 26, 17, FAINT, "center"),
        Text("IoU", left + width / 2, top - 14, 20, INK, "center"),
    ]
    if len(points) > 1:
        items.append(Line(points, BLUE, 4))
    return [*items, *(Disc(x, y, 5, BLUE) for x, y in points)]
