"""The click robot: the simulated user with which the field measures interactive segmentation.

It clicks into the middle of the object, looks at the errors of the mask, and clicks into the middle of the largest
error, again and again. The clicks are those of ``training.robot_click``, so the IoUs are those of the evaluation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from samwidget.core import Masks, Prompt
from samwidget.errors import ModelError, PromptError
from samwidget.explain.maps import Errors, errors_of
from samwidget.images import load_rgb
from samwidget.predict import SamPredictor

CLICKS_MAX = 20
"""Clicks after which the field stops to count."""


@dataclass(frozen=True, eq=False)
class RobotClick:
    """The state after a click of the robot.

    Attributes:
        prompt: all clicks so far.
        masks: the model's mask for them.
        mask: (H, W) bool, the same.
        errors: how it differs from the truth.
        ious: after each click so far, this one included.
        next_click: x, y and label of the next click, in image pixels; None where no pixel is wrong.
    """

    prompt: Prompt
    masks: Masks
    mask: npt.NDArray[np.bool_]
    errors: Errors
    ious: tuple[float, ...]
    next_click: tuple[float, float, int] | None


def robot(
    predictor: SamPredictor, image: object, truth: npt.NDArray[np.bool_], clicks: int = CLICKS_MAX
) -> Iterator[RobotClick]:
    """The robot's clicks on one object, each with its mask, its errors and the IoUs so far.

    Args:
        predictor: any model.
        image: whatever ``load_rgb`` reads.
        truth: (H, W) bool, the object that it is to segment.
        clicks: it stops after so many, or where no pixel is wrong.

    Yields:
        The state after each click.

    Raises:
        PromptError: the truth is empty, or no mask of the image's size; or ``clicks`` is below 1.
        ModelError: OpenCV is not installed, or the model failed.
    """
    try:
        from samwidget.training import robot_click
    except ImportError as error:
        raise ModelError("the robot needs OpenCV", hint="pip install 'samwidget[explain]'") from error
    pixels = load_rgb(image)
    if clicks < 1:
        raise PromptError(f"clicks is {clicks}", hint="give a number from 1")
    nothing = np.zeros(pixels.shape[:2], np.bool_)
    errors_of(nothing, truth)  # checks the size
    click = robot_click(truth, nothing)
    if click is None:
        raise PromptError("the truth is empty", hint="give the mask of an object")
    return _clicks(predictor, pixels, truth, clicks, click)


def _clicks(
    predictor: SamPredictor,
    pixels: npt.NDArray[np.uint8],
    truth: npt.NDArray[np.bool_],
    clicks: int,
    first: tuple[int, int, int],
) -> Iterator[RobotClick]:
    from samwidget.training import robot_click

    embedding = predictor.embed(pixels)
    prompt = Prompt()
    ious: tuple[float, ...] = ()
    click: tuple[int, int, int] | None = first
    while click is not None and len(ious) < clicks:
        x, y, label = click
        prompt = prompt.with_point(x + 0.5, y + 0.5, label)
        masks = predictor.predict_many([prompt], embedding, multimask_output=False)[0]
        mask = masks.to_bool()[0]
        errors = errors_of(mask, truth)
        ious = (*ious, errors.iou)
        click = robot_click(truth, mask)
        next_click = None if click is None else (click[0] + 0.5, click[1] + 0.5, click[2])
        yield RobotClick(prompt, masks, mask, errors, ious, next_click)


def clicks_to(ious: tuple[float, ...], target: float) -> int | None:
    """The number of clicks after which the IoU is at least ``target`` for the first time; None where it never is."""
    return next((index + 1 for index, value in enumerate(ious) if value >= target), None)
