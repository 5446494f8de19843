"""Prompts as a user gives them while a network learns: a click or a box, and then corrections of what it made.

Owns how a simulated user's clicks on the grid of the logits become prompts in image pixels. Where they click is in
``click_simulator``. Called by ``learner``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from samwidget.core import INCLUDE, Frame, Prompt
from samwidget.training.click_simulator import click_in, jittered_box, next_click

Mask = npt.NDArray[np.bool_]
BOX_SHARE = 0.2
"""How often the first prompt is a box; all others are one click, which is what people use most."""


def first_prompt(rng: np.random.Generator, target: Mask, frame: Frame) -> Prompt:
    """A click in an object, or a box around it.

    Args:
        rng: draws both.
        target: (h, w) bool, the object on the grid of the logits.
        frame: ties that grid to the image.
    """
    if rng.random() < BOX_SHARE:
        corners = np.array(jittered_box(rng, target)).reshape(2, 2)
        return Prompt(box_xyxy=_inside(frame.logits_to_image(corners), frame).reshape(4))
    return _with_click(Prompt(), *click_in(rng, target), INCLUDE, frame)


def corrected(
    rng: np.random.Generator, prompt: Prompt, target: Mask, predicted: Mask, valid: Mask, frame: Frame
) -> Prompt | None:
    """The prompt with one click more, into the deepest wrong region; None where nothing is wrong.

    Args:
        rng: draws the position inside the region.
        prompt: that gave the mask.
        target: (h, w) bool, the object.
        predicted: (h, w) bool, the mask on the screen.
        valid: (h, w) bool, False where nobody knows whether the object is there.
        frame: ties the grid of the three masks to the image.
    """
    click = next_click(rng, target, predicted, valid)
    return None if click is None else _with_click(replace(prompt, mask=None), *click, frame)


def _with_click(prompt: Prompt, x: float, y: float, label: int, frame: Frame) -> Prompt:
    x_image, y_image = _inside(frame.logits_to_image([[x, y]]), frame)[0]
    return prompt.with_point(float(x_image), float(y_image), label)


def _inside(points_xy: npt.NDArray[np.float32], frame: Frame) -> npt.NDArray[np.float32]:
    """The points, moved into the image: the last logits of a row may be padding in part."""
    height, width = frame.image_hw
    return np.clip(points_xy, 0, np.array([width, height], np.float32) - np.float32(1e-3))
