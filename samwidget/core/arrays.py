"""Arrays: reads the numbers that users pass, which may be tensors of torch, masked arrays or lists of tensors.

``prompt`` reads points and boxes with it, ``mask_logits`` masks. Images have readers of their own, in ``images``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from samwidget.errors import PromptError

_NUMBERS = "biufOU"  # the kinds of dtypes that may be numbers: a column of pandas or of a CSV file is objects or text


def as_array(value: Any, masked: float = np.nan) -> npt.NDArray[Any]:
    """An array of what a user passed; a tensor leaves its device and its gradient.

    Args:
        value: an array, a tensor of torch, a list of either, or whatever else NumPy reads.
        masked: what the masked numbers of a masked array become; NaN makes an array of float64.

    Raises:
        TypeError, ValueError, OverflowError or RuntimeError: as NumPy and torch raise them.
    """
    if isinstance(value, list | tuple) and any(hasattr(item, "detach") for item in value):
        value = [as_array(item, masked) for item in value]
    elif hasattr(value, "detach"):
        value = value.detach().cpu()
        if value.is_floating_point() and value.element_size() < 4:
            value = value.float()  # NumPy has no bfloat16
    elif isinstance(value, np.ma.MaskedArray):
        value = np.ma.filled(value.astype(np.float64) if np.isnan(masked) else value, masked)
    return np.asarray(value)


def as_floats(value: Any, name: str, hint: str, dtype: type[np.floating[Any]] = np.float32) -> npt.NDArray[Any]:
    """An array of ``dtype``, which may hold NaN and infinity.

    Args:
        value: as for ``as_array``.
        name: of the argument.
        hint: what to give instead, for the PromptError.
        dtype: of the result; a number beyond it becomes infinite.

    Raises:
        PromptError: it does not consist of numbers.
    """
    try:
        array = as_array(value)
        if array.dtype.kind not in _NUMBERS:
            raise TypeError(f"dtype {array.dtype}")
        with np.errstate(over="ignore"):
            return array.astype(dtype, copy=False)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise PromptError(f"{name} is not an array of numbers", hint=hint) from error
