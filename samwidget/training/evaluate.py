"""``python -m samwidget.training.evaluate``: how good a network is on photos with masks, beside two simple baselines.

Example::

    python -m samwidget.training.evaluate --data photos --split val --model nano --out report

Any network that samwidget can load is asked in the same way: a robot clicks into the middle of the largest wrong
region, up to ``--clicks`` times, and gives the bounding box once. The report is ``scores.json`` and picture sheets.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from samwidget.core import EXCLUDE, INCLUDE, Masks, Prompt, box_of
from samwidget.models import Embedding, Segmenter, load
from samwidget.predict import remove_islands_and_holes
from samwidget.training.click_simulator import centre
from samwidget.training.contact_sheet import draw_sheets
from samwidget.training.data import PARTS, object_areas
from samwidget.training.photo_cache import VOID, list_photos, read_photo
from samwidget.training.scores import border_f, calibration, clicks_needed, overlap

Mask = npt.NDArray[np.bool_]
OBJECTS_PER_PHOTO = 3
SMALLEST_SHARE = 0.004
THRESHOLDS = (0.80, 0.85, 0.90)
CANDIDATES_AFTER = {1: "1_click", 3: "3_clicks", 5: "5_clicks"}


@dataclass
class Case:
    """One object of one photo, and what the network made of it.

    Attributes:
        group: what averages are taken over as well: the video sequence of a bench, else the dataset.
        photo: index into the list of photos.
        truth, valid: (H, W) bool at the photo's size.
        shown: masks by kind of prompt, for the picture sheet.
        values: numbers by name.
        clicks: IoU after each click.
        judged: (score, IoU) of every candidate after one, three and five clicks and for the box.
    """

    group: str
    photo: int
    truth: Mask
    valid: Mask
    shown: dict[str, Mask] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    clicks: list[float] = field(default_factory=list)
    judged: list[tuple[float, float]] = field(default_factory=list)


def choose_cases(photos: Sequence[tuple[str, Path, Path]], count: int, seed: int) -> list[Case]:
    """At most ``count`` objects, spread evenly over the groups, three of a photo at most; the same for a seed."""
    rng = np.random.default_rng(seed)
    groups: dict[str, list[int]] = {}
    for index, (dataset, image, _) in enumerate(photos):
        groups.setdefault(image.stem.rsplit("_", 1)[0] if dataset.endswith("bench") else dataset, []).append(index)
    waiting = {group: list(rng.permutation(members)) for group, members in groups.items()}
    cases: list[Case] = []
    while len(cases) < count and any(waiting.values()):
        for group, members in waiting.items():
            if members:
                cases += _cases_of(rng, group, int(members.pop()), photos)
    return sorted(cases[:count], key=lambda case: case.photo)


def _cases_of(rng: np.random.Generator, group: str, index: int, photos: Sequence[tuple[str, Path, Path]]) -> list[Case]:
    dataset, image, mask = photos[index]
    _, ids = read_photo(image, mask)
    if dataset in PARTS:
        ids = np.where((ids > 0) & (ids != VOID), 1, ids).astype(np.uint8)
    present = np.flatnonzero(object_areas(ids) >= SMALLEST_SHARE * ids.size)
    chosen = rng.permutation(present)[:OBJECTS_PER_PHOTO]
    return [Case(group, index, ids == i, ids != VOID) for i in chosen]


class Examiner:
    """Asks one network about cases.

    Args:
        segmenter: the network.
        clicks: how many the robot gives.
        chained: whether the mask of the last answer goes into the next question.
        baselines: whether GrabCut and the filled box are scored too; GrabCut takes longer than the network.
    """

    def __init__(self, segmenter: Segmenter, clicks: int, *, chained: bool = False, baselines: bool = True) -> None:
        self.segmenter, self.clicks, self.chained, self.baselines = segmenter, clicks, chained, baselines

    def ask(self, embedding: Embedding, prompts: Sequence[Prompt], *, multimask_output: bool) -> list[Masks]:
        """The answers as ``SamPredictor`` would give them."""
        logits, scores = self.segmenter.decode(embedding, prompts, multimask_output=multimask_output)
        answers = []
        for prompt, some, score in zip(prompts, logits.cpu().numpy(), scores.cpu().numpy(), strict=True):
            tidy = remove_islands_and_holes(some, prompt, embedding.frame) if self.segmenter.cleans_masks else some
            answers.append(Masks(tidy, score, embedding.frame, prompt))
        return answers

    def examine(self, image: npt.NDArray[np.uint8], cases: Sequence[Case]) -> None:
        """Fills in the cases of one photo."""
        embedding = self.segmenter.encode(image)
        self._give_boxes(embedding, cases)
        self._give_clicks(embedding, cases)
        for case in cases if self.baselines else ():
            _add_baselines(image, case)

    def _give_boxes(self, embedding: Embedding, cases: Sequence[Case]) -> None:
        prompts = [Prompt(box_xyxy=np.array(box_of(case.truth), np.float32)) for case in cases]
        singles = self.ask(embedding, prompts, multimask_output=False)
        for case, single in zip(cases, singles, strict=True):
            mask = single.to_bool()[0]
            case.shown["box"] = mask
            case.values |= {"box": overlap(mask, case.truth, case.valid), "box_border_f": border_f(mask, case.truth)}
        self._judge(embedding, cases, prompts, "box")

    def _give_clicks(self, embedding: Embedding, cases: Sequence[Case]) -> None:
        prompts = [_with_click(Prompt(), case.truth, INCLUDE) for case in cases]
        for count in range(1, self.clicks + 1):
            if count in CANDIDATES_AFTER:
                firsts = self._judge(embedding, cases, prompts, CANDIDATES_AFTER[count])
                if count == 1:
                    for case, first in zip(cases, firsts, strict=True):
                        case.shown["1 click"] = first
            answers = self.ask(embedding, prompts, multimask_output=False)
            for index, (case, answer) in enumerate(zip(cases, answers, strict=True)):
                mask = answer.to_bool()[0]
                case.clicks.append(overlap(mask, case.truth, case.valid))
                if count in CANDIDATES_AFTER:
                    case.values |= {
                        f"{count}_clicks": case.clicks[-1],
                        f"{count}_clicks_border_f": border_f(mask, case.truth),
                    }
                if count == 3:
                    case.shown["3 clicks"] = mask
                prompts[index] = self._next(prompts[index], case, mask, answer)

    def _next(self, prompt: Prompt, case: Case, mask: Mask, answer: Masks) -> Prompt:
        missing, excess = case.truth & ~mask & case.valid, mask & ~case.truth & case.valid
        deeper = centre(missing)[2] >= centre(excess)[2]
        wrong, label = (missing, INCLUDE) if deeper else (excess, EXCLUDE)
        if wrong.any():
            prompt = _with_click(prompt, wrong, label)
        if self.chained:
            prompt = Prompt(prompt.points_xy, prompt.labels, prompt.box_xyxy, answer.logits[0])
        return prompt

    def _judge(self, embedding: Embedding, cases: Sequence[Case], prompts: Sequence[Prompt], what: str) -> list[Mask]:
        """Notes how well the scores rank three candidates; returns, of each case, the one a user would be shown."""
        firsts = []
        for case, triple in zip(cases, self.ask(embedding, prompts, multimask_output=True), strict=True):
            masks = triple.to_bool()
            ious = [overlap(mask, case.truth, case.valid) for mask in masks]
            case.judged += [(float(score), iou) for score, iou in zip(triple.scores, ious, strict=True)]
            case.values |= {f"{what}_chosen_of_3": ious[triple.best], f"{what}_best_of_3": max(ious)}
            firsts.append(np.asarray(masks[triple.best], np.bool_))
        return firsts


def _with_click(prompt: Prompt, region: Mask, label: int) -> Prompt:
    x, y, _ = centre(region)
    return prompt.with_point(x + 0.5, y + 0.5, label)


def _add_baselines(image: npt.NDArray[np.uint8], case: Case) -> None:
    box = box_of(case.truth)
    assert box is not None, "chosen objects have pixels"
    x0, y0, x1, y1 = box
    filled = np.zeros_like(case.truth)
    filled[y0:y1, x0:x1] = True
    case.values["box_filled"] = overlap(filled, case.truth, case.valid)
    if filled.all():
        case.values["grabcut"] = case.values["box_filled"]
        return
    labels = np.zeros(filled.shape, np.uint8)
    models = np.zeros((2, 1, 65))
    cv2.setRNGSeed(0)
    cv2.grabCut(image, labels, (x0, y0, x1 - x0, y1 - y0), models[0], models[1], 5, cv2.GC_INIT_WITH_RECT)
    cut = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    case.values["grabcut"] = overlap(cut, case.truth, case.valid)


def summarise(cases: Sequence[Case]) -> dict[str, Any]:
    """The report: means over objects and over groups, share above .85, clicks needed, calibration."""
    names = list(cases[0].values)
    groups = sorted({case.group for case in cases})
    by_group = {
        group: {name: _mean([c.values[name] for c in cases if c.group == group]) for name in names} for group in groups
    }
    judged = [pair for case in cases for pair in case.judged]
    return {
        "objects": len(cases),
        "mean": {name: _mean([case.values[name] for case in cases]) for name in names},
        "mean_over_groups": {name: _mean([by_group[group][name] for group in groups]) for name in names},
        "share_above_85": {
            name: _mean([float(case.values[name] >= 0.85) for case in cases]) for name in names if "border" not in name
        },
        "clicks_needed": {
            f"{threshold:.2f}": _mean([clicks_needed(case.clicks, threshold) for case in cases])
            for threshold in THRESHOLDS
        },
        "lost_by_ranking": _lost_by_ranking(by_group),
        "iou_by_click": [_mean([case.clicks[i] for case in cases]) for i in range(len(cases[0].clicks))],
        "score_calibration": calibration([score for score, _ in judged], [iou for _, iou in judged]),
        "by_group": by_group,
    }


def _lost_by_ranking(by_group: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """IoU by which the first candidate is below the best of three, by kind of prompt: mean over groups, and of all."""
    asked = [name.removesuffix("_best_of_3") for name in next(iter(by_group.values())) if name.endswith("_best_of_3")]
    lost = {
        name: _mean([group[f"{name}_best_of_3"] - group[f"{name}_chosen_of_3"] for group in by_group.values()])
        for name in asked
    }
    return {**lost, "mean": _mean(list(lost.values()))}


def evaluate(
    segmenter: Segmenter,
    split: Path,
    *,
    objects: int = 150,
    seed: int = 0,
    clicks: int = 10,
    chained: bool = False,
    baselines: bool = True,
) -> tuple[dict[str, Any], list[tuple[npt.NDArray[np.uint8], Case]]]:
    """The report of ``summarise``, and the photos with their cases, for a network on a split folder."""
    photos = list_photos(split)
    cases = choose_cases(photos, objects, seed)
    examiner = Examiner(segmenter, clicks, chained=chained, baselines=baselines)
    done = []
    with tqdm(total=len(cases), desc=f"{segmenter.name} on {split.name}", unit="object") as bar:
        for photo in sorted({case.photo for case in cases}):
            image, _ = read_photo(*photos[photo][1:])
            here = [case for case in cases if case.photo == photo]
            examiner.examine(image, here)
            done += [(image, case) for case in here]
            bar.update(len(here))
    return summarise(cases), done


def table(report: Mapping[str, Any]) -> str:
    """The report's main numbers, one a line."""
    rows = [f"{report['objects']} objects: mean over objects, mean over groups, share above .85"]
    for name, value in report["mean"].items():
        above = report["share_above_85"].get(name)
        tail = "" if above is None else f"  {above:.3f}"
        rows.append(f"  {name:24s} {value:.3f}  {report['mean_over_groups'][name]:.3f}{tail}")
    rows.append(f"  clicks needed: {report['clicks_needed']}")
    scores = report["score_calibration"]
    rows.append(f"  lost by ranking: {report['lost_by_ranking']}")
    rows.append(f"  scores: mean error {scores['mean_error']}, rank correlation {scores['rank_correlation']}")
    return "\n".join(rows)


def main(arguments: list[str] | None = None) -> None:
    """Parses the command line, evaluates and writes the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with SPLIT/DATASET/images and masks")
    parser.add_argument("--split", default="val")
    parser.add_argument("--model", default="nano", help="as for samwidget: a name, a folder or a hub id")
    parser.add_argument("--objects", type=int, default=150)
    parser.add_argument("--clicks", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--chained", action="store_true", help="give the last mask back with the next click")
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
        baselines=not options.no_baselines,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "scores.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    draw_sheets([(image, case.truth, case.shown) for image, case in done], options.out)
    print(table(report))  # noqa: T201


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 4)


if __name__ == "__main__":
    main()
