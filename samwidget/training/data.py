"""Training data: crops of random photos, with the masks of the objects to segment in them.

Decides which photo, which part of it and which objects; how a crop is changed is in ``augment``. Each crop is drawn
with a generator that is seeded with (seed, step, process), so a resumed run sees the same crops as one that was never
interrupted. Called by ``trainer``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from samwidget.models.nano import normalise_pixels
from samwidget.training.augment import (
    Ids,
    Rgb,
    add_ground,
    add_lines,
    add_rider,
    change_light,
    paste,
    random_shape,
    random_view,
    turned,
)
from samwidget.training.cables import add_cable
from samwidget.training.photo_cache import VOID, PhotoCache

# How often a photo of each dataset is drawn. Cats, pets, farm animals and people are a half of the photos, but the few
# photos with many kinds of objects teach the most.
DATASET_WEIGHTS = {
    "coco_free": 0.16,
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
    "kitchen_items": 0.14,
    "furniture_roboflow": 0.14,
    "pantry_uj": 0.10,
    "facades_roboflow": 0.07,
    "food_meals": 0.05,
    "indoor_halls": 0.05,
    "circuit_boards": 0.05,
    "food_plates": 0.04,
    "tree_trunks": 0.03,
}
DEFAULT_WEIGHT = 0.05
PART_DATASETS = {"ccp_clothing"}
"""In these datasets ids are parts; the union of all ids is the object."""
ROTATED_DATASETS = {"buildings_aerial", "dsb2018_nuclei", "nanocrystals_sem", "plants_ampgcv"}
"""Photos from above have no upright position: their crops are turned by any multiple of 90 degrees."""
TURN_SHARE = 0.15
"""Photos of the other datasets that are turned: people dance, climb and lie, and cameras are held askew."""
ROUGH_DATASETS = {"facades_roboflow", "food_meals", "indoor_halls"}
"""The borders of their masks are some pixels off: nobody knows what the pixels there show."""
FULLY_LABELLED = {
    "buildings_aerial",
    "coco_free",
    "dsb2018_nuclei",
    "feral_cats",
    "oxford_pets600",
    "pantry_uj",
    "plants_ampgcv",
}
"""In these datasets all pixels without an id are background, so that the background may be a target."""
PASTE_SHARE, SHAPE_SHARE, REGION_SHARE = 0.4, 0.25, 0.08
TOUCH_SHARE, JOIN_SHARE = 0.4, 0.3
"""Objects that touch are often meant as one: a rider and the horse, a child and the kite."""
RIDE_SHARE, RIDER_SHARE = 0.025, 0.35
"""How often a photo of ``RIDES`` is drawn, and how often an animal gets a rider."""
RIDES = {
    "000000000086": ((1, 2, 3),),
    "000000000529": ((1, 2, 3),),
    "000000000785": ((1, 2),),
    "000000129648": ((1, 11),),
    "000000165518": ((1, 2),),
    "000000214753": ((1, 3), (2, 4)),
}
"""Photos of ``coco_free`` in which people ride something: the ids of each rider and of what carries them.

