"""The prompt before the last click, and the masks that ``nano`` made for such prompts.

Users click where the mask on screen is wrong, so ``nano`` reads a click together with the mask before it. That mask is
not part of the prompt: it follows from the earlier clicks and the level, so that the masks depend on image and prompt
alone. A remembered mask costs nothing; without it, five clicks cost five decodes.

Called by ``segmenter`` alone, one call at a time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias
from weakref import ref

import numpy as np
import numpy.typing as npt
from cachetools import LRUCache

from samwidget.core import INCLUDE, Prompt
from samwidget.models.segmenter import Embedding

Logits: TypeAlias = npt.NDArray[np.float32]
_Key: TypeAlias = "tuple[ref[Embedding], bytes, bytes, bytes, int | None]"
_CLICKS_MAX = 16
# A class of 30 at one server clicks in turn, and moves the pointer between clicks. With 32 masks a student's next click
# found the mask before it dropped, and cost up to four decodes. A mask takes up to 100 kB.
_MASKS_MAX = 512


def previous_prompt(prompt: Prompt) -> Prompt | None:
    """The prompt without its last click, and without all clicks beyond the 16th.

    None where no mask comes before: it is the first click or a box alone, the earlier clicks include nothing, or the
    prompt has a mask of its own.
    """
    clicks = min(len(prompt.points_xy) - 1, _CLICKS_MAX)
    if prompt.mask is not None or clicks < 0:
        return None
    if prompt.box_xyxy is None and INCLUDE not in prompt.labels[:clicks]:
        return None
    return replace(prompt, points_xy=prompt.points_xy[:clicks], labels=prompt.labels[:clicks])


class PreviousMasks:
    """The masks of the 512 prompts used last, of any images, as (h, w) float32 low-res logits."""

    def __init__(self) -> None:
        self._masks: LRUCache[_Key, Logits] = LRUCache(_MASKS_MAX)

    def get(self, embedding: Embedding, prompt: Prompt) -> Logits | None:
        """The mask of a prompt that has no mask of its own; None where it is not remembered."""
        return self._masks.get(_key(embedding, prompt))

    def put(self, embedding: Embedding, prompt: Prompt, mask: Logits) -> None:
        """Remembers a mask, and drops the one that was not used for longest."""
        self._masks[_key(embedding, prompt)] = mask


def _key(embedding: Embedding, prompt: Prompt) -> _Key:
    # A weak reference: a mask must not keep the embedding of an image that is no longer in use.
    box = b"" if prompt.box_xyxy is None else prompt.box_xyxy.tobytes()
    return ref(embedding), prompt.points_xy.tobytes(), prompt.labels.tobytes(), box, prompt.level
