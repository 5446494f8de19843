"""The check of the argument ``threads``. It needs no torch: a widget refuses a wrong number before torch is imported.

What the number means, and what None stands for, is in ``threads``.
"""

from __future__ import annotations

import operator

import numpy as np

from samwidget.errors import ModelError


def checked_threads(threads: object) -> int | None:
    """The number of threads; None stays None.

    Raises:
        ModelError: it is not a whole number from 1.
    """
    if threads is None:
        return None
    try:
        count = 0 if isinstance(threads, (bool, np.bool_)) else operator.index(threads)  # type: ignore[arg-type]  # that is asked
    except TypeError:
        count = 0
    if count < 1:
        raise ModelError(f"threads is {threads!r}", hint="give a whole number from 1, or None for all cores")
    return count
