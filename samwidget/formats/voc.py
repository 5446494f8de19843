"""Pascal VOC: a folder with XML boxes, and images of the objects' and the classes' numbers.

Owns the folder: ``Annotations``, ``JPEGImages``, ``SegmentationObject``, ``SegmentationClass``, and ``labelmap.txt``
with the classes and their colours, as CVAT writes it. The table in ``file_formats`` names it.

The n-th object of the XML has the number n in SegmentationObject. A pixel has one number, so later objects win where
masks overlap. Boxes count pixels from 1, and the maximum is inside. Scores and names are fields that VOC does not have.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
from PIL import Image

from samwidget.core import RunLengths, Size
from samwidget.errors import FormatError, warn_user
from samwidget.formats.label_map import label_map_of, losing_pixels, masks_of
from samwidget.formats.labels import (
    NO_CLASS,
    ClassNumbers,
    DataSet,
    LabelledImage,
    LabelledObject,
    class_names_of,
    class_or_none,
)
from samwidget.formats.reading import LeftOut, checked_box, checked_size, read_bytes, read_text, score_or_none
from samwidget.formats.writing import FileNames, image_size, put_image, staged_folder
from samwidget.images import load_rgb

_ANNOTATIONS, _IMAGES, _OBJECTS, _CLASSES = "Annotations", "JPEGImages", "SegmentationObject", "SegmentationClass"
_LISTS = "ImageSets/Segmentation"
_CLASS_FILE, _BACKGROUND = "labelmap.txt", "background"
# What neither XML nor a line can hold.
_UNWRITABLE = re.compile("[\0-\x1f\x7f\ufffe\uffff]")
_NUMBERS_MAX = 254  # 255 is the border that VOC leaves open


def write_voc(data: DataSet, path: Path) -> None:
    """Writes the folder; into a folder that is there already, the images come in addition.

    A SamWidgetWarning tells how many objects lose pixels to others, and which images are missing.

    Raises:
        FormatError: an image has more than 254 objects, or there are more classes.
        OSError: the folder cannot be written; what was there stays.
    """
    before = path / _CLASS_FILE
    classes = ClassNumbers([_BACKGROUND, *(_read_classes(before) if before.is_file() else ()), *data.class_names])
    names, lost, missing = FileNames(), 0, []
    with staged_folder(path) as folder:
        for part in (_ANNOTATIONS, _IMAGES, _OBJECTS, _CLASSES, _LISTS):
            (folder / part).mkdir(parents=True)
        stems = []
        for image in data.images:
            stem = names.of(image)
            stems.append(stem)
            file_name = put_image(image, folder / _IMAGES, stem)
            if file_name is None:
                missing.append(image.file_name)
            objects = label_map_of(image)
            by_class = label_map_of(image, [classes.of(item.class_name) for item in image.objects])
            if max(len(image.objects), len(classes.names) - 1) > _NUMBERS_MAX:
                raise FormatError(
                    f"{image.file_name} has {len(image.objects)} objects of {len(classes.names) - 1} classes",
                    hint=f"Pascal VOC numbers at most {_NUMBERS_MAX}: write COCO",
                )
            lost += losing_pixels(image, objects) - sum(item.run_lengths is None for item in image.objects)
            _save_indices(objects, folder / _OBJECTS / f"{stem}.png")
            _save_indices(by_class, folder / _CLASSES / f"{stem}.png")
            (folder / _ANNOTATIONS / f"{stem}.xml").write_bytes(_xml(image, file_name or image.file_name))
        (folder / _LISTS / "train.txt").write_text(_listed(path / _LISTS / "train.txt", stems), encoding="utf-8")
        colours = [",".join(map(str, _colour(number))) for number in range(len(classes.names))]
        lines = [f"{_writable(name)}:{colour}::\n" for name, colour in zip(classes.names, colours, strict=True)]
        (folder / _CLASS_FILE).write_text(f"# label:color_rgb:parts:actions\n{''.join(lines)}", encoding="utf-8")
    if missing:
        warn_user(f"put {len(missing)} images into {path / _IMAGES}, such as {missing[0]}: their files are not known")
    if lost:
        warn_user(f"{lost} objects lose pixels to later ones: Pascal VOC has one object at each pixel")


def read_voc(path: Path) -> DataSet:
    """Returns the objects of a folder: masks where SegmentationObject has them, and boxes elsewhere.

    Raises:
        FormatError: the folder has no ``Annotations``.
    """
    files = sorted((path / _ANNOTATIONS).glob("*.xml"))
    if not files:
        raise FormatError(f"{path} has no {_ANNOTATIONS}", hint="give the folder of a Pascal VOC data set")
    class_file, left_out = path / _CLASS_FILE, LeftOut(path)
    images = []
    for file in files:
        with left_out.without(file.name):
            images.append(_read(file, path, left_out))
    left_out.warn()
    names = [item.class_name for image in images for item in image.objects if item.class_name]
    names = [*(_read_classes(class_file) if class_file.is_file() else ()), *names]
    return DataSet(tuple(images), class_names_of(name for name in names if name != _BACKGROUND))


def _listed(before: Path, stems: list[str]) -> str:
    """The lines of a list of images: those that it has, and new ones."""
    lines = read_text(before).splitlines() if before.is_file() else []
    return "".join(f"{line}\n" for line in dict.fromkeys([*lines, *stems]))


def _read_classes(path: Path) -> list[str]:
    # Three fields follow the name, in which a colon may be, too.
    lines = [line.rsplit(":", 3)[0].strip() for line in read_text(path).splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def _colour(number: int) -> tuple[int, int, int]:
    """The colour of a number in VOC's palette: its bits, three by three, are those of red, green and blue."""
    channels = [0, 0, 0]
    for bit in range(8):
        for channel in range(3):
            channels[channel] |= (number >> (3 * bit + channel) & 1) << (7 - bit)
    return channels[0], channels[1], channels[2]


