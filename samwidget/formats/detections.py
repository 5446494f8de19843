"""``Detections`` of the package supervision: to them and from them, in memory.

Owns which field holds what. It imports supervision only to make one.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from samwidget.core import RunLengths, Size
from samwidget.errors import FormatError
from samwidget.formats.labels import NO_CLASS, ClassNumbers, LabelledImage, LabelledObject, class_or_none
from samwidget.formats.reading import checked_box, score_or_none


def to_detections(image: LabelledImage, class_names: Sequence[str] = ()) -> Any:
    """Returns the objects of an image as ``supervision.Detections``.

    ``class_id`` numbers ``class_names``, and then other classes. ``data`` has ``class_name`` and ``name``. Where an
    object has only a box, its mask is the box; without scores, ``confidence`` is None.

    Raises:
        FormatError: supervision is not installed.
    """
    try:
        sv = importlib.import_module("supervision")
    except ImportError as error:
        raise FormatError("Detections need supervision", hint="pip install supervision") from error
    if not image.objects:
        return sv.Detections.empty()
    classes = ClassNumbers(class_names)
    scores = [item.score for item in image.objects]
    return sv.Detections(
        xyxy=np.array([item.box_xyxy for item in image.objects], np.float32),
        mask=np.stack([_pixels(item, image.size_hw) for item in image.objects]),
        confidence=None if None in scores else np.array(scores, np.float32),
        class_id=np.array([classes.of(item.class_name) for item in image.objects]),
        data={
            "class_name": np.array([item.class_name or NO_CLASS for item in image.objects]),
            "name": np.array([item.name or "" for item in image.objects]),
        },
    )


def from_detections(detections: Any, size_hw: Size, class_names: Sequence[str] = ()) -> LabelledImage:
    """Returns an image with the objects of ``supervision.Detections``, or of anything with its fields.

    Args:
        detections: with ``xyxy``; ``mask``, ``confidence``, ``class_id`` and ``data["class_name"]`` may be None or
            missing. Without masks the objects are boxes.
        size_hw: of the image.
        class_names: names of the numbers in ``class_id``, where ``data`` has no names.

    Raises:
        FormatError: the masks have another size, or a box has no pixel of the image.
    """
    boxes, masks = np.asarray(detections.xyxy), getattr(detections, "mask", None)
    masks = None if masks is None else np.asarray(masks).astype(bool)
    if masks is not None and masks.shape != (len(boxes), *size_hw):
        raise FormatError(
            f"the masks have shape {masks.shape}", hint=f"they must have {(len(boxes), *size_hw)}, as the image has"
        )
    data = getattr(detections, "data", None) or {}
    names, numbers = data.get("class_name"), getattr(detections, "class_id", None)
    objects = []
    for i, box in enumerate(boxes):
        class_name = "" if names is None else str(names[i])
        if not class_name and numbers is not None:
            number = int(numbers[i])
            class_name = class_names[number] if 0 <= number < len(class_names) else f"class {number}"
        confidence = getattr(detections, "confidence", None)
        objects.append(
            LabelledObject(
                None if masks is None else RunLengths.from_mask(masks[i]),
                checked_box(box, size_hw) if masks is None else None,
                class_name=class_or_none(class_name),
                name=(str(data["name"][i]) if "name" in data else "") or None,
                score=None if confidence is None else score_or_none(confidence[i]),
            )
        )
    return LabelledImage("image", size_hw, tuple(objects))


def _pixels(item: LabelledObject, size_hw: Size) -> Any:
    if item.run_lengths is not None:
        return item.run_lengths.to_mask()
    mask = np.zeros(size_hw, np.bool_)
    x0, y0, x1, y1 = (round(number) for number in item.box_xyxy)
    mask[y0:y1, x0:x1] = True
    return mask
