"""Values to 8 bits: bit depths, value ranges and opacity. Reading files and sorting out shapes is ``load``, its caller.

Rules:

- 8-bit values stay as they are; booleans become 0 and 255; floats within [0, 1] are multiplied by 255.
- Other values (16-bit and other integers, floats beyond [0, 1]) are scaled linearly: the smallest value of the image
  becomes 0 and its largest 255, over all channels together. 12-bit data in a 16-bit file would be black otherwise.
- Wide integers (32 and 64 bits, such as Python's own) that lie within 0 to 255 are taken as 8-bit values and stay.
- A fourth channel is opacity; the image is laid on white.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from samwidget.errors import ImageError

AnyArray: TypeAlias = npt.NDArray[Any]  # of any dtype: callers hand over what they have


def scale_to_rgb(values: AnyArray) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB, C-contiguous, of an array of any number type.

    Args:
        values: (H, W, C) with C 1 (gray), 3 (RGB) or 4 (RGB and opacity). An (H, W, 3) uint8 array in C order is
            returned itself, not copied.

    Raises:
        ImageError: the dtype is not boolean, integer or float, or a value is NaN or infinite.
    """
    if values.dtype == np.uint8 and values.shape[2] == 3:
        return np.ascontiguousarray(values)
    if values.dtype.kind not in "buif":
        raise ImageError(f"the array has dtype {values.dtype}", hint="give integers, floats or booleans")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ImageError("the array holds NaN or infinity", hint="replace them, for example with np.nan_to_num")
    colour = _to_8_bit(values[..., :3])
    if values.shape[2] == 4:
        colour = _blend_on_white(colour, _opacity_of(values[..., 3]))
    return np.ascontiguousarray(np.broadcast_to(colour, (*colour.shape[:2], 3)))


def _to_8_bit(values: AnyArray) -> npt.NDArray[np.uint8]:
    """uint8 of the same shape, by the rules of this module."""
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind == "b":
        black_or_white: npt.NDArray[np.uint8] = values.astype(np.uint8) * np.uint8(255)
        return black_or_white
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "f" and low >= 0 and high <= 1:
        return _round_to_uint8(values * 255)
    if values.dtype.kind in "iu" and values.dtype.itemsize >= 4 and low >= 0 and high <= 255:
        return values.astype(np.uint8)
    # Halves, because high - low of two large float64 may overflow.
    half_span = high / 2 - low / 2
    share = (values.astype(np.float64) / 2 - low / 2) / (half_span or 1.0)
    return _round_to_uint8(share * 255)


def _opacity_of(alpha: AnyArray) -> npt.NDArray[np.float32]:
    """(H, W) float32 in [0, 1], where 1 is opaque.

    Integers of 8 and 16 bits are divided by the largest value of their type, floats within [0, 1] and booleans by 1,
    all others by 255 or by their own maximum, whichever is larger.
    """
    if alpha.dtype.kind in "iu" and alpha.dtype.itemsize < 4:
        opaque = float(np.iinfo(alpha.dtype).max)
    else:
        opaque = 1.0 if alpha.dtype.kind in "bf" and float(alpha.max()) <= 1 else max(255.0, float(alpha.max()))
    opacity: npt.NDArray[np.float32] = np.clip(alpha.astype(np.float32) / np.float32(opaque), 0, 1)
    return opacity


def _blend_on_white(colour: npt.NDArray[np.uint8], opacity: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 of (H, W, 3) colours with (H, W) opacity over a white ground."""
    return _round_to_uint8(255 + (colour.astype(np.float32) - 255) * opacity[..., None])


def _round_to_uint8(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.uint8]:
    rounded: npt.NDArray[np.uint8] = np.rint(values).astype(np.uint8)
    return rounded
