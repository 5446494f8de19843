"""Frame: where an image lies in a network's input and logits. The only module in Python that converts coordinates.

Each segmenter makes the frame of its network; all other code is in image pixels and asks the frame. The front end's
counterpart is ``viewport.ts``, which converts image pixels to the screen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

Size = tuple[int, int]
"""Height and width."""

PIXELS_MAX = 178_956_970
"""Pixels of the largest image that is read. Pillow has the same limit against decompression bombs."""


@dataclass(frozen=True)
class Frame:
    """The sizes that tie image pixels to a network's pixels.

    Attributes:
        image_hw: height and width of the image, in pixels.
        input_hw: the network's input, in its own pixels; the image is scaled into its top-left corner.
        content_hw: the part of the input that the image fills: smaller than the input where the network pads, equal
            to it where the network stretches.
        logits_hw: the low-res logits, which cover the whole input.

    Raises:
        ValueError: a size is not two whole numbers from 1, or the content is larger than the input.
    """

    image_hw: Size
    input_hw: Size
    content_hw: Size
    logits_hw: Size

    def __post_init__(self) -> None:
        # Servers and cache files bring frames too, and a wrong one would shift every mask without an error.
        for name in ("image_hw", "input_hw", "content_hw", "logits_hw"):
            size = getattr(self, name)
            if len(size) != 2 or not all(isinstance(side, int) and side > 0 for side in size):
                raise ValueError(f"{name} is {size!r}: give height and width, whole numbers from 1")
        if self.content_hw[0] > self.input_hw[0] or self.content_hw[1] > self.input_hw[1]:
            raise ValueError(f"content_hw is {self.content_hw}: it must fit into input_hw, {self.input_hw}")

    @classmethod
    def padded(cls, image_hw: Size, input_side: int, logits_side: int) -> Frame:
        """The frame of a network that scales the longer side to ``input_side`` and pads to a square, as SAM does."""
        scale = input_side / max(image_hw)
        # Round half up, as SAM's reference implementation does; Python's round() rounds half to even.
        height, width = (int(size * scale + 0.5) for size in image_hw)
        return cls(image_hw, (input_side, input_side), (max(1, height), max(1, width)), (logits_side, logits_side))

    @classmethod
    def stretched(cls, image_hw: Size, input_hw: Size, logits_hw: Size) -> Frame:
        """The frame of a network that stretches the image over its whole input."""
        return cls(image_hw, input_hw, input_hw, logits_hw)

    def image_to_input(self, points_xy: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """(..., 2) float32 x, y in input pixels, from (..., 2) x, y in image pixels."""
        scale = (self.content_hw[1] / self.image_hw[1], self.content_hw[0] / self.image_hw[0])
        return np.asarray(np.asarray(points_xy, np.float64) * scale, np.float32)

    def image_to_logits(self, points_xy: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """(..., 2) float32 x, y in the low-res logits, whose centres are at .5, from (..., 2) x, y in image pixels."""
        return np.asarray(np.asarray(points_xy, np.float64) / self._image_per_logit(), np.float32)

    def logits_to_image(self, points_xy: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """(..., 2) float32 x, y in image pixels, from (..., 2) x, y in the low-res logits, whose centres are at .5."""
        return np.asarray(np.asarray(points_xy, np.float64) * self._image_per_logit(), np.float32)

    @property
    def content_logits_hw(self) -> Size:
        """Height and width of the low-res logits that the image fills, rounded up; all others are padding."""
        return (
            -(-self.content_hw[0] * self.logits_hw[0] // self.input_hw[0]),
            -(-self.content_hw[1] * self.logits_hw[1] // self.input_hw[1]),
        )

    @property
    def transposed(self) -> Frame:
        """The frame of the transposed image: rows and columns are exchanged everywhere."""
        return Frame(self.image_hw[::-1], self.input_hw[::-1], self.content_hw[::-1], self.logits_hw[::-1])

    def to_json(self) -> dict[str, list[int]]:
        """The four sizes by name, as lists."""
        return {name: list(size) for name, size in asdict(self).items()}

    @classmethod
    def from_json(cls, value: Mapping[str, Sequence[int]]) -> Frame:
        """The frame that ``to_json`` wrote.

        Raises:
            ValueError: as ``Frame``.
            KeyError: a size is missing.
            TypeError: a size is not a list.
        """
        return cls(*(_size(value[name]) for name in ("image_hw", "input_hw", "content_hw", "logits_hw")))

    def _image_per_logit(self) -> tuple[float, float]:
        """Image pixels per logit, along x and along y."""
        return (
            self.input_hw[1] / self.logits_hw[1] * self.image_hw[1] / self.content_hw[1],
            self.input_hw[0] / self.logits_hw[0] * self.image_hw[0] / self.content_hw[0],
        )


def _size(value: Sequence[int]) -> Size:
    height, width = value
    return (height, width)
