"""The one table of file formats: which there are, and which one the name or the content of a file chooses.

Owns the choice, and what an error of the disk becomes. ``SamWidget.export`` and ``load`` call it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from samwidget.errors import FormatError
from samwidget.formats import label_map
from samwidget.formats.coco_file import read_coco, write_coco
from samwidget.formats.cutouts import write_cutouts
from samwidget.formats.geojson import read_geojson, write_geojson
from samwidget.formats.labelme import read_labelme, write_labelme
from samwidget.formats.labels import DataSet
from samwidget.formats.measurements import SUFFIXES as TABLE_SUFFIXES
from samwidget.formats.measurements import read_table, write_table
from samwidget.formats.names import describe_unknown, describe_value
from samwidget.formats.reading import KnownSize, read_json
from samwidget.formats.voc import read_voc, write_voc
from samwidget.formats.yolo import read_yolo, write_yolo
from samwidget.images import find_path


@dataclass(frozen=True)
class FileFormat:
    """A format of files.

    Attributes:
        title: as people write it.
        suffixes: of the names that choose it, in lower case; none for a format that is only a folder.
        write: writes a data set to a path, with options of its own.
        read: returns the data set of a path, with options of its own; None where nothing can be read back.
        holds_many: whether one file holds several images; otherwise several become a folder.
    """

    title: str
    suffixes: tuple[str, ...]
    write: Callable[..., None]
    read: Callable[..., DataSet] | None
    holds_many: bool = False


FORMATS = {
    "coco": FileFormat("COCO", (".json",), write_coco, read_coco, holds_many=True),
    "geojson": FileFormat("GeoJSON", (".geojson",), write_geojson, read_geojson),
    "label_map": FileFormat("label map", label_map.SUFFIXES, label_map.write_label_map, label_map.read_label_map),
    "table": FileFormat("table", TABLE_SUFFIXES, write_table, read_table, holds_many=True),
    "yolo": FileFormat("YOLO segmentation", (), write_yolo, read_yolo),
    "labelme": FileFormat("LabelMe", (), write_labelme, read_labelme),
    "voc": FileFormat("Pascal VOC", (), write_voc, read_voc),
    "cutouts": FileFormat("cut-outs", (), write_cutouts, None),
}
"""All formats, by the word that chooses one."""


def write_labels(data: DataSet, path: str | PathLike[str], format: str | None = None, **options: Any) -> Path:  # noqa: A002
    """Writes a data set in a format and returns the path. What was there stays where the writing fails.

    Args:
        data: the data set.
        path: of the file or folder; folders on the way to it are made.
        format: a word of ``FORMATS``; None takes that of the name: ``.json`` is COCO.
        **options: of the format's function, such as ``polygons`` of ``write_coco``.

    Raises:
        FormatError: the name does not say which format, the format cannot hold the data, or the disk refuses.
        TypeError: the format has no such option.
    """
    target = find_path(path)
    chosen = _format_of(format) if format is not None else _by_name(target)
    _check_options(chosen.write, options, chosen)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        chosen.write(data, target, **options)
    except OSError as error:
        raise FormatError(
            f"{target} cannot be written", hint=f"{error.strerror or error}; what was there stays"
        ) from error
    return target


def read_labels(
    path: str | PathLike[str],
    format: str | None = None,  # noqa: A002
    *,
    size_hw: KnownSize = None,
    image_path: Path | None = None,
    **options: Any,
) -> DataSet:
    """Returns the data set of a file or folder. What cannot be taken is named in one SamWidgetWarning.

    Args:
        path: of the file or folder.
        format: a word of ``FORMATS``; None takes that of the name and of the content.
        size_hw: of images whose size the file does not have: of all, or a function of the file name.
        image_path: of the image, for a GeoJSON file with the coordinates of a GeoTIFF.
        **options: of the format's function, such as ``transform`` of ``read_geojson``.

    Raises:
        FormatError: there is no such file, it cannot be read, or it does not say which format it has.
        TypeError: the format has no such option.
    """
    source = find_path(path)
    if not source.exists():
        raise FormatError(f"there is no file {source}", hint=f"the current folder is {Path.cwd()}")
    chosen = _format_of(format) if format is not None else FORMATS[_name_by_content(source)]
    if chosen.read is None:
        raise FormatError(f"{chosen.title} cannot be read back", hint="export COCO, too")
    _check_options(chosen.read, options, chosen)
    known = inspect.signature(chosen.read).parameters
    options |= {name: value for name, value in (("size_hw", size_hw), ("image_path", image_path)) if name in known}
    try:
        return chosen.read(source, **options)
    except OSError as error:
        raise FormatError(f"{source} cannot be read", hint=error.strerror or str(error)) from error


def _format_of(name: str) -> FileFormat:
    if not isinstance(name, str) or name not in FORMATS:
        unknown = describe_unknown([str(name)], FORMATS)
        raise FormatError(f"there is no format {unknown}", hint=f"the formats are {', '.join(FORMATS)}")
    return FORMATS[name]


def _by_name(path: Path) -> FileFormat:
    for chosen in FORMATS.values():
        if path.suffix.lower() in chosen.suffixes:
            return chosen
    folders = ", ".join(name for name, chosen in FORMATS.items() if not chosen.suffixes)
    suffixes = ", ".join(suffix for chosen in FORMATS.values() for suffix in chosen.suffixes)
    raise FormatError(
        f"the name {path.name} does not choose a format",
        hint=f"end it with {suffixes}; or for a folder give format={folders}",
    )


def _name_by_content(path: Path) -> str:
    if path.is_dir():
        names = {item.name for item in path.iterdir()}
        suffixes = {item.suffix.lower() for item in path.iterdir()}
        clues = [
            ("yolo", "data.yaml" in names),
            ("voc", "Annotations" in names),
            ("geojson", ".geojson" in suffixes),
            ("labelme", ".json" in suffixes),
            ("label_map", bool(suffixes & set(label_map.SUFFIXES))),
        ]
        name = next((name for name, is_so in clues if is_so), None)
        if name is None:
            raise FormatError(f"{path} has no labels that are known", hint=f"give format=, of {', '.join(FORMATS)}")
        return name
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        return "yolo"
    if suffix == ".json":
        value = read_json(path)
        keys = {"shapes": "labelme", "annotations": "coco", "features": "geojson", "geometry": "geojson"}
        name = next((name for key, name in keys.items() if key in value), None)
        if name is None:
            hint = (
                "samwidget.score computes the response to it" if "input_data" in value else "it may be COCO or LabelMe"
            )
            raise FormatError(f"{path.name} has the keys {describe_value(list(value)[:5])}, of no format", hint=hint)
        return name
    return next(name for name, chosen in FORMATS.items() if chosen is _by_name(path))


def _check_options(function: Callable[..., object], options: dict[str, Any], chosen: FileFormat) -> None:
    parameters = inspect.signature(function).parameters.values()
    known = [parameter.name for parameter in parameters if parameter.kind is inspect.Parameter.KEYWORD_ONLY]
    unknown = describe_unknown(options, known)
    if unknown:
        raise TypeError(f"{chosen.title} has no option {unknown}; it has {', '.join(known) or 'none'}")
