"""TransformedPrompts: prompts as the reference takes them, as arrays in the transformed frame. ``Sam`` reads them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from samwidget.compat.errors import ArgumentError
from samwidget.core import Prompt, as_floats
from samwidget.errors import PromptError

_PADDING = -1


class TransformedPrompts(NamedTuple):
    """B prompts in the transformed frame; None for what they do not have. Without any, it is one empty prompt.

    Attributes:
        points: (B, N, 2) x, y.
        labels: (B, N): 1 to include, 0 to exclude, -1 for no point. Read only with points.
        boxes: (B, 4) x0, y0, x1, y1.
        masks: (B, 1, h, w) low-res logits, or (1, 1, h, w) for all prompts.
    """

    points: npt.NDArray[Any] | None = None
    labels: npt.NDArray[Any] | None = None
    boxes: npt.NDArray[Any] | None = None
    masks: npt.NDArray[Any] | None = None

    @classmethod
    def from_tensors(
        cls,
        points: torch.Tensor | None,
        labels: torch.Tensor | None,
        boxes: torch.Tensor | None,
        masks: torch.Tensor | None,
    ) -> TransformedPrompts:
        """Prompts of tensors on any device, or of arrays.

        Raises:
            PromptError: one does not consist of numbers.
        """
        return cls(
            None if points is None else as_numbers(points, 2, "points"),
            None if labels is None else as_labels(labels),
            None if boxes is None else as_numbers(boxes, 4, "boxes"),
            None if masks is None else as_logits(masks),
        )

    def in_image(self, scale_xy: tuple[float, float], *, keep_padding: bool) -> list[Prompt]:
        """The prompts in pixels of the image.

        Args:
            scale_xy: pixels of the image for one of the transformed frame.
            keep_padding: keep the points of label -1. SAM reads them as padding; other models do not know them.

        Raises:
            ArgumentError: points without labels.
            PromptError: a shape or a label is wrong, or the numbers of prompts differ.
        """
        parts: dict[str, npt.NDArray[Any]] = {}
        if self.points is not None:
            if self.labels is None:
                raise ArgumentError("points without point_labels", hint="give a label for each point: 1 or 0")
            parts["points"], parts["labels"] = as_numbers(self.points, 2, "points") * scale_xy, self.labels
        if self.boxes is not None:
            parts["boxes"] = as_numbers(self.boxes, 4, "boxes").reshape(-1, 4) * np.tile(scale_xy, 2)
        if self.masks is not None:
            masks = self.masks.reshape(-1, *self.masks.shape[-2:])
            count = max(map(len, parts.values()), default=1)
            parts["masks"] = np.repeat(masks, count, axis=0) if len(masks) == 1 else masks
        count = max(map(len, parts.values()), default=1)
        if any(len(part) != count for part in parts.values()):
            numbers = ", ".join(f"{name} for {len(part)}" for name, part in parts.items())
            raise PromptError(f"the prompts differ in number: {numbers}", hint="give each for all prompts")
        return [_prompt({name: part[i] for name, part in parts.items()}, keep_padding) for i in range(count)]


def as_numbers(value: npt.ArrayLike, length: int, name: str) -> npt.NDArray[np.float64]:
    """The value as (..., ``length``) float64.

    Raises:
        PromptError: it holds something else.
    """
    array = as_floats(value, name, f"give {length} numbers for each", np.float64)
    if array.shape[-1:] != (length,):
        raise PromptError(f"{name} have shape {array.shape}", hint=f"give {length} numbers for each")
    return array


def as_labels(value: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """The labels of points; raises PromptError where they are no numbers."""
    return as_floats(value, "point_labels", "give a label for each point: 1 or 0")


def as_logits(value: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Low-res logits; raises PromptError where they are no numbers."""
    return as_floats(value, "mask_input", "give low-res logits of an earlier prediction")


def _prompt(parts: dict[str, npt.NDArray[Any]], keep_padding: bool) -> Prompt:
    """The prompt of these parts, in pixels of the image."""
    points, labels = parts.get("points", np.zeros((0, 2))), parts.get("labels", np.zeros(0))
    if points.shape != (len(points), 2) or labels.shape != (len(points),):
        raise PromptError(
            f"points have shape {points.shape}, labels {labels.shape}", hint="give (N, 2) and (N,) for each prompt"
        )
    is_used = (labels != _PADDING) | keep_padding
    return Prompt.unchecked(points[is_used], labels[is_used], parts.get("boxes"), parts.get("masks"))
