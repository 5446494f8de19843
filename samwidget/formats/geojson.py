"""GeoJSON: outlines with holes, in image pixels or in coordinates of the earth.

Owns the features. The table in ``file_formats`` names it; ``geotiff`` knows where an image lies.

The member ``samwidget`` of the file has the image's name, size and affine, which GeoJSON does not know; other programs
ignore it. A coordinate system is in the member ``crs``, as GDAL writes and reads it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from samwidget.core import Size
from samwidget.errors import FormatError
from samwidget.files import atomic_text_writer
from samwidget.formats.filled import Ring, filled
from samwidget.formats.geotiff import Affine, GeoReference, geo_reference
from samwidget.formats.labels import DataSet, LabelledImage, LabelledObject, class_names_of, class_or_none
from samwidget.formats.names import describe_value
from samwidget.formats.polygons import mask_regions
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
from samwidget.formats.writing import write_each

Json = dict[str, Any]
Transform = Sequence[float] | Literal["auto"] | None

_PIXELS: Affine = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_WGS84 = 4326


def write_geojson(data: DataSet, path: Path, *, transform: Transform = "auto", epsg: int | None = None) -> None:
    """Writes a file for each image, into a folder where ``path`` is no ``.geojson`` file.

    Args:
        data: the data set.
        path: of the file or folder.
        transform: six numbers a to f of X = a x + b y + c and Y = d x + e y + f, with x and y in image pixels, as
            rasterio has them; None writes image pixels; ``auto`` takes the place of a GeoTIFF, and pixels for others.
        epsg: number of the coordinate system of ``transform``.

    Raises:
        FormatError: ``transform`` is not of this form, or there are several images for one file.
        OSError: a file cannot be written; what was there stays.
    """
    reference = None
    if not isinstance(transform, str):
        reference = GeoReference(_PIXELS if transform is None else checked_affine(transform), epsg)
    write_each(data, path, ".geojson", partial(_write, reference=reference))


def read_geojson(
    path: Path, size_hw: KnownSize = None, image_path: Path | None = None, *, transform: Transform = "auto"
) -> DataSet:
    """Returns the polygons of a file, or of each file in a folder.

    Args:
        path: of the file or folder.
        size_hw: of the image, where the file does not have it.
        image_path: of the image, which may be a GeoTIFF.
        transform: as ``write_geojson`` has it; ``auto`` takes that of a file of samwidget. Other files have the
            coordinates of a GeoTIFF, and image pixels where the image is none.

    Raises:
        FormatError: the file cannot be read, does not have the size, or ``transform`` is not of this form.
    """
    left_out = LeftOut(path)
    reference = None if image_path is None else geo_reference(image_path)
    default = None if reference is None else reference.affine
    if path.is_dir():
        images = []
        for file in sorted(path.glob("*.geojson")):
            with left_out.without(file.name):
                images.append(_read(file, f"{file.name}, ", size_hw, transform, default, left_out))
        if not images:
            raise FormatError(f"{path} has no GeoJSON file", hint="give a folder with .geojson files")
    else:
        images = [_read(path, "", size_hw, transform, default, left_out)]
    left_out.warn()
    names = [item.class_name for image in images for item in image.objects if item.class_name]
    return DataSet(tuple(images), class_names_of(names))


def checked_affine(numbers: Any) -> Affine:
    """Six numbers that can be turned back; those of rasterio's ``Affine`` are the first six of nine.

    Raises:
        FormatError: they are not, or have no inverse.
    """
    try:
        a, b, c, d, e, f = (float(number) for number in tuple(numbers)[:6])
    except (TypeError, ValueError):
        a = b = c = d = e = f = float("nan")
    if not np.isfinite([a, b, c, d, e, f]).all() or a * e == b * d:
        raise FormatError(
            f"transform is {describe_value(numbers)}",
            hint="give a, b, c, d, e, f of X = a x + b y + c, Y = d x + e y + f",
        )
    return a, b, c, d, e, f


def _write(image: LabelledImage, path: Path, reference: GeoReference | None) -> None:
    if reference is None:
        reference = (None if image.path is None else geo_reference(image.path)) or GeoReference(_PIXELS, None)
    is_moved = reference.affine != _PIXELS
    value: Json = {"type": "FeatureCollection"}
    if reference.epsg is not None:
        system = "OGC:1.3:CRS84" if reference.epsg == _WGS84 else f"EPSG::{reference.epsg}"
        value["crs"] = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:{system}"}}
    value["samwidget"] = {
        "image": image.file_name,
        "size": list(image.size_hw),
        "transform": list(reference.affine) if is_moved else None,
    }
    value["features"] = [
        _feature(item, reference.affine if is_moved else None) for item in image.objects if item.area > 0
    ]
    with atomic_text_writer(path) as file:
        json.dump(value, file, ensure_ascii=False)


def _feature(item: LabelledObject, affine: Affine | None) -> Json:
    properties: Json = {"name": item.name, "class": item.class_name, "score": item.score}
    if item.run_lengths is None:
        x0, y0, x1, y1 = item.box_xyxy
        regions: list[list[npt.NDArray[Any]]] = [[np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])]]
        properties["is_box"] = True
    else:
        regions = [list(region) for region in mask_regions(item.run_lengths)]
    polygons = [[_closed(ring, affine, is_hole=bool(i)) for i, ring in enumerate(region)] for region in regions]
    geometry = (
        {"type": "Polygon", "coordinates": polygons[0]}
        if len(polygons) == 1
        else {"type": "MultiPolygon", "coordinates": polygons}
    )
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def _closed(ring: npt.NDArray[Any], affine: Affine | None, *, is_hole: bool) -> list[list[float]]:
    """A ring as GeoJSON has it: the first corner again at the end; outlines turn left with y upwards, holes right."""
    points = ring if affine is None else _moved(ring.astype(np.float64), affine)
    x, y = points[:, 0], points[:, 1]
    turns_left = np.sum((x - x[0]) * np.roll(y - y[0], -1) - np.roll(x - x[0], -1) * (y - y[0])) > 0
    if turns_left == is_hole:
        points = points[::-1]
    closed: list[list[float]] = np.concatenate([points, points[:1]]).tolist()
    return closed


def _moved(points: Ring, affine: Affine) -> Ring:
    a, b, c, d, e, f = affine
    x, y = points[:, 0], points[:, 1]
    return np.stack([a * x + b * y + c, d * x + e * y + f], 1)


def _moved_back(points: Ring, affine: Affine) -> Ring:
    a, b, c, d, e, f = affine
    x, y = points[:, 0] - c, points[:, 1] - f
    return np.stack([e * x - b * y, a * y - d * x], 1) / (a * e - b * d)


def _read(
    path: Path,
    file_name: str,
    size_hw: KnownSize,
    transform: Transform,
    default: Affine | None,
    left_out: LeftOut,
) -> LabelledImage:
    value = read_json(path)
    own = value.get("samwidget")
    own = own if isinstance(own, dict) else {}
    numbers = own.get("transform", default) if isinstance(transform, str) else transform
    affine = None if numbers is None else checked_affine(numbers)
    name = str(own.get("image") or path.stem)
    if isinstance(own.get("size"), list) and len(own["size"]) == 2:
        image_hw: Size | None = checked_size(*own["size"])
    else:
        image_hw = known_size(size_hw, name)
    if image_hw is None:
        raise FormatError(f"{path.name} does not have the size of its image", hint="give size_hw, or use w.load")
    objects = []
    for index, feature in enumerate(_features(value, path)):
        with left_out.without(f"{file_name}features[{index}]"):
            objects.append(_object(feature, image_hw, affine))
    return LabelledImage(name, image_hw, tuple(objects))


def _features(value: Json, path: Path) -> list[Any]:
    kind = value.get("type")
    if kind == "FeatureCollection":
        return list_of(value, "features", path)
    if kind == "Feature":
        return [value]
    if kind in ("Polygon", "MultiPolygon"):
        return [{"type": "Feature", "geometry": value}]
    raise FormatError(f"{path.name} is not a GeoJSON file of polygons", hint="it needs a FeatureCollection")


def _object(feature: Json, size_hw: Size, affine: Affine | None) -> LabelledObject:
    properties, geometry = feature.get("properties") or {}, feature["geometry"]
    if geometry["type"] not in ("Polygon", "MultiPolygon"):
        raise FormatError(f"a {geometry['type']} has no area", hint="draw its outline as a Polygon")
    polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    rings = [list(_rings(polygon, affine)) for polygon in polygons]
    # QuPath calls the class a classification.
    class_name = properties.get("class") or (properties.get("classification") or {}).get("name") or ""
    name, score = properties.get("name"), score_or_none(properties.get("score"))
    name = name if isinstance(name, str) and name.strip() else None
    if properties.get("is_box") is True:
        corners = rings[0][0]
        box = checked_box((*corners.min(0), *corners.max(0)), size_hw)
        return LabelledObject(box=box, class_name=class_or_none(str(class_name)), name=name, score=score)
    mask = filled(rings, size_hw)
    if mask.area == 0:
        raise FormatError(
            "it has no pixel of the image", hint="give transform, if its coordinates are not image pixels"
        )
    return LabelledObject(mask, class_name=class_or_none(str(class_name)), name=name, score=score)


def _rings(polygon: list[Any], affine: Affine | None) -> Iterator[Ring]:
    for points in polygon:
        ring = checked_ring([position[:2] for position in points])  # a third number is the height
        yield ring if affine is None else _moved_back(ring, affine)
