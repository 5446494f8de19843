"""SegmentedObject: a mask that the user has accepted, with its name, its colour and the prompt that made it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from samwidget.core.frame import Frame
from samwidget.core.masks import Masks
from samwidget.core.measure import box_of
from samwidget.core.prompt import Prompt
from samwidget.core.rle import Box, RunLengths
from samwidget.core.upsample import upsample_mask, upsampled_extent


@dataclass(frozen=True, eq=False)
class FoundObject:
    """A mask that was found without being asked for. Everything is in pixels of the whole image.

    Attributes:
        id: its number in this search: the same point and level have the same id in every run of equal settings.
        run_lengths: the mask, not empty, at the image's own size.
        score: the network's estimate of the mask's IoU.
        stability: IoU of the masks at thresholds a little above and below; 1 is a sharp outline.
        point_xy: the point that found it.
        level: which of the point's three candidates it is, 0 to 2.
        crop_xyxy: the part of the image that the network saw.
        candidate: the network's answer, one candidate, over the whole image: its mask is ``run_lengths``. None where the network
            saw a crop, or small regions were removed afterwards: then the pixels are all there is.
    """

    id: int
    run_lengths: RunLengths
    score: float
    stability: float
    point_xy: tuple[float, float]
    level: int
    crop_xyxy: Box
    candidate: Masks | None

    @property
    def area(self) -> int:
        """Pixels in the mask."""
        return self.run_lengths.area

    @property
    def box_xyxy(self) -> Box:
        """x0, y0, x1, y1 around the mask, maximum exclusive."""
        box = self.run_lengths.box_xyxy
        assert box is not None
        return box

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """(H, W) bool at the image's own size, a fresh array."""
        return self.run_lengths.to_mask()


_COLOUR = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True, eq=False)
class SegmentedObject:
    """One object of the document. A value: ``dataclasses.replace`` makes the changed one.

    Attributes:
        id: its number in the document, never used twice.
        name: what the user called it.
        colour: ``#rrggbb``, lower case.
        logits: (h, w) float32 low-res logits over the frame's logits window.
        score: the network's estimate of the mask's IoU; 1.0 for a mask that the user gave.
        frame: ties the logits to image pixels.
        prompt: what the user said about it; empty for a mask that the user gave.
        level: which of three candidates was taken, 0 to 2; None where there was no choice.
        visible: whether it is drawn.
        threshold: logits above it are the object.
        pixels: (H, W) bool, the exact mask the user gave. It is the object's mask until a point or a box says more;
            the logits then take over.

    Raises:
        ValueError: the logits, the pixels or the colour do not have the form above.
    """

    id: int
    name: str
    colour: str
    logits: npt.NDArray[np.float32]
    score: float
    frame: Frame
    prompt: Prompt
    level: int | None
    visible: bool = True
    threshold: float = 0.0
    pixels: npt.NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if self.logits.shape != self.frame.logits_hw:
            raise ValueError(f"logits has shape {self.logits.shape}, the frame's logits are {self.frame.logits_hw}")
        if self.pixels is not None and self.pixels.shape != self.frame.image_hw:
            raise ValueError(f"pixels has shape {self.pixels.shape}, the image is {self.frame.image_hw}")
        if not _COLOUR.fullmatch(self.colour):
            raise ValueError(f"colour is {self.colour!r}, give #rrggbb in lower case")

    @property
    def prompts(self) -> Prompt:
        """The points, the box and the mask that made it."""
        return self.prompt

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """(H, W) bool at the image's own size, a fresh array."""
        height, width = self.frame.image_hw
        flat = np.unpackbits(self._packed_mask, count=height * width)
        return flat.view(np.bool_).reshape(height, width)

    @property
    def area(self) -> int:
        """Pixels in the mask."""
        return self._extent[0]

    @property
    def box_xyxy(self) -> tuple[int, int, int, int] | None:
        """x0, y0, x1, y1 around the mask in image pixels, maximum exclusive; None where the mask is empty."""
        return self._extent[1]

    @cached_property
    def _extent(self) -> tuple[int, tuple[int, int, int, int] | None]:
        # Known before anyone asks for the pixels, and without them: the widget shows it with each click.
        if self.given is not None:
            return int(np.count_nonzero(self.given)), box_of(self.given)
        return upsampled_extent(self.logits, self.frame, self.threshold)

    @property
    def given(self) -> npt.NDArray[np.bool_] | None:
        """(H, W) bool, the mask that the user gave where it is the object's mask now; None where the logits are."""
        has_prompt = len(self.prompt.points_xy) > 0 or self.prompt.box_xyxy is not None
        return None if has_prompt else self.pixels

    @cached_property
    def _packed_mask(self) -> npt.NDArray[np.uint8]:
        # A bit a pixel: a hundred objects of a 12 megapixel photo are 150 MB instead of 1.2 GB.
        if self.given is not None:
            return np.packbits(self.given)
        return np.packbits(upsample_mask(self.logits, self.frame, self.threshold))
