"""How much *find similar* finds on labelled photos: recall, precision and seconds for one to three examples.

``python -m tests.performance similar DATA``. DATA has folders of photos, ``NAME/images/*.webp``, and their objects,
``NAME/masks/*.png``: 0 is ground, 255 belongs to nothing, and each other number is an object. DATA may also be one such
folder. The examples are objects of about the usual size, drawn by chance and always the same: what the model makes of a
click in their middle, or what is labelled where that is another thing. A kind with few photos has several draws.

A found object is right where its IoU with an object is .5. The three examples count nowhere, whether they are given or
not: one example and three are measured on the same objects. A second mask of an object is wrong. Labels of less than a
fiftieth of the median area are slivers that were left when an outline was drawn: they are no objects, and belong to
nothing.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from samwidget.core import Prompt, RunLengths, iou, make_prompt
from samwidget.models.cores import core_count
from samwidget.predict import SamPredictor

EXAMPLES_MAX = 3
DRAWS_MAX = 4
VOID = 255
_SLIVER_SHARE = 1 / 50
Mask = npt.NDArray[np.bool_]


class Score(NamedTuple):
    """Of one photo.

    Attributes:
        recall: share of the objects that were found.
        precision: share of what was found that is an object.
        cpu_s: seconds of all threads together; the image is encoded before.
        wall_s: seconds that passed.
    """

    recall: float
    precision: float
    cpu_s: float
    wall_s: float


def main(folder: Path, photos_max: int = 20) -> str:
    """The table, as Markdown."""
    predictor = SamPredictor.from_pretrained(threads=min(2, core_count()))
    lines = [
        "| photos | searches | examples | recall | precision | CPU s | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    for path in sorted(path for path in (folder, *folder.iterdir()) if (path / "masks").is_dir()):
        photos = list(labelled_photos(path, photos_max))
        draws = min(DRAWS_MAX, max(1, photos_max // max(1, len(photos))))
        scores = [scores_of(predictor, *photo, draw) for photo in photos for draw in range(draws)]
        for count, rows in enumerate(zip(*scores, strict=True), start=1):
            figures = " | ".join(f"{mean:.2f}" for mean in np.mean(rows, axis=0))
            lines.append(f"| {path.name} | {len(rows)} | {count} | {figures} |")
    return "\n".join(lines)


def scores_of(
    predictor: SamPredictor, image: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8], draw: int = 0
) -> list[Score]:
    """The score with one example, with two and with three; ``draw`` is the number of the draw of examples."""
    objects = [labels == number for number in np.unique(labels) if number not in (0, VOID)]
    predictor.set_image(image)
    chosen, examples = chosen_examples(predictor, objects, draw)
    others = [mask for index, mask in enumerate(objects) if index not in chosen]
    scores = []
    for count in range(1, EXAMPLES_MAX + 1):
        start_cpu_s, start_s = time.process_time(), time.perf_counter()
        found_objects = predictor.find_similar(examples[:count])
        cpu_s, wall_s = time.process_time() - start_cpu_s, time.perf_counter() - start_s
        masks = [item.mask for item in found_objects]
        masks = [mask for mask in masks if np.mean(labels[mask] == VOID) <= 0.5]
        masks = [mask for mask in masks if all(iou(mask, objects[index]) < 0.5 for index in chosen)]
        right = _matches(masks, others)
        scores.append(Score(right / len(others), right / len(masks) if masks else 1.0, cpu_s, wall_s))
    return scores


def labelled_photos(path: Path, count_max: int) -> Iterator[tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]]:
    """Photos with more objects than examples, and their labels; slivers have the label of what belongs to nothing."""
    count = 0
    for name in sorted((path / "masks").glob("*.png")):
        labels = _without_slivers(np.asarray(Image.open(name)))
        if len(np.setdiff1d(labels, [0, VOID])) <= EXAMPLES_MAX or count == count_max:
            continue
        count += 1
        yield np.asarray(Image.open(path / "images" / f"{name.stem}.webp").convert("RGB")), labels


def chosen_examples(predictor: SamPredictor, objects: list[Mask], draw: int) -> tuple[list[int], list[RunLengths]]:
    """The indices of three objects of the image that is set, and their masks as examples."""
    chosen = _usual(objects, draw)
    return chosen, [_example(predictor, objects[index]) for index in chosen]


def _without_slivers(labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    numbers, areas = np.unique(labels[(labels != 0) & (labels != VOID)], return_counts=True)
    slivers = numbers[areas < _SLIVER_SHARE * np.median(areas)] if len(areas) else numbers
    return np.where(np.isin(labels, slivers), VOID, labels).astype(np.uint8)


def _usual(objects: list[Mask], draw: int) -> list[int]:
    """The indices of three objects, of the half whose areas are nearest to the median."""
    areas = np.array([mask.sum() for mask in objects])
    order = np.argsort(np.abs(np.log(areas / np.median(areas)))).tolist()
    usual: list[int] = order[: max(EXAMPLES_MAX, len(order) // 2)]
    random.Random(len(objects) + 1000 * draw).shuffle(usual)
    return usual[:EXAMPLES_MAX]


def _example(predictor: SamPredictor, mask: Mask) -> RunLengths:
    depths = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(depths.argmax(), depths.shape)
    prompt: Prompt = make_prompt((x + 0.5, y + 0.5))
    made = predictor.predict_many([prompt])[0].to_bool()
    best = max(made, key=lambda candidate: iou(candidate, mask))
    return RunLengths.from_mask(best if iou(best, mask) >= 0.7 else mask)


def _matches(masks: list[Mask], objects: list[Mask]) -> int:
    """How many masks are the mask of an object; each object counts once."""
    right, left = 0, list(objects)
    for mask in masks:
        best = max(left, key=lambda item: iou(mask, item), default=None)
        if best is not None and iou(mask, best) >= 0.5:
            right += 1
            left = [item for item in left if item is not best]
    return right
