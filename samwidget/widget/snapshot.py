"""Snapshot: the photo with its masks drawn, for where no kernel answers. Pure; when to draw is ``session``'s affair."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from samwidget.core.objects import SegmentedObject
from samwidget.core.upsample import upsample_mask

SNAPSHOT_SIDE_MAX = 480
"""Pixels of the longest side of the small snapshot."""
SNAPSHOT_BYTES_MAX = 40_000
"""It is saved in the notebook with every widget."""


def drawn(photo: npt.NDArray[np.uint8], objects: Sequence[SegmentedObject], opacity: float) -> npt.NDArray[np.uint8]:
    """The photo with the visible objects over it: a tinted area with an opaque outline, later objects on top.

    Args:
        photo: (H, W, 3) uint8 RGB, the image itself or a smaller copy of it.
        objects: of the image.
        opacity: of the tint, 0 to 1.

    Returns:
        (H, W, 3) uint8 RGB, a new array.
    """
    out = photo.astype(np.uint8, copy=True)
    size_hw = (photo.shape[0], photo.shape[1])
    outline = max(1, round(max(size_hw) / 500))
    for found in objects:
        if not found.visible:
            continue
        mask = _mask_at(found, size_hw)
        colour = np.array([int(found.colour[i : i + 2], 16) for i in (1, 3, 5)], np.float32)
        out[mask] = (out[mask] * (1 - opacity) + colour * opacity).astype(np.uint8)
        out[_edge(mask, outline)] = colour.astype(np.uint8)
    return out


def small_jpeg(picture: npt.NDArray[np.uint8]) -> bytes:
    """A JPEG of the (H, W, 3) picture of at most SNAPSHOT_BYTES_MAX bytes; coarser where the picture is busy."""
    image, quality = Image.fromarray(picture), 80
    while True:
        out = io.BytesIO()
        image.save(out, "JPEG", quality=quality)
        if out.tell() <= SNAPSHOT_BYTES_MAX or quality <= 20:
            return out.getvalue()
        quality -= 20


def small_png(picture: npt.NDArray[np.uint8]) -> bytes:
    """A PNG of the (H, W, 3) picture in 256 colours: a quarter of the bytes of one in all colours."""
    out = io.BytesIO()
    # The octree takes 10 ms for 480 pixels, median cut 220.
    Image.fromarray(picture).quantize(256, Image.Quantize.FASTOCTREE).save(out, "PNG")
    return out.getvalue()


def _mask_at(found: SegmentedObject, size_hw: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """(H, W) bool mask of the object at another size than the image's."""
    if size_hw == found.frame.image_hw:
        return found.mask
    if found.pixels is not None and len(found.prompt.points_xy) == 0 and found.prompt.box_xyxy is None:
        height, width = size_hw
        return np.asarray(Image.fromarray(found.mask).resize((width, height), Image.Resampling.NEAREST))
    return upsample_mask(found.logits, replace(found.frame, image_hw=size_hw), found.threshold)


def _edge(mask: npt.NDArray[np.bool_], width: int) -> npt.NDArray[np.bool_]:
    """The pixels of the mask within ``width`` of its outside; the border of the picture is not outside."""
    inside = mask.copy()
    for _ in range(width):
        shrunk = inside.copy()
        shrunk[1:] &= inside[:-1]
        shrunk[:-1] &= inside[1:]
        shrunk[:, 1:] &= inside[:, :-1]
        shrunk[:, :-1] &= inside[:, 1:]
        inside = shrunk
    return mask & ~inside
