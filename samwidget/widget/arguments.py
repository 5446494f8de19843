"""Arguments: what Python passes to a widget, checked before anything changes. Each function raises PromptError.

``prompting`` and ``labelling`` call them; ``protocol.fields`` has the checks of what the browser sends.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from samwidget.core import Prompt, as_array, as_floats, make_prompt
from samwidget.errors import PromptError
from samwidget.widget.protocol.fields import checked_name, short_text

# Points per side of a model's own grid: no model has more.
_SIDE_MAX = 64

Ids = int | Iterable[int]
"""The id of an object, or several."""


def checked_classes(names: Iterable[str] | None) -> tuple[str, ...]:
    """Returns the names of classes, each once; raises PromptError where one is no name, and TypeError for no list."""
    if isinstance(names, str) or not isinstance(names, Iterable | None):
        raise TypeError(f"classes is {short_text(names)}: give a list of names")
    return tuple(dict.fromkeys(checked_name(name) for name in (() if names is None else names)))


def checked_ids(object_ids: Ids) -> tuple[int, ...]:
    """Returns ids as whole numbers of Python; raises PromptError where there is none, or something else."""
    try:
        values = as_array(list(object_ids) if is_several(object_ids) else [object_ids])
    except (TypeError, ValueError, RuntimeError):  # lists of several lengths, or nested too deeply
        values = np.zeros(0)
    if values.ndim != 1 or values.dtype.kind not in "iu" or len(values) == 0:
        raise PromptError(f"the ids are {short_text(object_ids)}", hint="give the id of an object, or a list of ids")
    return tuple(values.tolist())


def is_several(value: object) -> TypeGuard[Iterable[Any]]:
    """Whether a value is a list or the like; a text is none, and neither is an array or tensor without axes."""
    return isinstance(value, Iterable) and not isinstance(value, str | bytes) and getattr(value, "ndim", 1) > 0


def checked_names(names: str | Sequence[str | None] | None, count: int) -> list[str | None]:
    """Returns a name for each of ``count`` objects; one text is the name of all."""
    if not isinstance(names, Iterable | None):
        raise PromptError(f"the names are {short_text(names)}", hint="give a list with one for each object, or None")
    values = [names] * count if names is None or isinstance(names, str) else list(names)
    if len(values) != count:
        raise PromptError(f"there are {len(values)} names for {count} objects", hint="give one for each, or None")
    return [checked_optional_name(name) for name in values]


def checked_optional_name(name: str | None) -> str | None:
    """Returns a name without the blanks around it, or None as it is."""
    return None if name is None else checked_name(name)


def check_search_options(options: Mapping[str, Any]) -> None:
    """Checks the options of *everything* before the masks of an earlier search go.

    Raises:
        PromptError: one is out of its range.
        TypeError: there is no such option.
    """
    from samwidget.predict.everything import EverythingOptions  # it imports torch, as the model does

    known = [item.name for item in fields(EverythingOptions)]
    chosen = {name: value for name, value in options.items() if name != "threads"}
    if unknown := [name for name in chosen if name not in known]:
        raise TypeError(f"everything has no option {unknown[0]}; it has {', '.join(known)}")
    EverythingOptions(**chosen).grids(_SIDE_MAX)


def checked_boxes(boxes: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Returns (N, 4) boxes, as the user gave them; raises PromptError for another shape."""
    hint = "give (N, 4) x0, y0, x1, y1 in image pixels"
    values = as_floats(boxes, "boxes", hint, np.float64)
    if values.size == 0:
        return np.zeros((0, 4))
    if values.ndim != 2 or values.shape[1] != 4:
        raise PromptError(f"boxes has shape {values.shape}", hint=hint)
    return values


def checked_groups(
    points: npt.ArrayLike | Sequence[npt.ArrayLike], labels: npt.ArrayLike | Sequence[npt.ArrayLike] | None
) -> list[Prompt]:
    """Returns the prompt of each point, or of each group of points; raises PromptError where one is no point."""
    given_points: Any = points
    given_labels: Any = labels
    try:
        groups = list(given_points)
        own = [None] * len(groups) if labels is None else list(given_labels)
    except TypeError:
        hint = "give (N, 2) x, y in image pixels, or the points of each object"
        raise PromptError(f"points is {short_text(points)}, labels is {short_text(labels)}", hint=hint) from None
    if len(own) != len(groups):
        raise PromptError(f"there are {len(own)} labels for {len(groups)} objects", hint="give them for each, or None")
    prompts = [make_prompt(group, label) for group, label in zip(groups, own, strict=True)]
    for number, prompt in enumerate(prompts):
        if prompt.is_empty:
            raise PromptError(f"object {number} has no points", hint="leave it out")
    return prompts


def checked_points(points: npt.ArrayLike, count_min: int) -> npt.NDArray[np.float64]:
    """Returns (N, 2) finite points, at least ``count_min``; raises PromptError where they are not."""
    hint = f"give (N, 2) finite numbers, x before y, in image pixels; N is at least {count_min}"
    values = as_floats(points, "points", hint, np.float64)
    values = values[None] if values.shape == (2,) else values
    if values.ndim != 2 or values.shape[1] != 2 or len(values) < count_min:
        raise PromptError(f"points has shape {values.shape}", hint=hint)
    if not np.isfinite(values).all():
        raise PromptError("points has NaN or infinity", hint=hint)
    return values


def checked_polygons(polygons: Iterable[npt.ArrayLike]) -> list[npt.NDArray[np.float64]]:
    """Returns the (N, 2) corners of each polygon, at least one; raises PromptError where they are not."""
    values = list(polygons) if isinstance(polygons, Iterable) else []
    if not values:
        raise PromptError(f"polygons is {short_text(polygons)}", hint="give a list of at least one polygon")
    return [checked_points(polygon, 3) for polygon in values]


def checked_number(value: float, name: str, *, above: float = -math.inf, at_least: float = -math.inf) -> float:
    """Returns a finite number within its limits; ``name`` is for the PromptError where it is none."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not (math.isfinite(number) and number > above and number >= at_least):
        limit = f"above {above:g}" if above > -math.inf else f"from {at_least:g}"
        raise PromptError(f"{name} is {short_text(value)}", hint=f"give a finite number {limit}")
    return number
