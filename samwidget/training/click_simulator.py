"""The click robot: what a user would do next, given the object meant and the mask shown.

Works on masks at stride 2; answers in input pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from samwidget.core import EXCLUDE, INCLUDE

Mask = npt.NDArray[np.bool_]
CENTRE_SHARE = 0.5
HOLLOW_SHARE = 0.4


def depth(mask: Mask) -> npt.NDArray[np.float32]:
    """(h, w) distance of each pixel of the mask to the nearest outside; beyond the border of the image is outside."""
    padded = np.pad(mask.astype(np.uint8), 1)
    return np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1], np.float32)


def centre(mask: Mask) -> tuple[int, int, float]:
    """x, y and depth of the pixel farthest from any outside."""
    inward = depth(mask)
    at = int(inward.argmax())
    y, x = divmod(at, mask.shape[1])
    return x, y, float(inward.flat[at])


def click_in(rng: np.random.Generator, mask: Mask) -> tuple[float, float]:
    """x, y at stride 2: half the time the centre, where a robot clicks, else anywhere inside, where people do."""
    inward = depth(mask)
    if rng.random() < CENTRE_SHARE:
        at = int(inward.argmax())
    else:
        inside = np.flatnonzero(inward > min(2.0, 0.5 * float(inward.max())))
        at = int(rng.choice(inside))
    y, x = divmod(at, mask.shape[1])
    return x + rng.uniform(0, 1), y + rng.uniform(0, 1)


def next_click(rng: np.random.Generator, target: Mask, shown: Mask, valid: Mask) -> tuple[float, float, int] | None:
    """x, y at stride 2 and label of a click into the deepest wrong region; None where nothing is left to mend."""
    missing, excess = target & ~shown & valid, shown & ~target & valid
    found = [(centre(wrong)[2], label, wrong) for label, wrong in ((INCLUDE, missing), (EXCLUDE, excess))]
    deepest, label, wrong = max(found, key=lambda item: item[0])
    if deepest < 1:
        return None
    x, y, _ = centre(wrong)
    _, regions = cv2.connectedComponents(wrong.astype(np.uint8), connectivity=4)
    return (*click_in(rng, regions == regions[y, x]), label)


def jittered_box(rng: np.random.Generator, target: Mask) -> tuple[float, float, float, float]:
    """Bounding box at stride 2, each side moved by some 5 % of the box, as hands do."""
    rows, columns = np.flatnonzero(target.any(1)), np.flatnonzero(target.any(0))
    x0, y0, x1, y1 = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    spread = rng.choice([0.0, 0.03, 0.08], p=[0.25, 0.5, 0.25])
    dx0, dx1 = rng.normal(0, spread, 2) * (x1 - x0)
    dy0, dy1 = rng.normal(0, spread, 2) * (y1 - y0)
    left, top = min(x0 + dx0, x1 - 1), min(y0 + dy0, y1 - 1)
    return left, top, max(x1 + dx1, left + 1), max(y1 + dy1, top + 1)


class PromptDraft:
    """The prompts for P objects, growing round by round; turned into tensors by the trainer.

    Args:
        count: P.
        rounds_max: room for clicks.
        size_hw: of the masks, at stride 2.
    """

    def __init__(self, count: int, rounds_max: int, size_hw: tuple[int, int]) -> None:
        self.points_xy = np.zeros((count, rounds_max, 2), np.float32)
        self.labels = np.full((count, rounds_max), -1, np.float32)
        self.boxes = np.zeros((count, 4), np.float32)
        self.has_box = np.zeros(count, np.float32)
        self.mask = np.zeros((count, *size_hw), np.float32)
        self.has_mask = np.zeros(count, np.float32)
        self.used = 0

    def begin(self, rng: np.random.Generator, targets: npt.NDArray[np.bool_]) -> None:
        """First prompts for (P, h, w) objects: half a click, a third a box, the rest both.

        Objects that leave most of their box empty are asked for by a box more often: few are, and those boxes fail.
        """
        for index, target in enumerate(targets):
            draw = rng.random()
            box = jittered_box(rng, target)
            if target.sum() < HOLLOW_SHARE * (box[2] - box[0]) * (box[3] - box[1]):
                draw = draw**0.5
            if draw >= 1 / 2:
                self.boxes[index] = np.array(box) * 2
                self.has_box[index] = 1
            if draw < 1 / 2 or draw >= 5 / 6:
                self.points_xy[index, 0] = np.array(click_in(rng, target)) * 2
                self.labels[index, 0] = INCLUDE
        self.used = 1

    def correct(
        self, rng: np.random.Generator, targets: npt.NDArray[np.bool_], logits: npt.NDArray[np.float32], valid: Mask
    ) -> None:
        """One more click for each of (P, h, w) objects, where the masks shown are wrong; ``valid`` is (P, h, w)."""
        for index, target in enumerate(targets):
            click = next_click(rng, target, logits[index] > 0, valid[index])
            if click is not None:
                self.points_xy[index, self.used] = (click[0] * 2, click[1] * 2)
                self.labels[index, self.used] = click[2]
        self.used += 1

    def show(self, logits: npt.NDArray[np.float32]) -> None:
        """Gives back (P, h, w) masks shown, which the next clicks correct."""
        self.mask = logits.astype(np.float32)
        self.has_mask = np.ones(len(logits), np.float32)
