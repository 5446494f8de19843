"""Python code that makes the objects of a widget again. ``SamWidget.to_python`` calls it.

An object of points and a box is their prompt, from which the same model makes the same mask. All others are their
pixels, as run lengths: the code has no network's logits, and no level that a person chose.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt

from samwidget.core import SegmentedObject
from samwidget.formats import encode_rle
from samwidget.widget.export import is_of_other_model


def python_of(
    objects: Sequence[SegmentedObject],
    source: object,
    model: str | None,
    signature: str,
    class_names: Sequence[str],
    threshold: float,
) -> str:
    """Returns the code.

    Args:
        objects: at the threshold.
        source: the image as the user passed it in; anything but a path or an address is ``image`` in the code.
        model: name or folder of the model; None for the bundled one.
        signature: of that model; an object that another model made is its pixels. Empty where there is none.
        class_names: in the order of the list.
        threshold: of the slider.
    """
    image = repr(str(source)) if isinstance(source, str | PathLike) else "image"
    arguments = _arguments(model=model, classes=list(class_names) or None, threshold=threshold or None)
    lines = ["from samwidget import SamWidget", "", f"w = SamWidget({', '.join([image, *arguments])})"]
    lines += [_line_of(item, signature) for item in objects]
    locked = [number for number, item in enumerate(objects) if item.locked]
    if locked:
        lines.append(f"w.lock([w.objects[n].id for n in {locked}])")
    return "\n".join([*lines, ""])


def _line_of(item: SegmentedObject, signature: str) -> str:
    prompt = item.prompt
    is_of_prompt = prompt.mask is None and item.level is None and prompt.level is None and item.exact_mask is None
    if is_of_prompt and not prompt.is_empty and not is_of_other_model(item, signature):
        has_points = len(prompt.points_xy) > 0
        is_labelled = has_points and bool((prompt.labels != 1).any())
        arguments = _arguments(
            points=_numbers(prompt.points_xy) if has_points else None,
            labels=prompt.labels.tolist() if is_labelled else None,
            box=None if prompt.box_xyxy is None else _numbers(prompt.box_xyxy),
            name=item.name,
            class_name=item.class_name,
        )
        return f"w.add({', '.join(arguments)})"
    run_lengths = encode_rle(item.to_run_lengths())
    return (
        f"w.add_masks({', '.join([repr([run_lengths]), *_arguments(names=[item.name], class_names=item.class_name)])})"
    )


def _arguments(**values: Any) -> list[str]:
    return [f"{name}={value!r}" for name, value in values.items() if value is not None]


def _numbers(array: npt.NDArray[np.float32]) -> Any:
    """Returns nested lists of the shortest numbers that are the same float32, whole ones without a point."""
    if array.ndim > 1:
        return [_numbers(row) for row in array]
    return [int(value) if value == int(value) else float(str(value)) for value in array]
