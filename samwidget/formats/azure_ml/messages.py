"""The documented request and response of the Azure ML catalogue's ``mask-generation`` models.

Owns the wire alone: which networks answer, and how an image is read, belong to the callers; the cells that hold
prompts are in ``azure_prompts``. The reader takes what the
model card documents and what deployed endpoints and their clients really send; the writer's ``style`` says which of the
two to write:

- ``card``: ``[{"predictions": [{"mask_per_prediction": [...]}]}]``
- ``service``: ``[{"response": {"predictions": [{"masks_per_prediction": [...]}]}}]``
"""

from __future__ import annotations

import base64
import binascii
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from samwidget.core import Prompt
from samwidget.errors import FormatError
from samwidget.formats.azure_ml.prompts import prompts_of, write_nested
from samwidget.images import decode_png, encode_png

COLUMNS = ("image", "input_points", "input_boxes", "input_labels", "multimask_output")

Style = Literal["card", "service"]
MaskSet = tuple[npt.NDArray[np.bool_], npt.NDArray[np.float32]]
"""(C, H, W) bool masks and their (C,) float32 scores, in the network's own order."""

_MASK_LISTS: Mapping[Style, str] = {"card": "mask_per_prediction", "service": "masks_per_prediction"}


@dataclass(frozen=True)
class RequestRow:
    """One row of a request: an image and what is asked about it.

    Attributes:
        image: the bytes of an encoded image, or an http(s) URL.
        prompts: one per expected prediction; empty where the row has neither points nor boxes.
        multimask_output: three masks per prediction instead of one.
        index: the row's name in the request's ``index``; its number, from 0, where there is none.
    """

    image: bytes | str
    prompts: tuple[Prompt, ...]
    multimask_output: bool
    index: int | str


def build_request(
    images: Any,
    points: Any = None,
    labels: Any = None,
    boxes: Any = None,
    multimask_output: bool | Sequence[bool] = True,
) -> dict[str, Any]:
    """A request as plain JSON values, one row per image.

    Args:
        images: one image or a list of them. An image is the bytes of a file, a URL or base64 text, or an (H, W, 3)
            uint8 array, which is sent as PNG. Read a file first: ``Path("photo.jpg").read_bytes()``.
        points: for one image a nested list or array of shape (masks, points, 2), or (points, 2) for one mask from all
            points; image pixels, x before y. For a list of images a list of these, None where a row has none.
        labels: as ``points`` less the last axis: 1 include, 0 exclude. None includes every point.
        boxes: for one image (n, 4) x0, y0, x1, y1; for a list of images a list of these.
        multimask_output: for all rows, or one per row.

    Raises:
        FormatError: lists of other lengths than ``images``, an image of another kind, or values that are no numbers.
    """
    if isinstance(images, str | bytes | np.ndarray):
        images, points, labels, boxes = [images], [points], [labels], [boxes]
    count = len(images)
    multimask = [multimask_output] * count if isinstance(multimask_output, bool) else list(multimask_output)
    columns = [[None] * count if values is None else list(values) for values in (points, boxes, labels)]
    for name, values in zip(COLUMNS[1:], [*columns, multimask], strict=True):
        if len(values) != count:
            raise FormatError(f"{name} has {len(values)} rows for {count} images", hint="give one per image, or None")
    data = [
        [_image_text(image), write_nested(row_points), write_nested(row_boxes), write_nested(row_labels), bool(several)]
        for image, row_points, row_boxes, row_labels, several in zip(images, *columns, multimask, strict=True)
    ]
    return {"input_data": {"columns": list(COLUMNS), "index": list(range(count)), "data": data}, "params": {}}


def parse_request(request: Any) -> list[RequestRow]:
    """The rows of a request.

    Args:
        request: JSON text or bytes, its parsed value with or without ``input_data`` around the table, or a pandas
            DataFrame. Columns may come in any order, and all but ``image`` may be missing.

    Raises:
        FormatError: not a table of these columns, text that is no nested list, labels that do not fit the points, or
            points and boxes that do not pair. The message names row and column.
    """
    columns, index, data = _table(request)
    if "image" not in columns:
        raise FormatError(f"the columns are {columns}", hint="a request needs the column image")
    rows = []
    for number, (name, values) in enumerate(zip(index, data, strict=True)):
        if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != len(columns):
            raise FormatError(f"row {number} does not have {len(columns)} values", hint="give one value per column")
        cells = dict(zip(columns, values, strict=True))
        several = cells.get("multimask_output")
        rows.append(
            RequestRow(
                decode_image(cells["image"], where=f"row {number}, image"),
                prompts_of(cells, number),
                bool(several) if isinstance(several, bool | np.bool_) else True,
                name,
            )
        )
    return rows


def build_response(rows: Iterable[Iterable[MaskSet]], style: Style = "card") -> list[dict[str, Any]]:
    """A response as plain JSON values.

    Args:
        rows: per request row the predictions, one per prompt: (C, H, W) bool masks and (C,) scores.
        style: ``card`` as the model card documents it, ``service`` as deployed endpoints answer.

    Raises:
        FormatError: an unknown style, or scores that do not match their masks.
    """
    if style not in _MASK_LISTS:
        raise FormatError(f"style is {style!r}", hint="give card or service")
    response: list[dict[str, Any]] = []
    for row in rows:
        predictions = {"predictions": [{_MASK_LISTS[style]: _mask_entries(*prediction)} for prediction in row]}
        response.append(predictions if style == "card" else {"response": predictions})
    return response


