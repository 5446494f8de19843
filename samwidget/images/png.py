"""PNG files of masks: 8-bit gray, 0 outside and 255 inside, as the documented responses hold them; and of RGB images.

Called by ``formats``, ``batch`` and the command line. Images that a user opens are read by ``load``.
"""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from samwidget.core import PIXELS_MAX
from samwidget.errors import FormatError


def encode_png(mask: npt.ArrayLike) -> bytes:
    """PNG of an (H, W) bool mask, 8-bit gray with the values 0 and 255.

    Raises:
        FormatError: the mask is not an (H, W) array of bool, or is empty.
    """
    array = np.asarray(mask)
    if array.ndim != 2 or array.dtype != np.bool_ or array.size == 0:
        raise FormatError(f"mask is {array.dtype} of shape {array.shape}", hint="give an (H, W) bool array")
    buffer = io.BytesIO()
    # For masks level 1 is within a few percent of the default's size, and several times as fast.
    Image.fromarray(array.view(np.uint8) * np.uint8(255)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def encode_rgb_png(image: npt.NDArray[np.uint8]) -> bytes:
    """Lossless PNG of an (H, W, 3) uint8 RGB image."""
    buffer = io.BytesIO()
    # Level 1 is several times as fast as the default.
    Image.fromarray(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def decode_png(data: bytes) -> npt.NDArray[np.bool_]:
    """(H, W) bool mask of a PNG, in the ways in which masks are written.

    Gray values from 128 on are the mask (with 16 bits: the upper half), or 1 where there is only 0 and 1. In an image
    with a palette it is every index but 0, whatever the colours.

    Raises:
        FormatError: the bytes are not a PNG, are broken, or have more pixels than any image that samwidget reads.
    """
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if image.width * image.height > PIXELS_MAX:
                raise FormatError(
                    f"the mask has {image.width} x {image.height} pixels", hint=f"at most {PIXELS_MAX} are read"
                )
            return _is_mask(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError("the mask is not a PNG that can be read", hint=str(error)) from error


def _is_mask(image: Image.Image) -> npt.NDArray[np.bool_]:
    is_read_as_it_is = image.mode in ("1", "L", "I", "P") or image.mode.startswith("I;")
    values = np.asarray(image if is_read_as_it_is else image.convert("L"))
    highest = int(values.max())
    half = 128 if highest <= 255 else 32768
    mask: npt.NDArray[np.bool_] = values >= (1 if image.mode == "P" or highest <= 1 else half)
    return mask
