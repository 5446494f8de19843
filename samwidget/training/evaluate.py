"""``python -m samwidget.training.evaluate``: how good a model's masks are on photos with true masks.

Example::

    python -m samwidget.training.evaluate --data photos --split val --model nano --out report

Any model that samwidget can load is evaluated in the same way: a robot clicks into the centre of the deepest wrong
region until the IoU is .90, or ``--clicks`` times, and draws the bounding box once. A second robot clicks as people do,
off the centre. Two simple baselines, GrabCut and the filled box, get the same boxes. The report is ``scores.json`` and
contact sheets.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from samwidget.core import Masks, Prompt, box_of
from samwidget.models import Embedding, Segmenter, load
from samwidget.predict import remove_islands_and_holes
from samwidget.training.click_simulator import off_centre_click, robot_click
from samwidget.training.contact_sheet import SheetItem, draw_contact_sheets
from samwidget.training.data import PART_DATASETS, object_areas
from samwidget.training.photo_cache import VOID, PhotoFiles, list_photos, read_photo
from samwidget.training.scores import THRESHOLDS, Mask, ObjectResult, border_f, format_table, overlap, summarise

CLICKS_MAX = 20
"""Clicks after which the field stops to count."""
OBJECTS_PER_PHOTO = 3
SMALLEST_SHARE = 0.004
"""Smaller objects are not evaluated; a share of the photo's area."""
CANDIDATES_AFTER = {1: "1_click", 3: "3_clicks", 5: "5_clicks"}
"""After so many clicks the three candidates are evaluated too, under this name."""


def choose_objects(photos: Sequence[PhotoFiles], count: int, seed: int, *, largest: bool = False) -> list[ObjectResult]:
    """At most ``count`` objects without scores, ordered by photo. Equal seeds choose the same objects.

    They are spread evenly over the groups (see ``ObjectResult.group``), with at most three of a photo: random ones, or
    the largest.
    """
    rng = np.random.default_rng(seed)
    groups: dict[str, list[int]] = {}
    for index, photo in enumerate(photos):
        sequence = photo.image.stem.rsplit("_", 1)[0]
        groups.setdefault(sequence if photo.dataset.endswith("bench") else photo.dataset, []).append(index)
    waiting = {group: list(rng.permutation(indices)) for group, indices in groups.items()}
    results: list[ObjectResult] = []
    while len(results) < count and any(waiting.values()):
        for group, indices in waiting.items():
            if indices:
                results += _objects_of_photo(rng, group, int(indices.pop()), photos, largest)
    return sorted(results[:count], key=lambda result: result.photo)


def _objects_of_photo(
    rng: np.random.Generator, group: str, index: int, photos: Sequence[PhotoFiles], largest: bool
) -> list[ObjectResult]:
    photo = photos[index]
    _, ids = read_photo(photo.image, photo.mask)
    if photo.dataset in PART_DATASETS:
        ids = np.where((ids > 0) & (ids != VOID), 1, ids).astype(np.uint8)
    areas = object_areas(ids)
    present = np.flatnonzero(areas >= SMALLEST_SHARE * ids.size)
    order = present[np.argsort(-areas[present], kind="stable")] if largest else rng.permutation(present)
    chosen = order[:OBJECTS_PER_PHOTO]
    return [ObjectResult(group, index, ids == i, ids != VOID) for i in chosen]


