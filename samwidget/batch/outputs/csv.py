"""CsvOutput: ``predictions.csv`` as Azure's batch endpoints write it. No header; row, predictions as JSON, file.

``samwidget.read_predictions`` reads it.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from samwidget.batch.inputs.tasks import Task
from samwidget.batch.outputs.rows import RowError, RowMasks
from samwidget.files import atomic_text_writer, atomic_writer
from samwidget.formats.azure_ml import Style, build_response

_COPY_BYTES = 1024 * 1024


class CsvOutput:
    """Writes every candidate as base64 of a PNG, as a response holds it; an error as ``{"error": {...}}``.

    A part is a piece of the result. See ``Output`` for the methods.

    Args:
        style: how the predictions are spelt: ``service`` as endpoints do, ``card`` as the model card documents them.
    """

    def __init__(self, style: Style = "service") -> None:
        self._style = style

    def encode_masks(self, task: Task, row: RowMasks) -> list[str]:
        """Returns the three cells of a row."""
        sets = (
            (
                np.stack([candidate.make_mask() for candidate in candidates]),
                np.array([candidate.score for candidate in candidates]),
            )
            for candidates in row.predictions
        )
        (response,) = build_response([sets], self._style)
        return _cells(row.index, response.get("response", response), task)

    def encode_error(self, task: Task, error: RowError) -> list[str]:
        """Returns the three cells of a row that failed."""
        value = {"code": error.code, "message": error.message, "hint": error.hint}
        return _cells(error.index, {"error": value}, task)

    def write_part(self, path: Path, rows: Sequence[list[str]], scratch: Path) -> None:
        """Writes lines of CSV."""
        with atomic_text_writer(path, scratch=scratch) as file:
            csv.writer(file, lineterminator="\n").writerows(rows)

    def merge(self, parts: Sequence[Path], result: Path, scratch: Path) -> None:
        """Writes the parts one after the other."""
        with atomic_writer(result, scratch=scratch) as file:
            for part in parts:
                with part.open("rb") as piece:
                    shutil.copyfileobj(piece, file, _COPY_BYTES)


def _cells(index: int | str, predictions: object, task: Task) -> list[str]:
    # Clients of the service expect a Python list, and so replace each ' by " before they read the JSON.
    return [str(index), json.dumps(predictions).replace("'", "\\u0027"), task.file]
