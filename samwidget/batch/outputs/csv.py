"""predictions.csv as the model card documents it: no header; row, predictions as JSON, file."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from samwidget.batch.inputs.tasks import Task
from samwidget.batch.outputs.rows import Answer, Problem
from samwidget.files import atomic_text_writer, atomic_writer
from samwidget.formats.azure_ml import build_response


class PredictionsCsv:
    """Every candidate as base64 of a PNG, in the card's form of the response; a problem as ``{"error": {...}}``."""

    def row_of(self, task: Task, answer: Answer) -> list[str]:
        """Three cells."""
        sets = (
            (np.stack([each.mask() for each in candidates]), np.array([each.score for each in candidates]))
            for candidates in answer.predictions
        )
        (response,) = build_response([sets])
        return _cells(answer.index, response, task)

    def problem_row(self, task: Task, problem: Problem) -> list[str]:
        """Three cells."""
        error = {"code": problem.code, "message": problem.message, "hint": problem.hint}
        return _cells(problem.index, {"error": error}, task)

    def write_part(self, path: Path, rows: Sequence[list[str]], scratch: Path) -> None:
        """A piece of the result."""
        with atomic_text_writer(path, scratch=scratch) as file:
            csv.writer(file, lineterminator="\n").writerows(rows)

    def merge(self, parts: Sequence[Path], result: Path, scratch: Path) -> None:
        """The pieces, one after the other."""
        with atomic_writer(result, scratch=scratch) as file:
            for part in parts:
                with part.open("rb") as piece:
                    shutil.copyfileobj(piece, file, 1024 * 1024)


def _cells(index: int | str, predictions: Any, task: Task) -> list[str]:
    return [str(index), json.dumps(predictions), task.file]
