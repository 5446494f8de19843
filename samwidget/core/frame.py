"""Frame: where an image lies in a network's input and logits. The only place in Python that converts coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Size = tuple[int, int]

PIXELS_MAX = 178_956_970
"""Pixels of the largest image that is read. Pillow refuses the same number by default as a decompression bomb."""


@dataclass(frozen=True)
class Frame:
    """The sizes that tie image pixels to a network's pixels.

    Attributes:
        image_hw: height and width of the image, pixels.
        input_hw: what the network reads; the content sits in its top-left corner.
        content_hw: the part of the input that the image fills; smaller than the input where the network pads, equal
            where it stretches.
        logits_hw: the low-res logits, which cover the whole input.
    """

    image_hw: Size
    input_hw: Size
    content_hw: Size
    logits_hw: Size

    @classmethod
    def padded(cls, image_hw: Size, input_side: int, logits_side: int) -> Frame:
        """Frame of a network that scales the longest side to ``input_side`` and pads to a square, as SAM does."""
        scale = input_side / max(image_hw)
        # Half up, as the reference implementation rounds; Python's round() would go to even.
        height, width = (int(size * scale + 0.5) for size in image_hw)
        return cls(image_hw, (input_side, input_side), (max(1, height), max(1, width)), (logits_side, logits_side))

    @classmethod
    def stretched(cls, image_hw: Size, input_hw: Size, logits_hw: Size) -> Frame:
        """Frame of a network that stretches the image over its whole input."""
        return cls(image_hw, input_hw, input_hw, logits_hw)

    def image_to_input(self, points_xy: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """(..., 2) image pixels to (..., 2) input pixels, float32."""
        scale = (self.content_hw[1] / self.image_hw[1], self.content_hw[0] / self.image_hw[0])
        return np.asarray(np.asarray(points_xy, np.float64) * scale, np.float32)

    def image_to_logits(self, points_xy: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """(..., 2) image pixels to (..., 2) positions in the low-res logits, float32; pixel centres lie at .5."""
        return np.asarray(np.asarray(points_xy, np.float64) / self._image_per_logit(), np.float32)

    def logits_to_image(self, points_xy: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """(..., 2) positions in the low-res logits to (..., 2) image pixels, float32."""
        return np.asarray(np.asarray(points_xy, np.float64) * self._image_per_logit(), np.float32)

    @property
    def content_logits_hw(self) -> Size:
        """Height and width of the low-res logits that the image touches, rounded up; beyond lies padding."""
        return (
            -(-self.content_hw[0] * self.logits_hw[0] // self.input_hw[0]),
            -(-self.content_hw[1] * self.logits_hw[1] // self.input_hw[1]),
        )

    @property
    def transposed(self) -> Frame:
        """The frame of the image and the logits with rows and columns exchanged."""
        return Frame(self.image_hw[::-1], self.input_hw[::-1], self.content_hw[::-1], self.logits_hw[::-1])

    def to_json(self) -> dict[str, list[int]]:
        """The four sizes as lists."""
        return {name: list(size) for name, size in asdict(self).items()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Frame:
        """The frame that ``to_json`` wrote."""
        return cls(*(_size(value[name]) for name in ("image_hw", "input_hw", "content_hw", "logits_hw")))

    def _image_per_logit(self) -> tuple[float, float]:
        return (
            self.input_hw[1] / self.logits_hw[1] * self.image_hw[1] / self.content_hw[1],
            self.input_hw[0] / self.logits_hw[0] * self.image_hw[0] / self.content_hw[0],
        )


def _size(value: Any) -> Size:
    height, width = value
    return (int(height), int(width))
