"""A Parquet table with one line for each mask, as COCO's run lengths. The smallest and quickest output."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from samwidget.batch.inputs.tasks import Task
from samwidget.batch.outputs.rows import Answer, Problem
from samwidget.errors import BatchError
from samwidget.files import atomic_writer
from samwidget.formats import encode_rle

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as error:
    raise BatchError("Parquet needs pyarrow", hint='pip install "samwidget[batch]"') from error

SCHEMA = pa.schema(
    {
        "number": pa.int64(),
        "index": pa.string(),
        "file": pa.string(),
        "prediction": pa.int32(),
        "candidate": pa.int32(),
        "score": pa.float32(),
        "height": pa.int32(),
        "width": pa.int32(),
        "counts": pa.string(),
        "area": pa.int64(),
        "box_xyxy": pa.list_(pa.int32(), 4),
        "error": pa.string(),
    }
)
# Readers skip and parallelise by row groups; those of a part, of some rows each, would be too many.
_GROUP_ROWS = 10_000


class MaskTable:
    """Every candidate as a line; a problem as a line with ``error`` and without a mask."""

    def row_of(self, task: Task, answer: Answer) -> list[dict[str, Any]]:
        """Lines of the table; one without a mask where nothing was found."""
        height, width = answer.image_hw
        start = {**_start(task, answer.index), "height": height, "width": width}
        lines = []
        for prediction, candidates in enumerate(answer.predictions):
            for number, candidate in enumerate(candidates):
                runs = candidate.runs()
                mask = {"counts": encode_rle(runs)["counts"], "area": runs.area, "box_xyxy": runs.box_xyxy}
                lines.append({**start, "prediction": prediction, "candidate": number, "score": candidate.score, **mask})
        return lines or [start]

    def problem_row(self, task: Task, problem: Problem) -> list[dict[str, Any]]:
        """One line of the table."""
        return [{**_start(task, problem.index), "error": str(problem)}]

    def write_part(self, path: Path, rows: Sequence[list[dict[str, Any]]], scratch: Path) -> None:
        """A small table."""
        table = pa.Table.from_pylist([line for lines in rows for line in lines], SCHEMA)
        with atomic_writer(path, scratch=scratch) as file:
            pq.write_table(table, file, compression="zstd")

    def merge(self, parts: Sequence[Path], result: Path, scratch: Path) -> None:
        """The tables as one, in larger row groups."""
        waiting: list[pa.Table] = []
        with (
            atomic_writer(result, scratch=scratch) as file,
            pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer,
        ):
            for part in parts:
                waiting.append(pq.read_table(part))
                if sum(map(len, waiting)) >= _GROUP_ROWS:
                    writer.write_table(pa.concat_tables(waiting))
                    waiting.clear()
            if waiting:
                writer.write_table(pa.concat_tables(waiting))


def _start(task: Task, index: int | str) -> dict[str, Any]:
    return {"number": task.number, "index": str(index), "file": task.file}
