"""Crops with objects to segment: which photo, which part of it, which objects.

Every crop comes from a generator seeded with (seed, step, process), so a resumed run sees what an unbroken one would.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from samwidget.models.nano import normalise_pixels
from samwidget.training.augment import add_ground, add_lines, change_light, paste, random_shape, random_view
from samwidget.training.photo_cache import VOID, PhotoStore

# How often a dataset is drawn. Cats, pets, farm animals and people are four fifths of the photos; the few with many
# kinds of object teach most.
WEIGHTS = {
    "coco_free": 0.14,
    "ccp_clothing": 0.15,
    "animals_roboflow": 0.18,
    "oxford_pets600": 0.12,
    "coco_person_free": 0.14,
    "feral_cats": 0.09,
    "buildings_aerial": 0.04,
    "dsb2018_nuclei": 0.035,
    "plants_ampgcv": 0.025,
    "fruits48": 0.03,
    "strawberry_parts": 0.03,
    "mushrooms": 0.015,
    "nanocrystals_sem": 0.015,
}
DEFAULT_WEIGHT = 0.05
PARTS = {"ccp_clothing"}
"""Ids are parts; all of them together are the object."""
ANY_WAY_UP = {"buildings_aerial", "dsb2018_nuclei", "nanocrystals_sem", "plants_ampgcv"}
FULLY_LABELLED = {"coco_free", "oxford_pets600", "dsb2018_nuclei", "plants_ampgcv", "buildings_aerial", "feral_cats"}
"""What has no id there is background, and may be asked for as a region."""
PASTE_SHARE, SHAPE_SHARE, REGION_SHARE = 0.4, 0.25, 0.08
TOUCH_SHARE, JOIN_SHARE = 0.4, 0.3
"""Things that touch are often meant as one: a rider and the horse, a child and the kite."""
LINE_SHARE = 0.15
GROUND_SHARE = 0.25
"""Crops with a painted ground: half of them with a piece of another photo, half with noise."""
GROUND_ID, PASTED_ID = 249, 250


@dataclass(frozen=True)
class Batch:
    """Crops of one size, and objects to find in them.

    Attributes:
        pixels: (B, 3, H, W) float32, normalised, channels last.
        targets: (B, O, H/2, W/2) float32, the share of each pixel that the object covers.
        valid: (B, O, H/2, W/2) float32, 0 where the truth is not known.
        is_unlikely: (B, O) bool, whether one click in it rather means something else: clothes, of which the wearer is
            the whole, or two things that are taken as one.
    """

    pixels: Tensor
    targets: Tensor
    valid: Tensor
    is_unlikely: Tensor


class CropMaker:
    """Draws batches from a store of photos.

    Args:
        store: the photos.
        objects: how many objects each crop asks for; one that shows fewer asks for them more than once.
    """

    def __init__(self, store: PhotoStore, objects: int) -> None:
        self.store, self.objects = store, objects
        self._names = list(store.of_dataset)
        weights = np.array([WEIGHTS.get(name, DEFAULT_WEIGHT) for name in self._names])
        self._weights = weights / weights.sum()

    def batch(self, rng: np.random.Generator, count: int, size_hw: tuple[int, int]) -> Batch:
        """``count`` crops of ``size_hw``, whose sides are multiples of 32."""
        crops = [self.crop(rng, size_hw) for _ in range(count)]
        pixels = torch.stack([normalise_pixels(torch.from_numpy(crop[0])) for crop in crops])
        targets, valid, is_unlikely = (torch.from_numpy(np.stack(part)) for part in list(zip(*crops, strict=True))[1:])
        return Batch(pixels.contiguous(memory_format=torch.channels_last), targets, valid, is_unlikely)

    def crop(
        self, rng: np.random.Generator, size_hw: tuple[int, int]
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """(H, W, 3) uint8 RGB, (O, H/2, W/2) targets and as many valid shares, float32; (O,) which are unlikely."""
        while True:
            name, rgb, ids = self._view(rng, size_hw)
            if rng.random() < GROUND_SHARE:
                add_ground(rng, rgb, ids, GROUND_ID, self._piece(rng, ids.shape) if rng.random() < 0.5 else None)
            if rng.random() < PASTE_SHARE:
                self._paste(rng, rgb, ids)
            if rng.random() < LINE_SHARE:
                add_lines(rng, rgb, ids, GROUND_ID)
            chosen = self._choose(rng, name, rgb, ids)
            if chosen:
                break
        order = rng.permutation(len(chosen))
        asked = [chosen[order[slot % len(order)]] for slot in range(self.objects)]
        valid = _half((ids != VOID).astype(np.float32))
        targets = np.stack([_half(mask.astype(np.float32)) for mask, _ in asked])
        is_unlikely = np.array([is_unlikely for _, is_unlikely in asked])
        return change_light(rng, rgb), targets, np.broadcast_to(valid, targets.shape), is_unlikely

    def _view(
        self, rng: np.random.Generator, size_hw: tuple[int, int]
    ) -> tuple[str, npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Dataset, RGB and ids of a random view of a random photo."""
        name = self._names[rng.choice(len(self._names), p=self._weights)]
        while True:
            rgb, ids = self.store[int(rng.choice(self.store.of_dataset[name]))]
            share = np.sqrt(object_areas(ids))
            if share.any():
                break
        focus = int(rng.choice(256, p=share / share.sum()))
        return name, *random_view(rng, rgb, ids, focus, size_hw, any_way_up=name in ANY_WAY_UP)

    def _paste(self, rng: np.random.Generator, rgb: npt.NDArray[np.uint8], ids: npt.NDArray[np.uint8]) -> None:
        for index in range(int(rng.integers(1, 4))):
            name, donor, donor_ids = self._view(rng, ids.shape)
            if rng.random() < SHAPE_SHARE:
                shape = random_shape(rng, ids.shape)
            elif name in PARTS:
                shape = (donor_ids > 0) & (donor_ids != VOID)
            else:
                present = np.flatnonzero(object_areas(donor_ids))
                shape = donor_ids == rng.choice(present) if len(present) else random_shape(rng, ids.shape)
            at_xy = a_border(rng, ids) if rng.random() < TOUCH_SHARE else None
            paste(rng, rgb, ids, donor, shape, PASTED_ID + index, at_xy)

    def _piece(self, rng: np.random.Generator, size_hw: tuple[int, int]) -> npt.NDArray[np.uint8] | None:
        """A rectangle without objects of some photo, (h, w, 3), at least a quarter of the size high and wide."""
        _, donor, ids = self._view(rng, size_hw)
        for _ in range(10):
            height, width = (int(rng.uniform(0.25, 0.5) * side) for side in size_hw)
            y, x = int(rng.integers(size_hw[0] - height)), int(rng.integers(size_hw[1] - width))
            if not ids[y : y + height, x : x + width].any():
                return donor[y : y + height, x : x + width]
        return None

    def _choose(
        self, rng: np.random.Generator, name: str, rgb: npt.NDArray[np.uint8], ids: npt.NDArray[np.uint8]
    ) -> list[tuple[npt.NDArray[np.bool_], bool]]:
        """Up to ``objects`` bool masks worth asking for, and whether one click in each rather means something else.

        None where the crop shows nothing of a fair size.
        """
        area = ids.size
        areas = object_areas(ids)
        present = np.flatnonzero((areas >= max(48, 0.0008 * area)) & (areas <= 0.9 * area))
        masks: list[tuple[npt.NDArray[np.bool_], bool]] = []
        if name in PARTS and rng.random() < 0.75:
            whole = (ids > 0) & (ids < GROUND_ID)
            if 0.002 * area < whole.sum() < 0.9 * area:
                masks += [(whole, False), (whole, False)]
        if len(present):
            share = areas[present] ** 0.4
            count = min(len(present), self.objects - len(masks))
            drawn = rng.choice(present, count, replace=False, p=share / share.sum())
            masks += [(ids == i, name in PARTS and i < GROUND_ID) for i in drawn]
        if not masks:
            return []
        things = present[present != GROUND_ID]
        if len(things) > 1 and rng.random() < JOIN_SHARE:
            pair = neighbours(rng, ids, things)
            if pair is not None:
                masks = [*masks[: self.objects - 1], (pair, True)]
        if rng.random() < REGION_SHARE * self.objects:
            region = background_region(rng, rgb, ids, may_be_all=name in FULLY_LABELLED)
            if region is not None:
                masks = [*masks[: self.objects - 1], (region, False)]
        return masks


