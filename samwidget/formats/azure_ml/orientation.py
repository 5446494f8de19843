"""Orientation: which of the two styles turns an image as its EXIF tag says.

A phone stores a photo as its sensor lies, and says in a tag how to turn it. In style ``card`` points and masks refer to
the turned image, which is what people see. Azure's own scoring code does not turn images, so in style ``service`` they
refer to the pixels as they lie in the file. ``serving`` and ``batch`` call this.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from PIL import Image

from samwidget.errors import PromptError
from samwidget.formats.azure_ml.prompts import Style

# EXIF tag 274: the rotation that a viewer must apply; 1 is none.
_ORIENTATION_TAG = 0x0112
# Those whose tags are read without decoding the image.
_FORMATS = ("JPEG", "MPO", "TIFF", "WEBP")


def exif_of(style: Style) -> Literal["apply", "ignore"]:
    """Whether the EXIF rotation is applied; the argument ``exif`` of ``load_rgb``."""
    return "ignore" if style == "service" else "apply"


@contextmanager
def rotation_named_in_errors(image: object, style: Style) -> Iterator[None]:
    """Adds to the PromptErrors of the block that the image was turned, where it was: then x and y may be exchanged.

    Args:
        image: bytes or path of an image file; of other values nothing is known.
        style: whose rules apply.
    """
    try:
        yield
    except PromptError as error:
        if exif_of(style) == "ignore" or not _is_rotated(image):
            raise
        hint = "the image was turned as its EXIF orientation says: give points in it as turned, or use style service"
        raise PromptError(error.message, hint=f"{error.hint}; {hint}" if error.hint else hint) from error


def _is_rotated(image: object) -> bool:
    if not isinstance(image, bytes | Path):
        return False
    try:
        with Image.open(io.BytesIO(image) if isinstance(image, bytes) else image, formats=_FORMATS) as opened:
            return int(opened.getexif().get(_ORIENTATION_TAG, 1)) != 1
    except Exception:  # Pillow's readers raise many kinds; the error that is under way says more
        return False
