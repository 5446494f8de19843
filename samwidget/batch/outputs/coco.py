"""CocoOutput: one COCO JSON with an image for each file or row, and an annotation for each object."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any, TextIO

from samwidget.batch.inputs.tasks import Task
from samwidget.batch.outputs.rows import RowError, RowMasks
from samwidget.files import atomic_text_writer
from samwidget.formats import CATEGORIES, annotation_entry, image_entry

Json = dict[str, Any]  # an entry of a COCO file has values of several types


class CocoOutput:
    """Writes the best candidate of each prediction, since an object has one annotation. Errors go to a list ``errors``.

    A part has a line of JSON for each row. See ``Output`` for the methods.

    Args:
        polygons: write masks as polygons. Empty masks, which have none, are then left out.
    """

    def __init__(self, *, polygons: bool = False) -> None:
        self._polygons = polygons

    def encode_masks(self, task: Task, row: RowMasks) -> Json:
        """Returns an image and its annotations; their ids are 0 until ``merge`` numbers them."""
        best = (max(candidates, key=lambda candidate: candidate.score) for candidates in row.predictions)
        annotations = [
            annotation_entry(0, 0, candidate.make_run_lengths(), score=candidate.score, polygons=self._polygons)
            for candidate in best
        ]
        return {
            "image": image_entry(0, _image_name(task), row.image_hw),
            "annotations": [annotation for annotation in annotations if annotation["segmentation"]],
        }

    def encode_error(self, task: Task, error: RowError) -> Json:
        """Returns an entry of the list ``errors``."""
        return {"error": {"number": task.number, "file_name": _image_name(task), "message": str(error)}}

    def write_part(self, path: Path, rows: Sequence[Json], scratch: Path) -> None:
        """Writes a line of JSON for each row."""
        with atomic_text_writer(path, scratch=scratch) as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)

    def merge(self, parts: Sequence[Path], result: Path, scratch: Path) -> None:
        """Writes the lists of the JSON one after the other; reads all parts once for each list."""
        image_ids: dict[str, int] = {}
        with atomic_text_writer(result, scratch=scratch) as file:
            file.write('{"info": {"description": "made by samwidget"}, "licenses": [],\n')
            file.write(f'"categories": {json.dumps(CATEGORIES)},\n')
            _write_list(file, "images", _images(parts, image_ids))
            _write_list(file, "annotations", _annotations(parts, image_ids))
            _write_list(file, "errors", (row["error"] for row in _rows(parts) if "error" in row), end="}\n")


def _image_name(task: Task) -> str:
    """Returns the image's path in the input; an image inside a CSV is named after the file and the row."""
    return task.file if task.span is None else f"{task.file}#{task.row}"


def _rows(parts: Sequence[Path]) -> Iterator[Json]:
    for part in parts:
        with part.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def _images(parts: Sequence[Path], image_ids: dict[str, int]) -> Iterator[Json]:
    """Yields each image once, however many rows it has, and adds its id to ``image_ids``."""
    for row in _rows(parts):
        image = row.get("image")
        if image is not None and image["file_name"] not in image_ids:
            image_ids[image["file_name"]] = len(image_ids) + 1
            yield {**image, "id": image_ids[image["file_name"]]}


def _annotations(parts: Sequence[Path], image_ids: dict[str, int]) -> Iterator[Json]:
    annotation_ids = count(1)
    for row in _rows(parts):
        for annotation in row.get("annotations", ()):
            yield {**annotation, "id": next(annotation_ids), "image_id": image_ids[row["image"]["file_name"]]}


def _write_list(file: TextIO, name: str, entries: Iterable[Json], end: str = ",\n") -> None:
    file.write(f'"{name}": [')
    for number, entry in enumerate(entries):
        file.write((",\n" if number else "\n") + json.dumps(entry))
    file.write(f"]{end}")
