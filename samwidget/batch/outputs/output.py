"""Output: the protocol of a format that a batch run can write, and the choice of one by the job's format.

Each format is a file beside this one. A worker encodes rows and writes those of a chunk as a part; at the end the parts
are merged into the result. Both work on one part at a time, so the memory does not grow with the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from samwidget.batch.inputs.tasks import Task
from samwidget.batch.job import Job
from samwidget.batch.outputs.rows import RowError, RowMasks

EncodedRow = TypeVar("EncodedRow")


class Output(Protocol[EncodedRow]):
    """A format of the result. ``EncodedRow`` is the form that a row has between encoding and writing."""

    def encode_masks(self, task: Task, row: RowMasks) -> EncodedRow:
        """Returns the row of a task that has masks."""
        ...

    def encode_error(self, task: Task, error: RowError) -> EncodedRow:
        """Returns the row of a task that failed."""
        ...

    def write_part(self, path: Path, rows: Sequence[EncodedRow], scratch: Path) -> None:
        """Writes the rows of a chunk to ``path``, atomically.

        Args:
            path: the part; an existing one is replaced.
            rows: in the order of the run.
            scratch: folder for temporary files, see ``files.atomic_writer``.

        Raises:
            OSError: the file cannot be written.
        """
        ...

    def merge(self, parts: Sequence[Path], result: Path, scratch: Path) -> None:
        """Writes the rows of all parts to ``result``, atomically.

        Args:
            parts: in the order of the run; they stay as they are.
            result: the file to write; an existing one is replaced.
            scratch: folder for temporary files, see ``files.atomic_writer``.

        Raises:
            OSError: a part cannot be read, or the result cannot be written.
        """
        ...


def output_of(job: Job) -> Output[Any]:  # each format has another type of row, and only the format itself reads it
    """Returns the output for the job's format.

    Raises:
        BatchError: a package that the format needs is missing.
    """
    if job.format == "parquet":
        from samwidget.batch.outputs.parquet import ParquetOutput

        return ParquetOutput()
    if job.format == "png":
        from samwidget.batch.outputs.png import PngOutput

        return PngOutput(Path(job.result).parent, job.parts)
    if job.format == "coco":
        from samwidget.batch.outputs.coco import CocoOutput

        return CocoOutput(polygons=job.polygons)
    from samwidget.batch.outputs.csv import CsvOutput

    return CsvOutput(job.style)
