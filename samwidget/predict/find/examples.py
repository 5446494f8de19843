"""Examples: the objects to look for, as masks, whatever the caller has of them. Called by ``generate``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from samwidget.core import FoundObject, Prompt, RunLengths, SegmentedObject, checked_mask
from samwidget.errors import PromptError

if TYPE_CHECKING:
    from samwidget.models import Embedding
    from samwidget.predict.predictor import SamPredictor


def masks_of_examples(predictor: SamPredictor, examples: Any, embedding: Embedding, threads: int) -> list[RunLengths]:
    """The mask of each example; a prompt becomes the mask that the model makes of it.

    Args:
        predictor: decodes prompts.
        examples: one of these, or several: an (H, W) bool mask, run lengths, a prompt, an object.
        embedding: of the image.
        threads: how many CPU threads compute.

    Raises:
        PromptError: an example is something else, or does not fit the image.
        ModelError: the model failed on a prompt.
    """
    is_one = isinstance(examples, RunLengths | Prompt | SegmentedObject | FoundObject)
    is_mask = isinstance(examples, np.ndarray) and examples.ndim == 2
    if not (is_one or is_mask) and not isinstance(examples, Iterable):
        raise PromptError(f"an example is a {type(examples).__name__}", hint="give masks, prompts or objects")
    values: list[Any] = [examples] if is_one or is_mask else list(examples)
    prompts = [value for value in values if isinstance(value, Prompt)]
    made = iter(predictor.predict_many(prompts, embedding, False, threads=threads))
    masks = []
    for value in values:
        if isinstance(value, Prompt):
            masks.append(RunLengths.from_mask(next(made).to_bool()[0]))
        elif isinstance(value, RunLengths):
            masks.append(value)
        elif isinstance(value, SegmentedObject):
            masks.append(value.to_run_lengths())
        elif isinstance(value, FoundObject):
            masks.append(value.run_lengths)
        else:
            masks.append(RunLengths.from_mask(checked_mask(value, embedding.frame.image_hw)))
    return masks
