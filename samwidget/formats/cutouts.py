"""Cut-outs: each object as a PNG of its own, transparent outside its mask.

Owns how an object is cut out and what its file is called. The table in ``file_formats`` names it. Nothing is read back.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from samwidget.core import RunLengths
from samwidget.errors import FormatError, warn_user
from samwidget.formats.labels import NO_CLASS, DataSet
from samwidget.formats.writing import FileNames, staged_folder

_UNSAFE = re.compile(r"[^\w.-]+")


def cut_out(pixels: npt.NDArray[np.uint8], mask: RunLengths, *, margin: int = 0) -> npt.NDArray[np.uint8]:
    """The part of an image around a mask: (h, w, 4) uint8 RGBA, with alpha 255 inside the mask and 0 outside.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        mask: of the image's size, not empty.
        margin: pixels more on each side, as far as the image goes.

    Raises:
        FormatError: the mask is empty, or has another size.
    """
    if mask.box_xyxy is None or mask.size_hw != pixels.shape[:2]:
        raise FormatError("the mask has no pixel of the image", hint="give a mask of the image that is not empty")
    height, width = mask.size_hw
    x0, y0, x1, y1 = mask.box_xyxy
    x0, y0, x1, y1 = max(0, x0 - margin), max(0, y0 - margin), min(width, x1 + margin), min(height, y1 + margin)
    alpha = mask.moved(-x0, -y0, (y1 - y0, x1 - x0)).to_mask()
    # The colour outside is kept: a program that scales the cut-out mixes no black into its border.
    return np.dstack([pixels[y0:y1, x0:x1], np.where(alpha, 255, 0).astype(np.uint8)])


def write_cutouts(data: DataSet, path: Path, *, margin: int = 0) -> None:
    """Writes ``IMAGE_3_cat.png`` for the third object of an image, a cat, into the folder ``path``.

    Objects without a mask, or with an empty one, are left out, with a SamWidgetWarning.

    Args:
        data: the data set; the pixels of its images can be had.
        path: of the folder.
        margin: as for ``cut_out``.

    Raises:
        FormatError: the pixels of an image cannot be had, or have not the size of its masks.
        OSError: the folder cannot be written; what was there stays.
    """
    names, left_out = FileNames(), 0
    with staged_folder(path) as folder:
        for image in data.images:
            name = names.of(image)
            pixels = image.pixels() if image.objects else None
            for number, item in enumerate(image.objects, 1):
                if item.run_lengths is None or item.run_lengths.area == 0 or pixels is None:
                    left_out += 1
                    continue
                class_name = _UNSAFE.sub("_", item.class_name or NO_CLASS)
                part = cut_out(pixels, item.run_lengths, margin=margin)
                # Level 1 is several times as fast as the default.
                Image.fromarray(part).save(folder / f"{name}_{number}_{class_name}.png", compress_level=1)
    if left_out:
        warn_user(f"{left_out} objects have no mask, and so no cut-out")
