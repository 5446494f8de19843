"""The picture sheets of an evaluation: numbers hide what an eye sees at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from samwidget.core import box_of

Mask = npt.NDArray[np.bool_]
CELL = 240
ACROSS, DOWN = 2, 6
COLUMNS = ("1 click", "3 clicks", "box")
MASK_RGB, TRUTH_RGB = (255, 80, 0), (0, 230, 255)
MARGIN = 0.4
"""What is shown around the object, as a share of its box."""


def draw_sheets(
    items: Sequence[tuple[npt.NDArray[np.uint8], Mask, Mapping[str, Mask]]], folder: Path, count: int = 60
) -> list[Path]:
    """Writes ``sheet_1.png`` and on: up to ``count`` objects, spread over all of them, twelve to a sheet.

    Args:
        items: (H, W, 3) photo, (H, W) true mask, and masks by the names in ``COLUMNS``.
        folder: that the sheets go to.
        count: objects at most.
    """
    chosen = [items[i] for i in np.linspace(0, len(items) - 1, min(count, len(items))).astype(int)]
    paths = []
    for page, start in enumerate(range(0, len(chosen), ACROSS * DOWN), 1):
        paths.append(folder / f"sheet_{page}.png")
        _sheet(chosen[start : start + ACROSS * DOWN]).save(paths[-1])
    return paths


def _sheet(items: Sequence[tuple[npt.NDArray[np.uint8], Mask, Mapping[str, Mask]]]) -> Image.Image:
    width = CELL * (len(COLUMNS) + 1)
    sheet = Image.new("RGB", (ACROSS * width, -(-len(items) // ACROSS) * CELL))
    for index, (image, truth, shown) in enumerate(items):
        left, top = index % ACROSS * width, index // ACROSS * CELL
        for column, name in enumerate(("photo", *COLUMNS)):
            sheet.paste(_cell(image, truth, shown.get(name), name), (left + column * CELL, top))
    return sheet


def _cell(image: npt.NDArray[np.uint8], truth: Mask, mask: Mask | None, caption: str) -> Image.Image:
    """The surroundings of the object within a square: the mask tinted, the truth outlined."""
    window = _window(truth)
    part, true_part = image[window], truth[window]
    scale = (CELL - 4) / max(true_part.shape)
    size = (max(1, round(true_part.shape[1] * scale)), max(1, round(true_part.shape[0] * scale)))
    small = cv2.resize(np.ascontiguousarray(part), size, interpolation=cv2.INTER_AREA)
    if mask is not None:
        tint = cv2.resize(mask[window].astype(np.float32), size, interpolation=cv2.INTER_AREA)[..., None] * 0.5
        small = np.ascontiguousarray((small * (1 - tint) + np.array(MASK_RGB) * tint).astype(np.uint8))
        outline = cv2.resize(true_part.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        rings, _ = cv2.findContours(outline, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(small, rings, -1, TRUTH_RGB, 1)
    cell = Image.new("RGB", (CELL, CELL))
    cell.paste(Image.fromarray(small), (2, 2))
    ImageDraw.Draw(cell).text((6, 4), caption, fill=(255, 255, 255), stroke_width=2, stroke_fill=(0, 0, 0))
    return cell


def _window(truth: Mask) -> tuple[slice, slice]:
    """Rows and columns around the object: most of what is wrong with a mask is near it."""
    box = box_of(truth)
    assert box is not None, "chosen objects have pixels"
    x0, y0, x1, y1 = box
    margin = int(MARGIN * max(x1 - x0, y1 - y0)) + 8
    return slice(max(0, y0 - margin), y1 + margin), slice(max(0, x0 - margin), x1 + margin)
