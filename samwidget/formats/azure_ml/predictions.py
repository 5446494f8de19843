"""predictions.csv, the result of a batch run, read: ours, and that of Azure's batch endpoints.

Owns the columns of the file. Each row holds a response of either style, as JSON or as Python writes it; ``messages``
reads that. Users call ``samwidget.read_predictions``; ``batch`` writes the file.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from samwidget.errors import FormatError
from samwidget.formats.azure_ml.messages import MaskSet, parse_response
from samwidget.formats.azure_ml.texts import parse_text


@dataclass(frozen=True)
class PredictedRow:
    """A row of predictions.csv.

    Attributes:
        index: the row's name: its index in the input, or its number there.
        file: the input file that the row came from.
        error: why the row has no masks; empty where it has some.
        code: the error's code; empty where there is no error.
        response: the predictions as the file has them.
    """

    index: str
    file: str
    error: str = ""
    code: str = ""
    response: object = ()

    @property
    def predictions(self) -> list[MaskSet]:
        """For each prompt, (C, H, W) bool masks and (C,) float32 scores. Decoded anew at each access, to save memory.

        Raises:
            FormatError: a mask cannot be read.
        """
        return [] if self.error else parse_response(self.response)[0]


def read_predictions(path: str | PathLike[str]) -> list[PredictedRow]:
    """The rows of a predictions.csv, in the order of the file.

    Args:
        path: a file without a header: the row's name, its predictions, optionally labels, and the name of its input
            file. The predictions are in the style ``card`` or ``service``, as JSON or as the text of a Python value.

    Raises:
        FormatError: the file cannot be read, or has another form; the message names the line.
    """
    file_path = Path(path).expanduser()
    # A row holds whole masks, and the reader's limit, one for the whole process, is 128 KiB.
    csv.field_size_limit(max(csv.field_size_limit(), min(sys.maxsize, 2**31 - 1)))
    try:
        with file_path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            return [_row(cells, f"{file_path.name}, line {reader.line_num}") for cells in reader if cells]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FormatError(f"{file_path} cannot be read", hint=str(error)) from error


def _row(cells: list[str], where: str) -> PredictedRow:
    if len(cells) not in (3, 4):
        raise FormatError(
            f"{where} has {len(cells)} cells", hint="a predictions.csv has a row's name, its predictions and its file"
        )
    index, text, file = cells[0], cells[1], cells[-1]
    value = parse_text(text, f"{where}, the predictions")
    error = value.get("error") if isinstance(value, Mapping) else None
    if error is not None:
        fields = error if isinstance(error, Mapping) else {"message": error}
        message, hint = str(fields.get("message", "")), str(fields.get("hint", ""))
        message = f"{message}: {hint}" if hint else message
        return PredictedRow(index, file, message or "no reason is given", str(fields.get("code", "error")))
    return PredictedRow(index, file, response=_one_row(value, where))


def _one_row(value: object, where: str) -> object:
    """The response of one row: a list that holds it alone is unpacked, and a bare list of predictions is named."""
    if isinstance(value, Mapping) and ("predictions" in value or "response" in value):
        return value
    if isinstance(value, list) and all(isinstance(item, Mapping) for item in value):
        if len(value) == 1 and ("predictions" in value[0] or "response" in value[0]):
            return value[0]
        if not any("predictions" in item or "response" in item for item in value):
            return {"predictions": value}
    raise FormatError(f"{where} has no predictions", hint='a row holds {"predictions": [...]}')
