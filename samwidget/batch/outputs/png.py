"""A folder of PNGs, one for each mask, and masks.csv that lists them."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from samwidget.batch.inputs.tasks import Task
from samwidget.batch.outputs.rows import Answer, Problem
from samwidget.files import atomic_text_writer, atomic_writer
from samwidget.images import encode_png

COLUMNS = ("number", "index", "file", "prediction", "candidate", "score", "area", "mask", "error")


class MaskFiles:
    """Every candidate as an 8-bit gray PNG of the image's size.

    Args:
        folder: where they go. A worker puts them there at once; the list names those that count.
        scratch: see ``files.atomic_writer``.
    """

    def __init__(self, folder: Path, scratch: Path) -> None:
        self._folder = folder
        self._scratch = scratch

    def row_of(self, task: Task, answer: Answer) -> list[list[object]]:
        """Lines of the list; the PNGs are written by now."""
        lines: list[list[object]] = []
        for prediction, candidates in enumerate(answer.predictions):
            for number, candidate in enumerate(candidates):
                mask = candidate.mask()
                # The row's number makes it unique, the image's own name makes it readable.
                name = f"{task.number:06d}_{PurePosixPath(task.file).stem}_{prediction}_{number}.png"
                with atomic_writer(self._folder / name, scratch=self._scratch) as file:
                    file.write(encode_png(mask))
                score, area = f"{candidate.score:.6f}", int(mask.sum())
                lines.append([task.number, answer.index, task.file, prediction, number, score, area, name, ""])
        return lines

    def problem_row(self, task: Task, problem: Problem) -> list[list[object]]:
        """One line of the list."""
        return [[task.number, problem.index, task.file, "", "", "", "", "", str(problem)]]

    def write_part(self, path: Path, rows: Sequence[list[list[object]]], scratch: Path) -> None:
        """A piece of the list."""
        with atomic_text_writer(path, scratch=scratch) as file:
            csv.writer(file, lineterminator="\n").writerows(line for lines in rows for line in lines)

    def merge(self, parts: Sequence[Path], result: Path, scratch: Path) -> None:
        """The list, with a header."""
        with atomic_text_writer(result, scratch=scratch) as file:
            csv.writer(file, lineterminator="\n").writerow(COLUMNS)
            for part in parts:
                with part.open(encoding="utf-8", newline="") as piece:
                    shutil.copyfileobj(piece, file, 1024 * 1024)
