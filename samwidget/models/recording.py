"""Records what a network computes for one prompt: the arrays behind ``samwidget.explain``.

Owns which family records how. ``layer_calls`` has the hooks.
"""

from __future__ import annotations

from samwidget.core import Prompt
from samwidget.errors import ModelError
from samwidget.models.layer_calls import Recording
from samwidget.models.segmenter import Embedding, Segmenter


def record(segmenter: Segmenter, embedding: Embedding, prompt: Prompt, *, multimask_output: bool = True) -> Recording:
    """What the network computes for a prompt. Whoever lets several threads use the segmenter holds the lock.

    Args:
        segmenter: a model in this process.
        embedding: that it made.
        prompt: in image pixels.
        multimask_output: as for ``Segmenter.decode``.

    Raises:
        ModelError: the model runs on another computer, or is of a family that has no recording.
    """
    if segmenter.family == "remote":
        hint = "open it here, for example with SamPredictor.from_pretrained('nano')"
        raise ModelError(f"the layers of {segmenter.name} are on another computer", hint=hint)
    from samwidget.models.nano import recording as of_nano
    from samwidget.models.nano.segmenter import NanoSegmenter
    from samwidget.models.sam import recording as of_sam
    from samwidget.models.sam.base import BaseSegmenter

    if isinstance(segmenter, NanoSegmenter):
        return of_nano.record(segmenter, embedding, prompt, multimask_output=multimask_output)
    if isinstance(segmenter, BaseSegmenter):
        return of_sam.record(segmenter, embedding, prompt, multimask_output=multimask_output)
    hint = "take nano, SAM, SAM-HQ or SAM 2"
    raise ModelError(f"the layers of the family {segmenter.family} cannot be recorded", hint=hint)