def parse_response(response: Any) -> list[list[MaskSet]]:
    """Per row and prompt, (C, H, W) bool masks and (C,) float32 scores; of either style.

    Args:
        response: JSON text or bytes, its parsed value, or a DataFrame with the column ``response``.

    Raises:
        FormatError: neither style, or a mask that cannot be read.
    """
    value = _parsed(response)
    if hasattr(value, "columns") and hasattr(value, "to_dict"):
        value = value.to_dict("records")
    rows = [value] if isinstance(value, Mapping) else value
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise FormatError("a response is a list with one entry per row")
    return [[_mask_set(prediction) for prediction in _predictions(row)] for row in rows]


def encode_mask(mask: npt.ArrayLike) -> str:
    """Base64 of the 8-bit gray PNG of an (H, W) bool mask; raises FormatError for anything else."""
    return base64.b64encode(encode_png(mask)).decode("ascii")


def decode_mask(text: str) -> npt.NDArray[np.bool_]:
    """(H, W) bool from ``encoded_binary_mask``; raises FormatError where it is not base64 of a PNG."""
    return decode_png(_decoded_base64(text, "encoded_binary_mask"))


def decode_image(value: Any, where: str = "image") -> bytes | str:
    """The bytes behind base64 text, with or without line breaks or a data-URL prefix; a URL as it is.

    Raises:
        FormatError: neither base64 text nor a URL.
    """
    if isinstance(value, bytes):
        value = value.decode("ascii", errors="replace")
    if not isinstance(value, str) or not value.strip():
        raise FormatError(f"{where} is not text", hint="give base64 of an image file, or its URL")
    text = value.strip()
    if text.lower().startswith(("http://", "https://")):
        return text
    if text.lower().startswith("data:"):
        text = text.partition(",")[2]
    return _decoded_base64(text, where)


def _decoded_base64(text: Any, where: str) -> bytes:
    try:
        # encodebytes() breaks lines; validate=True would refuse the breaks, and without it garbage passes.
        return base64.b64decode("".join(text.split()), validate=True)
    except (AttributeError, ValueError, binascii.Error) as error:
        raise FormatError(f"{where} is not base64", hint=str(error)) from error


def _image_text(image: Any) -> str:
    if isinstance(image, str):
        decode_image(image)
        return image
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise FormatError(f"image is {image.dtype} of shape {image.shape}", hint="give (H, W, 3) uint8")
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "PNG", compress_level=1)
        image = buffer.getvalue()
    if not isinstance(image, bytes | bytearray):
        raise FormatError(f"image is a {type(image).__name__}", hint="give bytes, a URL, base64 text or an array")
    return base64.b64encode(image).decode("ascii")


def _parsed(value: Any) -> Any:
    if isinstance(value, str | bytes | bytearray):
        try:
            return json.loads(value)
        except (ValueError, RecursionError) as error:
            raise FormatError("the text is not JSON", hint=str(error)) from error
    return value


def _table(request: Any) -> tuple[list[str], Sequence[Any], Sequence[Any]]:
    """Columns, index and rows."""
    value = _parsed(request)
    if isinstance(value, Mapping):
        value = value.get("input_data", value)
    if hasattr(value, "columns") and hasattr(value, "to_dict"):  # a DataFrame, without importing pandas
        value = value.to_dict("split")
    if not isinstance(value, Mapping) or not {"columns", "data"} <= set(value):
        raise FormatError("the request has no table", hint='give {"input_data": {"columns": [...], "data": [[...]]}}')
    columns, data = value["columns"], value["data"]
    if not isinstance(columns, list) or not isinstance(data, list):
        raise FormatError("columns and data are not lists", hint="give column names, and a list of rows")
    if not all(isinstance(column, str) for column in columns) or len(set(columns)) < len(columns):
        raise FormatError(f"the columns are {columns}", hint="give each name once")
    index = value.get("index")
    if index is None:
        index = range(len(data))
    elif not isinstance(index, list) or len(index) != len(data):
        raise FormatError(f"index does not name {len(data)} rows", hint="give one name per row, or leave it out")
    return columns, index, data


def _mask_entries(masks: npt.ArrayLike, scores: npt.ArrayLike) -> list[dict[str, Any]]:
    mask_array, score_array = np.asarray(masks), np.asarray(scores)
    if mask_array.ndim != 3 or len(mask_array) == 0 or score_array.shape != mask_array.shape[:1]:
        raise FormatError(
            f"masks have shape {mask_array.shape}, scores {score_array.shape}",
            hint="give (C, H, W) and (C,), C at least 1",
        )
    return [
        {"encoded_binary_mask": encode_mask(mask), "iou_score": float(score)}
        for mask, score in zip(mask_array, score_array, strict=True)
    ]


def _predictions(row: Any) -> Sequence[Any]:
    value = _parsed(row)
    if isinstance(value, Mapping) and "response" in value:
        value = _parsed(value["response"])
    predictions = value.get("predictions") if isinstance(value, Mapping) else None
    if not isinstance(predictions, Sequence):
        raise FormatError("a row of the response has no predictions")
    return predictions


def _mask_set(prediction: Any) -> MaskSet:
    entries = next((prediction[name] for name in _MASK_LISTS.values() if name in prediction), None)
    if not entries:
        raise FormatError("a prediction has no masks", hint=f"expected one of {sorted(_MASK_LISTS.values())}")
    try:
        masks = [decode_mask(entry["encoded_binary_mask"]) for entry in entries]
        scores = np.array([entry["iou_score"] for entry in entries], np.float32)
        return np.stack(masks), scores
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError("a mask entry cannot be read", hint=str(error)) from error
