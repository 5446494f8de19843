"""LabelMe: a JSON file beside each image, with the outlines of its objects.

Owns the shapes. The table in ``file_formats`` names it.

A polygon of LabelMe has no hole: a mask is cut through its holes, and the pieces have one ``group_id``. The name of an
object is its ``description``. Its ``score`` is a field that X-AnyLabeling has and LabelMe keeps.
"""

from __future__ import annotations

import base64
import json
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from samwidget.core import RunLengths, Size
from samwidget.errors import FormatError
from samwidget.files import atomic_text_writer
from samwidget.formats.filled import filled, united
from samwidget.formats.labels import NO_CLASS, DataSet, LabelledImage, LabelledObject, class_names_of, class_or_none
from samwidget.formats.names import describe_value
from samwidget.formats.polygons import mask_polygons
from samwidget.formats.reading import (
    KnownSize,
    LeftOut,
    checked_box,
    checked_ring,
    checked_size,
    known_size,
    list_of,
    read_json,
    score_or_none,
)
from samwidget.formats.writing import image_size, write_each
from samwidget.images import decode_png, encode_rgb_png, load_rgb, path_text

_VERSION = "5.5.0"  # of the form that is written; newer programs read it
_WITHOUT_AREA = {"line", "linestrip", "point", "points"}

Json = dict[str, Any]


def write_labelme(data: DataSet, path: Path) -> None:
    """Writes a file for each image, into a folder where ``path`` is no ``.json`` file.

    A file names its image by the way from there to it. An image that is no file on this machine is in the JSON itself.

    Raises:
        FormatError: there are several images for one file.
        OSError: a file cannot be written; what was there stays.
    """
    write_each(data, path, ".json", _write)


def read_labelme(path: Path, size_hw: KnownSize = None) -> DataSet:
    """Returns the objects of a file, or of each file in a folder.

    Shapes of one label and one ``group_id`` are one object. A rectangle is a box; points and lines are left out.

    Args:
        path: of the file or folder.
        size_hw: of an image whose size neither the JSON nor its file has.

    Raises:
        FormatError: the file cannot be read, or no file in the folder is one of LabelMe.
    """
    left_out = LeftOut(path)
    if path.is_dir():
        images = []
        for file in sorted(path.glob("*.json")):
            with left_out.without(file.name):
                images.append(_read(file, f"{file.name}, ", size_hw, left_out))
        if not images:
            raise FormatError(f"{path} has no LabelMe file", hint="give a folder with .json files of LabelMe")
    else:
        images = [_read(path, "", size_hw, left_out)]
    left_out.warn()
    names = [item.class_name for image in images for item in image.objects if item.class_name]
    return DataSet(tuple(images), class_names_of(names))


def _write(image: LabelledImage, path: Path) -> None:
    height, width = image.size_hw
    groups = count(1)
    shapes = [shape for item in image.objects for shape in _shapes(item, groups)]
    image_path = image.file_name
    image_data: str | None = None
    if image.path is not None:
        image_path = _way_to(image.path, path.parent)
    elif image.read is not None:
        image_path = f"{PurePosixPath(image.file_name).stem}.png"
        image_data = base64.b64encode(encode_rgb_png(image.pixels())).decode("ascii")
    value: Json = {
        "version": _VERSION,
        "flags": {},
        "shapes": shapes,
        "imagePath": image_path,
        "imageData": image_data,
        "imageHeight": height,
        "imageWidth": width,
    }
    with atomic_text_writer(path) as file:
        json.dump(value, file, ensure_ascii=False, indent=1)


def _shapes(item: LabelledObject, groups: Iterator[int]) -> Iterator[Json]:
    if item.run_lengths is None:
        x0, y0, x1, y1 = item.box_xyxy
        shape_type, parts = "rectangle", [[[x0, y0], [x1, y1]]]
    else:
        shape_type, parts = "polygon", [np.reshape(part, (-1, 2)).tolist() for part in mask_polygons(item.run_lengths)]
    group = next(groups) if len(parts) > 1 else None
    for points in parts:
        yield {
            "label": item.class_name or NO_CLASS,
            "points": points,
            "group_id": group,
            "description": item.name or "",
            "shape_type": shape_type,
            "flags": {},
            "mask": None,
            **({} if item.score is None else {"score": item.score}),
        }


