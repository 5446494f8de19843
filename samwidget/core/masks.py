"""Masks: the candidates for one prompt, stored as low-res logits. Full-size pixels are made on request.

The public result of ``SamPredictor``. How logits become pixels is in ``upsample``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from samwidget.core.frame import Frame
from samwidget.core.prompt import Prompt
from samwidget.core.upsample import upsample, upsample_mask


@dataclass(frozen=True, eq=False)
class Masks:
    """The candidates for one prompt, each a mask with its score.

    Attributes:
        logits: (C, h, w) float32 low-res logits of the size ``frame.logits_hw``, in the network's own order.
        scores: (C,) float32, the network's estimate of each mask's IoU, 0 to 1.
        frame: ties the logits to image pixels.
        prompt: the prompt that the candidates belong to.
        model: signature of the model that computed them; empty where nobody knows.
    """

    logits: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    frame: Frame
    prompt: Prompt
    model: str = ""

    def __len__(self) -> int:
        return len(self.logits)

    @property
    def best(self) -> int:
        """Index of the candidate with the highest score; the first one where scores are equal."""
        return int(np.argmax(self.scores))

    def to_bool(self, threshold: float = 0.0) -> npt.NDArray[np.bool_]:
        """(C, H, W) bool at the image's own size: True where the full-size logits exceed ``threshold``."""
        return np.stack([upsample_mask(logits, self.frame, threshold) for logits in self.logits])

    def to_logits(self) -> npt.NDArray[np.float32]:
        """(C, H, W) float32 logits at the image's own size."""
        return np.stack([upsample(logits, self.frame) for logits in self.logits])
