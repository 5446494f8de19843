"""Output: one way to write answers. Each is a file beside this one; ``output_of`` knows them all.

A worker turns answers into rows and writes them as a part; at the end the parts become the result, in their order and
one at a time, so that neither needs memory for more than some rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from samwidget.batch.inputs.tasks import Task
from samwidget.batch.job import Job
from samwidget.batch.outputs.rows import Answer, Problem


class Output(Protocol):
    """One way to write answers. A row is whatever it is in a part."""

    def row_of(self, task: Task, answer: Answer) -> Any:
        """The answer as a row."""
        ...

    def problem_row(self, task: Task, problem: Problem) -> Any:
        """The row of a task that has no answer."""
        ...

    def write_part(self, path: Path, rows: Sequence[Any], scratch: Path) -> None:
        """Writes rows as a part, whole or not at all; see ``files.atomic_writer``."""
        ...

    def merge(self, parts: Sequence[Path], result: Path, scratch: Path) -> None:
        """Makes the result of all parts, whole or not at all."""
        ...


def output_of(job: Job) -> Output:
    """The output that the job asks for.

    Raises:
        BatchError: a package for it is missing.
    """
    if job.format == "parquet":
        from samwidget.batch.outputs.parquet import MaskTable

        return MaskTable()
    if job.format == "png":
        from samwidget.batch.outputs.png import MaskFiles

        return MaskFiles(Path(job.result).parent, job.parts)
    if job.format == "coco":
        from samwidget.batch.outputs.coco import CocoFile

        return CocoFile()
    from samwidget.batch.outputs.csv import PredictionsCsv

    return PredictionsCsv()
