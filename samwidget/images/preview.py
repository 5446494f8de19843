"""The image as the browser receives it: a preview at first, and its own pixels where the user zooms in.

Pure functions; ``widget.photo`` calls them and sends the result.
"""

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
"""Pixels of the longest side of the preview; for a larger image the browser asks for details when the user zooms in."""
_DETAIL_SIDE_MAX = 4096
# Users look at icons and pixel art pixel by pixel, where JPEG blurs. For larger images PNG takes four times the bytes
# and ten times the time, and the eye sees no difference.
_LOSSLESS_PIXELS_MAX = 256 * 256
# An image that is sent at its own size is looked at closely: quality 95 is 0.4 MB for a megapixel.
_FINE_PIXELS_MAX = 1_000_000


@dataclass(frozen=True)
class EncodedImage:
    """The bytes of an image file and its media type."""

    data: bytes
    mime: str


def make_preview(image: npt.NDArray[np.uint8]) -> EncodedImage:
    """The (H, W, 3) uint8 RGB image as PNG or JPEG, its longest side at most PREVIEW_SIDE_MAX pixels."""
    preview = Image.fromarray(image)
    scale = PREVIEW_SIDE_MAX / max(preview.size)
    if scale < 1:
        preview = _resize(preview, scale)
    pixels = preview.width * preview.height
    if pixels <= _LOSSLESS_PIXELS_MAX:
        return _encode_png(preview)
    return _encode_jpeg(preview, 95 if pixels <= _FINE_PIXELS_MAX else 88)


def crop_detail(
    image: npt.NDArray[np.uint8], box_xyxy: Sequence[float], width_max: int
) -> tuple[tuple[int, int, int, int], EncodedImage]:
    """The image's own pixels inside a box.

    Args:
        image: (H, W, 3) uint8 RGB.
        box_xyxy: image pixels; widened to whole pixels and clipped to the image.
        width_max: the result is scaled down to at most this many pixels in width.

    Returns:
        The box that was cut out, in image pixels, and its pixels as PNG or JPEG.

    Raises:
        PromptError: the box contains no pixel of the image.
    """
    image_height, image_width = image.shape[:2]
    x0, x1 = (int(min(max(edge, 0), image_width)) for edge in (math.floor(box_xyxy[0]), math.ceil(box_xyxy[2])))
    y0, y1 = (int(min(max(edge, 0), image_height)) for edge in (math.floor(box_xyxy[1]), math.ceil(box_xyxy[3])))
    if x1 <= x0 or y1 <= y0:
        raise PromptError(
            f"box {list(box_xyxy)} holds no pixel of the image of {image_width} x {image_height}",
            hint="give x0 < x1 and y0 < y1 inside the image",
        )
    detail = Image.fromarray(np.ascontiguousarray(image[y0:y1, x0:x1]))
    scale = min(width_max, _DETAIL_SIDE_MAX) / detail.width
    scale = min(scale, _DETAIL_SIDE_MAX / detail.height)
    if scale < 1:
        detail = _resize(detail, scale)
    is_small = detail.width * detail.height <= _LOSSLESS_PIXELS_MAX
    return (x0, y0, x1, y1), _encode_png(detail) if is_small else _encode_jpeg(detail, 92)


def shrink(image: npt.NDArray[np.uint8], side_max: int) -> npt.NDArray[np.uint8]:
    """The (H, W, 3) uint8 image with its longest side at most ``side_max`` pixels; the same array where it is small."""
    scale = side_max / max(image.shape[:2])
    return np.asarray(_resize(Image.fromarray(image), scale)) if scale < 1 else image


def _resize(image: Image.Image, scale: float) -> Image.Image:
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    # Pillow's bilinear filter averages over the area of a pixel: 70 ms for 12 megapixels, half of what Lanczos takes,
    # and no ringing at edges.
    return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)


def _encode_png(image: Image.Image) -> EncodedImage:
    out = io.BytesIO()
    image.save(out, "PNG")
    return EncodedImage(out.getvalue(), "image/png")


def _encode_jpeg(image: Image.Image, quality: int) -> EncodedImage:
    out = io.BytesIO()
    # Colour at full resolution (4:4:4), because users place points along thin coloured edges.
    image.save(out, "JPEG", quality=quality, subsampling=0)
    return EncodedImage(out.getvalue(), "image/jpeg")
