"""Snapshot: the photo with its masks drawn, for where no kernel answers. Pure; when to draw is ``session``'s affair."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from samwidget.core import SegmentedObject, box_of, upsample_mask

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
        (H, W, 3) uint8 RGB, read-only.
    """
    out = Image.fromarray(photo).copy()
    size_hw = (photo.shape[0], photo.shape[1])
    outline = max(1, round(max(size_hw) / 500))
    for found in objects:
        mask = _mask_at(found, size_hw) if found.visible else np.zeros((1, 1), np.bool_)
        box = box_of(mask)
        if box is None:
            continue
        # Only around the object, with room for the outside that its edge is measured from.
        x0, y0 = max(0, box[0] - outline), max(0, box[1] - outline)
        inside = mask[y0 : box[3] + outline, x0 : box[2] + outline]
        alpha = inside * np.uint8(round(255 * opacity))
        alpha[inside & ~_shrunk(inside, outline)] = 255
        # Pillow blends in place, four times as fast as numpy's masked arithmetic.
        out.paste(found.colour, (x0, y0, x0 + alpha.shape[1], y0 + alpha.shape[0]), Image.fromarray(alpha))
    return np.asarray(out)


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
    if found.given is not None:
        height, width = size_hw
        return np.asarray(Image.fromarray(found.given).resize((width, height), Image.Resampling.NEAREST))
    return upsample_mask(found.logits, replace(found.frame, image_hw=size_hw), found.threshold)


def _shrunk(mask: npt.NDArray[np.bool_], width: int) -> npt.NDArray[np.bool_]:
    """The pixels of the mask further than ``width`` from its outside; beyond the array is not outside."""
    inside, done = mask.copy(), 0
    while done < width:
        # What is clear of the outside by `done` pixels looks 2 * done + 1 further: a few steps for any width.
        step = min(2 * done + 1, width - done)
        for axis in (inside, inside.T):
            before = axis.copy()
            axis[step:] &= before[:-step]
            axis[:-step] &= before[step:]
        done += step
    return inside
