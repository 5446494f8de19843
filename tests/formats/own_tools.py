"""``python -m tests.formats.own_tools PHOTOS SESSION``: exports a session, and opens each format with its own tool.

Prints a table: how many objects the tool reads, and the smallest IoU of one of its masks with ours. The tests do the
same with small masks; this is for real photos, and for tools that are too large for the tests. In an environment of
their own: ``pip install labelme``, and ``pip install --no-deps ultralytics ultralytics-thop polars polars-runtime-32``.
A tool that is not installed is left out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from samwidget import SamWidget

Mask = npt.NDArray[np.bool_]
Masks = dict[str, list[Mask]]
"""The masks of each image, by the stem of its name, in order."""


def with_pycocotools(path: Path, _expected: Masks) -> Masks:
    from pycocotools.coco import COCO

    coco = COCO(str(path))
    return {
        Path(image["file_name"]).stem: [
            coco.annToMask(entry) == 1 for entry in coco.loadAnns(coco.getAnnIds([image["id"]]))
        ]
        for image in coco.loadImgs(coco.getImgIds())
    }


def with_supervision(path: Path, _expected: Masks) -> Masks:
    import supervision

    data = supervision.DetectionDataset.from_yolo(
        str(path / "images"), str(path / "labels"), str(path / "data.yaml"), force_masks=True
    )
    return {Path(name).stem: list(detections.mask) for name, _, detections in data}


def with_ultralytics(path: Path, _expected: Masks) -> Masks:
    from ultralytics.data.utils import check_det_dataset, polygon2mask, verify_image_label

    count = len(check_det_dataset(str(path / "data.yaml"), autodownload=False)["names"])
    masks: Masks = {}
    for image in sorted((path / "images").iterdir()):
        label = path / "labels" / f"{image.stem}.txt"
        _, _, shape, segments, *_ = verify_image_label((str(image), str(label), "", False, count, 0, 0, False))
        masks[image.stem] = [
            polygon2mask(shape, [(segment * shape[::-1]).ravel()], color=1, downsample_ratio=1) == 1
            for segment in segments
        ]
    return masks


def with_labelme(path: Path, expected: Masks) -> Masks:
    import labelme

    masks: Masks = {}
    for file in sorted(path.glob("*.json")):
        parts: dict[object, Mask] = {}
        shape_hw = expected[file.stem][0].shape
        for number, shape in enumerate(labelme.LabelFile(str(file)).shapes):
            part = labelme.utils.shape_to_mask(shape_hw, shape["points"], shape["shape_type"])
            key = number if shape["group_id"] is None else f"group {shape['group_id']}"
            parts[key] = parts.get(key, np.zeros(shape_hw, bool)) | part
        masks[file.stem] = list(parts.values())
    return masks


def with_supervision_voc(path: Path, expected: Masks) -> Masks:
    import supervision

    data = supervision.DetectionDataset.from_pascal_voc(str(path / "JPEGImages"), str(path / "Annotations"))
    return {Path(name).stem: [_box_of(box, expected, name) for box in boxes.xyxy] for name, _, boxes in data}


def _box_of(box: npt.NDArray[np.float32], expected: Masks, name: str) -> Mask:
    mask = np.zeros(expected[Path(name).stem][0].shape, bool)
    x0, y0, x1, y1 = np.rint(box).astype(int)
    mask[y0:y1, x0:x1] = True
    return mask


def with_geopandas(path: Path, expected: Masks) -> Masks:
    import geopandas
    from rasterio.features import rasterize

    return {
        file.stem: [
            rasterize([geometry], expected[file.stem][0].shape) == 1
            for geometry in geopandas.read_file(file, engine="pyogrio").geometry
        ]
        for file in sorted(path.glob("*.geojson"))
    }


def with_scikit_image(path: Path, expected: Masks) -> Masks:
    import skimage.io

    return _of_label_maps(path, expected, lambda file: skimage.io.imread(file))


def with_tifffile(path: Path, expected: Masks) -> Masks:
    import tifffile

    return _of_label_maps(path, expected, tifffile.imread)


def with_rasterio(path: Path, expected: Masks) -> Masks:
    import rasterio

    def read(file: Path) -> npt.NDArray[np.int64]:
        with rasterio.open(file) as opened:
            return opened.read(1)

    return _of_label_maps(path, expected, read)


def _of_label_maps(path: Path, expected: Masks, read: Callable[[Path], npt.NDArray[np.int64]]) -> Masks:
    files = [file for file in sorted(path.iterdir()) if file.suffix in (".png", ".tif")]
    maps = {file.stem: read(file) for file in files}
    return {stem: [maps[stem] == n for n in range(1, len(expected[stem]) + 1)] for stem in maps}


def boxes(masks: Masks) -> Masks:
    """The boxes around masks, as masks: what Pascal VOC's readers compare."""
    filled: Masks = {}
    for stem, items in masks.items():
        filled[stem] = []
        for mask in items:
            box = np.zeros_like(mask)
            y, x = np.nonzero(mask)
            box[y.min() : y.max() + 1, x.min() : x.max() + 1] = True
            filled[stem].append(box)
    return filled


