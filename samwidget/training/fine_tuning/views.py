"""Views: each photo as it is, mirrored and cropped, encoded once; a step of learning only runs the decoder.

Owns which views there are, and how masks get onto the grid of the logits. The encoder does not learn, so its features
can be kept. Called by ``tune``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from samwidget.core import Frame
from samwidget.models import Embedding, Segmenter
from samwidget.training.augment import change_light
from samwidget.training.fine_tuning.examples import Example

VIEWS_MAX, VIEWS_IN_ALL = 6, 120
"""Of one photo, and about how many in all: one of ``nano`` takes 3 MB, one of SAM 2 MB."""
_CROP_SHARES = (0.55, 0.9)
_PIXELS_MIN = 12
"""Objects of fewer logits are left out."""


@dataclass(frozen=True, eq=False)
class View:
    """One view of a photo, ready to learn from.

    Attributes:
        embedding: what the encoder made of it, in half precision.
        targets: (N, h, w) float32: the share of each logit's area that the object covers.
        valid: (h, w) float32, 0 where nobody knows what is there, or beyond the image, else 1.
    """

    embedding: Embedding
    targets: npt.NDArray[np.float32]
    valid: npt.NDArray[np.float32]


def encoded_views(segmenter: Segmenter, examples: Sequence[Example], seed: int, threads: int) -> list[View]:
    """All views of the examples, encoded.

    Args:
        segmenter: the model.
        examples: photos with masks.
        seed: of the crops and of changes of light.
        threads: that the encoder uses.
    """
    rng = np.random.default_rng(seed)
    count = min(VIEWS_MAX, max(1, VIEWS_IN_ALL // len(examples)))
    views = []
    for example in examples:
        for index in range(count):
            part = _part(rng, example, index)
            view = None if part is None else _encoded(segmenter, part, threads)
            if view is not None and len(view.targets):
                views.append(view)
    return views


def on_grid(mask: npt.NDArray[np.bool_], frame: Frame) -> npt.NDArray[np.float32]:
    """(h, w) float32: the share of each low-res logit that an (H, W) mask covers; 0 in the padding."""
    content = cv2.resize(mask.astype(np.float32), frame.content_hw[::-1], interpolation=cv2.INTER_AREA)
    covered = np.zeros(frame.input_hw, np.float32)
    covered[: content.shape[0], : content.shape[1]] = content
    (height, width), (rows, columns) = frame.logits_hw, frame.input_hw
    return np.asarray(covered.reshape(height, rows // height, width, columns // width).mean((1, 3)), np.float32)


def _part(rng: np.random.Generator, example: Example, index: int) -> Example | None:
    """The photo itself, then mirrored, then crops around objects in another light, each second one mirrored."""
    part: Example | None = example.mirrored() if index % 2 else example
    if index < 2 or part is None:
        return part
    height, width = part.valid.shape
    share = rng.uniform(*_CROP_SHARES)
    rows, columns = max(1, int(share * height)), max(1, int(share * width))
    ys, xs = np.nonzero(part.masks[rng.integers(len(part.masks))])
    pixel = rng.integers(len(ys))
    top = int(np.clip(ys[pixel] - rng.uniform(0.2, 0.8) * rows, 0, height - rows))
    left = int(np.clip(xs[pixel] - rng.uniform(0.2, 0.8) * columns, 0, width - columns))
    crop = part.cropped(top, top + rows, left, left + columns)
    return None if crop is None else Example(crop.name, change_light(rng, crop.image), crop.masks, crop.valid)


def _encoded(segmenter: Segmenter, example: Example, threads: int) -> View:
    embedding = segmenter.encode(example.image, threads=threads)
    frame = embedding.frame
    targets = [on_grid(mask, frame) for mask in example.masks]
    targets = [target for target in targets if (target >= 0.5).sum() >= _PIXELS_MIN]
    # A copy, since tensors of inference mode cannot take part in a gradient; and half of the memory.
    tensors = {name: tensor.clone().half() for name, tensor in embedding.tensors.items()}
    shape = (0, *frame.logits_hw)
    return View(
        Embedding(tensors, frame, embedding.signature),
        np.stack(targets) if targets else np.zeros(shape, np.float32),
        (on_grid(example.valid, frame) >= 0.99).astype(np.float32),
    )
