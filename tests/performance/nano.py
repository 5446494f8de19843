"""The bundled model: its steps with one thread and with all, and how their time grows with the image."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from samwidget.core.frame import Frame
from samwidget.core.upsample import upsample_mask
from samwidget.images.load import load_rgb
from samwidget.models.loader import load
from samwidget.predict.predictor import SamPredictor
from tests.performance.bench import PHOTO, Bench
from tests.performance.timing import interleaved, number
from tests.performance.vit_b import SIDE, random_points

MEGAPIXELS = (0.25, 1, 4, 12, 50)
# 1e9 operations of a photo and of a click whose window is the whole photo, counted with torch.utils.flop_counter.
GFLOP = {"encode": 5.0, "decode a click": 0.94}


def steps(photo: Path, rounds: int) -> dict[str, np.ndarray]:
    """Returns the milliseconds of each step, alone in this process."""
    segmenter, image, numbers = load(None, device="cpu"), load_rgb(photo), count()
    predictor = SamPredictor(segmenter)
    embedding = segmenter.encode(image)
    predictor.set_image(image)
    image_hw = (image.shape[0], image.shape[1])

    def click() -> object:
        (prompt,) = random_points(1, image_hw, seed=next(numbers))
        return predictor.predict(prompt.points_xy, prompt.labels)

    def everything() -> object:
        image[0, 0] = next(numbers) % 256  # another photo to the cache of embeddings
        return predictor.everything(image)

    def decode(points: int) -> object:
        return segmenter.decode(embedding, random_points(points, image_hw, seed=next(numbers)), multimask_output=True)

    works: dict[str, tuple[Callable[[], object], int]] = {
        "encode": (lambda: segmenter.encode(image), 5 * rounds),
        "decode a click": (lambda: decode(1), 20 * rounds),
        "predict, masks at the photo's size": (click, 20 * rounds),
        "decode 64 points": (lambda: decode(64), rounds),
        "everything, 256 points, with encode": (everything, rounds),
    }
    times = {}
    for name, (work, repeats) in works.items():
        warm_up = 0 if repeats == rounds else 3
        times.update(interleaved({name: work}, repeats, warm_up))
    return times


def blob(frame: Frame) -> np.ndarray:
    """Returns logits of a disc with a wavy rim that covers a third of the content."""
    height, width = frame.content_logits_hw
    y, x = np.mgrid[: frame.logits_hw[0], : frame.logits_hw[1]] + 0.5
    angle = np.arctan2(y - height / 2, x - width / 2)
    radius = np.sqrt(height * width / 3 / np.pi) * (1 + 0.1 * np.sin(7 * angle))
    return np.asarray((radius - np.hypot(y - height / 2, x - width / 2)) / 4, np.float32)


def upsample_by_torch(logits: np.ndarray, frame: Frame) -> np.ndarray:
    """Returns the masks as the official package and transformers make them after the network."""
    padded = F.interpolate(torch.from_numpy(logits)[None], frame.input_hw, mode="bilinear", align_corners=False)
    content = padded[..., : frame.content_hw[0], : frame.content_hw[1]]
    return (F.interpolate(content, frame.image_hw, mode="bilinear", align_corners=False)[0] > 0).numpy()


def steps_by_megapixels(rounds: int) -> dict[float, list[float]]:
    """Returns the median milliseconds of the steps from a decoded photo to three masks at its size."""
    segmenter, rng, medians = load(None, device="cpu"), np.random.default_rng(0), {}
    for megapixels in MEGAPIXELS:
        height = int(np.sqrt(megapixels * 1e6 * 3 / 4))
        image = rng.integers(0, 256, (height, height * 4 // 3, 3), dtype=np.uint8)
        embedding = segmenter.encode(image)
        prompts = random_points(1, (image.shape[0], image.shape[1]))
        frame = Frame.padded((image.shape[0], image.shape[1]), SIDE, SIDE // 4)
        logits = np.stack([blob(frame)] * 3)
        contestants: dict[str, Callable[[], object]] = {
            "encode": lambda image=image: segmenter.encode(image),
            "decode": lambda embedding=embedding, prompts=prompts: segmenter.decode(
                embedding, prompts, multimask_output=True
            ),
            "ours": lambda logits=logits, frame=frame: [upsample_mask(low_res, frame) for low_res in logits],
            "torch": lambda logits=logits, frame=frame: upsample_by_torch(logits, frame),
        }
        medians[megapixels] = [float(np.median(ms)) for ms in interleaved(contestants, rounds).values()]
    return medians


def main(bench: Bench) -> str:
    """Returns the report on nano."""
    times = []
    for is_single in (True, False):
        with bench.process(one_thread=is_single) as process:
            times.append(process.call(steps, PHOTO, bench.rounds(2)))
    lines = [
        "### Steps of `nano`\n",
        f"The photo {PHOTO.name} (600 x 400), alone in a process with one thread and in one with all; median (min), "
        "ms.\n",
        "| | one thread | all threads | times as fast | GFLOP | of peak |\n|---|---|---|---|---|---|",
    ]
    for name, one in times[0].items():
        every = times[1][name]
        gflop = GFLOP.get(name)
        share = "" if gflop is None else f"{gflop / np.median(every) * 1000 / bench.peaks['float32']:.0%}"
        cells = [f"{number(float(np.median(ms)))} ({number(ms.min())})" for ms in (one, every)]
        ratio = np.median(one) / np.median(every)
        lines.append(f"| {name} | {' | '.join(cells)} | {ratio:.2f} | {gflop or ''} | {share} |")
    with bench.process() as process:
        growth = process.call(steps_by_megapixels, bench.rounds(5))
    lines += [
        "\n### `nano` and the size of the image\n",
        "An image of noise, the slowest case for the decoder; the steps in turn in one process; median ms.\n",
        "| megapixels | encode with resizing | decode a click | three masks to the image's size | the same by torch |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| {size} | {' | '.join(f'{ms:.0f}' for ms in medians)} |" for size, medians in growth.items()]
    return "\n".join(lines) + "\n"
