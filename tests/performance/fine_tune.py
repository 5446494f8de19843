"""What fine-tuning gains on two tasks that ``nano`` does badly at, and what other photos lose.

``python -m tests.performance fine_tune DATA``. DATA has ``SPLIT/DATASET/images`` and ``masks``, as the evaluation reads
them. Photos of the split ``val`` are used, which ``nano`` has never seen:

- *garments*: ``ccp_clothing``, where a click on a garment mostly gives the person;
- *thermal*: cats in the colours of a thermal camera, blurred and with noise;
- *kinds*: the same look with cats, pets, other animals and people, so that ten photos have one or two of each.

Ten photos are learned from. The scores are of other photos: at most three objects each, all of at least 0.4 % of their
photo. *Others* are objects of all other datasets, as they are. Clicks are those of the robot, each mask is the
candidate with the best score.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import numpy.typing as npt

from samwidget.models import load
from samwidget.training import fine_tune
from samwidget.training.fine_tuning.examples import Example
from samwidget.training.fine_tuning.measure import ClickScores, click_scores, measured_photos
from samwidget.training.photo_cache import VOID, PhotoFiles, list_photos, read_photo

Rgb = npt.NDArray[np.uint8]
PHOTOS = 10
STEPS = 160
"""About two minutes of processor time. By steps and not by time, so that other programs change no score."""
SMALLEST_SHARE = 0.004
OBJECTS_OF_PHOTO, TASK_OBJECTS, OTHER_OBJECTS = 3, 45, 60
CLICKS = 3
DATASETS = {
    "garments": ("ccp_clothing",),
    "thermal": ("feral_cats",),
    "kinds": ("animals_roboflow", "coco_person_free", "feral_cats", "oxford_pets600"),
}


def main(folder: Path, *tasks: str) -> str:
    """The table, as Markdown.

    Args:
        folder: DATA.
        *tasks: some of ``DATASETS``; all if not given.
    """
    lines = [
        "| task | photos | objects | 1 click before | after | 3 clicks before | after | clicks to .85 before | after "
        "| CPU minutes | others, 1 click before | after | 3 clicks before | after |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    photos = list_photos(folder / "val")
    others = _others([photo for photo in photos if photo.dataset != "ccp_clothing"])
    before_others = _scores("nano", others)
    for task in tasks or tuple(DATASETS):
        learning, checking = _task(task, photos)
        with TemporaryDirectory() as out:
            start_s = time.process_time()
            result = fine_tune(
                learning,
                Path(out) / task,
                steps=STEPS,
                minutes=240,
                progress=lambda point: print(point, flush=True),
                show=False,
            )
            minutes = (time.process_time() - start_s) / 60
            print(result, flush=True)
            before = _scores("nano", checking)
            model = "nano" if result.folder is None else str(result.folder)
            after, after_others = _scores(model, checking), _scores(model, others)
        scores = [
            *(f"{value:.3f}" for click in (0, CLICKS - 1) for value in (before.ious[click], after.ious[click])),
            f"{before.clicks_needed:.2f}",
            f"{after.clicks_needed:.2f}",
            f"{minutes:.1f}",
            *(f"{scores.ious[click]:.3f}" for click in (0, CLICKS - 1) for scores in (before_others, after_others)),
        ]
        lines.append(f"| {task} | {len(learning)} | {before.objects} | {' | '.join(scores)} |")
        print(lines[-1], flush=True)
    return "\n".join(lines)


def thermal(rgb: Rgb, rng: np.random.Generator) -> Rgb:
    """A photo as a thermal camera might show it: brightness as heat, blurred, with noise."""
    heat = cv2.GaussianBlur(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (0, 0), 1.5).astype(np.float32)
    noisy = np.clip(heat + rng.normal(0, 50, heat.shape), 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(cv2.applyColorMap(noisy, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB), np.uint8)


def _task(task: str, photos: Iterable[PhotoFiles]) -> tuple[list[Example], list[Example]]:
    """All objects of the ten photos to learn from, and about ``TASK_OBJECTS`` of others."""
    rng = np.random.default_rng(0)
    found = [photo for photo in photos if photo.dataset in DATASETS[task]]
    chosen = [found[i] for i in rng.permutation(len(found))]

    def look(rgb: Rgb) -> Rgb:
        return rgb if task == "garments" else thermal(rgb, rng)

    learning = [example for photo in chosen[:PHOTOS] if (example := _example(photo, look, None)) is not None]
    checking: list[Example] = []
    for photo in chosen[PHOTOS:]:
        if sum(len(example.masks) for example in checking) >= TASK_OBJECTS:
            break
        example = _example(photo, look, OBJECTS_OF_PHOTO)
        checking += [] if example is None else [example]
    return learning, checking


def _others(photos: list[PhotoFiles]) -> list[Example]:
    """Photos of all datasets in turn, with about ``OTHER_OBJECTS`` objects."""
    rng = np.random.default_rng(1)
    waiting = {name: [photo for photo in photos if photo.dataset == name] for name in {p.dataset for p in photos}}
    examples: list[Example] = []
    while sum(len(example.masks) for example in examples) < OTHER_OBJECTS and any(waiting.values()):
        for name in sorted(waiting):
            if waiting[name]:
                photo = waiting[name].pop(int(rng.integers(len(waiting[name]))))
                example = _example(photo, lambda rgb: rgb, OBJECTS_OF_PHOTO)
                examples += [] if example is None else [example]
    return examples


def _example(photo: PhotoFiles, look: Callable[[Rgb], Rgb], count: int | None) -> Example | None:
    """A photo and its largest objects; None where all are too small."""
    rgb, ids = read_photo(photo.image, photo.mask)
    masks = [ids == number for number in np.unique(ids) if number not in (0, VOID)]
    large = sorted((mask for mask in masks if mask.mean() >= SMALLEST_SHARE), key=lambda mask: -int(mask.sum()))
    return Example(photo.image.stem, look(rgb), tuple(large[:count]), ids != VOID) if large else None


def _scores(model: str, examples: list[Example]) -> ClickScores:
    segmenter = load(model, device="cpu")
    photos = [photo for e in examples for photo in measured_photos(segmenter, [e], len(e.masks), 2)]
    return click_scores(segmenter, photos, clicks=CLICKS, chains_masks=True, threads=2)
