"""Answer: what the network says to one row. Masks are made when an output asks, one by one and in the form it wants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from samwidget.core import RunLengths, Size


@dataclass(frozen=True)
class Candidate:
    """One mask of a prediction.

    Attributes:
        score: the network's estimate of its IoU.
        mask: makes it as (H, W) bool at the image's own size.
        runs: makes it as run lengths.
    """

    score: float
    mask: Callable[[], npt.NDArray[np.bool_]]
    runs: Callable[[], RunLengths]


@dataclass(frozen=True)
class Answer:
    """What the network says to one row.

    Attributes:
        index: what the row is called.
        image_hw: the image's height and width.
        predictions: the candidates of each prediction, in the network's own order.
    """

    index: int | str
    image_hw: Size
    predictions: tuple[tuple[Candidate, ...], ...]


@dataclass(frozen=True)
class Problem:
    """Why a row has no answer.

    Attributes:
        index: what the row is called; its number in its file where that cannot be read.
        code: the error's code, ``unexpected`` for errors that are not ours.
        message: what is wrong.
        hint: how to mend it.
    """

    index: int | str
    code: str
    message: str
    hint: str

    @classmethod
    def of(cls, error: Exception, index: int | str) -> Problem:
        """The problem that an exception tells."""
        code, message = getattr(error, "code", "unexpected"), getattr(error, "message", "")
        return cls(index, code, message or f"{type(error).__name__}: {error}", getattr(error, "hint", ""))

    def __str__(self) -> str:
        return f"{self.message}: {self.hint}" if self.hint else self.message