def _save_indices(label_map: npt.NDArray[np.int32], path: Path) -> None:
    image = Image.fromarray(label_map.astype(np.uint8))
    image.putpalette([value for number in range(256) for value in _colour(number)])
    image.save(path, compress_level=1)


def _writable(name: str) -> str:
    return _UNWRITABLE.sub(" ", name)


def _xml(image: LabelledImage, file_name: str) -> bytes:
    root = ElementTree.Element("annotation")
    has_masks = any(item.run_lengths is not None for item in image.objects)
    for name, text in (("folder", _IMAGES), ("filename", file_name), ("segmented", int(has_masks))):
        ElementTree.SubElement(root, name).text = str(text)
    size = ElementTree.SubElement(root, "size")
    for name, number in (("width", image.size_hw[1]), ("height", image.size_hw[0]), ("depth", 3)):
        ElementTree.SubElement(size, name).text = str(number)
    for item in image.objects:
        entry = ElementTree.SubElement(root, "object")
        ElementTree.SubElement(entry, "name").text = _writable(item.class_name or NO_CLASS)
        for name, text in (("pose", "Unspecified"), ("truncated", "0"), ("difficult", "0")):
            ElementTree.SubElement(entry, name).text = text
        if item.name is not None:
            ElementTree.SubElement(entry, "object_name").text = _writable(item.name)
        if item.score is not None:
            ElementTree.SubElement(entry, "score").text = f"{item.score:.9g}"
        box = ElementTree.SubElement(entry, "bndbox")
        x0, y0, x1, y1 = item.box_xyxy
        for name, position in (("xmin", x0 + 1), ("ymin", y0 + 1), ("xmax", x1), ("ymax", y1)):
            ElementTree.SubElement(box, name).text = f"{position:.9g}"
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8"))


def _read(file: Path, folder: Path, left_out: LeftOut) -> LabelledImage:
    root = _parsed(file)
    name = (root.findtext("filename") or f"{file.stem}.jpg").strip().replace("\\", "/").rpartition("/")[2]
    image_file = folder / _IMAGES / name
    size: tuple[object, object] = (root.findtext("size/height"), root.findtext("size/width"))
    if None in size and image_file.is_file():
        size = image_size(image_file)
    size_hw = checked_size(*size)
    masks = _read_masks(folder / _OBJECTS / f"{file.stem}.png", size_hw, left_out)
    objects = []
    for number, entry in enumerate(root.iterfind("object"), 1):
        with left_out.without(f"{file.name}, object {number}"):
            objects.append(_object(entry, masks.get(number), size_hw))
    read: Callable[[], npt.NDArray[np.uint8]] | None = (lambda: load_rgb(image_file)) if image_file.is_file() else None
    return LabelledImage(name, size_hw, tuple(objects), image_file if read else None, read)


def _parsed(file: Path) -> ElementTree.Element:
    data = read_bytes(file)
    if b"<!ENTITY" in data:  # a few of them can stand for gigabytes
        raise FormatError(f"{file.name} defines entities", hint="write it without a DOCTYPE")
    try:
        return ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        line, column = error.position
        raise FormatError(f"{file.name}, line {line}, column {column + 1}, is not XML", hint=str(error)) from error


def _read_masks(path: Path, size_hw: Size, left_out: LeftOut) -> dict[int, RunLengths]:
    """The mask of each number in a file of SegmentationObject; none where there is no such file."""
    masks: dict[int, RunLengths] = {}
    if not path.is_file():
        return masks
    with left_out.without(f"{_OBJECTS}/{path.name}"):
        try:
            with Image.open(io.BytesIO(read_bytes(path))) as image:
                checked_size(image.height, image.width)
                numbers = np.asarray(image)
        except (OSError, SyntaxError, Image.DecompressionBombError) as error:
            raise FormatError("it cannot be read", hint=str(error)[:200]) from error
        if numbers.shape != size_hw:
            raise FormatError(f"it has shape {numbers.shape}", hint=f"the image has {size_hw}")
        masks = {number: mask for number, mask in masks_of(numbers).items() if number <= _NUMBERS_MAX}
    return masks


def _object(entry: ElementTree.Element, mask: RunLengths | None, size_hw: Size) -> LabelledObject:
    class_name = class_or_none(entry.findtext("name") or "")
    name, score = entry.findtext("object_name"), score_or_none(entry.findtext("score"))
    if mask is None:
        x0, y0, x1, y1 = (float(entry.findtext(f"bndbox/{name}") or "nan") for name in ("xmin", "ymin", "xmax", "ymax"))
        box = checked_box((x0 - 1, y0 - 1, x1, y1), size_hw)
        return LabelledObject(box=box, class_name=class_name, name=name, score=score)
    return LabelledObject(mask, class_name=class_name, name=name, score=score)
