"""What a caller may choose when an image is read, and the value that lies between reading and scaling.

Owns the checks of the options and the type ``Raster``. ``load`` makes the options; ``decode`` and ``arrays`` make
rasters of files and arrays; ``scale`` makes 8-bit RGB of a raster.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from samwidget.core import PIXELS_MAX
from samwidget.errors import ImageError

AnyArray: TypeAlias = npt.NDArray[Any]  # of any dtype: callers hand over what they have

Scale: TypeAlias = Sequence[float] | Literal["minmax", "percentile"] | None
"""Which values become 0 and 255: (low, high), a rule by name, or None for the rules of ``scale``."""
Exif: TypeAlias = Literal["auto", "apply", "ignore"]
"""Whether the EXIF rotation is applied. ``auto`` is ``apply``, but for a PIL image that was changed after opening."""
ImageFormat: TypeAlias = Literal["RGB", "BGR"]
"""The order of the channels of an array."""

TOO_LARGE = "samwidget reads at most {} pixels; make the image smaller"


@dataclass(frozen=True)
class ReadOptions:
    """How an image is read.

    Attributes:
        scale: see ``Scale``; a pair is kept as two floats.
        frame: number of the page or frame, from 0; None takes the first, and says so where there are several.
        exif: see ``Exif``.
        image_format: see ``ImageFormat``.
        formats: names of the file formats that may be read, as Pillow spells them; None reads all. A caller that reads
            files of strangers gives a list.
        pixels_max: an image with more pixels is refused before it is decoded.

    Raises:
        ImageError: a value is not one of these.
    """

    scale: Scale = None
    frame: int | None = None
    exif: Exif = "auto"
    image_format: ImageFormat = "RGB"
    formats: tuple[str, ...] | None = None
    pixels_max: int = PIXELS_MAX

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", _checked_scale(self.scale))
        object.__setattr__(self, "frame", _checked_frame(self.frame))
        if self.exif not in ("auto", "apply", "ignore"):
            raise ImageError(f"exif is {self.exif!r}", hint="give 'auto', 'apply' or 'ignore'")
        if self.image_format not in ("RGB", "BGR"):
            raise ImageError(f"image_format is {self.image_format!r}", hint="give 'RGB' or 'BGR'")

    def check_size(self, height: int, width: int, source: str) -> None:
        """Raises ImageError, which calls the image ``source``, where it has no pixels or more than ``pixels_max``."""
        if height * width > self.pixels_max:
            raise ImageError(f"{source} has {width} x {height} pixels", hint=TOO_LARGE.format(self.pixels_max))
        if height * width == 0:
            raise ImageError(f"{source} has {width} x {height} pixels", hint="an image needs at least one")

    def frame_of(self, count: int, source: str) -> int:
        """The number of the frame to read of ``count``; raises ImageError where there is no such frame."""
        frame = self.frame or 0
        if frame >= count:
            frames = "1 frame" if count == 1 else f"{count} frames"
            raise ImageError(f"{source} has {frames}, frame is {frame}", hint=f"give 0 to {count - 1}")
        return frame


@dataclass(frozen=True)
class Raster:
    """An image as its file or array holds it, with its axes in order.

    Attributes:
        values: (H, W, C) of any number type; C is 1 (gray), 2 (gray and opacity), 3 (RGB) or 4 (RGB and opacity).
        no_data: (H, W) bool, True where there is no value; None where all are values.
        is_negative: whether small values are bright.
        notes: what was guessed, for the user.
    """

    values: AnyArray
    no_data: npt.NDArray[np.bool_] | None = None
    is_negative: bool = False
    notes: tuple[str, ...] = ()


def check_dtype(dtype: np.dtype[Any], source: str) -> None:
    """Raises ImageError, which calls the array ``source``, for values that are not numbers, or complex."""
    if dtype.kind not in "buif":
        hint = "give np.abs(array), for example" if dtype.kind == "c" else "give integers, floats or booleans"
        raise ImageError(f"{source} has dtype {dtype}", hint=hint)


def frames_note(count: int, source: str) -> str:
    """The note for an image of which only the first frame was read."""
    return f"{source} has {count} frames: this is frame 0; give frame= to choose one"


def no_data_of(values: AnyArray, mark: object) -> npt.NDArray[np.bool_] | None:
    """(H, W) bool, True where all channels of (H, W, C) values equal the declared mark; None where no pixel does."""
    try:
        number = float(mark)  # type: ignore[arg-type]  # of any type: what a file or its author wrote
    except (TypeError, ValueError):
        return None
    if values.dtype.kind not in "iuf" or math.isnan(number):  # NaN is never a value, see ``scale``
        return None
    # A mark such as -3.4e38 was written with fewer digits than the values have.
    with np.errstate(over="ignore"):
        equal = values == number if values.dtype.kind in "iu" else np.isclose(values, number, rtol=1e-6, atol=0)
    pixels = np.asarray(np.all(equal, axis=2))
    return pixels if pixels.any() else None


def _checked_scale(scale: Any) -> Scale:
    if scale is None or (isinstance(scale, str) and scale in ("minmax", "percentile")):
        return cast("Scale", scale)
    try:
        low, high = map(float, scale)
    except (TypeError, ValueError):
        low = high = math.nan
    if isinstance(scale, str | bytes) or not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ImageError(
            f"scale is {str(scale)[:80]!r}", hint="give (low, high) with low < high, 'minmax' or 'percentile'"
        )
    return low, high


def _checked_frame(frame: Any) -> int | None:
    if frame is None:
        return None
    try:
        number = -1 if isinstance(frame, (bool, np.bool_)) else operator.index(frame)
    except TypeError:
        number = -1
    if number < 0:
        raise ImageError(f"frame is {frame!r}", hint="give the number of the frame, counted from 0")
    return number
