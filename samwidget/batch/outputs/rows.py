"""RowMasks and RowError: what a batch run has computed for one row, before an output writes it.

A mask is made only when an output asks for it, one at a time and in the form that the output needs, so a row costs the
memory of one mask. ``chunks`` makes these values; the files beside this one write them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from samwidget.batch.inputs.files import printable
from samwidget.core import RunLengths, Size


@dataclass(frozen=True)
class Candidate:
    """One mask of a prediction.

    Attributes:
        score: the model's estimate of the mask's IoU.
        make_mask: returns the mask as (H, W) bool at the image's own size.
        make_run_lengths: returns the same mask as run lengths.
    """

    score: float
    make_mask: Callable[[], npt.NDArray[np.bool_]]
    make_run_lengths: Callable[[], RunLengths]


@dataclass(frozen=True)
class RowMasks:
    """The masks of one row.

    Attributes:
        index: the row's name in the output.
        image_hw: height and width of the image.
        predictions: for each prompt its candidates, in the model's own order. In a search for everything each found
            object is a prediction with one candidate.
    """

    index: int | str
    image_hw: Size
    predictions: tuple[tuple[Candidate, ...], ...]


@dataclass(frozen=True)
class RowError:
    """Why a row has no masks.

    Attributes:
        index: the row's name in the output; its number in its file where the name cannot be read.
        code: the error's code; ``unexpected`` for an error that is not a ``SamWidgetError``.
        message: what is wrong.
        hint: how to mend it; may be empty.
    """

    index: int | str
    code: str
    message: str
    hint: str

    @classmethod
    def of(cls, error: Exception, index: int | str) -> RowError:
        """Returns the error of a row that raised ``error``."""
        code, message = getattr(error, "code", "unexpected"), getattr(error, "message", "")
        message = message or f"{type(error).__name__}: {error}"
        # Messages hold names of files, which need not be UTF-8 as all outputs are.
        return cls(index, code, printable(message), printable(getattr(error, "hint", "")))

    def __str__(self) -> str:
        return f"{self.message}: {self.hint}" if self.hint else self.message
