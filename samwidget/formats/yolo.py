"""YOLO segmentation: a folder with ``data.yaml``, ``images`` and ``labels``, as Ultralytics trains on it.

Owns the folder and the lines of a label file: the number of the class, and then x and y of the corners of one outline,
each as a part of the image's width and height. The table in ``file_formats`` names it.

An outline goes through all pieces and holes of a mask, joined by lines there and back. Names and scores are lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from samwidget.core import Size
from samwidget.errors import FormatError, warn_user
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
from samwidget.formats.polygons import joined_ring, mask_regions
from samwidget.formats.reading import KnownSize, LeftOut, checked_box, checked_ring, known_size, read_text
from samwidget.formats.writing import FileNames, image_size, put_image, staged_folder
from samwidget.images import load_rgb

_DATA_FILE = "data.yaml"
_IMAGE_SUFFIXES = {".avif", ".bmp", ".heic", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
_CLASSES_MAX = 100_000
_HEAD = """# Made by samwidget. All images are in train, and in val too: give val images of its own before you train.
train: images
val: images
"""


def write_yolo(data: DataSet, path: Path) -> None:
    """Writes the folder; into a folder that is a YOLO data set already, the images come in addition.

    Classes that the folder has keep their numbers. In an image that has masks, an object with only a box is the
    outline of its box, since readers take a line of four numbers for an outline there.

    Raises:
        FormatError: ``data.yaml`` of the folder cannot be read.
        OSError: the folder cannot be written; what was there stays.
    """
    before = path / _DATA_FILE
    classes = ClassNumbers([*(_numbered_names(before) if before.is_file() else ()), *data.class_names])
    names, missing, empty = FileNames(), [], 0
    with staged_folder(path) as folder:
        for part in ("images", "labels"):
            (folder / part).mkdir()
        for image in data.images:
            name = names.of(image)
            if put_image(image, folder / "images", name) is None:
                missing.append(image.file_name)
            lines = list(_lines(image, classes))
            empty += len(image.objects) - len(lines)
            (folder / "labels" / f"{name}.txt").write_text("".join(lines), encoding="utf-8")
        lines = [f"\n  {number}: {json.dumps(name)}" for number, name in enumerate(classes.names)]
        text = f"{_HEAD}names:{''.join(lines) or ' {}'}\n"
        (folder / _DATA_FILE).write_text(text, encoding="utf-8")
    if missing:
        warn_user(f"put {len(missing)} images into {path / 'images'}, such as {missing[0]}: their files are not known")
    if empty:
        warn_user(f"{empty} objects without a pixel are not in {path.name}")


def read_yolo(path: Path, size_hw: KnownSize = None) -> DataSet:
    """Returns the data set of a folder or its ``data.yaml``, with the images of train, val and test.

    Args:
        path: of the folder, or of its ``data.yaml``.
        size_hw: of images whose files are missing.

    Raises:
        FormatError: there is no ``data.yaml``, or it cannot be read.
    """
    data_file = path if path.suffix.lower() in (".yaml", ".yml") else path / _DATA_FILE
    value = _read_yaml(data_file)
    names = _class_names(value)
    root = data_file.parent / str(value.get("path") or ".")
    root = root if root.is_dir() else data_file.parent  # the folder has moved since
    left_out = LeftOut(data_file)
    images: list[LabelledImage] = []
    for folder in _image_folders(value, root, left_out):
        images += _read_folder(folder, names, size_hw, left_out)
    left_out.warn()
    return DataSet(tuple(images), class_names_of(names.values()))


def _lines(image: LabelledImage, classes: ClassNumbers) -> Iterator[str]:
    height, width = image.size_hw
    has_masks = any(item.run_lengths is not None for item in image.objects)
    for item in image.objects:
        x0, y0, x1, y1 = item.box_xyxy
        if item.run_lengths is not None:
            rings = [ring for region in mask_regions(item.run_lengths) for ring in region]
            if not rings:
                continue
            numbers = joined_ring(rings) / (width, height)
        elif has_masks:
            numbers = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]) / (width, height)
        else:
            numbers = np.array([(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0]) / (width, height, width, height)
        yield f"{classes.of(item.class_name)} {' '.join(f'{number:.9g}' for number in numbers.ravel())}\n"


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml

    text = read_text(path)
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f", line {mark.line + 1},"
        raise FormatError(f"{path.name}{line} is not YAML", hint=str(getattr(error, "problem", error))[:200]) from error
    if not isinstance(value, dict) or "names" not in value:
        raise FormatError(f"{path} has no names", hint="give the folder of a YOLO data set, or its data.yaml")
    return value


def _class_names(value: dict[str, Any]) -> dict[int, str]:
    names = value["names"]
    try:
        items = names.items() if isinstance(names, dict) else enumerate(list(names))
        return {int(number): str(name) for number, name in items}
    except (TypeError, ValueError) as error:
        raise FormatError(f"names in {_DATA_FILE} is {describe_value(names)}", hint="it must be a list") from error


def _numbered_names(data_file: Path) -> list[str]:
    """The classes of a folder at the places of their numbers; a number without a class gets one, so that it stays."""
    names = _class_names(_read_yaml(data_file))
    if min(names, default=0) < 0 or max(names, default=0) > _CLASSES_MAX:
        raise FormatError(f"names in {data_file} has numbers from {min(names)} to {max(names)}", hint="count from 0")
    numbered: list[str] = []
    for number in range(max(names, default=-1) + 1):
        name = names.get(number, f"class {number}")
        numbered.append(f"{name} {number}" if name in numbered else name)
    return numbered


def _image_folders(value: dict[str, Any], root: Path, left_out: LeftOut) -> Iterator[Path]:
    """The folders of train, val and test, each once."""
    entries = [(part, entry) for part in ("train", "val", "test") for entry in _entries(value.get(part))]
    seen = set()
    for part, entry in entries:
        # Exports of Roboflow write ../train/images where train/images is meant.
        candidates = [root / entry, root / entry.removeprefix("../")]
        folder = next((candidate.resolve() for candidate in candidates if candidate.is_dir()), None)
        if folder is None:
            left_out.add(part, f"left out, there is no folder {entry}")
        elif folder not in seen:
            seen.add(folder)
            yield folder


def _entries(value: Any) -> list[str]:
    return [str(entry) for entry in (value if isinstance(value, list) else [value]) if entry]


def _read_folder(folder: Path, names: dict[int, str], size_hw: KnownSize, left_out: LeftOut) -> Iterator[LabelledImage]:
    """The images of a folder, and those whose file is missing and has labels."""
    files = {item.stem: item for item in sorted(folder.iterdir()) if item.suffix.lower() in _IMAGE_SUFFIXES}
    labels = _labels_folder(folder)
    texts = {item.stem: item for item in sorted(labels.glob("*.txt"))} if labels.is_dir() else {}
    for stem in sorted(files.keys() | texts.keys()):
        file = files.get(stem)
        with left_out.without(file.name if file else texts[stem].name):
            size = image_size(file) if file else known_size(size_hw, stem)
            if size is None:
                raise FormatError("its image is missing", hint=f"put it into {folder}")
            objects = _read_lines(texts[stem], names, size, left_out) if stem in texts else ()
            read = None if file is None else lambda file=file: load_rgb(file)
            yield LabelledImage(file.name if file else stem, size, tuple(objects), file, read)


def _labels_folder(folder: Path) -> Path:
    """The last folder called images becomes labels, as Ultralytics does it."""
    parts = list(folder.parts)
    if "images" in parts:
        parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    return Path(*parts)


def _read_lines(path: Path, names: dict[int, str], size_hw: Size, left_out: LeftOut) -> Iterator[LabelledObject]:
    height, width = size_hw
    for number, line in enumerate(read_text(path).splitlines(), 1):
        where = f"{path.name}, line {number}"
        words = line.split()
        if not words:
            continue
        with left_out.without(where):
            values = [float(word) for word in words[1:]]
            class_number = int(float(words[0]))
            if class_number not in names:
                left_out.add(where, f"no class, there is no class {class_number} in {_DATA_FILE}")
            class_name = class_or_none(names.get(class_number, ""))
            score = None
            if len(values) == 5 or (len(values) > 5 and len(values) % 2):  # a score comes last
                *values, score = values
            if len(values) == 4:
                x, y, w, h = np.array(values) * (width, height, width, height)
                box = checked_box((x - w / 2, y - h / 2, x + w / 2, y + h / 2), size_hw)
                yield LabelledObject(box=box, class_name=class_name, score=score)
                continue
            mask = filled([[checked_ring(values) * (width, height)]], size_hw)
            if mask.area == 0:
                raise FormatError("the outline has no pixel of the image", hint="its numbers are parts, 0 to 1")
            yield LabelledObject(mask, class_name=class_name, score=score)