To most people a ride is one thing. The photos were chosen by hand, because the labels have no kinds.
"""
LINE_SHARE = 0.2
CABLE_SHARE = 0.1
GROUND_SHARE = 0.25
"""Crops with a painted ground: half of them with a patch of another photo, half with noise."""
RIDER_ID, GROUND_ID, PASTED_ID, CABLE_ID = 248, 249, 250, 253


@dataclass(frozen=True)
class Batch:
    """B crops of one size, with O objects to segment in each.

    Attributes:
        pixels: (B, 3, H, W) float32, normalised, channels last.
        targets: (B, O, H/2, W/2) float32, the share of each pixel that the object covers.
        valid: (B, O, H/2, W/2) float32, 0 where the truth is not known, else 1 (between at borders).
        is_unlikely: (B, O) bool, whether one click in the object more likely means another one: a piece of clothing and
            not its wearer, or two objects taken as one.
    """

    pixels: Tensor
    targets: Tensor
    valid: Tensor
    is_unlikely: Tensor


class Crop(NamedTuple):
    """One crop of a ``Batch``, as arrays: (H, W, 3) uint8 RGB, (O, H/2, W/2) float32 twice, and (O,) bool."""

    rgb: Rgb
    targets: npt.NDArray[np.float32]
    valid: npt.NDArray[np.float32]
    is_unlikely: npt.NDArray[np.bool_]


class View(NamedTuple):
    """A part of a photo of ``dataset``: (H, W, 3) uint8 RGB, (H, W) uint8 ids, and the ids of each ride in it."""

    dataset: str
    rgb: Rgb
    ids: Ids
    rides: tuple[tuple[int, ...], ...]


class Target(NamedTuple):
    """A mask to segment, (H, W) bool, and whether one click in it more likely means another object."""

    mask: npt.NDArray[np.bool_]
    is_unlikely: bool


class CropSampler:
    """Draws batches of crops from cached photos.

    Args:
        photos: the photos.
        objects: number of objects for each crop; a crop that has fewer repeats them.
    """

    def __init__(self, photos: PhotoCache, objects: int) -> None:
        self.photos, self.objects = photos, objects
        self._names = list(photos.indices_of_dataset)
        weights = np.array([DATASET_WEIGHTS.get(name, DEFAULT_WEIGHT) for name in self._names])
        self._weights = weights / weights.sum()
        coco = photos.indices_of_dataset.get("coco_free", ())
        self._rides = [int(index) for index in coco if photos.stems[index] in RIDES]

    def batch(self, rng: np.random.Generator, count: int, size_hw: tuple[int, int]) -> Batch:
        """``count`` crops of ``size_hw``, whose sides are multiples of 32."""
        crops = [self.crop(rng, size_hw) for _ in range(count)]
        pixels = torch.stack([normalise_pixels(torch.from_numpy(crop.rgb)) for crop in crops])
        return Batch(
            pixels.contiguous(memory_format=torch.channels_last),
            torch.from_numpy(np.stack([crop.targets for crop in crops])),
            torch.from_numpy(np.stack([crop.valid for crop in crops])),
            torch.from_numpy(np.stack([crop.is_unlikely for crop in crops])),
        )

    def crop(self, rng: np.random.Generator, size_hw: tuple[int, int]) -> Crop:
        """A random crop of ``size_hw``, augmented, with its objects."""
        while True:
            name, rgb, ids, rides = self._random_view(rng, size_hw)
            if name == "animals_roboflow" and rng.random() < RIDER_SHARE:
                rides = self._add_rider(rng, rgb, ids)
            known = ~border_band(ids, int(rng.choice([3, 5]))) if name in ROUGH_DATASETS else np.True_
            if rng.random() < GROUND_SHARE:
                add_ground(
                    rng, rgb, ids, GROUND_ID, self._background_patch(rng, ids.shape) if rng.random() < 0.5 else None
                )
            if rng.random() < PASTE_SHARE:
                self._paste_objects(rng, rgb, ids)
            if rng.random() < LINE_SHARE:
                add_lines(rng, rgb, ids, GROUND_ID)
            if rng.random() < CABLE_SHARE:
                add_cable(rng, rgb, ids, CABLE_ID)
            candidates = self._choose_targets(rng, name, rgb, ids)
            if candidates:
                break
        order = rng.permutation(len(candidates))
        targets = [candidates[order[slot % len(order)]] for slot in range(self.objects)]
        ridden = [Target(np.isin(ids, ride), is_unlikely=False) for ride in rides if _is_seen(ids, ride)]
        if ridden:
            # Half of the targets are whole rides. One click on the rider or on what carries them means it, too.
            parts = np.concatenate(rides)
            targets = [
                ridden[rng.integers(len(ridden))]
                if slot < self.objects // 2
                else Target(target.mask, target.is_unlikely or bool(np.isin(ids[target.mask], parts).all()))
                for slot, target in enumerate(targets)
            ]
        valid = _half_size(((ids != VOID) & known).astype(np.float32))
        masks = np.stack([_half_size(target.mask.astype(np.float32)) for target in targets])
        is_unlikely = np.array([target.is_unlikely for target in targets])
        return Crop(change_light(rng, rgb), masks, np.broadcast_to(valid, masks.shape), is_unlikely)

    def _random_view(self, rng: np.random.Generator, size_hw: tuple[int, int]) -> View:
        """A random view of a random photo."""
        name = self._names[rng.choice(len(self._names), p=self._weights)]
        indices = self.photos.indices_of_dataset[name]
        if self._rides and rng.random() < RIDE_SHARE:
            name, indices = "coco_free", np.array(self._rides)
        while True:
            index = int(rng.choice(indices))
            rgb, ids = self.photos[index]
            if name not in ROTATED_DATASETS and rng.random() < TURN_SHARE:
                rgb, ids = turned(rng, rgb, ids)
            weights = np.sqrt(object_areas(ids))
            if weights.any():
                break
        focus_id = int(rng.choice(256, p=weights / weights.sum()))
        view = random_view(rng, rgb, ids, focus_id, size_hw, rotate=name in ROTATED_DATASETS)
        return View(name, *view, RIDES.get(self.photos.stems[index], ()) if name == "coco_free" else ())

    def _add_rider(self, rng: np.random.Generator, rgb: Rgb, ids: Ids) -> tuple[tuple[int, ...], ...]:
        """Puts a person of another photo on the largest animal, in place; the ids of the two, or none."""
        people = self.photos.indices_of_dataset.get("ccp_clothing", ())
        areas = object_areas(ids)
        host = int(areas.argmax())
        if not len(people) or areas[host] < 0.02 * ids.size:
            return ()
        donor, donor_ids = self.photos[int(rng.choice(people))]
        person = (donor_ids > 0) & (donor_ids != VOID)
        if person.sum() < 2000 or not add_rider(rng, rgb, ids, host, donor, person, RIDER_ID):
            return ()
        return ((host, RIDER_ID),)

    def _paste_objects(self, rng: np.random.Generator, rgb: Rgb, ids: Ids) -> None:
        """Pastes one to three objects of other photos, in place."""
        for index in range(int(rng.integers(1, 4))):
            name, donor, donor_ids, _ = self._random_view(rng, ids.shape)
            if rng.random() < SHAPE_SHARE:
                shape = random_shape(rng, ids.shape)
            elif name in PART_DATASETS:
                shape = (donor_ids > 0) & (donor_ids != VOID)
            else:
                present = np.flatnonzero(object_areas(donor_ids))
                shape = donor_ids == rng.choice(present) if len(present) else random_shape(rng, ids.shape)
            centre_xy = random_border_pixel(rng, ids) if rng.random() < TOUCH_SHARE else None
            paste(rng, rgb, ids, donor, shape, PASTED_ID + index, centre_xy)

    def _background_patch(self, rng: np.random.Generator, size_hw: tuple[int, int]) -> Rgb | None:
        """(h, w, 3) uint8 RGB of a patch without objects, at least a quarter of the size high and wide.

        None if ten attempts in a random photo found no such patch.
        """
        _, donor, ids, _ = self._random_view(rng, size_hw)
        for _ in range(10):
            height, width = (int(rng.uniform(0.25, 0.5) * side) for side in size_hw)
            y, x = int(rng.integers(size_hw[0] - height)), int(rng.integers(size_hw[1] - width))
            if not ids[y : y + height, x : x + width].any():
                return donor[y : y + height, x : x + width]
        return None

    def _choose_targets(self, rng: np.random.Generator, name: str, rgb: Rgb, ids: Ids) -> list[Target]:
        """Up to ``objects`` targets in a crop of the dataset ``name``; an empty list if all objects are too small."""
        area = ids.size
        areas = object_areas(ids)
        present = np.flatnonzero((areas >= max(48, 0.0008 * area)) & (areas <= 0.9 * area))
        targets: list[Target] = []
        if name in PART_DATASETS and rng.random() < 0.75:
            union = (ids > 0) & (ids < GROUND_ID)
            if 0.002 * area < union.sum() < 0.9 * area:
                targets += [Target(union, False), Target(union, False)]
        if len(present):
            weights = areas[present] ** 0.4
            count = min(len(present), self.objects - len(targets))
            drawn = rng.choice(present, count, replace=False, p=weights / weights.sum())
            targets += [Target(ids == i, name in PART_DATASETS and i < GROUND_ID) for i in drawn]
        if not targets:
            return []
        objects = present[present != GROUND_ID]
        if len(objects) > 1 and rng.random() < JOIN_SHARE:
            joined = join_neighbours(rng, ids, objects)
            if joined is not None:
                targets = [*targets[: self.objects - 1], Target(joined, True)]
        if rng.random() < REGION_SHARE * self.objects:
            region = background_region(rng, rgb, ids, may_be_all=name in FULLY_LABELLED)
            if region is not None:
                targets = [*targets[: self.objects - 1], Target(region, False)]
        return targets


def object_areas(ids: Ids) -> npt.NDArray[np.int64]:
    """(256,) int64 pixels of each object id; 0 for background and void."""
    areas = np.bincount(ids.ravel(), minlength=256)
    areas[[0, VOID]] = 0
    return areas


def _is_seen(ids: Ids, ride: tuple[int, ...]) -> bool:
    """Whether two parts or more of a ride are in a crop, which is not nearly filled by it."""
    areas = object_areas(ids)[list(ride)]
    return bool((areas > 40).sum() > 1 and 0.003 < areas.sum() / ids.size < 0.9)


def random_border_pixel(rng: np.random.Generator, ids: Ids) -> tuple[int, int] | None:
    """x, y of a random pixel on the border of the objects; None if there is no object."""
    objects = ((ids > 0) & (ids != VOID)).astype(np.uint8)
    border = np.flatnonzero(objects & (cv2.erode(objects, np.ones((3, 3), np.uint8)) == 0))
    if not len(border):
        return None
    y, x = divmod(int(rng.choice(border)), ids.shape[1])
    return x, y


def border_band(ids: Ids, width: int) -> npt.NDArray[np.bool_]:
    """(H, W) bool: the pixels that see two ids in the square of ``width`` by ``width`` pixels around them."""
    square = np.ones((width, width), np.uint8)
    return np.asarray(cv2.dilate(ids, square) != cv2.erode(ids, square))


def join_neighbours(rng: np.random.Generator, ids: Ids, present: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_] | None:
    """(H, W) bool mask of a random object and all objects that touch it.

    Args:
        rng: chooses the object.
        ids: (H, W) object ids.
        present: the ids that take part.

    Returns:
        None if no object touches the chosen one, or if together they cover 80 % of the crop or more.
    """
    chosen = ids == rng.choice(present)
    near = cv2.dilate(chosen.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    touching = np.intersect1d(np.unique(ids[near & ~chosen]), present)
    joined = chosen | np.isin(ids, touching)
    return joined if len(touching) and joined.mean() < 0.8 else None


def background_region(
    rng: np.random.Generator, rgb: Rgb, ids: Ids, *, may_be_all: bool
) -> npt.NDArray[np.bool_] | None:
    """(H, W) bool mask of a large region without objects, such as sky, water or wall; None if there is none.

    The datasets have no labels for these. Regions of similar colour are a guess, and drawn seldom. They teach that a
    click on the sky means the sky and not a spot in it.

    Args:
        rng: draws the colours and the region.
        rgb: (H, W, 3) uint8 RGB.
        ids: (H, W) object ids.
        may_be_all: whether the region may be all of the background, of any colour.
    """
    free = (ids == 0).astype(np.uint8)
    if not (may_be_all and rng.random() < 0.4):
        small = cv2.resize(rgb, (64, 64), interpolation=cv2.INTER_AREA)
        lab = cv2.cvtColor(cv2.medianBlur(small, 5), cv2.COLOR_RGB2LAB).reshape(-1, 3).astype(np.float32)
        cv2.setRNGSeed(int(rng.integers(2**31)))
        stop = (cv2.TERM_CRITERIA_MAX_ITER, 8, 1.0)
        # OpenCV's stubs do not know that None lets it choose the first labels.
        _, cluster, _ = cv2.kmeans(lab, int(rng.integers(2, 6)), None, stop, 1, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
        chosen = int(rng.choice(cluster[:, 0]))
        similar = cv2.medianBlur((cluster.reshape(64, 64) == chosen).astype(np.uint8), 5)
        similar = cv2.resize(similar.astype(np.float32), ids.shape[::-1], interpolation=cv2.INTER_CUBIC) > 0.5
        free = free & similar
    _, regions, stats, _ = cv2.connectedComponentsWithStats(free)
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])) if len(stats) > 1 else 0
    share = stats[largest, cv2.CC_STAT_AREA] / ids.size
    return regions == largest if largest and 0.08 < share < 0.85 else None


def _half_size(mask: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(H, W) to (H/2, W/2), the mean of each four pixels."""
    height, width = mask.shape
    return np.asarray(mask.reshape(height // 2, 2, width // 2, 2).mean((1, 3)), np.float32)
