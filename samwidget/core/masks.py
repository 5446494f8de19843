"""Masks: a network's answer to one prompt, kept as low-res logits; pixels are made when someone asks for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from samwidget.core.frame import Frame
from samwidget.core.prompt import Prompt
from samwidget.core.upsample import upsample, upsample_mask


@dataclass(frozen=True, eq=False)
class Masks:
    """The candidates for one prompt.

    Attributes:
        logits: (C, h, w) float32 low-res logits over the frame's logits window, in the network's own order.
        scores: (C,) float32, the network's estimate of each mask's IoU.
        frame: ties the logits to image pixels.
        prompt: what was asked.
    """

    logits: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    frame: Frame
    prompt: Prompt

    def __len__(self) -> int:
        return len(self.logits)

    @property
    def best(self) -> int:
        """Index of the candidate with the highest score; the first of equals."""
        return int(np.argmax(self.scores))

    def to_bool(self, threshold: float = 0.0) -> npt.NDArray[np.bool_]:
        """(C, H, W) bool at the image's own size: full-size logits above ``threshold``."""
        return np.stack([upsample_mask(logits, self.frame, threshold) for logits in self.logits])

    def to_logits(self) -> npt.NDArray[np.float32]:
        """(C, H, W) float32 logits at the image's own size."""
        return np.stack([upsample(logits, self.frame) for logits in self.logits])
