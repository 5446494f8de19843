"""Parts of an embedding: a model whose decoder is convolutional decodes a prompt on what is near it, in less time.

Owns which embeddings can be cut, and where. Of the models here ``nano`` is one: on 128 x 128 of 512 x 512 pixels a
point takes a fifth of the time, and objects that lie well inside get the same masks. All other models decode on the
whole embedding. Called by ``search``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
import torch

from samwidget.core import Frame, Masks, Prompt
from samwidget.models import Embedding, EverythingDefaults, one_thread

if TYPE_CHECKING:
    from samwidget.core import Size

# The tensors of nano; the last one, at the largest stride, only gives its mean to the decoder.
_CUT, _MEAN = ("fine", "middle", "deep"), "context"
# Sides of parts, in pixels of the input: they are multiples of the largest stride.
_STRIDE, _SIDE_MIN = 32, 128
_FAR_LOGIT = -10.0
# A part of more than this share of the image saves too little.
_SHARE_MAX = 0.6


class Predictor(Protocol):
    """What a search needs of a predictor; a ``SamPredictor`` is one."""

    @property
    def everything_defaults(self) -> EverythingDefaults:
        """The thresholds that suit the model."""
        ...

    @property
    def thread_count(self) -> int:
        """How many CPU threads compute where the caller does not say it."""
        ...

    def predict_many(self, prompts: Sequence[Prompt], embedding: Embedding, *, threads: int | None) -> list[Masks]:
        """Three candidates for each prompt."""
        ...


def masks_near(
    predictor: Predictor, embedding: Embedding, prompts: Sequence[Prompt], reach: float, threads: int
) -> list[Masks]:
    """Three candidates for each prompt, in the frame of the image.

    Args:
        predictor: decodes.
        embedding: of the image.
        prompts: one point or one box each; 16 on parts of 128 x 128 pixels take 13 MB.
        reach: how far objects reach from the prompt's centre, in image pixels. A candidate that goes on beyond its part
            gets the score 0, since nobody knows where it ends.
        threads: how many CPU threads compute.
    """
    frame = embedding.frame
    side = _round_up(2 * reach * float(frame.image_to_input((1, 1)).max()) + _STRIDE)
    size_hw = (min(max(side, _SIDE_MIN), frame.input_hw[0]), min(max(side, _SIDE_MIN), frame.input_hw[1]))
    can_be_cut = {*_CUT, _MEAN} <= set(embedding.tensors)
    if not can_be_cut or size_hw[0] * size_hw[1] > _SHARE_MAX * frame.input_hw[0] * frame.input_hw[1]:
        return predictor.predict_many(prompts, embedding, threads=threads)
    corners = [_corner(frame.image_to_input(_centre(prompt)), size_hw, frame.input_hw) for prompt in prompts]
    with one_thread():  # in small steps, where several threads would only wait for each other
        stack = _stack(embedding, corners, size_hw)
    moved = [_moved(prompt, frame, corner) for prompt, corner in zip(prompts, corners, strict=True)]
    made = predictor.predict_many(moved, stack, threads=threads)
    return [_of_image(*of_prompt, frame) for of_prompt in zip(made, prompts, corners, strict=True)]


def _centre(prompt: Prompt) -> npt.NDArray[np.float32]:
    """(2,) x, y of a prompt of one point or one box."""
    corners = prompt.points_xy if prompt.box_xyxy is None else prompt.box_xyxy.reshape(2, 2)
    centre: npt.NDArray[np.float32] = corners.mean(0)
    return centre


def _corner(centre_xy: npt.NDArray[np.float32], size_hw: Size, input_hw: Size) -> tuple[int, int]:
    """Left and top of a part around a place, in pixels of the input; the part lies in the input."""
    left, top = (
        int(min(max(round((centre - side / 2) / _STRIDE) * _STRIDE, 0), limit - side))
        for centre, side, limit in zip(centre_xy.tolist(), size_hw[::-1], input_hw[::-1], strict=True)
    )
    return left, top


def _stack(embedding: Embedding, corners: Sequence[tuple[int, int]], size_hw: Size) -> Embedding:
    """The parts of the embedding at (left, top) corners. Their image is the part itself, in pixels of the input."""
    (height, width), tensors = size_hw, {}
    for name in _CUT:
        feature = embedding.tensors[name]
        stride = embedding.frame.input_hw[0] // feature.shape[2]
        rows, columns = height // stride, width // stride
        parts = [
            feature[:, :, top // stride : top // stride + rows, left // stride : left // stride + columns]
            for left, top in corners
        ]
        tensors[name] = torch.cat(parts).contiguous(memory_format=torch.channels_last)
    # A part has the context of the whole image.
    mean = embedding.tensors[_MEAN].mean((2, 3), keepdim=True)
    tensors[_MEAN] = mean.expand(len(corners), -1, height // _STRIDE, width // _STRIDE)
    stride = embedding.frame.input_hw[0] // embedding.frame.logits_hw[0]
    frame = Frame(size_hw, size_hw, size_hw, (height // stride, width // stride))
    return Embedding(tensors, frame, embedding.signature)


def _moved(prompt: Prompt, frame: Frame, corner: tuple[int, int]) -> Prompt:
    """The prompt in pixels of the part at a corner."""
    offset = np.array(corner, np.float32)
    box = prompt.box_xyxy
    if box is not None:
        box = (frame.image_to_input(box.reshape(2, 2)) - offset).reshape(4)
    return replace(prompt, points_xy=frame.image_to_input(prompt.points_xy) - offset, box_xyxy=box)


def _of_image(masks: Masks, prompt: Prompt, corner: tuple[int, int], frame: Frame) -> Masks:
    """The candidates of a part in the frame of the image."""
    stride = frame.input_hw[0] // frame.logits_hw[0]
    (height, width), (before, above) = masks.frame.logits_hw, (side // stride for side in corner)
    sides = (before > 0, above > 0, before + width < frame.logits_hw[1], above + height < frame.logits_hw[0])
    edges = (masks.logits[:, :, 0], masks.logits[:, 0], masks.logits[:, :, -1], masks.logits[:, -1])
    is_cut = np.any([(edge > 0).any(1) & is_inside for edge, is_inside in zip(edges, sides, strict=True)], 0)
    logits = np.full((len(masks), *frame.logits_hw), _FAR_LOGIT, np.float32)
    logits[:, above : above + height, before : before + width] = masks.logits
    scores = np.where(is_cut, np.float32(0), masks.scores)
    return replace(masks, logits=logits, scores=scores, frame=frame, prompt=prompt)


def _round_up(side: float) -> int:
    return math.ceil(side / _STRIDE) * _STRIDE
