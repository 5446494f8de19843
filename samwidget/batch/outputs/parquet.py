"""ParquetOutput: a table with a line for each mask, as COCO's run lengths. The smallest and fastest output."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from samwidget.batch.extra import batch_extra
from samwidget.batch.inputs.tasks import Task
from samwidget.batch.outputs.rows import RowError, RowMasks
from samwidget.files import atomic_writer
from samwidget.formats import encode_rle

# This file is imported only for a run that writes Parquet, see ``output_of``.
with batch_extra("Parquet"):
    import pyarrow as pa
    import pyarrow.parquet as pq

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
        "box_xyxy": pa.list_(pa.int32()),  # not of a fixed size: pyarrow 17 to 21, at least, cannot read null there
        "error": pa.string(),
    }
)
# Readers skip and parallelise by row groups. Groups as small as a part would be too many.
_GROUP_ROWS = 10_000

Line = dict[str, object]


class ParquetOutput:
    """Writes every candidate as a line; a row that failed as a line with ``error`` and without a mask.

    An image in which nothing was found has one line without a mask and without an error. A part is a small table of the
    same columns. See ``Output`` for the methods.
    """

    def encode_masks(self, task: Task, row: RowMasks) -> list[Line]:
        """Returns the lines of a row."""
        height, width = row.image_hw
        row_cells = {**_row_cells(task, row.index), "height": height, "width": width}
        lines: list[Line] = []
        for prediction, candidates in enumerate(row.predictions):
            for number, candidate in enumerate(candidates):
                runs = candidate.make_run_lengths()
                mask = {"counts": encode_rle(runs)["counts"], "area": runs.area, "box_xyxy": runs.box_xyxy}
                position = {"prediction": prediction, "candidate": number, "score": candidate.score}
                lines.append({**row_cells, **position, **mask})
        return lines or [row_cells]

    def encode_error(self, task: Task, error: RowError) -> list[Line]:
        """Returns the line of a row that failed."""
        return [{**_row_cells(task, error.index), "error": str(error)}]

    def write_part(self, path: Path, rows: Sequence[list[Line]], scratch: Path) -> None:
        """Writes a small table."""
        table = pa.Table.from_pylist([line for lines in rows for line in lines], SCHEMA)
        with atomic_writer(path, scratch=scratch) as file:
            pq.write_table(table, file, compression="zstd")

    def merge(self, parts: Sequence[Path], result: Path, scratch: Path) -> None:
        """Writes the tables as one, in larger row groups."""
        waiting: list[pa.Table] = []
        with (
            atomic_writer(result, scratch=scratch) as file,
            pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer,
        ):
            for part in parts:
                waiting.append(pq.read_table(part).cast(SCHEMA))  # a part of version 0.1.0 has boxes of a fixed size
                if sum(map(len, waiting)) >= _GROUP_ROWS:
                    writer.write_table(pa.concat_tables(waiting))
                    waiting.clear()
            if waiting:
                writer.write_table(pa.concat_tables(waiting))


def _row_cells(task: Task, index: int | str) -> Line:
    return {"number": task.number, "index": str(index), "file": task.file}
