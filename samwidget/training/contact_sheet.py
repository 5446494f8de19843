"""Contact sheets of an evaluation: pages of images with the model's masks, for looking at what the numbers hide.

Called by ``evaluate``, which chooses the objects and computes the masks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from samwidget.core import box_of

Mask = npt.NDArray[np.bool_]
CELL = 240
"""Side of a cell, in pixels."""
ACROSS, DOWN = 2, 6
"""Objects on a page."""
COLUMNS = ("1 click", "3 clicks", "box")
MASK_RGB, TRUTH_RGB = (255, 80, 0), (0, 230, 255)
MARGIN = 0.4
"""What is drawn around the object, as a share of its box."""


class SheetItem(NamedTuple):
    """An object on a contact sheet.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        truth: (H, W) bool, the true mask.
        masks: (H, W) bool masks of the model by the names in ``COLUMNS``.
    """

    image: npt.NDArray[np.uint8]
    truth: Mask
    masks: Mapping[str, Mask]


def draw_contact_sheets(items: Sequence[SheetItem], folder: Path, count: int = 60) -> list[Path]:
    """Writes ``sheet_1.png``, ``sheet_2.png`` and so on, with twelve objects each; returns their paths.

    Args:
        items: the objects, in any number.
        folder: the folder to write to; it exists.
        count: at most this many objects are drawn, spread evenly over ``items``.
    """
    chosen = [items[i] for i in np.linspace(0, len(items) - 1, min(count, len(items))).astype(int)]
    paths = []
    for page, start in enumerate(range(0, len(chosen), ACROSS * DOWN), 1):
        paths.append(folder / f"sheet_{page}.png")
        _draw_sheet(chosen[start : start + ACROSS * DOWN]).save(paths[-1])
    return paths


def _draw_sheet(items: Sequence[SheetItem]) -> Image.Image:
    width = CELL * (len(COLUMNS) + 1)
    sheet = Image.new("RGB", (ACROSS * width, -(-len(items) // ACROSS) * CELL))
    for index, item in enumerate(items):
        left, top = index % ACROSS * width, index // ACROSS * CELL
        for column, name in enumerate(("photo", *COLUMNS)):
            sheet.paste(_draw_cell(item, item.masks.get(name), name), (left + column * CELL, top))
    return sheet


def _draw_cell(item: SheetItem, mask: Mask | None, caption: str) -> Image.Image:
    """The surroundings of the object in a square. With a mask, it is tinted and the outline of the truth is drawn."""
    window = _window(item.truth)
    part, true_part = item.image[window], item.truth[window]
    scale = (CELL - 4) / max(true_part.shape)
    size = (max(1, round(true_part.shape[1] * scale)), max(1, round(true_part.shape[0] * scale)))
    small = cv2.resize(np.ascontiguousarray(part), size, interpolation=cv2.INTER_AREA)
    if mask is not None:
        tint = cv2.resize(mask[window].astype(np.float32), size, interpolation=cv2.INTER_AREA)[..., None] * 0.5
        small = np.ascontiguousarray((small * (1 - tint) + np.array(MASK_RGB) * tint).astype(np.uint8))
        small_truth = cv2.resize(true_part.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        outlines, _ = cv2.findContours(small_truth, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(small, outlines, -1, TRUTH_RGB, 1)
    cell = Image.new("RGB", (CELL, CELL))
    cell.paste(Image.fromarray(small), (2, 2))
    ImageDraw.Draw(cell).text((6, 4), caption, fill=(255, 255, 255), stroke_width=2, stroke_fill=(0, 0, 0))
    return cell


def _window(truth: Mask) -> tuple[slice, slice]:
    """Rows and columns around the object: most errors of a mask are near it."""
    box = box_of(truth)
    assert box is not None, "chosen objects have pixels"
    x0, y0, x1, y1 = box
    margin = int(MARGIN * max(x1 - x0, y1 - y0)) + 8
    return slice(max(0, y0 - margin), y1 + margin), slice(max(0, x0 - margin), x1 + margin)
