"""Export: turns the objects of a widget into the documented request and response.

Owns which prompt and which image bytes a row holds; the form itself is in ``formats``. Called by ``SamWidget``.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from samwidget.core import SegmentedObject
from samwidget.errors import FormatError, warn_user
from samwidget.formats.azure_ml import Style, build_request, build_response
from samwidget.images import find_path

# EXIF tag 274: the rotation that a viewer must apply; 1 is none.
_ORIENTATION_TAG = 0x0112
_NAMES_MAX = 5  # in a warning
# Behind the name of a model in its signature.
_DIGEST = re.compile(r"[: ][0-9a-f]{12,24}\b")


def request_of(
    image: npt.NDArray[np.uint8], source: object, objects: Sequence[SegmentedObject], model: str
) -> dict[str, Any]:
    """Returns a request with one row for each object, which asks for three masks each.

    Args:
        image: (H, W, 3) uint8 RGB.
        source: the image as the user passed it in; a file is sent as it is where every reader gets these pixels of it.
        objects: the row of an object without points and box has the box around its mask as its prompt.
        model: signature of the one that is in use; empty where there is none.

    A request cannot hold all that makes a mask: objects that the response will show otherwise are named in a
    SamWidgetWarning.

    Raises:
        FormatError: an object has no points, no box and an empty mask.
    """
    points, labels, boxes = [], [], []
    lost = [f"{item.name} ({reason})" for item in objects if (reason := _lost(item, model))]
    if lost:
        more = f" and {len(lost) - _NAMES_MAX} more" if len(lost) > _NAMES_MAX else ""
        names = ", ".join(lost[:_NAMES_MAX])
        warn_user(f"a request holds only points and boxes: its response has other masks for {names}{more}")
    for item in objects:
        prompt = item.prompt
        box = prompt.box_xyxy
        if box is None and len(prompt.points_xy) == 0:
            if item.box_xyxy is None:
                raise FormatError(
                    f"{item.name} has no prompt and an empty mask", hint="delete it, then call request() again"
                )
            box = np.asarray(item.box_xyxy, np.float32)
        points.append([prompt.points_xy.tolist()] if len(prompt.points_xy) else None)
        labels.append([prompt.labels.tolist()] if len(prompt.points_xy) else None)
        boxes.append(None if box is None else [box.tolist()])
    return build_request([_sent_image(image, source)] * len(objects), points, labels, boxes, True)


def response_of(objects: Sequence[SegmentedObject], style: Style) -> list[dict[str, Any]]:
    """Returns the response to ``request_of``: one prediction for each row, with the mask and score of its object.

    Raises:
        FormatError: an unknown style.
    """
    rows = [[(item.mask[None], np.array([item.score], np.float32))] for item in objects]
    return build_response(rows, style)


def _lost(item: SegmentedObject, model: str) -> str:
    """Returns what a request cannot say about an object; empty where its response has the object's mask as the best."""
    has_prompt = len(item.prompt.points_xy) > 0 or item.prompt.box_xyxy is not None
    if item.prompt.mask is not None or not has_prompt:
        return "made from a mask"
    level = item.prompt.level if item.level is None else item.level
    if level is not None:
        return f"candidate {level + 1} was chosen"
    if is_of_other_model(item, model):
        return f"made by {_DIGEST.split(item.model)[0]}"
    return f"its threshold is {item.threshold:g}" if item.threshold else ""


def is_of_other_model(item: SegmentedObject, model: str) -> bool:
    """Whether another model than the one with this signature is known to have made the mask."""
    return bool(model and item.model) and item.model != model


def _sent_image(image: npt.NDArray[np.uint8], source: object) -> bytes | npt.NDArray[np.uint8]:
    data = _bytes_of(source)
    return image if data is None or not _is_plain(data, image) else data


def _bytes_of(source: object) -> bytes | None:
    """Returns the bytes of the file; None where the image was not read from a file on this machine."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)
    if not isinstance(source, (str, PathLike)):
        return None
    try:
        path = find_path(source)
        return path.read_bytes() if path.is_file() else None
    except (OSError, ValueError):  # the file cannot be read any more; or an address is too long for a file's name
        return None


def _is_plain(data: bytes, image: npt.NDArray[np.uint8]) -> bool:
    """Returns whether every reader gets exactly this image from the bytes, without a rotation or a change of colours.

    The file may have changed since it was opened, another may have its name now, and its values may have been scaled.
    """
    try:
        with Image.open(io.BytesIO(data)) as opened:
            return (
                opened.format in {"JPEG", "PNG"}
                and opened.mode == "RGB"
                and opened.getexif().get(_ORIENTATION_TAG, 1) == 1
                and (opened.height, opened.width) == image.shape[:2]
                and np.array_equal(np.asarray(opened), image)
            )
    except Exception:  # a broken file, for which each of Pillow's decoders raises exceptions of its own
        return False
