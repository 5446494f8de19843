"""The documented request and response of the ``mask-generation`` models in Azure ML's catalogue.

Owns the JSON of both. Models and the reading of images belong to the callers; the prompts in a row's cells are read in
``prompts``. The reader accepts what the model card documents, and what deployed endpoints and their clients send
besides. The writer writes one of two styles of response:

- ``card``, as the model card documents it: ``[{"predictions": [{"mask_per_prediction": [...]}]}]``
- ``service``, as deployed endpoints return it: ``[{"response": {"predictions": [{"masks_per_prediction": [...]}]}}]``

The style also says how the cells of a request are read, see ``prompts``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from samwidget.core import Prompt
from samwidget.errors import FormatError
from samwidget.formats.azure_ml.prompts import Style, prompts_of, write_nested
from samwidget.formats.azure_ml.texts import decode_image, decode_mask, encode_mask, parse_text
from samwidget.formats.names import describe_unknown, describe_value
from samwidget.images import encode_rgb_png

COLUMNS = ("image", "input_points", "input_boxes", "input_labels", "multimask_output")
"""The columns of a request, in the order of the model card."""

# What pandas calls, and writes as, the column of a table's own index. It changes nothing here.
INDEX_COLUMNS = ("index", "", "Unnamed: 0")
"""Columns beside the documented ones that hold the name of a row."""

MaskSet = tuple[npt.NDArray[np.bool_], npt.NDArray[np.float32]]
"""The masks of one prediction: (C, H, W) bool and their (C,) float32 scores, in the network's own order."""

_MASK_LISTS: Mapping[Style, str] = {"card": "mask_per_prediction", "service": "masks_per_prediction"}


@dataclass(frozen=True)
class RequestRow:
    """One row of a request: an image and its prompts.

    Attributes:
        image: the bytes of an image file, or an http(s) URL.
        prompts: one for each prediction; empty where the row has neither points nor boxes.
        multimask_output: whether a prediction has three masks, or one.
        index: name of the row in the request's ``index``; its number from 0 where the request has none.
    """

    image: bytes | str
    prompts: tuple[Prompt, ...]
    multimask_output: bool
    index: int | str


