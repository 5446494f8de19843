"""The two kinds of objects: one that everything found, and one of the document. Frozen values.

Both have the properties ``mask``, ``box_xyxy``, ``area`` and ``score``, in pixels of the whole image. How objects are
found belongs to ``predict.everything``; how they change belongs to ``document``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from samwidget.core.classes import check_colour
from samwidget.core.frame import Frame
from samwidget.core.masks import Masks
from samwidget.core.measure import Box
from samwidget.core.prompt import Prompt
from samwidget.core.rle import RunLengths
from samwidget.core.upsample import upsample_mask, upsampled_strips


@dataclass(frozen=True, eq=False)
class FoundObject:
    """A mask from a search for everything.

    Attributes:
        id: number in its search. The same point and level have the same id in every search with the same settings.
        run_lengths: the mask, not empty, at the image's own size.
        score: the network's estimate of the mask's IoU, 0 to 1.
        stability: IoU of the masks at a threshold a little above and a little below; 1 is a sharp outline.
        point_xy: the point whose prompt gave the mask, in image pixels; where words found it, a point inside.
        level: which of the point's three candidates it is, 0 to 2.
        crop_xyxy: the part of the image that the network read.
        candidate: the mask as low-res logits of the whole image, one candidate, which later prompts can refine. None
            where the network read a crop, where small regions were removed, and where words found it: then only the
            pixels exist.
        phrase: what was looked for, in words; None where it was not words.
    """

    id: int
    run_lengths: RunLengths
    score: float
    stability: float
    point_xy: tuple[float, float]
    level: int
    crop_xyxy: Box
    candidate: Masks | None
    phrase: str | None = None

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """(H, W) bool at the image's own size. Not cached: each access makes a new array."""
        return self.run_lengths.to_mask()

    @property
    def area(self) -> int:
        """Number of pixels in the mask."""
        return self.run_lengths.area

    @property
    def box_xyxy(self) -> Box:
        """The box around the mask in image pixels, maximum exclusive."""
        box = self.run_lengths.box_xyxy
        assert box is not None
        return box


@dataclass(frozen=True, eq=False)
class SegmentedObject:
    """An object of the document. ``dataclasses.replace`` makes a changed one.

    Attributes:
        id: number in the document, never used for another object.
        name: of the object, as the user sees it.
        colour: ``#rrggbb``, lower case.
        logits: (h, w) float32 low-res logits, of the size ``frame.logits_hw``.
        score: the network's estimate of the mask's IoU, 0 to 1; 1.0 for a mask that the user passed in.
        frame: ties the logits to image pixels.
        prompt: made the mask; without points and box for a mask that the user passed in.
        level: the candidate that the user chose, or that everything found, 0 to 2; None shows the best one.
        visible: whether it is drawn.
        threshold: logits above it are the mask.
        run_lengths: a mask of the image's own size that the user passed in or corrected. It is the object's mask until
            the prompt has a point or a box; from then on the logits are.
        class_name: what the object is; None where nobody has said.
        locked: whether mask, name and class are kept as they are.
        model: signature of the model that computed the logits; empty where nobody knows.

    Raises:
        ValueError: logits or run lengths of another shape, or a colour of another form.
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
    run_lengths: RunLengths | None = None
    class_name: str | None = None
    locked: bool = False
    model: str = ""

    def __post_init__(self) -> None:
        if self.logits.shape != self.frame.logits_hw:
            raise ValueError(f"logits has shape {self.logits.shape}, the frame's logits are {self.frame.logits_hw}")
        if self.run_lengths is not None and self.run_lengths.size_hw != self.frame.image_hw:
            raise ValueError(f"run_lengths has size {self.run_lengths.size_hw}, the image is {self.frame.image_hw}")
        check_colour(self.colour)

    @property
    def prompts(self) -> Prompt:
        """The points, the box and the mask that made the object: another name of ``prompt``."""
        return self.prompt

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """(H, W) bool at the image's own size. Not cached: each access makes a new array."""
        if self.exact_mask is not None:
            return self.exact_mask.to_mask()
        return upsample_mask(self.logits, self.frame, self.threshold)

    @property
    def area(self) -> int:
        """Number of pixels in the mask."""
        return self.to_run_lengths().area

    @property
    def box_xyxy(self) -> Box | None:
        """The box around the mask in image pixels, maximum exclusive; None where the mask is empty."""
        return self.to_run_lengths().box_xyxy

    def to_run_lengths(self) -> RunLengths:
        """The mask as run lengths."""
        return self._run_lengths_of_logits if self.exact_mask is None else self.exact_mask

    @property
    def exact_mask(self) -> RunLengths | None:
        """``run_lengths`` while they are the object's mask; None while the logits are."""
        has_prompt = len(self.prompt.points_xy) > 0 or self.prompt.box_xyxy is not None
        return None if has_prompt else self.run_lengths

    @cached_property
    def _run_lengths_of_logits(self) -> RunLengths:
        # Once: the widget shows area and box after each click, and the session file has the run lengths. Without the
        # mask itself: an object of a 12-megapixel photo is a small part of it.
        strips = upsampled_strips(self.logits, self.frame, self.threshold)
        parts = [(y.start, x.start, values > self.threshold) for y, x, values in strips]
        if not parts:
            return RunLengths.joined([], self.frame.image_hw)
        top, left, _ = parts[0]
        inside = np.concatenate([pixels for _, _, pixels in parts])
        return RunLengths.from_mask(inside).moved(left, top, self.frame.image_hw)
