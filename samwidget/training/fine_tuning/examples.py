"""Examples: photos with the masks of the objects that a network is to learn, in the forms in which users have them.

Owns what is accepted, what is refused with which remedy, and which photos are held out. Photos come from a folder,
from a widget (``SamWidget.labelled_images``) or as arrays. Called by ``tune``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from samwidget.errors import FormatError, warn_user
from samwidget.images import load_rgb
from samwidget.training.fine_tuning.gain import HELD_OUT_OBJECTS
from samwidget.training.photo_cache import IMAGE_SUFFIXES, VOID

Mask = npt.NDArray[np.bool_]
LONGEST_SIDE = 1024
"""Larger photos are reduced to this: no encoder that is tuned here reads more pixels."""
SMALLEST_SHARE = 0.0005
"""Smaller objects are left out: the grid of the logits cannot show them. A share of the photo's area."""
_NAMES_MAX = 3


@dataclass(frozen=True, eq=False)
class Example:
    """A photo and its objects.

    Attributes:
        name: of the photo, for messages.
        image: (H, W, 3) uint8 RGB.
        masks: (H, W) bool, at least one, each with some pixels.
        valid: (H, W) bool, False where nobody knows what the photo shows.
    """

    name: str
    image: npt.NDArray[np.uint8]
    masks: tuple[Mask, ...]
    valid: Mask

    def mirrored(self) -> Example:
        """The same, with left and right exchanged."""
        return self._part(np.s_[:, ::-1])

    def cropped(self, top: int, bottom: int, left: int, right: int) -> Example | None:
        """A part of the photo with the objects of which enough is in it; None where there is none."""
        part = self._part(np.s_[top:bottom, left:right])
        return part if part.masks else None

    def _part(self, part: tuple[slice, slice]) -> Example:
        masks = tuple(np.ascontiguousarray(mask[part]) for mask in self.masks)
        return Example(
            self.name,
            np.ascontiguousarray(self.image[part]),
            tuple(mask for mask in masks if mask.sum() > SMALLEST_SHARE * mask.size),
            np.ascontiguousarray(self.valid[part]),
        )


def read_examples(source: Any) -> list[Example]:
    """The photos of a source that have masks.

    Args:
        source: a folder with ``images/NAME.*`` and ``masks/NAME.png``, or with folders of this kind. In a mask 0 is
            ground, 255 is unknown, and each other number is an object. Or several pairs ``(image, masks)``: the image
            is whatever ``load_rgb`` reads, and the masks are an (H, W) bool array, an (H, W) array of object numbers,
            an (N, H, W) bool array, or a list of (H, W) bool arrays or of objects with a ``mask``. Or what
            ``SamWidget.labelled_images`` returns.

    Raises:
        FormatError: there is no mask, or one has not the size of its image.
        ImageError: an image cannot be read.
    """
    if isinstance(source, str | PathLike):
        items: Iterable[Example | str] = _of_folder(Path(source).expanduser())
    else:
        items = _of_items(getattr(source, "images", source))
    examples: list[Example] = []
    without: list[str] = []
    for item in items:
        if isinstance(item, str):
            without.append(item)
        else:
            examples.append(item)
    if not examples:
        raise FormatError(
            "there is no mask to learn from",
            hint="label objects on at least two photos first" if not without else f"no mask: {_listed(without)}",
        )
    if without:
        warn_user(f"photos without a mask that has pixels were left out: {_listed(without)}")
    return examples


def split(
    examples: Sequence[Example], held_out: float | Sequence[str], seed: int
) -> tuple[list[Example], list[Example]]:
    """The examples to learn from, and those of the photos that are held out, at least one each.

    Args:
        examples: all of them. Those of one name, such as two labellings of a photo, stay together.
        held_out: the share of photos, or their names; 0 holds none out. While these photos have too few objects, more
            of them are held out, up to a third.
        seed: chooses them.

    Raises:
        FormatError: there is one photo only, or a name is not that of a photo.
    """
    names = list(dict.fromkeys(example.name for example in examples))
    if isinstance(held_out, int | float):
        if not 0 <= held_out < 1:
            raise FormatError(f"held_out is {held_out}", hint="give the share of photos to check with, such as 0.2")
        if held_out and len(names) == 1:
            raise FormatError(
                f"{names[0]} is the only photo, so none can be held out to check with",
                hint="label one more, or give held_out=0: then nobody knows whether other photos gain or lose",
            )
        count = min(max(1, round(held_out * len(names))), len(names) - 1) if held_out else 0
        order = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]
        while 0 < count < len(names) // 3 and _objects(examples, order[:count]) < HELD_OUT_OBJECTS:
            count += 1
        chosen = set(order[:count])
    else:
        chosen = set(held_out)
        if unknown := sorted(chosen - set(names)):
            raise FormatError(f"held_out: there is no photo {unknown[0]!r}", hint=f"there are {_listed(names)}")
        if len(chosen) == len(names):
            raise FormatError("all photos are held out", hint="leave some to learn from")
    parts: tuple[list[Example], list[Example]] = ([], [])
    for example in examples:
        parts[example.name in chosen].append(example)
    return parts