class Evaluator:
    """Fills in the scores of objects with one model.

    Args:
        segmenter: the model.
        clicks: on each object at most; from the fifth on, an object with an IoU of .90 gets no more.
        chained: whether each click is sent with the mask of the click before.
        off_centre: whether a second robot clicks as people do, see ``off_centre_click``.
        baselines: whether GrabCut and the filled box are scored too; GrabCut takes longer than the model.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        clicks: int,
        *,
        chained: bool = False,
        off_centre: bool = True,
        baselines: bool = True,
    ) -> None:
        self.segmenter, self.clicks, self.chained = segmenter, clicks, chained
        self.off_centre, self.baselines = off_centre, baselines

    def predict(self, embedding: Embedding, prompts: Sequence[Prompt], *, multimask_output: bool) -> list[Masks]:
        """The masks that ``SamPredictor.predict_many`` gives for these prompts."""
        logits, scores = self.segmenter.decode(embedding, prompts, multimask_output=multimask_output)
        masks = []
        for prompt, candidates, row in zip(prompts, logits.cpu().numpy(), scores.cpu().numpy(), strict=True):
            if self.segmenter.cleans_masks:
                candidates = remove_islands_and_holes(candidates, prompt, embedding.frame)
            masks.append(Masks(candidates, row, embedding.frame, prompt))
        return masks

    def evaluate_photo(self, image: npt.NDArray[np.uint8], results: Sequence[ObjectResult]) -> None:
        """Fills in the scores of the objects of one photo, (H, W, 3) uint8 RGB."""
        embedding = self.segmenter.encode(image)
        self._evaluate_boxes(embedding, results)
        self._evaluate_clicks(embedding, results)
        if self.off_centre:
            self._evaluate_off_centre(embedding, results)
        for result in results if self.baselines else ():
            _add_baselines(image, result)

    def _evaluate_boxes(self, embedding: Embedding, results: Sequence[ObjectResult]) -> None:
        prompts = [Prompt(box_xyxy=np.array(box_of(result.truth), np.float32)) for result in results]
        predictions = self.predict(embedding, prompts, multimask_output=False)
        for result, prediction in zip(results, predictions, strict=True):
            mask = prediction.to_bool()[0]
            result.masks["box"] = mask
            result.values |= {
                "box": overlap(mask, result.truth, result.valid),
                "box_border_f": border_f(mask, result.truth),
            }
        self._evaluate_candidates(embedding, results, prompts, "box")

    def _evaluate_clicks(self, embedding: Embedding, results: Sequence[ObjectResult]) -> None:
        prompts = [
            _with_click(Prompt(), robot_click(result.truth, _nothing(result), result.valid)) for result in results
        ]
        for count in range(1, self.clicks + 1):
            if count in CANDIDATES_AFTER:
                best_masks = self._evaluate_candidates(embedding, results, prompts, CANDIDATES_AFTER[count])
                if count == 1:
                    for result, best_mask in zip(results, best_masks, strict=True):
                        result.masks["1 click"] = best_mask
            clicked = [index for index, result in enumerate(results) if _goes_on(result.ious_by_click)]
            if not clicked:
                break
            predictions = self.predict(embedding, [prompts[index] for index in clicked], multimask_output=False)
            for index, prediction in zip(clicked, predictions, strict=True):
                result, mask = results[index], prediction.to_bool()[0]
                result.ious_by_click.append(overlap(mask, result.truth, result.valid))
                if count in CANDIDATES_AFTER:
                    result.values |= {
                        f"{count}_clicks": result.ious_by_click[-1],
                        f"{count}_clicks_border_f": border_f(mask, result.truth),
                    }
                if count == 3:
                    result.masks["3 clicks"] = mask
                prompt = _with_click(prompts[index], robot_click(result.truth, mask, result.valid))
                prompts[index] = self._chain(prompt, prediction)

    def _evaluate_off_centre(self, embedding: Embedding, results: Sequence[ObjectResult]) -> None:
        rngs = [np.random.default_rng((result.photo, index)) for index, result in enumerate(results)]
        prompts, masks = [Prompt() for _ in results], [_nothing(result) for result in results]
        for _ in range(self.clicks):
            clicked = [index for index, result in enumerate(results) if _goes_on(result.off_centre_ious)]
            if not clicked:
                break
            for index in clicked:
                click = off_centre_click(rngs[index], results[index].truth, masks[index], results[index].valid)
                prompts[index] = _with_click(prompts[index], click)
            predictions = self.predict(embedding, [prompts[index] for index in clicked], multimask_output=False)
            for index, prediction in zip(clicked, predictions, strict=True):
                result, masks[index] = results[index], prediction.to_bool()[0]
                result.off_centre_ious.append(overlap(masks[index], result.truth, result.valid))
                prompts[index] = self._chain(prompts[index], prediction)

    def _chain(self, prompt: Prompt, prediction: Masks) -> Prompt:
        """The prompt, with the predicted mask if masks are sent along with further clicks."""
        if not self.chained:
            return prompt
        return Prompt(prompt.points_xy, prompt.labels, prompt.box_xyxy, prediction.logits[0])

    def _evaluate_candidates(
        self, embedding: Embedding, results: Sequence[ObjectResult], prompts: Sequence[Prompt], name: str
    ) -> list[Mask]:
        """Scores three candidates for each object; returns the masks of those with the best score.

        Args:
            embedding: of the photo.
            results: the objects.
            prompts: one for each object.
            name: the beginning of the names of the scores.
        """
        best_masks = []
        predictions = self.predict(embedding, prompts, multimask_output=True)
        for result, prediction in zip(results, predictions, strict=True):
            masks = prediction.to_bool()
            ious = [overlap(mask, result.truth, result.valid) for mask in masks]
            result.score_iou_pairs += [(float(score), iou) for score, iou in zip(prediction.scores, ious, strict=True)]
            result.values |= {f"{name}_chosen_of_3": ious[prediction.best], f"{name}_best_of_3": max(ious)}
            best_masks.append(np.asarray(masks[prediction.best], np.bool_))
        return best_masks


def _goes_on(ious: Sequence[float]) -> bool:
    """Whether an object is clicked again: it got less than five clicks, or its mask is not yet good enough."""
    return len(ious) < max(CANDIDATES_AFTER) or ious[-1] < max(THRESHOLDS)


def _nothing(result: ObjectResult) -> Mask:
    return np.zeros_like(result.truth)


def _with_click(prompt: Prompt, click: tuple[int, int, int] | None) -> Prompt:
    """The prompt with a click in the middle of a pixel; without a further one where no pixel is wrong."""
    return prompt if click is None else prompt.with_point(click[0] + 0.5, click[1] + 0.5, click[2])


def _add_baselines(image: npt.NDArray[np.uint8], result: ObjectResult) -> None:
    """Adds the scores of the filled box and of GrabCut, which gets the box (Rother et al. 2004)."""
    box = box_of(result.truth)
    assert box is not None, "chosen objects have pixels"
    x0, y0, x1, y1 = box
    filled = np.zeros_like(result.truth)
    filled[y0:y1, x0:x1] = True
    result.values["box_filled"] = overlap(filled, result.truth, result.valid)
    if filled.all():
        result.values["grabcut"] = result.values["box_filled"]
        return
    labels = np.zeros(filled.shape, np.uint8)
    models = np.zeros((2, 1, 65))
    cv2.setRNGSeed(0)
    cv2.grabCut(image, labels, (x0, y0, x1 - x0, y1 - y0), models[0], models[1], 5, cv2.GC_INIT_WITH_RECT)
    mask = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    result.values["grabcut"] = overlap(mask, result.truth, result.valid)


def evaluate(
    segmenter: Segmenter,
    split: Path,
    *,
    objects: int = 150,
    seed: int = 0,
    clicks: int = CLICKS_MAX,
    chained: bool = False,
    off_centre: bool = True,
    baselines: bool = True,
    largest: bool = False,
) -> tuple[dict[str, Any], list[tuple[npt.NDArray[np.uint8], ObjectResult]]]:  # Any: see scores.summarise
    """Evaluates a model on the photos of a split folder.

    Args:
        segmenter: the model.
        split: folder with DATASET/images and DATASET/masks.
        objects: number of objects at most.
        seed: chooses the objects.
        clicks: on each object at most; from the fifth on, an object with an IoU of .90 gets no more.
        chained: whether each click is sent with the mask of the click before.
        off_centre: whether a second robot clicks as people do, see ``off_centre_click``.
        baselines: whether GrabCut and the filled box are scored too.
        largest: whether the largest objects of each photo are chosen, and not random ones.

    Returns:
        The report of ``scores.summarise``; and the photo, (H, W, 3) uint8 RGB, and the scores of each object.

    Raises:
        FormatError: the split has no image with a mask.
    """
    photos = list_photos(split)
    results = choose_objects(photos, objects, seed, largest=largest)
    evaluator = Evaluator(segmenter, clicks, chained=chained, off_centre=off_centre, baselines=baselines)
    done = []
    with tqdm(total=len(results), desc=f"{segmenter.name} on {split.name}", unit="object") as bar:
        for photo in sorted({result.photo for result in results}):
            image, _ = read_photo(photos[photo].image, photos[photo].mask)
            results_of_photo = [result for result in results if result.photo == photo]
            evaluator.evaluate_photo(image, results_of_photo)
            done += [(image, result) for result in results_of_photo]
            bar.update(len(results_of_photo))
    return summarise(results, clicks), done


def main(arguments: list[str] | None = None) -> None:
    """Parses the command line, evaluates and writes the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with SPLIT/DATASET/images and masks")
    parser.add_argument("--split", default="val")
    parser.add_argument("--model", default="nano", help="as for samwidget: a name, a folder or a hub id")
    parser.add_argument("--objects", type=int, default=150)
    parser.add_argument("--clicks", type=int, default=CLICKS_MAX)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--chained", action="store_true", help="give the last mask back with the next click")
    parser.add_argument("--largest", action="store_true", help="the largest objects of each photo, not random ones")
    parser.add_argument("--no-off-centre", action="store_true", help="leave out the robot that clicks as people do")
    parser.add_argument("--no-baselines", action="store_true", help="leave out GrabCut and the filled box")
    parser.add_argument("--out", type=Path, default=Path("report"))
    options = parser.parse_args(arguments)
    report, done = evaluate(
        load(options.model),
        options.data / options.split,
        objects=options.objects,
        seed=options.seed,
        clicks=options.clicks,
        chained=options.chained,
        off_centre=not options.no_off_centre,
        baselines=not options.no_baselines,
        largest=options.largest,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "scores.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    draw_contact_sheets([SheetItem(image, result.truth, result.masks) for image, result in done], options.out)
    print(format_table(report))  # noqa: T201


if __name__ == "__main__":
    main()
