"""ResizeLongestSide: images and coordinates in the reference's *transformed frame*.

That frame is the image scaled so that its longer side has the length of the network's input. Source:
``segment_anything/utils/transforms.py``; the tests compare. ``compat.SamPredictor`` has one as ``transform``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image


class ResizeLongestSide:
    """Scales images, points and boxes to the transformed frame.

    Args:
        target_length: of the longer side.
    """

    def __init__(self, target_length: int) -> None:
        self.target_length = target_length

    def apply_image(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """(h, w, 3) uint8: an (H, W, 3) uint8 image, scaled by Pillow's bilinear filter, as in SAM's training."""
        height, width = self.get_preprocess_shape(image.shape[0], image.shape[1], self.target_length)
        resized = Image.fromarray(np.ascontiguousarray(image)).resize((width, height), Image.Resampling.BILINEAR)
        return np.array(resized)

    def apply_coords(self, coords: npt.ArrayLike, original_size: tuple[int, ...]) -> npt.NDArray[np.float64]:
        """(..., 2) float64 x, y in the transformed frame, from (..., 2) x, y in pixels of an image of (H, W)."""
        return np.array(coords, np.float64) * self._scale_xy(original_size)

    def apply_boxes(self, boxes: npt.ArrayLike, original_size: tuple[int, ...]) -> npt.NDArray[np.float64]:
        """(B, 4) float64 x0, y0, x1, y1 in the transformed frame, from (B, 4) or (4,) in pixels of the image."""
        return self.apply_coords(np.reshape(boxes, (-1, 2, 2)), original_size).reshape(-1, 4)

    def apply_image_torch(self, image: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w): (B, C, H, W) float images, scaled by torch, whose pixels differ a little from ``apply_image``.

        The reference's version 1.0 takes B and C for the size; later ones take H and W, as this does.
        """
        size_hw = self.get_preprocess_shape(image.shape[-2], image.shape[-1], self.target_length)
        return F.interpolate(image, size_hw, mode="bilinear", align_corners=False, antialias=True)

    def apply_coords_torch(self, coords: torch.Tensor, original_size: tuple[int, ...]) -> torch.Tensor:
        """(..., 2) float32 as ``apply_coords``, on the device of ``coords``."""
        scaled = coords.to(torch.float32, copy=True)
        for axis, scale in enumerate(self._scale_xy(original_size)):
            scaled[..., axis] *= scale
        return scaled

    def apply_boxes_torch(self, boxes: torch.Tensor, original_size: tuple[int, ...]) -> torch.Tensor:
        """(B, 4) float32 as ``apply_boxes``, on the device of ``boxes``."""
        return self.apply_coords_torch(boxes.reshape(-1, 2, 2), original_size).reshape(-1, 4)

    @staticmethod
    def get_preprocess_shape(oldh: int, oldw: int, long_side_length: int) -> tuple[int, int]:
        """Height and width of an image of ``oldh`` x ``oldw`` whose longer side is scaled to ``long_side_length``."""
        scale = long_side_length / max(oldh, oldw)
        return int(oldh * scale + 0.5), int(oldw * scale + 0.5)

    def _scale_xy(self, original_size: tuple[int, ...]) -> tuple[float, float]:
        height, width = original_size
        new_height, new_width = self.get_preprocess_shape(height, width, self.target_length)
        return new_width / width, new_height / height