def _objects(examples: Sequence[Example], names: Sequence[str]) -> int:
    """How many objects the photos of these names have."""
    return sum(len(example.masks) for example in examples if example.name in names)


def _of_folder(folder: Path) -> Iterator[Example | str]:
    """The examples of a folder; of a photo whose mask is empty its name."""
    if folder.is_file():
        raise FormatError(
            f"{folder} is a file",
            hint="give a folder with images/ and masks/; the objects of a session file learn by "
            "SamWidget.open(file).fine_tune()",
        )
    paths = [*sorted(folder.glob("masks/*.png")), *sorted(folder.glob("*/masks/*.png"))]
    pairs = [(path, image) for path in paths if (image := _image_of(path)) is not None]
    if not pairs:
        raise FormatError(f"no photo with a mask in {folder}", hint="expected images/NAME.jpg and masks/NAME.png in it")
    for path, image in pairs:
        ids = _object_numbers(path)
        yield _example(image.stem, load_rgb(image), _masks_of_ids(ids), ids != VOID)


def _object_numbers(path: Path) -> npt.NDArray[np.uint8]:
    """The (H, W) uint8 object numbers of a mask file: the numbers of its palette, not their colours."""
    from PIL import Image

    try:
        ids = np.asarray(Image.open(path))
    except OSError as error:
        raise FormatError(f"{path} cannot be read as a mask", hint=str(error)) from error
    if ids.ndim != 2 or ids.dtype not in (np.uint8, np.bool_):
        raise FormatError(
            f"{path} is no mask of 8-bit numbers", hint="0 is ground, 255 is unknown, other numbers are objects"
        )
    return ids.astype(np.uint8)


def _image_of(mask: Path) -> Path | None:
    images = mask.parent.parent / "images"
    return next((path for suffix in IMAGE_SUFFIXES if (path := images / (mask.stem + suffix)).is_file()), None)


def _of_items(items: Any) -> Iterator[Example | str]:
    """The examples of pairs or labelled images; of those without masks their name."""
    for number, item in enumerate(items, start=1):
        if isinstance(item, Example):
            yield item
            continue
        if hasattr(item, "pixels") and hasattr(item, "objects"):
            masks = [part.run_lengths.to_mask() for part in item.objects if part.run_lengths is not None]
            yield _example(item.file_name, item.pixels(), masks) if masks else item.file_name
            continue
        try:
            image, masks = item
        except (TypeError, ValueError) as error:
            raise FormatError(
                f"example {number} is {item!r:.60}", hint="give pairs of an image and its masks"
            ) from error
        name = Path(image).name if isinstance(image, str | PathLike) else f"photo {number}"
        yield _example(name, load_rgb(image), _masks_of(masks, name))


def _masks_of(masks: Any, name: str) -> list[npt.NDArray[Any]]:
    """The (H, W) masks in what a user gave for one photo."""
    if isinstance(masks, np.ndarray):
        if masks.dtype == np.bool_ and masks.ndim in (2, 3):
            return [masks] if masks.ndim == 2 else list(masks)
        if masks.ndim == 2 and np.issubdtype(masks.dtype, np.integer):
            return _masks_of_ids(masks)
        raise FormatError(
            f"the masks of {name} are {masks.dtype} of shape {masks.shape}",
            hint="give bool of (H, W) or (N, H, W), or whole numbers of (H, W), a number for each object",
        )
    try:
        return [np.asarray(getattr(mask, "mask", mask)) for mask in masks]
    except TypeError as error:
        raise FormatError(f"the masks of {name} are {masks!r:.60}", hint="give an array or a list of masks") from error


def _masks_of_ids(ids: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    skipped = (0, VOID) if ids.dtype == np.uint8 else (0,)
    return [ids == number for number in np.unique(ids) if number not in skipped]


def _example(
    name: str, image: npt.NDArray[np.uint8], masks: Sequence[npt.NDArray[Any]], valid: Mask | None = None
) -> Example | str:
    """The example, reduced to ``LONGEST_SIDE``; its name where no mask has pixels."""
    height, width = image.shape[:2]
    for mask in masks:
        if mask.shape != (height, width):
            raise FormatError(
                f"a mask of {name} has shape {mask.shape}, and its image {(height, width)}",
                hint="give (H, W) masks at the size of the image, turned as its EXIF tag says",
            )
        if mask.dtype != np.bool_:
            raise FormatError(f"a mask of {name} is {mask.dtype}", hint="give bool, such as mask > 0")
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    known = np.ones((height, width), np.bool_) if valid is None else valid

    def reduced(mask: Mask) -> Mask:
        return mask if scale == 1 else cv2.resize(mask.astype(np.uint8), size_wh, interpolation=cv2.INTER_NEAREST) > 0

    small = tuple(part for mask in masks if (part := reduced(mask)).sum() > SMALLEST_SHARE * part.size)
    if not small:
        return name
    pixels = image if scale == 1 else cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA)
    return Example(name, np.asarray(pixels, np.uint8), small, reduced(known))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES_MAX} more" if len(names) > _NAMES_MAX else ""
    return ", ".join(names[:_NAMES_MAX]) + more
