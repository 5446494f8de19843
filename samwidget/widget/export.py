"""Exchange: a widget's objects as the documented request and response. Pure; the formats themselves are ``formats``."""

from __future__ import annotations

import io
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from samwidget.core import SegmentedObject
from samwidget.errors import FormatError
from samwidget.formats.azure_ml import Style, build_request, build_response

# EXIF tag 274: how the camera was held. 1 is upright.
_ORIENTATION = 0x0112


def request_of(image: npt.NDArray[np.uint8], source: Any, objects: Sequence[SegmentedObject]) -> dict[str, Any]:
    """A request with one row per object, asking for three masks each.

    Args:
        image: (H, W, 3) uint8 RGB.
        source: what the user gave as image; its own bytes are sent where every reader sees the same pixels in them.
        objects: an object without points and box, given as a mask, is asked for by the box around its mask.

    Raises:
        FormatError: an object has no points, no box and an empty mask.
    """
    points, labels, boxes = [], [], []
    for found in objects:
        prompt = found.prompt
        box = prompt.box_xyxy
        if box is None and len(prompt.points_xy) == 0:
            if found.box_xyxy is None:
                raise FormatError(f"{found.name} has no prompt and an empty mask", hint="delete it, then ask again")
            box = np.asarray(found.box_xyxy, np.float32)
        points.append([prompt.points_xy.tolist()] if len(prompt.points_xy) else None)
        labels.append([prompt.labels.tolist()] if len(prompt.points_xy) else None)
        boxes.append(None if box is None else [box.tolist()])
    return build_request([_sent_image(image, source)] * len(objects), points, labels, boxes, True)


def response_to(objects: Sequence[SegmentedObject], style: Style) -> list[dict[str, Any]]:
    """The response to ``request_of``: per row one prediction with the object's own mask and score.

    Raises:
        FormatError: an unknown style.
    """
    rows = [[(found.mask[None], np.array([found.score], np.float32))] for found in objects]
    return build_response(rows, style)


def _sent_image(image: npt.NDArray[np.uint8], source: Any) -> bytes | npt.NDArray[np.uint8]:
    data = _bytes_of(source)
    return image if data is None or not _is_plain(data, image) else data


def _bytes_of(source: Any) -> bytes | None:
    """The file's bytes, or None where the image did not come from a file that is here."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)
    if isinstance(source, (str, PathLike)):
        path = Path(source).expanduser()
        return path.read_bytes() if path.is_file() else None
    return None


def _is_plain(data: bytes, image: npt.NDArray[np.uint8]) -> bool:
    """Whether any reader sees this image in the bytes: no rotation to apply, no colours to convert."""
    try:
        with Image.open(io.BytesIO(data)) as opened:
            return (
                opened.format in {"JPEG", "PNG"}
                and opened.mode == "RGB"
                and opened.getexif().get(_ORIENTATION, 1) == 1
                and (opened.height, opened.width) == image.shape[:2]
            )
    except OSError:  # the file was replaced since; the pixels that the masks belong to are still here
        return False
