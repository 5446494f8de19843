"""What is really on the screen: reads screenshots of the stage and compares them with masks of the kernel."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from scipy.ndimage import binary_erosion

from tests.browser.lab import Notebook, Widget


def mask_of(notebook: Notebook, index: int = -1) -> np.ndarray:
    """(H, W) bool: the mask of an object, as the kernel has it."""
    packed = notebook.python(f"__import__('numpy').packbits(w.masks[{index}]).tobytes().hex()")
    height, width = notebook.python("w.image.shape[:2]")
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(packed), np.uint8))[: height * width]
    return bits.reshape(height, width).astype(bool)


def on_stage(widget: Widget, x: float, y: float) -> tuple[int, int]:
    """Where the image pixel (x, y) is in the pixels of the stage."""
    viewport = widget.state()["stage"]
    return int(viewport["x"] + x * viewport["scale"]), int(viewport["y"] + y * viewport["scale"])


def stage_pixels(widget: Widget) -> np.ndarray:
    """(H, W, 3) uint8 of the stage as drawn, device pixels."""
    return np.asarray(Image.open(io.BytesIO(widget.part("stage").screenshot())).convert("RGB"))


def drawn_mask(widget: Widget, image_hw: tuple[int, int], colour: str) -> np.ndarray:
    """(H, W) bool of the image: where the stage shows ``colour``; set the opacity to 1 first."""
    pixels = stage_pixels(widget).astype(int)
    box = widget.part("stage").bounding_box()
    device_scale = pixels.shape[1] / box["width"]
    viewport = widget.state()["stage"]
    rows = (viewport["y"] + (np.arange(image_hw[0]) + 0.5) * viewport["scale"]) * device_scale
    columns = (viewport["x"] + (np.arange(image_hw[1]) + 0.5) * viewport["scale"]) * device_scale
    sampled = pixels[
        np.clip(rows.astype(int), 0, pixels.shape[0] - 1)[:, None],
        np.clip(columns.astype(int), 0, pixels.shape[1] - 1)[None],
    ]
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return np.abs(sampled - wanted).max(axis=2) <= 10


def agreement(drawn: np.ndarray, mask: np.ndarray) -> float:
    """IoU of what is drawn and the kernel's mask, less the two pixels around the outline, which has its own colour."""
    kernel = np.ones((5, 5), bool)
    certain = binary_erosion(mask, kernel, border_value=1) | binary_erosion(~mask, kernel, border_value=1)
    a, b = drawn & certain, mask & certain
    return float((a & b).sum() / max(1, (a | b).sum()))


def assert_drawn(widget: Widget, mask: np.ndarray) -> None:
    """The view draws the mask of the only object as the kernel has it; finishes the object."""
    colour = widget.notebook.python("w.objects[0].colour")
    widget.notebook.python("setattr(w, 'opacity', 1.0)")
    # An object that is being refined has an outline of another colour.
    widget.press("Enter")
    widget.wait("s.opacity === 1")
    widget.leave()
    assert agreement(drawn_mask(widget, mask.shape, colour), mask) > 0.97
