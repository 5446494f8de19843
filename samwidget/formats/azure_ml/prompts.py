"""Prompts in the cells of a documented request: nested lists as text, read into ``Prompt`` and written.

Owns how the points, labels and boxes of one row belong together, and what the two styles make of a cell. A group of
points asks for one prediction, and so does a box. Where a row has both, box i belongs to group i, and there are as many
boxes as groups. transformers' ``SamModel`` reads them in the same way. ``messages`` and batch runs call this.

In style ``card`` a row that cannot mean what it says is refused. In style ``service`` it is read as Azure's own scoring
code reads it: text that is no list counts as none, a label of -1 is not a point, labels without points are ignored, a
box may lie the wrong way round, and a row without a prompt asks for the masks of an empty prompt.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from samwidget.core import EXCLUDE, INCLUDE, Prompt
from samwidget.errors import FormatError, PromptError, warn_user
from samwidget.formats.azure_ml.texts import read_literal

Style = Literal["card", "service"]
"""``card``: as the model card documents requests and responses. ``service``: as deployed endpoints treat them."""

_EMPTY_CELLS = ("", "null", "none", "nan", "nonetype", "<na>", "nat")
# Labels of transformers that are not ours: a point that is none, which the model card calls background, and padding.
_NO_POINT, _PADDING = -1, -10
# Longer lists of prompts are read as JSON only: Python's parser takes much memory.
_PYTHON_TEXT_MAX = 256 * 1024


def prompts_of(cells: Mapping[str, object], row: int, style: Style = "card") -> tuple[Prompt, ...]:
    """The prompts of one row, one for each prediction.

    Args:
        cells: ``input_points``, ``input_labels`` and ``input_boxes`` by name, where the request has them: text, nested
            lists or arrays.
        row: number of the row, for error messages.
        style: whose rules apply, see the module.

    Returns:
        The prompts. Where the row has neither points nor boxes: none in style ``card``, an empty one in ``service``.

    Raises:
        FormatError: text that is not a nested list (style ``card``), labels that do not match the points, or points and
            boxes that do not match each other.
    """
    points, labels, boxes = (
        _nested(cells.get(name), f"row {row}, {name}", style)
        for name in ("input_points", "input_labels", "input_boxes")
    )
    try:
        groups = [] if points is None else _point_groups(points, labels, style)
        if points is None and labels is not None and style == "card":
            raise FormatError("labels without points", hint="give one label per point")
        if boxes is not None and _depth(boxes) == 1:
            boxes = [boxes]
        if boxes is not None and groups and len(boxes) != len(groups):
            raise FormatError(
                f"{len(groups)} groups of points with {len(boxes)} boxes", hint="give one box per group of points"
            )
        pairs = [(group or _NO_POINTS, box) for group, box in zip_longest(groups, boxes or ())]
        if style == "service":
            prompts = tuple(Prompt.unchecked(points_xy, numbers, box) for (points_xy, numbers), box in pairs)
            return prompts or (Prompt(),)
        return tuple(Prompt(points_xy, numbers, box) for (points_xy, numbers), box in pairs)
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
_Group = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]
_NO_POINTS: _Group = (np.zeros((0, 2), np.float32), np.zeros(0, np.int32))


def _nested(value: object, where: str, style: Style) -> _Nested | None:
    """The nested list in a cell; None where the cell is empty, and where the service cannot read it."""
    if _is_empty(value):
        return None
    try:
        nested = _plain(read_literal(value, _PYTHON_TEXT_MAX) if isinstance(value, str) else value)
        if not isinstance(nested, list):
            raise ValueError("give lists of numbers, as text")
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        if style == "card":
            raise FormatError(f"{where} is not a nested list", hint=str(error)[:200]) from error
        warn_user(f"{where} is not a nested list, and counts as empty")
        return None
    return nested or None


def _is_empty(value: object) -> bool:
    """Whether a cell says that there is nothing: also as pandas, numpy and Python write it."""
    return value is None or (
        not isinstance(value, list | tuple | dict | int | np.ndarray) and str(value).strip().lower() in _EMPTY_CELLS
    )


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


def _point_groups(points: _Nested, labels: _Nested | None, style: Style) -> list[_Group]:
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
    return [_point_group(*group, style) for group in zip(points, labels, strict=True)]


def _point_group(points: _Nested, labels: _Nested, style: Style) -> _Group:
    """(N, 2) points and (N,) labels, 1 or 0, without the padding."""
    try:
        with np.errstate(over="ignore"):  # a number beyond float32 becomes infinite, which ``Prompt`` refuses
            points_xy = np.asarray(points, np.float32)
        label_array = np.asarray(labels)
    except (TypeError, ValueError, OverflowError) as error:
        raise FormatError("points or labels are no numbers", hint="give x, y for each point, and 1 or 0") from error
    if label_array.dtype.kind not in "biuf":
        raise FormatError("labels are no numbers", hint="use 1 to include and 0 to exclude")
    if label_array.shape != points_xy.shape[:1]:
        raise FormatError(f"{label_array.size} labels for {len(points_xy)} points", hint="give one label per point")
    if style == "card":
        label_array = np.where(label_array == _NO_POINT, EXCLUDE, label_array)
    is_point = (label_array != _PADDING) & (label_array != _NO_POINT)
    return points_xy[is_point], label_array[is_point]
