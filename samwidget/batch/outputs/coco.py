"""One COCO JSON: an image for each file or row, an annotation for each object."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from samwidget.batch.inputs.tasks import Task
from samwidget.batch.outputs.rows import Answer, Problem
from samwidget.files import atomic_text_writer
from samwidget.formats import CATEGORIES, annotation_entry, image_entry


class CocoFile:
    """The best candidate of each prediction, since an object has one annotation; problems in a list ``errors``."""

    def row_of(self, task: Task, answer: Answer) -> dict[str, Any]:
        """An image and its annotations, still without their numbers."""
        best = (max(candidates, key=lambda each: each.score) for candidates in answer.predictions)
        return {
            "image": image_entry(0, _image_name(task), answer.image_hw),
            "annotations": [annotation_entry(0, 0, each.runs(), score=each.score) for each in best],
        }

    def problem_row(self, task: Task, problem: Problem) -> dict[str, Any]:
        """An error."""
        return {"error": {"number": task.number, "file_name": _image_name(task), "message": str(problem)}}

    def write_part(self, path: Path, rows: Sequence[dict[str, Any]], scratch: Path) -> None:
        """A line of JSON for each row."""
        with atomic_text_writer(path, scratch=scratch) as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)

    def merge(self, parts: Sequence[Path], result: Path, scratch: Path) -> None:
        """The lists of the JSON, one after the other: the parts are read once for each of them."""
        images: dict[str, int] = {}
        with atomic_text_writer(result, scratch=scratch) as file:
            file.write('{"info": {"description": "made by samwidget"}, "licenses": [],\n')
            file.write(f'"categories": {json.dumps(CATEGORIES)},\n')
            _write_list(file, "images", _images(parts, images))
            _write_list(file, "annotations", _annotations(parts, images))
            _write_list(file, "errors", (row["error"] for row in _rows(parts) if "error" in row), end="}\n")


def _image_name(task: Task) -> str:
    """The image's path in the input; an image inside a CSV is called after its row."""
    return task.file if task.span is None else f"{task.file}#{task.row}"


def _rows(parts: Sequence[Path]) -> Iterator[dict[str, Any]]:
    for part in parts:
        with part.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def _images(parts: Sequence[Path], numbers: dict[str, int]) -> Iterator[dict[str, Any]]:
    """Each image once, however many rows ask about it; their numbers are left in ``numbers``."""
    for row in _rows(parts):
        image = row.get("image")
        if image is not None and image["file_name"] not in numbers:
            numbers[image["file_name"]] = len(numbers) + 1
            yield {**image, "id": numbers[image["file_name"]]}


def _annotations(parts: Sequence[Path], images: dict[str, int]) -> Iterator[dict[str, Any]]:
    numbers = count(1)
    for row in _rows(parts):
        for annotation in row.get("annotations", ()):
            yield {**annotation, "id": next(numbers), "image_id": images[row["image"]["file_name"]]}


def _write_list(file: Any, name: str, entries: Iterator[dict[str, Any]], end: str = ",\n") -> None:
    file.write(f'"{name}": [')
    for number, entry in enumerate(entries):
        file.write((",\n" if number else "\n") + json.dumps(entry))
    file.write(f"]{end}")
