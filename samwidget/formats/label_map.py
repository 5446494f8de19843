"""Label maps: an image of whole numbers, 0 outside and n in the n-th object, with a table of the objects.

Owns the numbers and the table, a CSV file beside the label map. PNG has 16 bits and TIFF 16 or 32. The table in
``file_formats`` names it.

A pixel has one number, so later objects win where masks overlap. Objects that have only a box have no pixels.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from samwidget.core import RunLengths
from samwidget.errors import FormatError, warn_user
from samwidget.files import atomic_writer
from samwidget.formats.labels import (
    ClassNumbers,
    DataSet,
    LabelledImage,
    LabelledObject,
    class_names_of,
    class_or_none,
)
from samwidget.formats.reading import LeftOut, checked_size, read_bytes, read_text, score_or_none
from samwidget.formats.writing import write_each

SUFFIXES = (".png", ".tif", ".tiff")
Numbering = Literal["objects", "classes"]
_COLUMNS = ("label", "name", "class", "score")
_LABELS_MAX_16 = 2**16 - 1


def write_label_map(data: DataSet, path: Path, *, numbers: Numbering = "objects", suffix: str = ".png") -> None:
    """Writes a label map and its table for each image, into a folder where ``path`` is no file of this kind.

    Args:
        data: the data set.
        path: of the file, or of a folder.
        numbers: ``objects`` numbers the objects of each image in drawing order, ``classes`` the classes of the whole.
        suffix: of the files in a folder, ``.png`` or ``.tif``.

    A SamWidgetWarning tells how many objects lose pixels.

    Raises:
        FormatError: an image has more objects than a PNG can number, or there are several for one file.
        OSError: a file cannot be written; what was there stays.
    """
    classes, lost = ClassNumbers(data.class_names), 0
    suffix = path.suffix.lower() if path.suffix.lower() in SUFFIXES else suffix

    def write(image: LabelledImage, file: Path) -> None:
        nonlocal lost
        values = [classes.of(item.class_name) + 1 for item in image.objects] if numbers == "classes" else None
        label_map = label_map_of(image, values)
        rows = _class_rows(classes) if numbers == "classes" else _object_rows(image)
        _write_files(label_map, rows, file)
        lost += losing_pixels(image, label_map) if numbers == "objects" else 0

    write_each(data, path, suffix, write)
    if lost:
        warn_user(
            f"{lost} objects lose pixels, because they lie under others or have only a box: "
            "a label map has one number at each pixel"
        )


def read_label_map(path: Path) -> DataSet:
    """Returns the objects of a label map, or of each one in a folder; its table, where there is one, has their names.

    Raises:
        FormatError: a file cannot be read, or holds no whole numbers of one channel.
    """
    files = [path]
    if path.is_dir():
        files = sorted(item for item in path.iterdir() if item.suffix.lower() in SUFFIXES)
        if not files:
            raise FormatError(f"{path} has no label map", hint=f"give a folder with {', '.join(SUFFIXES)} files")
    left_out = LeftOut(path)
    images = []
    for file in files:
        with left_out.without(file.name) if path.is_dir() else nullcontext():
            images.append(_read(file, left_out))
    left_out.warn()
    names = [item.class_name for image in images for item in image.objects if item.class_name]
    return DataSet(tuple(images), class_names_of(names))


def label_map_of(image: LabelledImage, values: Sequence[int] | None = None) -> npt.NDArray[np.int32]:
    """(H, W) int32 numbers, 0 outside; later objects win.

    Args:
        image: the image and its objects, of which those with only a box are left out.
        values: the number of each object; None numbers them from 1.
    """
    label_map = np.zeros(image.size_hw, np.int32)
    for index, item in enumerate(image.objects):
        if item.run_lengths is not None and item.run_lengths.box_xyxy is not None:
            x0, y0, x1, y1 = item.run_lengths.box_xyxy
            mask = item.run_lengths.moved(-x0, -y0, (y1 - y0, x1 - x0)).to_mask()
            label_map[y0:y1, x0:x1][mask] = index + 1 if values is None else values[index]
    return label_map


def losing_pixels(image: LabelledImage, label_map: npt.NDArray[np.int32]) -> int:
    """How many objects of an image have fewer pixels in its label map, numbered from 1, than they have."""
    areas = np.bincount(label_map.ravel(), minlength=len(image.objects) + 1)
    return sum(
        item.run_lengths is None or areas[number] < item.run_lengths.area
        for number, item in enumerate(image.objects, 1)
    )


def masks_of(label_map: npt.NDArray[Any]) -> dict[int, RunLengths]:
    """The mask of each number but 0, in ascending order.

    Args:
        label_map: (H, W) of whole numbers.
    """
    from scipy import ndimage  # 0.1 s to import, which a widget does not need to open

    values, inverse = np.unique(label_map, return_inverse=True)
    index = inverse.reshape(label_map.shape)
    height, width = label_map.shape
    masks = {}
    for i, (y, x) in enumerate(ndimage.find_objects(index + 1)):  # a box for each number: most are small
        if values[i] != 0:
            masks[int(values[i])] = RunLengths.from_mask(index[y, x] == i).moved(x.start, y.start, (height, width))
    return masks


def _object_rows(image: LabelledImage) -> Iterable[Sequence[object]]:
    yield _COLUMNS
    for number, item in enumerate(image.objects, 1):
        if item.run_lengths is not None:
            score = "" if item.score is None else item.score
            yield number, item.name or "", item.class_name or "", score


def _class_rows(classes: ClassNumbers) -> Iterable[Sequence[object]]:
    yield _COLUMNS[0], _COLUMNS[2]
    yield from enumerate(classes.names, 1)


def _write_files(label_map: npt.NDArray[np.int32], rows: Iterable[Sequence[object]], path: Path) -> None:
    pixels: npt.NDArray[Any] = label_map
    if label_map.max(initial=0) <= _LABELS_MAX_16:
        pixels = label_map.astype(np.uint16)
    elif path.suffix.lower() == ".png":
        raise FormatError(
            f"{path.name} would have {label_map.max()} objects, and a PNG numbers at most {_LABELS_MAX_16}",
            hint=f"write {path.with_suffix('.tif').name}",
        )
    options = {"compress_level": 1} if path.suffix.lower() == ".png" else {"compression": "tiff_adobe_deflate"}
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG" if path.suffix.lower() == ".png" else "TIFF", **options)
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    with atomic_writer(path.with_suffix(".csv")) as table, atomic_writer(path) as file:
        table.write(text.getvalue().encode())
        file.write(buffer.getvalue())


def _read(path: Path, left_out: LeftOut) -> LabelledImage:
    label_map = _read_pixels(path)
    table_file = path.with_suffix(".csv")
    table = _read_table(table_file, left_out) if table_file.is_file() else {}
    objects = []
    for number, mask in masks_of(label_map).items():
        row = table.pop(number, {})
        objects.append(
            LabelledObject(
                mask,
                class_name=class_or_none(row.get("class") or ""),
                name=row.get("name") or None,
                score=score_or_none(row.get("score")),
            )
        )
    height, width = label_map.shape
    return LabelledImage(path.name, (height, width), tuple(objects))


def _read_pixels(path: Path) -> npt.NDArray[Any]:
    try:
        with Image.open(io.BytesIO(read_bytes(path))) as image:
            checked_size(image.height, image.width)
            pixels = np.asarray(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{path.name} cannot be read", hint=str(error)[:200]) from error
    if pixels.ndim != 2 or (pixels.dtype.kind == "f" and not np.array_equal(pixels, np.round(pixels))):
        kind = "several channels" if pixels.ndim != 2 else "numbers that are not whole"
        raise FormatError(f"{path.name} has {kind}", hint="a label map has one whole number at each pixel")
    return pixels


def _read_table(path: Path, left_out: LeftOut) -> dict[int, dict[str, str]]:
    """The rows of a table by their label."""
    rows: dict[int, dict[str, str]] = {}
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
    if "label" not in (reader.fieldnames or ()):
        left_out.add(path.name, "left out, it has no column label")
        return {}
    for row in reader:
        where = f"{path.name}, line {reader.line_num}"
        with left_out.without(where):
            number = int(row["label"])
            if number in rows:
                raise FormatError(f"label {number} is there twice", hint="give each object one line")
            rows[number] = row
    return rows
