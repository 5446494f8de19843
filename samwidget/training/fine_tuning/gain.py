"""The gain of a fine-tuning, and whether it is more than chance: the same objects measured before and after.

Owns the standard error and the rules that read it. ``tune`` chooses weights by them, ``result`` shows them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

PRIOR_OBJECTS, PRIOR_SPREAD = 3, 0.1
"""The gains of two or three objects may agree by chance, so that they seem exact: count so many more of this spread."""
KEPT_ERRORS, FEW_KEPT_ERRORS, CLEAR_ERRORS = 1.0, 2.0, 2.0
"""How many standard errors a gain must be: to be kept, to be kept where objects are few, and to be clear."""
HELD_OUT_OBJECTS, CLEAR_OBJECTS = 10, 5
"""Fewer are few: four animals once gained 0.10 ± 0.08, and 45 others lost 0.07. On still fewer no gain is clear."""


@dataclass(frozen=True)
class Gain:
    """How much better one click is, and how far chance moves that.

    Attributes:
        objects: how many were measured.
        mean: of their gains in IoU.
        error: the standard error of the mean.
    """

    objects: int
    mean: float
    error: float

    @classmethod
    def between(cls, before: npt.NDArray[np.float64], after: npt.NDArray[np.float64]) -> Gain:
        """The gain from (objects,) IoUs to those of the same objects afterwards."""
        gains = after - before
        squares = PRIOR_OBJECTS * PRIOR_SPREAD**2 + float(((gains - gains.mean()) ** 2).sum())
        variance = squares / (PRIOR_OBJECTS + len(gains) - 1)
        return cls(len(gains), float(gains.mean()), float(np.sqrt(variance / len(gains))))

    @property
    def is_kept(self) -> bool:
        """Whether it is larger than what chance often makes."""
        errors = FEW_KEPT_ERRORS if self.objects < HELD_OUT_OBJECTS else KEPT_ERRORS
        return self.mean > errors * self.error

    @property
    def is_clear(self) -> bool:
        """Whether chance hardly ever makes it."""
        return self.objects >= CLEAR_OBJECTS and self.mean >= CLEAR_ERRORS * self.error

    def __str__(self) -> str:
        return f"{self.mean:+.3f} ± {self.error:.3f}"
