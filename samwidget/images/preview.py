"""Pictures: the photo on its way to the browser: the preview shown at once, and its own pixels when zoomed in."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from samwidget.errors import PromptError

PREVIEW_SIDE_MAX = 1600
"""Pixels of the longest side of the preview; beyond that the browser asks for details when it zooms in."""
_DETAIL_SIDE_MAX = 4096
# Icons and pixel art are looked at with their pixels side by side, where JPEG blurs; beyond this size PNG costs four
# times the bytes and ten times the time of a JPEG that nobody can tell from it.
_LOSSLESS_PIXELS_MAX = 256 * 256
# Photos that are sent whole are looked at closely: quality 95 is 0.4 MB for a megapixel.
_FINE_PIXELS_MAX = 1_000_000


@dataclass(frozen=True)
class Picture:
    """An encoded picture and its media type."""

    data: bytes
    mime: str


def preview_of(image: npt.NDArray[np.uint8]) -> Picture:
    """The (H, W, 3) uint8 RGB image, made smaller where it is large."""
    picture = Image.fromarray(image)
    scale = PREVIEW_SIDE_MAX / max(picture.size)
    if scale < 1:
        picture = _resized(picture, scale)
    pixels = picture.width * picture.height
    if pixels <= _LOSSLESS_PIXELS_MAX:
        return _png(picture)
    return _jpeg(picture, 95 if pixels <= _FINE_PIXELS_MAX else 88)


def detail_of(
    image: npt.NDArray[np.uint8], box_xyxy: Sequence[float], width: int
) -> tuple[tuple[int, int, int, int], Picture]:
    """The image's own pixels inside a box, at most ``width`` pixels wide.

    Args:
        image: (H, W, 3) uint8 RGB.
        box_xyxy: image pixels; grown to whole pixels and cut to the image.
        width: of the result at most, pixels.

    Returns:
        The box as it was cut, and the picture.

    Raises:
        PromptError: the box has no pixel of the image in it.
    """
    height_whole, width_whole = image.shape[:2]
    x0, x1 = (int(min(max(edge, 0), width_whole)) for edge in (math.floor(box_xyxy[0]), math.ceil(box_xyxy[2])))
    y0, y1 = (int(min(max(edge, 0), height_whole)) for edge in (math.floor(box_xyxy[1]), math.ceil(box_xyxy[3])))
    if x1 <= x0 or y1 <= y0:
        raise PromptError(
            f"box {list(box_xyxy)} holds no pixel of the image of {width_whole} x {height_whole}",
            hint="give x0 < x1 and y0 < y1 inside the image",
        )
    picture = Image.fromarray(np.ascontiguousarray(image[y0:y1, x0:x1]))
    scale = min(width, _DETAIL_SIDE_MAX) / picture.width
    scale = min(scale, _DETAIL_SIDE_MAX / picture.height)
    if scale < 1:
        picture = _resized(picture, scale)
    lossless = picture.width * picture.height <= _LOSSLESS_PIXELS_MAX
    return (x0, y0, x1, y1), _png(picture) if lossless else _jpeg(picture, 92)


def smaller(image: npt.NDArray[np.uint8], side_max: int) -> npt.NDArray[np.uint8]:
    """The (H, W, 3) image with its longest side at most ``side_max`` pixels; itself where it is small already."""
    scale = side_max / max(image.shape[:2])
    return np.asarray(_resized(Image.fromarray(image), scale)) if scale < 1 else image


def _resized(picture: Image.Image, scale: float) -> Image.Image:
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    # Bilinear over whole areas: 70 ms for 12 megapixels, half of what Lanczos takes, and no ringing at edges.
    return picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)


def _png(picture: Image.Image) -> Picture:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return Picture(out.getvalue(), "image/png")


def _jpeg(picture: Image.Image, quality: int) -> Picture:
    out = io.BytesIO()
    # 4:4:4, because thin coloured edges are what people place points by.
    picture.save(out, "JPEG", quality=quality, subsampling=0)
    return Picture(out.getvalue(), "image/jpeg")
