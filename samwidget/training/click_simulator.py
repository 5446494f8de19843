"""Simulates a user: where they click or draw a box next, given the object they mean and the mask on the screen.

Training works on masks at stride 2, half the size of the network's input. Called by ``trainer`` for training prompts,
and by ``evaluate`` for the two robots that models are measured with.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from samwidget.core import EXCLUDE, INCLUDE

Mask = npt.NDArray[np.bool_]
CENTRE_SHARE = 0.5
"""Share of clicks at the centre of a region; the others are anywhere inside."""
HOLLOW_SHARE = 0.4
"""An object is hollow if it covers less than this share of its box."""


def depth(mask: Mask) -> npt.NDArray[np.float32]:
    """(h, w) float32 distance of each pixel of the mask to the nearest pixel outside; beyond the image is outside."""
    padded = np.pad(mask.astype(np.uint8), 1)
    return np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1], np.float32)


def centre(mask: Mask) -> tuple[int, int, float]:
    """x, y and depth of the deepest pixel of the mask, which is the farthest from any pixel outside."""
    depths = depth(mask)
    index = int(depths.argmax())
    y, x = divmod(index, mask.shape[1])
    return x, y, float(depths.flat[index])


def click_in(rng: np.random.Generator, mask: Mask) -> tuple[float, float]:
    """x, y at stride 2 of a click inside the mask: half the time near its centre, else anywhere but its outline."""
    depths = depth(mask)
    if rng.random() < CENTRE_SHARE:
        index = int(depths.argmax())
    else:
        inside = np.flatnonzero(depths > min(2.0, 0.5 * float(depths.max())))
        index = int(rng.choice(inside))
    y, x = divmod(index, mask.shape[1])
    return x + rng.uniform(0, 1), y + rng.uniform(0, 1)


def next_click(rng: np.random.Generator, target: Mask, predicted: Mask, valid: Mask) -> tuple[float, float, int] | None:
    """x, y at stride 2 and label of a click into the deepest wrong region; None if no wrong region is a pixel deep.

    Args:
        rng: draws the position inside the region.
        target: (h, w) bool, the object.
        predicted: (h, w) bool, the mask that is to be corrected.
        valid: (h, w) bool, False where nobody knows whether the object is there.
    """
    region, label, deepest = _deepest_region(target, predicted, valid)
    return (*click_in(rng, region), label) if deepest >= 1 else None


def off_centre_click(
    rng: np.random.Generator, target: Mask, predicted: Mask, valid: Mask
) -> tuple[int, int, int] | None:
    """x, y and label of a click as a person makes it, in the deepest wrong region; None where no pixel is wrong.

    People click near the middle of an error, but seldom in its deepest pixel (Antonov et al. 2024, "RClicks", who
    recorded 475,000 clicks). The rule is ours: the chance of each pixel of the region is proportional to its depth, so
    a pixel at the outline is clicked hardly ever.

    Args:
        rng: draws the pixel.
        target: (h, w) bool, the object.
        predicted: (h, w) bool, the mask that is to be corrected.
        valid: (h, w) bool, False where nobody knows whether the object is there.
    """
    region, label, deepest = _deepest_region(target, predicted, valid)
    if not deepest:
        return None
    chances = depth(region).ravel().astype(np.float64)
    y, x = divmod(int(rng.choice(chances.size, p=chances / chances.sum())), region.shape[1])
    return x, y, label


def _deepest_region(target: Mask, predicted: Mask, valid: Mask) -> tuple[Mask, int, float]:
    """The connected wrong region with the deepest pixel, the label of a click that corrects it, and that depth."""
    missing, excess = target & ~predicted & valid, predicted & ~target & valid
    errors = [(*centre(wrong), label, wrong) for label, wrong in ((INCLUDE, missing), (EXCLUDE, excess))]
    x, y, deepest, label, wrong = max(errors, key=lambda error: error[2])
    _, regions = cv2.connectedComponents(wrong.astype(np.uint8), connectivity=4)
    return np.asarray(wrong & (regions == regions[y, x]), np.bool_), label, deepest


def robot_click(target: Mask, predicted: Mask, valid: Mask | None = None) -> tuple[int, int, int] | None:
    """x, y and label of the click with which interactive segmentation is measured; None where no pixel is wrong.

    It is the pixel farthest inside the deepest wrong region. Nothing is drawn by chance.

    Args:
        target: (h, w) bool, the object.
        predicted: (h, w) bool, the mask that is to be corrected.
        valid: (h, w) bool, False where nobody knows whether the object is there; None where that is known everywhere.
    """
    known = True if valid is None else valid
    missing, excess = target & ~predicted & known, predicted & ~target & known
    (x, y, depth_missing), (x_excess, y_excess, depth_excess) = centre(missing), centre(excess)
    if max(depth_missing, depth_excess) == 0:
        return None
    return (x, y, INCLUDE) if depth_missing >= depth_excess else (x_excess, y_excess, EXCLUDE)


def jittered_box(rng: np.random.Generator, target: Mask) -> tuple[float, float, float, float]:
    """x0, y0, x1, y1 at stride 2 around the object, each side moved by some 5 % of the box, as a user draws it."""
    rows, columns = np.flatnonzero(target.any(1)), np.flatnonzero(target.any(0))
    x0, y0, x1, y1 = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    spread = rng.choice([0.0, 0.03, 0.08], p=[0.25, 0.5, 0.25])
    dx0, dx1 = rng.normal(0, spread, 2) * (x1 - x0)
    dy0, dy1 = rng.normal(0, spread, 2) * (y1 - y0)
    left, top = min(x0 + dx0, x1 - 1), min(y0 + dy0, y1 - 1)
    return left, top, max(x1 + dx1, left + 1), max(y1 + dy1, top + 1)


class SimulatedPrompts:
    """The prompts for P objects, which get one click more in each round. The trainer turns them into tensors.

    Args:
        count: P.
        rounds_max: number of rounds; each has at most one click.
        size_hw: of the masks, at stride 2.

    Attributes:
        points_xy: (P, rounds_max, 2) float32, in pixels of the network's input.
        labels: (P, rounds_max) float32: 1 include, 0 exclude, -1 no click.
        boxes: (P, 4) float32 x0, y0, x1, y1 in pixels of the network's input; zeros where there is no box.
        has_box: (P,) float32, 0 or 1.
        mask: (P, h, w) float32 logits of the previous masks.
        has_mask: (P,) float32, 0 or 1.
        rounds: how many rounds of clicks there are so far.
    """

    def __init__(self, count: int, rounds_max: int, size_hw: tuple[int, int]) -> None:
        self.points_xy = np.zeros((count, rounds_max, 2), np.float32)
        self.labels = np.full((count, rounds_max), -1, np.float32)
        self.boxes = np.zeros((count, 4), np.float32)
        self.has_box = np.zeros(count, np.float32)
        self.mask = np.zeros((count, *size_hw), np.float32)
        self.has_mask = np.zeros(count, np.float32)
        self.rounds = 0

    def add_first(self, rng: np.random.Generator, targets: npt.NDArray[np.bool_]) -> None:
        """Adds the first prompts for (P, h, w) objects: half get a click, a third a box, and the rest both.

        Hollow objects get a box more often: they are rare, and a box around one is hard to segment.
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
        self.rounds = 1

    def add_corrections(
        self,
        rng: np.random.Generator,
        targets: npt.NDArray[np.bool_],
        logits: npt.NDArray[np.float32],
        valid: npt.NDArray[np.bool_],
    ) -> None:
        """Adds a click for each object whose mask is wrong. All arrays are (P, h, w); see ``next_click``."""
        for index, target in enumerate(targets):
            click = next_click(rng, target, logits[index] > 0, valid[index])
            if click is not None:
                self.points_xy[index, self.rounds] = (click[0] * 2, click[1] * 2)
                self.labels[index, self.rounds] = click[2]
        self.rounds += 1

    def set_previous_masks(self, logits: npt.NDArray[np.float32]) -> None:
        """Sets the (P, h, w) logits of the masks on the screen, which belong to the next prompts."""
        self.mask = logits.astype(np.float32)
        self.has_mask = np.ones(len(logits), np.float32)
