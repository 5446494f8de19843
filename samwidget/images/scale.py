"""Values to 8 bits: bit depths, value ranges, no-data and opacity. Files are ``decode``'s affair, shapes ``arrays``'s.

Rules, where the caller gives no ``scale``:

- 8-bit values stay as they are; booleans become 0 and 255.
- Floats within [0, 1] are multiplied by 255. An overshoot of up to a tenth, as resizing makes it, is clipped.
- Wide integers (32 and 64 bits, such as Python's own) that lie within 0 to 255 are taken as 8-bit values and stay.
- Other values are scaled linearly: the smallest value of the image becomes 0 and its largest 255, over all channels
  together. 12-bit data in a 16-bit file would be black otherwise.
- Where a few values lie so far away that almost all others would get fewer than 16 gray levels, the range is the one
  that ``percentile`` takes.
- Pixels without a value become NO_DATA_GRAY and take no part in the range: masked ones, NaN, and floats beyond
  +-NO_DATA_MIN, which no instrument measures and many programs write for "nothing here".
- A second or fourth channel is opacity; the image is laid on white.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from samwidget.errors import ImageError
from samwidget.images.options import AnyArray, Raster, Scale, check_dtype

NO_DATA_GRAY = 128
"""The gray value of pixels without data."""
NO_DATA_MIN = 9e36
"""Floats of this size and above are no data: NetCDF fills with 9.97e36, other programs with 3.4e38."""

_OVERSHOOT = 0.1
_GRAY_LEVELS_MIN = 16
# Percentiles of more values than this take longer and say the same.
_SAMPLE_PIXELS = 500_000
# Values that are scaled together, so that the float64 between them stay in the processor's cache.
_BLOCK_VALUES = 1 << 17
# Percentiles of fewer values mean nothing.
_INNER_VALUES_MIN = 8


class LoadedImage(NamedTuple):
    """An image that was read.

    Attributes:
        pixels: (H, W, 3) uint8 RGB, C-contiguous.
        notes: what was guessed, for the user.
    """

    pixels: npt.NDArray[np.uint8]
    notes: tuple[str, ...]


class _Range(NamedTuple):
    """The values that become 0 and 255, and what is to be said about them."""

    low: float
    high: float
    note: str = ""


def scale_to_rgb(raster: Raster, scale: Scale = None) -> LoadedImage:
    """8-bit RGB of a raster of any number type.

    An opaque (H, W, 3) uint8 array in C order that needs no scaling is returned itself, not copied.

    Raises:
        ImageError: the dtype is not boolean, integer or float, a value is infinite, or no value is left.
    """
    values = raster.values
    check_dtype(values.dtype, "the array")
    channels = values.shape[2]
    colour, alpha = (values[..., :-1], values[..., -1]) if channels in (2, 4) else (values, None)
    no_data, notes = raster.no_data, list(raster.notes)
    if values.dtype.kind == "f":
        no_data, float_notes = _float_no_data(values, no_data)
        notes += float_notes
    pixels = _to_8_bit(colour, no_data, scale, notes)
    if raster.is_negative:
        pixels = 255 - pixels
    if pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    if alpha is not None:
        pixels = _blend_on_white(pixels, _opacity_of(alpha))
    if no_data is not None:
        pixels = np.where(no_data[..., None], np.uint8(NO_DATA_GRAY), pixels)
    return LoadedImage(np.ascontiguousarray(pixels), tuple(notes))


def _float_no_data(
    values: AnyArray, no_data: npt.NDArray[np.bool_] | None
) -> tuple[npt.NDArray[np.bool_] | None, list[str]]:
    """The pixels without data once NaN and values beyond NO_DATA_MIN count among them, and what to say about these."""
    low, high = float(values.min()), float(values.max())  # NaN where any value is
    if low > -NO_DATA_MIN and high < NO_DATA_MIN:
        return no_data, []
    is_known = np.zeros(values.shape[:2], np.bool_) if no_data is None else no_data
    infinite = np.isinf(values).any(axis=2) & ~is_known
    is_nan = np.isnan(values).any(axis=2)
    if infinite.any() or (is_nan | is_known).all():
        raise ImageError("the array holds NaN or infinity", hint="replace them, for example with np.nan_to_num")
    notes = []
    if count := int((is_nan & ~is_known).sum()):
        notes.append(f"{_pixels(count)} NaN: shown as gray {NO_DATA_GRAY}")
    # Where all values are so large they are the image.
    with np.errstate(over="ignore"):  # float16 has no values of this size
        is_mark = (np.abs(values) >= NO_DATA_MIN).any(axis=2) & ~is_known & ~is_nan
    if not (is_mark | is_nan | is_known).all() and (count := int(is_mark.sum())):
        mark = values[is_mark].reshape(-1)[np.abs(values[is_mark]).argmax()]
        notes.append(f"{_pixels(count)} {mark:.3g}: taken for no data and shown as gray {NO_DATA_GRAY}")
        is_nan = is_nan | is_mark
    return is_known | is_nan, notes


def _pixels(count: int) -> str:
    return "1 pixel is" if count == 1 else f"{count} pixels are"


def _to_8_bit(
    values: AnyArray, no_data: npt.NDArray[np.bool_] | None, scale: Scale, notes: list[str]
) -> npt.NDArray[np.uint8]:
    """uint8 of the same shape, by the rules of this module; what was guessed is appended to ``notes``."""
    if scale is None and values.dtype == np.uint8:
        return values
    if scale is None and values.dtype.kind == "b":
        black_or_white: npt.NDArray[np.uint8] = values.astype(np.uint8) * np.uint8(255)
        return black_or_white
    valid = values if no_data is None else values[~no_data]
    if valid.size == 0:
        raise ImageError("the image has no values: all of it is masked or no data", hint="check the mask")
    if scale is None:
        chosen = _automatic_range(valid)
    elif isinstance(scale, str):
        chosen = _own_range(valid) if scale == "minmax" else _percentile_range(valid)
    else:
        chosen = _Range(scale[0], scale[1])
    if chosen.note:
        notes.append(chosen.note)
    return _scaled(values, chosen.low, chosen.high)


def _automatic_range(valid: AnyArray) -> _Range:
    low, high, _ = _own_range(valid)
    if valid.dtype.kind == "f" and high <= 1 + _OVERSHOOT and low >= -_OVERSHOOT * max(high, 0.0):
        return _Range(0.0, 1.0)
    if valid.dtype.kind in "iu" and valid.dtype.itemsize >= 4 and low >= 0 and high <= 255:
        return _Range(0.0, 255.0)
    choose = "give scale=(low, high) to choose the range"
    inner_low, inner_high, _ = _percentile_range(valid)
    if high / _GRAY_LEVELS_MIN - low / _GRAY_LEVELS_MIN > inner_high - inner_low:
        return _Range(
            inner_low,
            inner_high,
            f"the values lie between {inner_low:g} and {inner_high:g}, but for a few between {low:g} and {high:g}: "
            f"{inner_low:g} to {inner_high:g} became 0 to 255 and the few were clipped; {choose}, or 'minmax' for all",
        )
    return _Range(low, high, f"the {valid.dtype.name} values {low:g} to {high:g} became 0 to 255; {choose}")


def _own_range(valid: AnyArray) -> _Range:
    return _Range(float(valid.min()), float(valid.max()))


def _percentile_range(valid: AnyArray) -> _Range:
    """The 1st and the 99th percentile of the values other than the smallest and the largest of the image.

    Without these two, a mark for no data that covers half of the image does not count. The own range where too few
    values are left, or all are equal.
    """
    low, high, _ = _own_range(valid)
    pixels = valid.reshape(-1, valid.shape[-1])
    sample = pixels[:: len(pixels) // _SAMPLE_PIXELS + 1]
    inner = sample[(sample > low) & (sample < high)]
    if inner.size < _INNER_VALUES_MIN:
        return _Range(low, high)
    inner_low = float(np.percentile(inner, 1, method="higher"))
    inner_high = float(np.percentile(inner, 99, method="lower"))
    return _Range(inner_low, inner_high) if inner_low < inner_high else _Range(low, high)


def _scaled(values: AnyArray, low: float, high: float) -> npt.NDArray[np.uint8]:
    """uint8 of the same shape: low and below become 0, high and above 255."""
    if values.dtype.kind in "iu" and (low, high) == (0.0, 255.0):
        return np.clip(values, 0, 255).astype(np.uint8)
    if values.dtype.kind in "iu" and values.dtype.itemsize <= 2:
        # One look-up for each value is several times as fast as arithmetic. A negative value counts from the end.
        bounds = np.iinfo(values.dtype)
        every_value = np.arange(bounds.min, int(bounds.max) + 1)
        return np.roll(_linear(every_value, low, high), int(bounds.min))[values]
    return _linear(values, low, high)


def _linear(values: AnyArray, low: float, high: float) -> npt.NDArray[np.uint8]:
    out = np.empty(values.shape, np.uint8)
    # Halves, because high - low of two large float64 may overflow.
    half_span = high / 2 - low / 2 or 1.0
    rows = max(1, _BLOCK_VALUES // values[0].size)
    with np.errstate(over="ignore", invalid="ignore"):  # values far outside the range are clipped
        for start in range(0, len(values), rows):
            share = values[start : start + rows].astype(np.float64)
            share /= 2
            share -= low / 2
            share /= half_span
            np.clip(share, 0, 1, out=share)
            share *= 255
            if values.dtype.kind == "f":  # NaN is the value of a pixel without data; any number will do for it
                np.nan_to_num(share, copy=False)
            out[start : start + rows] = np.rint(share, out=share)
    return out


def _opacity_of(alpha: AnyArray) -> npt.NDArray[np.uint8]:
    """(H, W) uint8, where 255 is opaque.

    Integers of 8 and 16 bits are divided by the largest value of their type, floats within [0, 1] and booleans by 1,
    all others by 255 or by their own maximum, whichever is larger.
    """
    if alpha.dtype == np.uint8:
        return alpha
    if alpha.dtype.kind in "iu" and alpha.dtype.itemsize < 4:
        opaque = float(np.iinfo(alpha.dtype).max)
    else:
        largest = float(alpha.max())
        opaque = 1.0 if alpha.dtype.kind in "bf" and largest <= 1 + _OVERSHOOT else max(255.0, largest)
    return _linear(alpha, 0.0, opaque)


def _blend_on_white(colour: npt.NDArray[np.uint8], opacity: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 of (H, W, 3) colours with (H, W) opacity over a white ground."""
    height, width = opacity.shape
    ground = Image.new("RGB", (width, height), "white")
    # Pillow rounds as the formula does, and needs no floats for it.
    ground.paste(Image.fromarray(np.ascontiguousarray(colour)), mask=Image.fromarray(np.ascontiguousarray(opacity)))
    return np.array(ground)
