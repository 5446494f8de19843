"""Finder: the optional ability of a ``Segmenter`` to find all objects that a phrase or example boxes describe.

SAM 3 has it. Called by ``predict.find``; the other models have no method ``find``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch

from samwidget.core import Box
from samwidget.models.segmenter import Embedding


@dataclass(frozen=True)
class Wanted:
    """What to find in an image.

    Attributes:
        phrase: in the language of the model; None where only boxes say what to find.
        examples: boxes around objects that are wanted, in image pixels.
        excluded: boxes around objects that are not.
    """

    phrase: str | None = None
    examples: tuple[Box, ...] = ()
    excluded: tuple[Box, ...] = ()


@runtime_checkable
class Finder(Protocol):
    """A segmenter that can read words. Calls follow the rules of ``Segmenter``: one at a time, and no locks."""

    def check_phrase(self, phrase: str) -> None:
        """Raises PromptError where the phrase is too long for the model; it runs no layer."""
        ...

    def find(
        self, embedding: Embedding, wanted: Wanted, *, score_min: float, threads: int | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Low-res logits (N, h, w) of N objects and their scores (N,), float32 on the model's device, the best first.

        Args:
            embedding: what ``encode`` of a segmenter with this signature returned.
            wanted: what to find.
            score_min: objects with a score above it are returned, 0 to 1.
            threads: as for ``Segmenter.encode``.

        Raises:
            PromptError: the phrase is too long for the model.
        """
        ...


def boxes_and_labels(wanted: Wanted) -> tuple[Sequence[Box], list[int]]:
    """All boxes, and for each 1 where it is an example and 0 where it is excluded."""
    return (*wanted.examples, *wanted.excluded), [1] * len(wanted.examples) + [0] * len(wanted.excluded)
