"""PngOutput: a folder with a PNG for each mask, and ``masks.csv``, which lists them."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from samwidget.batch.inputs.tasks import Task
from samwidget.batch.outputs.rows import RowError, RowMasks
from samwidget.files import atomic_text_writer, atomic_writer
from samwidget.images import encode_png

COLUMNS = ("number", "index", "file", "prediction", "candidate", "score", "area", "mask", "error")
_COPY_BYTES = 1024 * 1024
# A file system allows 255 bytes for a name; the rest is for the numbers.
_STEM_BYTES_MAX = 200

Line = list[object]


class PngOutput:
    """Writes every candidate as an 8-bit gray PNG of the image's size, 0 and 255.

    A part holds lines of the list. See ``Output`` for the methods.

    Args:
        folder: where the PNGs go. A PNG is written as soon as its row is computed, before the part; where the run is
            killed in between, the same row writes the same file again.
        scratch: folder for temporary files, see ``files.atomic_writer``.
    """

    def __init__(self, folder: Path, scratch: Path) -> None:
        self._folder = folder
        self._scratch = scratch

    def encode_masks(self, task: Task, row: RowMasks) -> list[Line]:
        """Writes the PNGs of a row, and returns its lines of the list."""
        lines: list[Line] = []
        for prediction, candidates in enumerate(row.predictions):
            for number, candidate in enumerate(candidates):
                mask = candidate.make_mask()
                # The number of the row makes the name unique, the name of the image makes it readable.
                name = f"{task.number:06d}_{_short_stem(task.file)}_{prediction}_{number}.png"
                with atomic_writer(self._folder / name, scratch=self._scratch) as file:
                    file.write(encode_png(mask))
                score, area = f"{candidate.score:.6f}", int(mask.sum())
                lines.append([task.number, row.index, task.file, prediction, number, score, area, name, ""])
        return lines

    def encode_error(self, task: Task, error: RowError) -> list[Line]:
        """Returns the line of a row that failed."""
        return [[task.number, error.index, task.file, "", "", "", "", "", str(error)]]

    def write_part(self, path: Path, rows: Sequence[list[Line]], scratch: Path) -> None:
        """Writes lines of the list."""
        with atomic_text_writer(path, scratch=scratch) as file:
            csv.writer(file, lineterminator="\n").writerows(line for lines in rows for line in lines)

    def merge(self, parts: Sequence[Path], result: Path, scratch: Path) -> None:
        """Writes the list: a header, then the parts one after the other."""
        with atomic_text_writer(result, scratch=scratch) as file:
            csv.writer(file, lineterminator="\n").writerow(COLUMNS)
            for part in parts:
                with part.open(encoding="utf-8", newline="") as piece:
                    shutil.copyfileobj(piece, file, _COPY_BYTES)


def _short_stem(file: str) -> str:
    """Returns the name of an image without folder and ending, short enough for a part of a file's name."""
    stem = "".join(character if character.isprintable() else "_" for character in PurePosixPath(file).stem)
    return stem.replace("\\", "_").encode()[:_STEM_BYTES_MAX].decode(errors="ignore")