def object_areas(ids: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """(256,) pixels of each object id; none for background and void."""
    areas = np.bincount(ids.ravel(), minlength=256)
    areas[[0, VOID]] = 0
    return areas


def a_border(rng: np.random.Generator, ids: npt.NDArray[np.uint8]) -> tuple[int, int] | None:
    """x, y of a random pixel on the border of some object; None where there is none."""
    objects = ((ids > 0) & (ids != VOID)).astype(np.uint8)
    border = np.flatnonzero(objects & (cv2.erode(objects, np.ones((3, 3), np.uint8)) == 0))
    if not len(border):
        return None
    y, x = divmod(int(rng.choice(border)), ids.shape[1])
    return x, y


def neighbours(
    rng: np.random.Generator, ids: npt.NDArray[np.uint8], present: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_] | None:
    """One of the objects ``present`` with all that touch it; None where none does or they would fill the crop."""
    one = ids == rng.choice(present)
    near = cv2.dilate(one.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    touching = np.intersect1d(np.unique(ids[near & ~one]), present)
    together = one | np.isin(ids, touching)
    return together if len(touching) and together.mean() < 0.8 else None


def background_region(
    rng: np.random.Generator, rgb: npt.NDArray[np.uint8], ids: npt.NDArray[np.uint8], *, may_be_all: bool
) -> npt.NDArray[np.bool_] | None:
    """A large region without objects, such as sky, water or wall: all of the background, or one of like colour in it.

    Nobody labelled these. They are guesses, drawn seldom, so that a click on sky takes the sky and not a blob.
    """
    free = (ids == 0).astype(np.uint8)
    if not (may_be_all and rng.random() < 0.4):
        small = cv2.resize(rgb, (64, 64), interpolation=cv2.INTER_AREA)
        lab = cv2.cvtColor(cv2.medianBlur(small, 5), cv2.COLOR_RGB2LAB).reshape(-1, 3).astype(np.float32)
        cv2.setRNGSeed(int(rng.integers(2**31)))
        stop = (cv2.TERM_CRITERIA_MAX_ITER, 8, 1.0)
        _, label, _ = cv2.kmeans(lab, int(rng.integers(2, 6)), None, stop, 1, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
        kind = int(rng.choice(label[:, 0]))
        like = cv2.medianBlur((label.reshape(64, 64) == kind).astype(np.uint8), 5)
        like = cv2.resize(like.astype(np.float32), ids.shape[::-1], interpolation=cv2.INTER_CUBIC) > 0.5
        free = free & like
    _, regions, stats, _ = cv2.connectedComponentsWithStats(free)
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])) if len(stats) > 1 else 0
    share = stats[largest, cv2.CC_STAT_AREA] / ids.size
    return regions == largest if largest and 0.08 < share < 0.85 else None


def _half(mask: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(H, W) to (H/2, W/2): the mean of four pixels."""
    height, width = mask.shape
    return np.asarray(mask.reshape(height // 2, 2, width // 2, 2).mean((1, 3)), np.float32)
