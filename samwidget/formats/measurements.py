"""The table of measurements: a row for each object, as CSV, Parquet or a DataFrame of pandas.

Owns the columns; ``measures`` computes them. The table in ``file_formats`` names it. A table has no masks: it is read
back as boxes, which the model can make masks of.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from samwidget.core import Size
from samwidget.errors import FormatError
from samwidget.files import atomic_text_writer, atomic_writer
from samwidget.formats.labels import DataSet, LabelledImage, LabelledObject, class_names_of, class_or_none
from samwidget.formats.measures import centroid, mean_colour, perimeter, solidity
from samwidget.formats.reading import KnownSize, LeftOut, checked_box, known_size, read_bytes, read_text, score_or_none

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".parquet")
_BOX = ("x0", "y0", "x1", "y1")
_Row = dict[str, Any]


def measure(data: DataSet, *, pixel_size: float | None = None, unit: str = "um") -> Iterator[_Row]:
    """Yields a row for each object, in the order of images and objects; a value that cannot be had is None.

    The columns are ``image``, ``object`` (its number in the image, from 1), ``name``, ``class``, ``score``,
    ``area_px``, the box ``x0``, ``y0``, ``x1``, ``y1``, ``centroid_x``, ``centroid_y``, ``perimeter_px``,
    ``solidity``, and ``mean_red``, ``mean_green``, ``mean_blue`` where the pixels can be had. Positions are image
    pixels. With ``pixel_size`` there are also ``area_um2``, ``perimeter_um``, ``width_um`` and ``height_um``.

    Args:
        data: the data set.
        pixel_size: side of a pixel, in ``unit``; None measures in pixels alone.
        unit: its name, for the names of columns.

    Raises:
        FormatError: ``pixel_size`` is not a number above 0, or an image has not the size of its masks.
    """
    is_number = isinstance(pixel_size, int | float | np.integer | np.floating)
    if pixel_size is not None and not (is_number and 0 < pixel_size < math.inf):
        raise FormatError(f"pixel_size is {pixel_size!r}", hint=f"give the side of a pixel in {unit}, above 0")
    for image in data.images:
        pixels = None if image.read is None or not image.objects else image.pixels()
        for number, item in enumerate(image.objects, 1):
            row = {"image": image.file_name, "object": number, **_measured(item, pixels)}
            yield row if pixel_size is None else {**row, **_in_units(row, pixel_size, unit)}


def to_pandas(data: DataSet, *, pixel_size: float | None = None, unit: str = "um") -> pd.DataFrame:
    """Returns the table of ``measure`` as a DataFrame.

    Raises:
        FormatError: as ``measure``; or pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise FormatError("a DataFrame needs pandas", hint="pip install pandas, or write a .csv file") from error
    return pd.DataFrame(list(measure(data, pixel_size=pixel_size, unit=unit)))


def write_table(data: DataSet, path: Path, *, pixel_size: float | None = None, unit: str = "um") -> None:
    """Writes the table of ``measure``, as Parquet where ``path`` ends in ``.parquet`` and else as CSV.

    Raises:
        FormatError: as ``measure``; or Parquet is asked for and pyarrow is not installed.
        OSError: the file cannot be written; what was there stays.
    """
    rows = list(measure(data, pixel_size=pixel_size, unit=unit))
    columns = list(rows[0]) if rows else ["image", "object", "name", "class", "score", "area_px", *_BOX]
    if path.suffix.lower() == ".parquet":
        arrow, parquet = _pyarrow()
        table = arrow.table({column: [row[column] for row in rows] for column in columns})
        with atomic_writer(path) as file:
            parquet.write_table(table, file)
        return
    with atomic_text_writer(path) as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_written(row[column]) for column in columns] for row in rows)


