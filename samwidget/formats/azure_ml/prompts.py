"""The cells of a documented request that hold prompts: nested lists as text, read to ``Prompt`` and written.

Owns how points, labels and boxes of one row belong together. A group of points asks for one prediction, and so does a
box; where a row has both, box i goes with group i, and there are as many of the one as of the other. This is how
transformers' ``SamModel`` reads them too. Called by ``azure_ml``, and by batch runs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

import numpy as np
import numpy.typing as npt

from samwidget.core import EXCLUDE, INCLUDE, Prompt
from samwidget.errors import FormatError, PromptError

_NONE_WORDS = ("", "null", "none", "nan")
_BACKGROUND, _IGNORED = -1, -10


def prompts_of(cells: Mapping[str, Any], row: int) -> tuple[Prompt, ...]:
    """What one row asks, one prompt per expected prediction; empty where it has neither points nor boxes.

    Args:
        cells: ``input_points``, ``input_labels`` and ``input_boxes`` by name, where the request has them: text, nested
            lists or arrays.
        row: its number, for the messages of errors.

    Raises:
        FormatError: text that is no nested list, labels that do not fit the points, or points and boxes that do not
            pair.
    """
    points, labels, boxes = (
        _nested(cells.get(name), f"row {row}, {name}") for name in ("input_points", "input_labels", "input_boxes")
    )
    try:
        groups = [] if points is None else _point_groups(points, labels)
        if points is None and labels is not None:
            raise FormatError("labels without points", hint="give one label per point")
        if boxes is not None and _depth(boxes) == 1:
            boxes = [boxes]
        if boxes is not None and groups and len(boxes) != len(groups):
            raise FormatError(
                f"{len(groups)} groups of points with {len(boxes)} boxes", hint="give one box per group of points"
            )
        prompts = [Prompt(*group) for group in groups] or [Prompt()] * len(boxes or ())
        return tuple(prompt.with_box(box) for prompt, box in zip_longest(prompts, boxes or ()))
    except (PromptError, FormatError, TypeError, ValueError, OverflowError) as error:
        raise FormatError(f"row {row}: {getattr(error, 'message', error)}", hint=getattr(error, "hint", "")) from error


def write_nested(value: Any) -> str:
    """A nested list or array as the service wants it: text, and empty for none.

    Raises:
        FormatError: something that is not a list of numbers.
    """
    try:
        return "" if value is None else json.dumps(_plain(value), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise FormatError("a prompt is not a nested list of numbers", hint=str(error)) from error


def _nested(value: Any, where: str) -> list[Any] | None:
    """The nested list in a cell; None where the cell says that there is none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, str) and value.strip().lower() in _NONE_WORDS:
        return None
    try:
        value = _plain(json.loads(value) if isinstance(value, str) else value)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{where} is not a nested list", hint=str(error)) from error
    if not isinstance(value, list):
        raise FormatError(f"{where} is not a nested list", hint="give lists of numbers, as text")
    return value or None


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _depth(value: Any) -> int:
    """Lists within lists, along the first of each."""
    depth = 0
    while isinstance(value, list) and value:
        depth, value = depth + 1, value[0]
    return depth


def _point_groups(
    points: list[Any], labels: list[Any] | None
) -> list[tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]]:
    """One (points, labels) pair per mask; two levels of points are one mask from all of them."""
    if _depth(points) == 2:
        points = [points]
    if _depth(points) != 3:
        raise FormatError("points are not nested two or three deep", hint="give (masks, points, 2) or (points, 2)")
    if labels is None:
        labels = [[INCLUDE] * len(group) for group in points]
    elif _depth(labels) == 1 and len(points) == 1:
        labels = [labels]
    if len(labels) != len(points):
        raise FormatError(f"labels for {len(labels)} masks, points for {len(points)}", hint="give one label per point")
    return [_one_group(*pair) for pair in zip(points, labels, strict=True)]


def _one_group(points: list[Any], labels: Any) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    points_xy = np.asarray(points, np.float32)
    label_array = np.asarray(labels)
    if label_array.shape != points_xy.shape[:1]:
        raise FormatError(f"{label_array.size} labels for {len(points_xy)} points", hint="give one label per point")
    kept = label_array != _IGNORED
    label_array = np.where(label_array == _BACKGROUND, EXCLUDE, label_array)
    return points_xy[kept], label_array[kept]
