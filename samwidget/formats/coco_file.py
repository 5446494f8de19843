"""A COCO file: one JSON with the images, objects and classes of a data set.

Owns which lists the file has and how strangers' files are read; the entries are in ``coco``. The table in
``file_formats`` names it.

Names of objects are under ``name``, which COCO does not have and readers ignore. An object that has only a box has no
``segmentation``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

from samwidget.core import RunLengths, Size
from samwidget.errors import FormatError
from samwidget.files import atomic_text_writer
from samwidget.formats.coco import annotation_entry, image_entry, read_rle
from samwidget.formats.filled import filled
from samwidget.formats.labels import (
    ClassNumbers,
    DataSet,
    LabelledImage,
    LabelledObject,
    class_names_of,
    class_or_none,
)
from samwidget.formats.names import describe_value
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

Json = dict[str, Any]


def write_coco(data: DataSet, path: Path, *, polygons: bool = False) -> None:
    """Writes a COCO file.

    Args:
        data: its images may be made one by one: their objects are not kept.
        path: of the file.
        polygons: write masks as polygons in the place of run lengths, for programs that read only those.

    Raises:
        OSError: the file cannot be written; what was there stays.
    """
    classes, numbers = ClassNumbers(data.class_names), count(1)
    images = []
    with atomic_text_writer(path) as file:
        file.write('{"info": {"description": "made by samwidget"}, "licenses": [],\n"annotations": [')
        comma = "\n"
        for image_id, image in enumerate(data.images, 1):
            images.append(image_entry(image_id, image.file_name, image.size_hw))
            for item in image.objects:
                entry = _entry(item, next(numbers), image_id, classes.of(item.class_name) + 1, polygons)
                file.write(comma + json.dumps(entry))
                comma = ",\n"
        categories = [{"id": number, "name": name, "supercategory": ""} for number, name in enumerate(classes.names, 1)]
        file.write(f'],\n"images": {json.dumps(images)},\n"categories": {json.dumps(categories)}}}\n')


def read_coco(path: Path, size_hw: KnownSize = None) -> DataSet:
    """Returns the data set of a COCO file: run lengths, polygons, and boxes of objects without either.

    A region that is marked as a crowd becomes an object like others. What cannot be taken is named in one
    SamWidgetWarning.

    Args:
        path: of the file.
        size_hw: of images whose size the file does not have.

    Raises:
        FormatError: the file cannot be read.
    """
    value = read_json(path)
    if not {"images", "annotations"} <= value.keys():
        raise FormatError(f"{path.name} is not a COCO file", hint="it needs the lists images and annotations")
    left_out = LeftOut(path)
    classes = _classes(list_of(value, "categories", path), left_out)
    images = _images(list_of(value, "images", path), size_hw, left_out)
    objects: dict[Any, list[LabelledObject]] = {image_id: [] for image_id in images}
    for index, entry in enumerate(list_of(value, "annotations", path)):
        where = f"annotations[{index}]"
        with left_out.without(where):
            where = f"{where} (id {describe_value(entry.get('id'))})"
            if entry["image_id"] not in images:
                left_out.add(where, f"left out, there is no image with id {describe_value(entry['image_id'])}")
                continue
            if entry.get("iscrowd"):
                left_out.add(where, "a crowd of objects, became one object")
            class_name = classes.get(entry.get("category_id"), "")
            if class_name == "":
                left_out.add(where, f"no class, there is no category {describe_value(entry.get('category_id'))}")
            objects[entry["image_id"]].append(
                _object(entry, class_or_none(class_name), images[entry["image_id"]].size_hw)
            )
    left_out.warn()
    return DataSet(
        tuple(
            LabelledImage(image.file_name, image.size_hw, tuple(objects[image_id]))
            for image_id, image in images.items()
        ),
        class_names_of(classes.values()),
    )


def _entry(item: LabelledObject, number: int, image_id: int, category_id: int, polygons: bool) -> Json:
    if item.run_lengths is None:
        x0, y0, x1, y1 = item.box_xyxy
        entry: Json = {"id": number, "image_id": image_id, "category_id": category_id, "segmentation": []}
        entry |= {"area": item.area, "bbox": [x0, y0, x1 - x0, y1 - y0], "iscrowd": 0}
        if item.score is not None:
            entry["score"] = item.score
    else:
        entry = annotation_entry(
            number, image_id, item.run_lengths, score=item.score, category_id=category_id, polygons=polygons
        )
    return entry if item.name is None else {**entry, "name": item.name}


def _classes(entries: list[Any], left_out: LeftOut) -> dict[Any, str]:
    classes: dict[Any, str] = {}
    for index, entry in enumerate(entries):
        where = f"categories[{index}]"
        with left_out.without(where):
            if entry["id"] in classes:
                left_out.add(where, f"left out, id {describe_value(entry['id'])} is there twice")
            else:
                classes[entry["id"]] = str(entry["name"])
    return classes


def _images(entries: list[Any], size_hw: KnownSize, left_out: LeftOut) -> dict[Any, LabelledImage]:
    images: dict[Any, LabelledImage] = {}
    for index, entry in enumerate(entries):
        where = f"images[{index}]"
        with left_out.without(where):
            if entry["id"] in images:
                left_out.add(where, f"left out, id {describe_value(entry['id'])} is there twice")
                continue
            size = (entry.get("height"), entry.get("width"))
            if None in size:
                size = known_size(size_hw, str(entry["file_name"])) or size
            images[entry["id"]] = LabelledImage(str(entry["file_name"]), checked_size(*size))
    return images


def _object(entry: Json, class_name: str | None, size_hw: Size) -> LabelledObject:
    name, score = entry.get("name"), score_or_none(entry.get("score"))
    name = name if isinstance(name, str) and name.strip() else None
    if not entry.get("segmentation"):
        x, y, width, height = entry["bbox"]
        box = checked_box((x, y, x + width, y + height), size_hw)
        return LabelledObject(box=box, class_name=class_name, name=name, score=score)
    return LabelledObject(_mask(entry["segmentation"], size_hw), class_name=class_name, name=name, score=score)


def _mask(segmentation: Any, size_hw: Size) -> RunLengths:
    if isinstance(segmentation, Mapping):
        mask = read_rle(segmentation)
        if mask.size_hw != size_hw:
            sizes = [f"{width} x {height}" for height, width in (mask.size_hw, size_hw)]
            raise FormatError(f"the mask has {sizes[0]} pixels", hint=f"the image has {sizes[1]}")
    else:
        mask = filled([[checked_ring(ring)] for ring in segmentation], size_hw)
    if mask.area == 0:
        raise FormatError("the mask has no pixel of the image", hint="delete it, or correct its polygon")
    return mask
