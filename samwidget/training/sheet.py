"""The picture sheet of an evaluation: numbers hide what an eye sees at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Mask = npt.NDArray[np.bool_]
CELL = 220
COLUMNS = ("1 click", "3 clicks", "box")
MASK_RGB, TRUTH_RGB = (255, 80, 0), (0, 230, 255)


def draw_sheet(
    items: Sequence[tuple[npt.NDArray[np.uint8], Mask, Mapping[str, Mask]]], path: Path, count: int = 60
) -> None:
    """Writes a PNG: a row for each of up to ``count`` objects, spread over all of them.

    Args:
        items: (H, W, 3) photo, (H, W) true mask, and masks by the names in ``COLUMNS``.
        path: of the PNG.
        count: rows at most.
    """
    chosen = [items[i] for i in np.linspace(0, len(items) - 1, min(count, len(items))).astype(int)]
    # Two objects side by side: a page is easier to look through than a ribbon.
    rows = (len(chosen) + 1) // 2
    sheet = Image.new("RGB", (2 * CELL * (len(COLUMNS) + 1), rows * CELL))
    for index, (image, truth, shown) in enumerate(chosen):
        left, top = (index % 2) * CELL * (len(COLUMNS) + 1), index // 2 * CELL
        sheet.paste(_cell(image, truth, None, "truth"), (left, top))
        for column, name in enumerate(COLUMNS, 1):
            sheet.paste(_cell(image, truth, shown.get(name), name), (left + column * CELL, top))
    sheet.save(path)


def _cell(image: npt.NDArray[np.uint8], truth: Mask, mask: Mask | None, caption: str) -> Image.Image:
    """The photo with the mask tinted and the truth outlined, within a square."""
    scale = (CELL - 4) / max(truth.shape)
    size = (max(1, round(truth.shape[1] * scale)), max(1, round(truth.shape[0] * scale)))
    small = cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_AREA)
    if mask is not None:
        tint = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)[..., None] * 0.5
        small = (small * (1 - tint) + np.array(MASK_RGB) * tint).astype(np.uint8)
    outline = cv2.resize(truth.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    rings, _ = cv2.findContours(outline, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    small = np.ascontiguousarray(small)
    cv2.drawContours(small, rings, -1, TRUTH_RGB, 1)
    cell = Image.new("RGB", (CELL, CELL))
    cell.paste(Image.fromarray(small), (2, 2))
    ImageDraw.Draw(cell).text((6, 4), caption, fill=(255, 255, 255), stroke_width=2, stroke_fill=(0, 0, 0))
    return cell