def build_request(
    images: str | bytes | npt.NDArray[np.uint8] | Sequence[str | bytes | npt.NDArray[np.uint8]],
    points: Iterable[object] | None = None,
    labels: Iterable[object] | None = None,
    boxes: Iterable[object] | None = None,
    multimask_output: bool | Sequence[bool] = True,
) -> dict[str, Any]:
    """A request as plain JSON values, one row per image.

    Args:
        images: one image or a list of images. An image is the bytes of a file, a URL or base64 text, or an (H, W, 3)
            uint8 RGB array, which is sent as PNG. Read a file first: ``Path("photo.jpg").read_bytes()``.
        points: x, y in image pixels. For one image a nested list or array of shape (masks, points, 2), or (points, 2)
            for one mask from all points. For a list of images a list of these, None where a row has none.
        labels: the shape of ``points`` without the last axis: 1 include, 0 exclude. None includes all points.
        boxes: x0, y0, x1, y1 in image pixels: (n, 4) for one image, for a list of images a list of these.
        multimask_output: whether a prediction has three masks; for all rows, or one value per row.

    Raises:
        FormatError: a list of another length than ``images``, an image of another kind, or a prompt that is not
            numbers.
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
        [_image_text(image), *(write_nested(cell) for cell in cells), bool(is_multimask)]
        for image, cells, is_multimask in zip(images, zip(*columns, strict=True), multimask, strict=True)
    ]
    return {"input_data": {"columns": list(COLUMNS), "index": list(range(count)), "data": data}, "params": {}}


def parse_request(request: object, style: Style = "card") -> list[RequestRow]:
    """The rows of a request.

    Args:
        request: JSON text or bytes, its parsed value with or without ``input_data`` around the table, or a pandas
            DataFrame. Columns may come in any order, and all but ``image`` may be missing.
        style: how prompts are read: as the model card documents them, or as deployed endpoints do.

    Raises:
        FormatError: not a table of these columns, a column or key with another name, text that is not a nested list,
            labels that do not match the points, or points and boxes that do not match each other. The message names row
            and column.
    """
    check_style(style)
    columns, index, data = _table(request)
    unknown = describe_unknown(columns, (*COLUMNS, *INDEX_COLUMNS))
    if unknown:
        raise FormatError(f"the request has unknown columns: {unknown}", hint="correct or remove them")
    if "image" not in columns:
        raise FormatError(f"the columns are {describe_value(columns)}", hint="a request needs the column image")
    rows = []
    for number, (name, values) in enumerate(zip(index, data, strict=True)):
        if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != len(columns):
            raise FormatError(f"row {number} does not have {len(columns)} values", hint="give one value per column")
        cells = dict(zip(columns, values, strict=True))
        multimask = cells.get("multimask_output")
        rows.append(
            RequestRow(
                decode_image(cells["image"], where=f"row {number}, image"),
                prompts_of(cells, number, style),
                # Endpoints take anything but a boolean for true.
                bool(multimask) if isinstance(multimask, bool | np.bool_) else True,
                name,
            )
        )
    return rows


def build_response(rows: Iterable[Iterable[MaskSet]], style: Style = "card") -> list[dict[str, Any]]:
    """A response as plain JSON values.

    Args:
        rows: for each row of the request its predictions, one per prompt: (C, H, W) bool masks and (C,) scores.
        style: ``card`` as the model card documents it, ``service`` as deployed endpoints return it.

    Raises:
        FormatError: an unknown style, or scores that do not match their masks.
    """
    check_style(style)
    response: list[dict[str, Any]] = []
    for row in rows:
        predictions = {"predictions": [{_MASK_LISTS[style]: _mask_entries(*prediction)} for prediction in row]}
        response.append(predictions if style == "card" else {"response": predictions})
    return response


def parse_response(response: object) -> list[list[MaskSet]]:
    """For each row and prompt, (C, H, W) bool masks and (C,) float32 scores, from a response of either style.

    Args:
        response: JSON text or bytes, its parsed value, or a pandas DataFrame with the column ``response``. A text may
            also be a list or dict as Python writes it.

    Raises:
        FormatError: a response of neither style, or a mask that cannot be read.
    """
    value = parse_text(response, "the response")
    if hasattr(value, "columns") and hasattr(value, "to_dict"):  # a DataFrame, without importing pandas
        value = value.to_dict("records")
    rows = [value] if isinstance(value, Mapping) else value
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise FormatError("the response is not a list", hint="give a list with one entry per row")
    return [[_mask_set(prediction) for prediction in _predictions(row)] for row in rows]


def check_style(style: str) -> None:
    """Raises FormatError for a style that does not exist."""
    if style not in _MASK_LISTS:
        raise FormatError(f"style is {style!r}", hint="give card or service")


def _image_text(image: object) -> str:
    if isinstance(image, str):
        decode_image(image)
        return image
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise FormatError(f"image is {image.dtype} of shape {image.shape}", hint="give (H, W, 3) uint8")
        image = encode_rgb_png(image)
    if not isinstance(image, bytes | bytearray):
        raise FormatError(f"image is a {type(image).__name__}", hint="give bytes, a URL, base64 text or an array")
    return base64.b64encode(image).decode("ascii")


def _parsed(value: object) -> object:
    if isinstance(value, str | bytes | bytearray):
        try:
            parsed: object = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise FormatError("the text is not JSON", hint=str(error)) from error
        return parsed
    return value


def _table(request: object) -> tuple[list[str], Sequence[int | str], Sequence[object]]:
    """Columns, index and rows."""
    value = _parsed(request)
    if isinstance(value, Mapping):
        if "columns" not in value:
            _refuse_unknown_keys(value, ("input_data", "params"))
        value = value.get("input_data", value)
    if hasattr(value, "columns") and hasattr(value, "to_dict"):  # a DataFrame, without importing pandas
        value = value.to_dict("split")
    if not isinstance(value, Mapping) or not {"columns", "data"} <= set(value):
        raise FormatError("the request has no table", hint='give {"input_data": {"columns": [...], "data": [[...]]}}')
    _refuse_unknown_keys(value, ("columns", "index", "data", "params"))
    columns, data = value["columns"], value["data"]
    if not isinstance(columns, list) or not isinstance(data, list):
        raise FormatError("columns and data are not lists", hint="give column names, and a list of rows")
    if not all(isinstance(column, str) for column in columns) or len(set(columns)) < len(columns):
        raise FormatError(f"the columns are {describe_value(columns)}", hint="give each name once, as text")
    index = value.get("index")
    if index is None:
        index = range(len(data))
    elif not isinstance(index, list) or len(index) != len(data):
        raise FormatError(f"index does not name {len(data)} rows", hint="give one name per row, or leave it out")
    return columns, index, data


def _refuse_unknown_keys(value: Mapping[object, object], known: Sequence[str]) -> None:
    unknown = describe_unknown(map(str, value), known)
    if unknown:
        raise FormatError(f"the request has unknown keys: {unknown}", hint="correct or remove them")


def _mask_entries(masks: npt.ArrayLike, scores: npt.ArrayLike) -> list[dict[str, str | float]]:
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


def _predictions(row: object) -> Sequence[object]:
    value = parse_text(row, "a row of the response")
    if isinstance(value, Mapping) and "response" in value:
        value = parse_text(value["response"], "a row of the response")
    if isinstance(value, Mapping) and isinstance(error := value.get("error"), Mapping):
        message = error.get("message")
        text = message[:200] if isinstance(message, str) else describe_value(message)
        raise FormatError(f"the response is an error: {text}", hint="correct the request")
    predictions = value.get("predictions") if isinstance(value, Mapping) else None
    if not isinstance(predictions, Sequence):
        raise FormatError("a row of the response has no predictions", hint='give {"predictions": [...]}')
    return predictions


def _mask_set(prediction: object) -> MaskSet:
    names = sorted(_MASK_LISTS.values())
    lists = [prediction[name] for name in names if name in prediction] if isinstance(prediction, Mapping) else []
    if not lists or not lists[0]:
        raise FormatError("a prediction has no masks", hint=f"expected one of {names}")
    try:
        masks = [decode_mask(entry["encoded_binary_mask"]) for entry in lists[0]]
        scores = np.array([float(entry["iou_score"]) for entry in lists[0]], np.float32)
        if not np.isfinite(scores).all():
            raise FormatError(f"the scores are {scores.tolist()}", hint="ask again: the model gave no numbers")
        return np.stack(masks), scores
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError("a mask entry cannot be read", hint=str(error)) from error
