"""Clicks come one after another: the question before the last click, and the masks shown for such questions.

A person clicks where the mask shown is wrong, so ``nano`` reads a click together with that mask. It is not part of the
question: it follows from the clicks before and the level that the user holds to, so that an answer depends on image and
prompt alone, and nobody has to hand masks about. Remembered, it costs nothing; asked out of the blue, five clicks cost
five answers.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TypeAlias
from weakref import ref

import numpy as np
import numpy.typing as npt

from samwidget.core import INCLUDE, Prompt
from samwidget.models.segmenter import Embedding

Logits: TypeAlias = npt.NDArray[np.float32]
_TURNS_MAX = 16
_REMEMBERED_MAX = 32


def before(prompt: Prompt) -> Prompt | None:
    """The prompt without its last click, and without all beyond the 16th.

    None for a question that stands alone: nothing was asked before, nothing that includes anything, or the caller
    brings the mask.
    """
    clicks = min(len(prompt.points_xy) - 1, _TURNS_MAX)
    if prompt.mask is not None or clicks < 0:
        return None
    if prompt.box_xyxy is None and INCLUDE not in prompt.labels[:clicks]:
        return None
    return replace(prompt, points_xy=prompt.points_xy[:clicks], labels=prompt.labels[:clicks])


class ShownMasks:
    """The masks shown for the last questions, (h, w) low-res logits; 32 of them, of whatever images."""

    def __init__(self) -> None:
        self._masks: OrderedDict[tuple[object, ...], Logits] = OrderedDict()

    def get(self, embedding: Embedding, prompt: Prompt) -> Logits | None:
        """The mask shown for this question, which brings none itself, where it is among the last."""
        key = _key(embedding, prompt)
        if key in self._masks:
            self._masks.move_to_end(key)
        return self._masks.get(key)

    def put(self, embedding: Embedding, prompt: Prompt, mask: Logits) -> None:
        """Remembers a mask, and forgets the one not used for longest."""
        key = _key(embedding, prompt)
        self._masks[key] = mask
        self._masks.move_to_end(key)
        if len(self._masks) > _REMEMBERED_MAX:
            self._masks.popitem(last=False)


def _key(embedding: Embedding, prompt: Prompt) -> tuple[object, ...]:
    # By weak reference: a mask must not keep the embedding of an image that nobody looks at any more.
    box = b"" if prompt.box_xyxy is None else prompt.box_xyxy.tobytes()
    return ref(embedding), prompt.points_xy.tobytes(), prompt.labels.tobytes(), box, prompt.level
