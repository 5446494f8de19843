"""Prompts in the cells of a documented request: nested lists as text, read into ``Prompt`` and written.

Owns how the points, labels and boxes of one row belong together. A group of points asks for one prediction, and so does
a box. Where a row has both, box i belongs to group i, and there are as many boxes as groups. transformers' ``SamModel``
reads them in the same way. ``messages`` and batch runs call this.
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

_EMPTY_CELLS = ("", "null", "none", "nan")
# Labels of transformers that are not ours: background, which excludes a point, and padding, which is no point.
_BACKGROUND, _PADDING = -1, -10


def prompts_of(cells: Mapping[str, object], row: int) -> tuple[Prompt, ...]:
    """The prompts of one row, one for each prediction; empty where the row has neither points nor boxes.

    Args:
        cells: ``input_points``, ``input_labels`` and ``input_boxes`` by name, where the request has them: text, nested
            lists or arrays.
        row: number of the row, for error messages.

    Raises:
        FormatError: text that is not a nested list, labels that do not match the points, or points and boxes that do
            not match each other.
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


def write_nested(value: object) -> str:
    """A nested list or array as the text of a cell; empty for None.

    Raises:
        FormatError: something that is not a nested list of finite numbers.
    """
    try:
        return "" if value is None else json.dumps(_plain(value), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise FormatError("a prompt is not a nested list of numbers", hint=str(error)) from error


# Cells come from outside: what a list holds is known only after it was checked, here or by numpy and ``Prompt``.
_Nested = list[Any]


def _nested(value: object, where: str) -> _Nested | None:
    """The nested list in a cell; None where the cell is empty."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, str) and value.strip().lower() in _EMPTY_CELLS:
        return None
    try:
        value = _plain(json.loads(value) if isinstance(value, str) else value)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{where} is not a nested list", hint=str(error)) from error
    if not isinstance(value, list):
        raise FormatError(f"{where} is not a nested list", hint="give lists of numbers, as text")
    return value or None


def _plain(value: object) -> object:
    """Lists and numbers in place of tuples and arrays, at any depth."""
    if isinstance(value, np.ndarray | np.generic):
        plain: object = value.tolist()
        return plain
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _depth(value: object) -> int:
    """How many lists are nested, along the first item of each."""
    depth = 0
    while isinstance(value, list) and value:
        depth, value = depth + 1, value[0]
    return depth


def _point_groups(
    points: _Nested, labels: _Nested | None
) -> list[tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]]:
    """Points and labels of each prediction; points that are nested only two deep are one group."""
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
    return [_point_group(*group) for group in zip(points, labels, strict=True)]


def _point_group(points: _Nested, labels: _Nested) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """(N, 2) points and (N,) labels, 1 or 0, without the padding."""
    points_xy = np.asarray(points, np.float32)
    label_array = np.asarray(labels)
    if label_array.shape != points_xy.shape[:1]:
        raise FormatError(f"{label_array.size} labels for {len(points_xy)} points", hint="give one label per point")
    is_point = label_array != _PADDING
    label_array = np.where(label_array == _BACKGROUND, EXCLUDE, label_array)
    return points_xy[is_point], label_array[is_point]