def read_table(path: Path, size_hw: KnownSize = None) -> DataSet:
    """Returns the boxes of a table with columns ``x0``, ``y0``, ``x1``, ``y1``, with class, name and score.

    Args:
        path: of the file.
        size_hw: of its images, which a table does not have.

    Raises:
        FormatError: the file cannot be read, has not these columns, or no size is given.
    """
    if size_hw is None:
        raise _unknown_size(path.name)
    left_out = LeftOut(path)
    sizes: dict[str, Size | None] = {}
    images: dict[tuple[str, Size], list[LabelledObject]] = {}
    for where, row in _rows(path):
        with left_out.without(where):
            file_name = str(row.get("image") or path.stem)
            if file_name not in sizes:
                sizes[file_name] = known_size(size_hw, file_name)
            size = sizes[file_name]
            if size is None:
                raise _unknown_size(file_name)
            box = checked_box([row[column] for column in _BOX], size)
            name, class_name = (str(row.get(column) or "").strip() for column in ("name", "class"))
            images.setdefault((file_name, size), []).append(
                LabelledObject(
                    box=box,
                    class_name=class_or_none(class_name),
                    name=name or None,
                    score=score_or_none(row.get("score")),
                )
            )
    left_out.warn()
    names = [item.class_name for objects in images.values() for item in objects if item.class_name]
    return DataSet(
        tuple(LabelledImage(*image, tuple(objects)) for image, objects in images.items()), class_names_of(names)
    )


def _unknown_size(name: str) -> FormatError:
    return FormatError(f"{name} does not tell the size of its image", hint="give size_hw, or load it in a widget")


def _measured(item: LabelledObject, pixels: Any) -> _Row:
    x0, y0, x1, y1 = item.box_xyxy
    row: _Row = {
        "name": item.name,
        "class": item.class_name,
        "score": item.score,
        "area_px": item.area,
        **dict(zip(_BOX, (x0, y0, x1, y1), strict=True)),
        **dict.fromkeys(("centroid_x", "centroid_y", "perimeter_px", "solidity")),
        **dict.fromkeys(() if pixels is None else ("mean_red", "mean_green", "mean_blue")),
    }
    if item.run_lengths is None or item.run_lengths.area == 0:
        return row
    left, top, right, bottom = item.run_lengths.box_xyxy or (0, 0, 0, 0)
    mask = item.run_lengths.moved(-left, -top, (bottom - top, right - left)).to_mask()
    x, y = centroid(mask)
    row |= {
        "centroid_x": x + left,
        "centroid_y": y + top,
        "perimeter_px": perimeter(mask),
        "solidity": solidity(mask),
    }
    if pixels is not None:
        colour = mean_colour(mask, np.asarray(pixels)[top:bottom, left:right])
        row |= dict(zip(("mean_red", "mean_green", "mean_blue"), colour, strict=True))
    return row


def _in_units(row: _Row, pixel_size: float, unit: str) -> _Row:
    length = row["perimeter_px"]
    return {
        f"area_{unit}2": row["area_px"] * pixel_size**2,
        f"perimeter_{unit}": None if length is None else length * pixel_size,
        f"width_{unit}": (row["x1"] - row["x0"]) * pixel_size,
        f"height_{unit}": (row["y1"] - row["y0"]) * pixel_size,
    }


def _written(value: Any) -> Any:
    return f"{value:.9g}" if isinstance(value, float) else value


def _rows(path: Path) -> Iterator[tuple[str, _Row]]:
    """Where each row of a file is, and its values by column."""
    if path.suffix.lower() == ".parquet":
        arrow, parquet = _pyarrow()
        try:
            table = parquet.read_table(io.BytesIO(read_bytes(path)))
        except (arrow.ArrowException, OSError) as error:
            raise FormatError(f"{path.name} is not Parquet that can be read", hint=str(error)[:200]) from error
        _check_columns(table.column_names, path)
        yield from ((f"row {number}", row) for number, row in enumerate(table.to_pylist(), 1))
        return
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
    _check_columns(reader.fieldnames or (), path)
    for row in reader:
        yield f"line {reader.line_num}", row


def _check_columns(columns: Any, path: Path) -> None:
    missing = [column for column in _BOX if column not in columns]
    if missing:
        raise FormatError(f"{path.name} has no column {missing[0]}", hint=f"a table of boxes needs {', '.join(_BOX)}")


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise FormatError("Parquet needs pyarrow", hint="pip install pyarrow, or use a .csv file") from error
    return pyarrow, pyarrow.parquet