def apart(masks: Masks) -> Masks:
    """The masks without what lies under later ones, which a label map cannot have."""
    cut: Masks = {}
    for stem, items in masks.items():
        taken = np.zeros_like(items[0])
        cut[stem] = []
        for mask in reversed(items):
            cut[stem].insert(0, mask & ~taken)
            taken |= mask
    return cut


TOOLS: list[tuple[str, str, dict[str, object], Callable[[Path, Masks], Masks]]] = [
    ("pycocotools", "labels.json", {}, with_pycocotools),
    ("pycocotools", "polygons.json", {"polygons": True}, with_pycocotools),
    ("supervision", "yolo", {"format": "yolo"}, with_supervision),
    ("labelme", "labelme", {"format": "labelme"}, with_labelme),
    ("supervision", "voc", {"format": "voc"}, with_supervision_voc),
    ("geopandas", "geojson", {"format": "geojson"}, with_geopandas),
    ("scikit-image", "maps", {"format": "label_map"}, with_scikit_image),
    ("tifffile", "tiffs", {"format": "label_map", "suffix": ".tif"}, with_tifffile),
    ("rasterio", "tiffs", {"format": "label_map", "suffix": ".tif"}, with_rasterio),
    ("ultralytics", "yolo", {"format": "yolo"}, with_ultralytics),
]


def rows(photos: Path, session: Path) -> Iterator[tuple[str, str, str]]:
    """Format, tool and what the tool reads, for each row of the table."""
    import pandas as pd

    with SamWidget(photos, session=session) as widget, TemporaryDirectory() as name:
        expected = {
            Path(image.file_name).stem: [item.run_lengths.to_mask() for item in image.objects if item.run_lengths]
            for image in widget.labelled_images().images
            if image.objects
        }
        total = sum(map(len, expected.values()))
        yield "of the widget", "", f"{total} objects in {len(expected)} images"
        for tool, target, options, read in TOOLS:
            path = widget.export(Path(name) / target, **options)
            try:
                masks = read(path, expected)
            except ImportError as error:
                yield target, tool, f"not installed ({error})"
                continue
            changed = {"voc": boxes, "maps": apart, "tiffs": apart}.get(target)
            wanted = expected if changed is None else changed(expected)
            pairs = [(mask, own) for stem in expected for mask, own in zip(masks[stem], wanted[stem], strict=True)]
            smallest = min((mask & own).sum() / (mask | own).sum() for mask, own in pairs if own.any() or mask.any())
            yield target, tool, f"{len(pairs)} objects, smallest IoU {smallest:.4f}"
        table = pd.read_csv(widget.export(Path(name) / "labels.csv"))
        areas = [int(mask.sum()) for items in expected.values() for mask in items]
        yield (
            "labels.csv",
            "pandas",
            f"{len(table)} rows, areas {'equal' if table['area_px'].tolist() == areas else 'differ'}",
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("session", type=Path)
    arguments = parser.parse_args()
    sys.stdout.write("| file | tool | reads |\n|---|---|---|\n")
    for row in rows(arguments.photos, arguments.session):
        sys.stdout.write(f"| {' | '.join(row)} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
