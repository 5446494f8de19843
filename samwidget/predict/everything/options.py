"""The options of *everything*, checked. ``generate_masks`` and the methods of ``SamPredictor`` make one from arguments.

Names and defaults are those of the official ``SamAutomaticMaskGenerator``
(https://github.com/facebookresearch/segment-anything).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from samwidget.core import as_floats
from samwidget.errors import PromptError
from samwidget.predict.everything.grid import point_grid

_POINTS_PER_SIDE_MAX = 1000
_NUMBERS = int | float | np.integer | np.floating


@dataclass(frozen=True, eq=False, kw_only=True)
class EverythingOptions:
    """The options of one search; ``samwidget.generate_masks`` explains each.

    Raises:
        PromptError: an option is out of its range, or two options exclude each other.
    """

    points_per_side: int | None = None
    points_per_batch: int = 64
    pred_iou_thresh: float | None = None
    stability_score_thresh: float | None = None
    stability_score_offset: float | None = None
    box_nms_thresh: float = 0.7
    crop_n_layers: int = 0
    crop_nms_thresh: float = 0.7
    crop_overlap_ratio: float = 512 / 1500
    crop_n_points_downscale_factor: int = 1
    point_grids: Sequence[npt.ArrayLike] | None = None
    min_mask_region_area: int = 0

    def __post_init__(self) -> None:
        if self.points_per_side is not None and self.point_grids is not None:
            raise PromptError("points_per_side and point_grids were both given", hint="give one of them")
        check_range("pred_iou_thresh", self.pred_iou_thresh, 1)
        check_range("stability_score_thresh", self.stability_score_thresh, 1)
        check_range("stability_score_offset", self.stability_score_offset, math.inf)
        check_range("box_nms_thresh", self.box_nms_thresh, 1)
        check_range("crop_nms_thresh", self.crop_nms_thresh, 1)
        check_range("crop_overlap_ratio", self.crop_overlap_ratio, math.nextafter(1, 0))
        check_integer("points_per_batch", self.points_per_batch, 1)
        check_integer("crop_n_layers", self.crop_n_layers, 0)
        check_integer("min_mask_region_area", self.min_mask_region_area, 0)

    def grids(self, points_per_side_default: int) -> list[npt.NDArray[np.float64]]:
        """For the image and each layer of crops: (N, 2) float64 points x, y in [0, 1].

        Args:
            points_per_side_default: the model's own, taken if ``points_per_side`` and ``point_grids`` are None.

        Raises:
            PromptError: the options of the grids are out of their range, or leave a layer without points.
        """
        if self.point_grids is not None:
            return _checked_grids(self.point_grids, self.crop_n_layers)
        points_per_side = points_per_side_default if self.points_per_side is None else self.points_per_side
        factor = self.crop_n_points_downscale_factor
        check_integer("points_per_side", points_per_side, 1, _POINTS_PER_SIDE_MAX)
        check_integer("crop_n_points_downscale_factor", factor, 1)
        sides = [int(points_per_side / factor**layer) for layer in range(self.crop_n_layers + 1)]
        if sides[-1] == 0:
            raise PromptError(
                f"{points_per_side} points per side divided {self.crop_n_layers} times by {factor} leave none",
                hint="give a smaller crop_n_points_downscale_factor",
            )
        return [point_grid(side) for side in sides]


def _checked_grids(point_grids: Sequence[npt.ArrayLike], layers: int) -> list[npt.NDArray[np.float64]]:
    hint = "give a list of (N, 2) arrays, x before y, one for the image and one for each layer of crops"
    if isinstance(point_grids, str) or not isinstance(point_grids, Iterable):
        raise PromptError(f"point_grids is {_short(point_grids)}", hint=hint)
    grids = [as_floats(grid, "a point grid", hint, np.float64) for grid in point_grids]
    if len(grids) <= layers:
        raise PromptError(
            f"there are {len(grids)} point grids for the image and {layers} layers of crops",
            hint="give one for the image and one for each layer",
        )
    for grid in grids:
        if grid.ndim != 2 or grid.shape[1:] != (2,) or len(grid) == 0:
            raise PromptError(f"a point grid has shape {grid.shape}", hint="give (N, 2), x before y")
        if not ((grid >= 0) & (grid <= 1)).all():
            raise PromptError(
                f"a point grid holds values from {grid.min():g} to {grid.max():g}",
                hint="give shares of the width and the height, 0 to 1",
            )
    return grids


def check_range(name: str, value: object, value_max: float) -> None:
    """Raises PromptError where a value is neither None nor a number from 0 to ``value_max``."""
    if value is not None and not (isinstance(value, _NUMBERS) and 0 <= value <= value_max):
        hint = "give a number from 0" if value_max == math.inf else f"give a number from 0 to {value_max:g}"
        raise PromptError(f"{name} is {_short(value)}", hint=hint)


def check_integer(name: str, value: object, value_min: int, value_max: float = math.inf) -> None:
    """Raises PromptError where a value is not a whole number from ``value_min`` to ``value_max``."""
    if isinstance(value, bool) or not isinstance(value, _NUMBERS) or value % 1 or not value_min <= value <= value_max:
        end = "or more" if value_max == math.inf else f"to {value_max:g}"
        raise PromptError(f"{name} is {_short(value)}", hint=f"give a whole number, {value_min} {end}")


def _short(value: object) -> str:
    return (repr(value) if isinstance(value, str) else str(value))[:80]