def _way_to(path: Path, folder: Path) -> str:
    try:
        way = Path(os.path.relpath(path.absolute(), folder.absolute()))
    except ValueError:  # on another drive of Windows
        way = path.absolute()
    return path_text(way.as_posix())


def _read(path: Path, file_name: str, size_hw: KnownSize, left_out: LeftOut) -> LabelledImage:
    value = read_json(path)
    if "shapes" not in value:
        raise FormatError(f"{path.name} is not a LabelMe file", hint="it needs the list shapes")
    name = str(value.get("imagePath") or f"{path.stem}.png").replace("\\", "/")
    image_file = path.parent / name
    size = (value.get("imageHeight"), value.get("imageWidth"))
    if None in size and image_file.is_file():
        size = image_size(image_file)
    elif None in size:
        size = known_size(size_hw, name) or size
    image_hw = checked_size(*size)
    objects: list[LabelledObject] = []
    groups: dict[tuple[str, Any], int] = {}
    for index, shape in enumerate(list_of(value, "shapes", path)):
        with left_out.without(f"{file_name}shapes[{index}]"):
            item = _object(shape, image_hw)
            key = (str(shape["label"]), shape.get("group_id"))
            before = objects[groups[key]].run_lengths if key in groups else None
            if before is not None and item.run_lengths is not None:
                union = united([before, item.run_lengths], image_hw)
                objects[groups[key]] = replace(objects[groups[key]], run_lengths=union)
                continue
            if key[1] is not None and item.run_lengths is not None:
                groups[key] = len(objects)
            objects.append(item)
    is_file = image_file.is_file()
    return LabelledImage(
        PurePosixPath(name).name,
        image_hw,
        tuple(objects),
        image_file if is_file else None,
        _reader(value.get("imageData"), image_file if is_file else None),
    )


def _reader(image_data: Any, path: Path | None) -> Callable[[], npt.NDArray[np.uint8]] | None:
    if isinstance(image_data, str) and image_data:
        return lambda: load_rgb(base64.b64decode(image_data))
    return None if path is None else lambda: load_rgb(path)


def _object(shape: Json, size_hw: Size) -> LabelledObject:
    class_name, name = class_or_none(str(shape["label"])), shape.get("description")
    name = name if isinstance(name, str) and name.strip() else None
    shape_type, score = shape.get("shape_type") or "polygon", score_or_none(shape.get("score"))
    points = shape["points"]
    if shape_type in _WITHOUT_AREA:
        raise FormatError(f"a {shape_type} has no area", hint="draw its outline")
    if shape_type == "rectangle" and len(points) == 2:
        (x0, y0), (x1, y1) = points
        box = checked_box((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)), size_hw)
        return LabelledObject(box=box, class_name=class_name, name=name, score=score)
    if shape_type == "mask":
        mask = _given_mask(shape["mask"], points[0], size_hw)
    else:
        mask = filled([[_circle(points) if shape_type == "circle" else checked_ring(points)]], size_hw)
    if mask.area == 0:
        raise FormatError("it has no pixel of the image", hint="delete it, or correct its points")
    return LabelledObject(mask, class_name=class_name, name=name, score=score)


def _circle(points: list[list[float]]) -> npt.NDArray[np.float64]:
    """A circle of its centre and a point on it, as a ring of corners a pixel apart."""
    (x, y), (edge_x, edge_y) = points
    radius = math.hypot(edge_x - x, edge_y - y)
    angles = np.linspace(0, 2 * math.pi, 8 + min(int(7 * radius), 10_000), endpoint=False)
    return checked_ring(np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], 1))


def _given_mask(text: Any, corner: list[float], size_hw: Size) -> RunLengths:
    """A mask that is a PNG from a corner on; what is outside the image is cut off."""
    if not isinstance(text, str):
        raise FormatError(f"its mask is {describe_value(text)}", hint="a mask is a base64 PNG")
    part = decode_png(base64.b64decode(text))
    x, y = (round(number) for number in corner)
    height, width = size_hw
    part = part[max(0, -y) : max(0, height - y), max(0, -x) : max(0, width - x)]
    return RunLengths.from_mask(part).moved(max(0, x), max(0, y), size_hw)
