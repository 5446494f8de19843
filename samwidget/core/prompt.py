"""Prompt: the points, the box and the mask that describe one object.

Owns their checks and small changes of them. It knows no network and no widget; all packages pass prompts as this value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from samwidget.core.arrays import as_array, as_floats
from samwidget.errors import PromptError

_Scalar = TypeVar("_Scalar", bound=np.generic)

INCLUDE = 1
EXCLUDE = 0
"""The labels of points."""
_PADDING = -1
# Coordinates become pixels of other sizes and whole numbers on the way, which must not overflow.
_NUMBER_MAX = 1e9
_HINTS = {
    "points": "give (N, 2), x before y, in image pixels",
    "box": "give four numbers: x0, y0, x1, y1",
    "mask": "give low-res logits, (h, w), as predict returns them",
}


def _no_points() -> npt.NDArray[np.float32]:
    return np.zeros((0, 2), np.float32)


def _no_labels() -> npt.NDArray[np.int32]:
    return np.zeros((0,), np.int32)


@dataclass(frozen=True, eq=False)
class Prompt:
    """Points, a box and a mask that together describe one object.

    Attributes:
        points_xy: (N, 2) float32, image pixels. The origin is the top-left corner of pixel (0, 0), x right, y down.
        labels: (N,) int32: 1 includes the point, 0 excludes it.
        box_xyxy: (4,) float32 x0, y0, x1, y1 in image pixels, maximum exclusive; or None.
        mask: (h, w) float32 low-res logits of the size ``Frame.logits_hw``, or None.
        level: the candidate that the points refine, 0 to 2; None for the best one. SAM does not use it.

    Raises:
        PromptError: a wrong shape, a label other than 0 and 1, NaN, infinity, a box without area, or a wrong level.
    """

    points_xy: npt.NDArray[np.float32] = field(default_factory=_no_points)
    labels: npt.NDArray[np.int32] = field(default_factory=_no_labels)
    box_xyxy: npt.NDArray[np.float32] | None = None
    mask: npt.NDArray[np.float32] | None = None
    level: int | None = None

    def __post_init__(self) -> None:
        points = _finite(self.points_xy, "points")
        points = _no_points() if points.size == 0 else points
        if points.ndim != 2 or points.shape[1] != 2:
            raise PromptError(f"points has shape {points.shape}", hint=_HINTS["points"])
        labels = _label_array(self.labels)
        labels = labels.reshape(0) if labels.size == 0 else labels
        if labels.shape != (len(points),):
            raise PromptError(
                f"labels has shape {labels.shape}, points has shape {points.shape}", hint="give one label per point"
            )
        if not np.isin(labels, (EXCLUDE, INCLUDE)).all():
            # Values of strangers that are no numbers may be nested too deeply to be written.
            values = labels.tolist() if labels.dtype.kind in "biuf" else "no numbers"
            raise PromptError(f"labels are {values}", hint="use 1 to include and 0 to exclude")
        object.__setattr__(self, "points_xy", _frozen(points))
        object.__setattr__(self, "labels", _frozen(labels.astype(np.int32)))
        if self.box_xyxy is not None:
            object.__setattr__(self, "box_xyxy", _frozen(_checked_box(self.box_xyxy)))
        if self.mask is not None:
            object.__setattr__(self, "mask", _frozen(_checked_mask(self.mask)))
        if self.level not in (None, 0, 1, 2):
            raise PromptError("level is no level", hint="give 0, 1 or 2, or None for the best candidate")

    @property
    def is_empty(self) -> bool:
        """Whether there is no point, no box and no mask."""
        return len(self.points_xy) == 0 and self.box_xyxy is None and self.mask is None

    def with_point(self, x: float, y: float, label: int) -> Prompt:
        """The prompt with one more point at the end."""
        return replace(
            self,
            points_xy=np.vstack([self.points_xy, np.array([[x, y]], np.float32)]),
            labels=np.append(self.labels, _label_array(label)),
        )

    def with_point_moved(self, index: int, x: float, y: float) -> Prompt:
        """The prompt with point ``index`` at another position.

        Raises:
            PromptError: there is no point with this index.
        """
        self._check_index(index)
        points = self.points_xy.copy()
        points[index] = (x, y)
        return replace(self, points_xy=points)

    def without_point(self, index: int) -> Prompt:
        """The prompt without point ``index``.

        Raises:
            PromptError: there is no point with this index.
        """
        self._check_index(index)
        return replace(
            self, points_xy=np.delete(self.points_xy, index, axis=0), labels=np.delete(self.labels, index, axis=0)
        )

    def with_box(self, box_xyxy: npt.ArrayLike | None) -> Prompt:
        """The prompt with another box; with None, without a box."""
        return replace(self, box_xyxy=None if box_xyxy is None else np.asarray(box_xyxy, np.float32))

    def check_inside(self, image_hw: tuple[int, int]) -> None:
        """Checks that each point is inside an image and that the box overlaps it.

        Args:
            image_hw: height and width of the image.

        Raises:
            PromptError: a point or the box is outside.
        """
        height, width = image_hw
        for x, y in self.points_xy:
            if not (0 <= x <= width and 0 <= y <= height):
                raise PromptError(
                    f"point ({x:g}, {y:g}) lies outside the image of {width} x {height} pixels",
                    hint=f"give x from 0 to {width} and y from 0 to {height}",
                )
        if self.box_xyxy is not None:
            x0, y0, x1, y1 = self.box_xyxy
            if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height:
                raise PromptError(
                    f"box {self.box_xyxy.tolist()} lies outside the image of {width} x {height} pixels",
                    hint="give x0, y0, x1, y1 in image pixels",
                )

    def to_json(self) -> dict[str, Any]:
        """Points, labels, box and level as plain JSON values. The mask, a large array, is left out."""
        return {
            "points": self.points_xy.tolist(),
            "labels": self.labels.tolist(),
            "box": None if self.box_xyxy is None else self.box_xyxy.tolist(),
            "level": self.level,
        }

    @classmethod
    def from_json(cls, value: object) -> Prompt:
        """The prompt that ``to_json`` wrote.

        Raises:
            PromptError: as ``Prompt``, and for values that are no mapping.
        """
        if not isinstance(value, Mapping):
            hint = 'give {"points": [[290, 110]], "labels": [1], "box": null}'
            raise PromptError(f"the prompt is a {type(value).__name__}", hint=hint)
        points, labels = value.get("points") or _no_points(), value.get("labels") or _no_labels()
        return cls(points, labels, value.get("box"), level=value.get("level"))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Prompt)
            and np.array_equal(self.points_xy, other.points_xy)
            and np.array_equal(self.labels, other.labels)
            and _same(self.box_xyxy, other.box_xyxy)
            and _same(self.mask, other.mask)
            and self.level == other.level
        )

    @classmethod
    def unchecked(
        cls,
        points_xy: npt.ArrayLike,
        labels: npt.ArrayLike,
        box_xyxy: npt.ArrayLike | None = None,
        mask: npt.NDArray[np.float32] | None = None,
    ) -> Prompt:
        """A prompt that the network makes of what it can: a box of any corners, and points of label -1.

        To SAM such a point is no point, but padding.

        Raises:
            PromptError: as ``Prompt``, but for label -1 and the corners of the box.
        """
        label_array = np.asarray(labels)
        is_padding = label_array == _PADDING
        prompt = cls(np.asarray(points_xy, np.float32), np.where(is_padding, EXCLUDE, label_array), mask=mask)
        if is_padding.any():
            object.__setattr__(prompt, "labels", _frozen(np.where(is_padding, np.int32(_PADDING), prompt.labels)))
        if box_xyxy is not None:
            object.__setattr__(prompt, "box_xyxy", _frozen(_four_numbers(box_xyxy)))
        return prompt

    def _check_index(self, index: int) -> None:
        if not 0 <= index < len(self.points_xy):
            raise PromptError(f"there is no point {index}", hint=f"the prompt has {len(self.points_xy)} points")


def make_prompt(
    points: npt.ArrayLike | None = None,
    labels: npt.ArrayLike | None = None,
    box: npt.ArrayLike | None = None,
    mask: npt.ArrayLike | None = None,
) -> Prompt:
    """A prompt from the arguments of a user: one point or many, and labels only where a point is excluded.

    Args:
        points: (N, 2) or (2,), image pixels, x before y.
        labels: (N,) or a single number, 1 to include and 0 to exclude; None includes all points.
        box: (4,) x0, y0, x1, y1 in image pixels.
        mask: (h, w) or (1, h, w) low-res logits, as ``predict`` returns them.

    Raises:
        PromptError: as ``Prompt``, and for labels without points.
    """
    if points is None:
        if labels is not None and _label_array(labels).size:
            raise PromptError("labels without points", hint="give one point per label")
        points_xy, label_array = _no_points(), _no_labels()
    else:
        points_xy = _finite(points, "points")
        points_xy = points_xy[None] if points_xy.shape == (2,) else points_xy
        label_array = np.ones(points_xy.shape[:1], np.int32) if labels is None else np.atleast_1d(_label_array(labels))
    if mask is not None:
        mask = _finite(mask, "mask")
        mask = mask[0] if mask.ndim == 3 and mask.shape[0] == 1 else mask
    box_array = np.zeros(0, np.float32) if box is None else _finite(box, "box").reshape(-1)
    return Prompt(points_xy, label_array, box_array if box_array.size else None, mask)


def _same(a: npt.NDArray[np.float32] | None, b: npt.NDArray[np.float32] | None) -> bool:
    if a is None or b is None:
        return a is b
    return np.array_equal(a, b)


def _frozen(array: npt.NDArray[_Scalar]) -> npt.NDArray[_Scalar]:
    """The array, C-contiguous and read-only; a copy where the caller could write to it."""
    array = np.ascontiguousarray(array)
    if array.flags.writeable:
        array = array.copy()
        array.flags.writeable = False
    return array


def _label_array(value: npt.ArrayLike) -> npt.NDArray[Any]:
    try:
        return as_array(value)
    except (TypeError, ValueError, RuntimeError) as error:  # such as lists of several lengths
        raise PromptError("labels are no numbers", hint="use 1 to include and 0 to exclude") from error


def _finite(value: npt.ArrayLike, name: str) -> npt.NDArray[np.float32]:
    array: npt.NDArray[np.float32] = as_floats(value, name, _HINTS[name])
    if not np.isfinite(array).all():
        raise PromptError(f"{name} holds NaN or infinity", hint="give finite numbers")
    if array.size and np.abs(array).max() > _NUMBER_MAX:
        raise PromptError(f"{name} holds {np.abs(array).max():g}", hint=f"give numbers of at most {_NUMBER_MAX:g}")
    return array


def _four_numbers(value: npt.ArrayLike) -> npt.NDArray[np.float32]:
    box = _finite(value, "box")
    if box.shape != (4,):
        raise PromptError(f"box has shape {box.shape}", hint=_HINTS["box"])
    return box


def _checked_box(value: npt.ArrayLike) -> npt.NDArray[np.float32]:
    box = _four_numbers(value)
    x0, y0, x1, y1 = box
    if x1 <= x0 or y1 <= y0:
        raise PromptError(f"box {box.tolist()} has no area", hint="give x0 < x1 and y0 < y1")
    return box


def _checked_mask(value: npt.ArrayLike) -> npt.NDArray[np.float32]:
    mask = _finite(value, "mask")
    if mask.ndim != 2 or mask.size == 0:
        raise PromptError(f"mask has shape {mask.shape}", hint=_HINTS["mask"])
    return mask
