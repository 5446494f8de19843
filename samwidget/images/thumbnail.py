"""Thumbnails: small pictures of many images. Pure functions; ``widget.thumbnails`` calls them.

A JPEG is decoded at a fraction of its size, which takes a tenth of the time.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from PIL import Image, ImageOps

from samwidget.errors import ImageError
from samwidget.images.load import load_rgb
from samwidget.images.preview import EncodedImage
from samwidget.images.sources import read_source

THUMBNAIL_HEIGHT = 96
_WIDTH_MAX = 4 * THUMBNAIL_HEIGHT
_QUALITY = 80


def make_thumbnail(source: object, options: Mapping[str, Any]) -> EncodedImage:
    """An image as JPEG, THUMBNAIL_HEIGHT pixels high, or lower where it would be wider than four times its height.

    Args:
        source: what ``load_rgb`` reads.
        options: of ``load_rgb``.

    Raises:
        ImageError: it cannot be read.
    """
    image = None if options.get("exif", "auto") == "ignore" else _drafted(source)
    if image is None:
        image = Image.fromarray(load_rgb(source, **options))
    scale = min(THUMBNAIL_HEIGHT / image.height, _WIDTH_MAX / image.width)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    out = io.BytesIO()
    image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0).save(out, "JPEG", quality=_QUALITY)
    return EncodedImage(out.getvalue(), "image/jpeg")


def _drafted(source: object) -> Image.Image | None:
    """A JPEG in RGB at a fraction of its size, rotated as its EXIF tag says; None for everything else."""
    if isinstance(source, Image.Image):
        return None
    file = read_source(source)
    if file is None or not file.data.startswith(b"\xff\xd8"):
        return None
    try:
        image = Image.open(io.BytesIO(file.data), formats=["JPEG"])
        if image.mode != "RGB":
            return None
        longest = max(image.size) * THUMBNAIL_HEIGHT // max(1, min(image.size))  # it may lie on its side
        image.draft("RGB", (2 * longest, 2 * longest) if longest < _WIDTH_MAX else (2 * _WIDTH_MAX, 2 * _WIDTH_MAX))
        return ImageOps.exif_transpose(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(f"{file.name} cannot be read", hint=str(error)) from error
