"""Copying: the objects of one image as masks or prompts for another one. Pure functions; ``turning`` calls them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from samwidget.core import Prompt, RunLengths, SegmentedObject, Size
from samwidget.errors import PromptError


def copied_masks(objects: Sequence[SegmentedObject], size_hw: Size, name: str) -> list[RunLengths]:
    """Returns the same pixels; raises PromptError where the image ``name`` has another size."""
    masks = [item.to_run_lengths() for item in objects]
    for mask in masks:
        if mask.size_hw != size_hw:
            sizes = [f"{width} x {height}" for height, width in (mask.size_hw, size_hw)]
            raise PromptError(
                f"{name} has {sizes[0]} pixels, and this image has {sizes[1]}", hint="copy the prompts: prompts=True"
            )
    return masks


def copied_prompts(objects: Sequence[SegmentedObject], size_hw: Size) -> list[Prompt]:
    """Returns points and box of each object at the same place of an image of this size; else the box around the mask.

    Raises:
        PromptError: an object has no points, no box and an empty mask.
    """
    return [_copied_prompt(item, size_hw) for item in objects]


def _copied_prompt(item: SegmentedObject, size_hw: Size) -> Prompt:
    prompt, box = item.prompt, item.box_xyxy
    if len(prompt.points_xy) == 0 and prompt.box_xyxy is None:
        if box is None:
            raise PromptError(f"{item.name} is empty", hint="delete it, or copy masks: prompts=False")
        prompt = Prompt(box_xyxy=np.array(box, np.float32))
    height, width = item.frame.image_hw
    scale = np.array([size_hw[1] / width, size_hw[0] / height], np.float32)
    scaled_box = None if prompt.box_xyxy is None else prompt.box_xyxy * np.tile(scale, 2)
    return replace(prompt, points_xy=prompt.points_xy * scale, box_xyxy=scaled_box, mask=None, level=None)
