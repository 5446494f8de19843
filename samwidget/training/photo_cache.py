"""Photos with object masks, decoded once into one memory-mapped file.

Reads ``SPLIT/DATASET/images/NAME.webp`` (or .jpg, .png) with ``SPLIT/DATASET/masks/NAME.png``, where pixel value 0 is
background, 1 to 254 are objects, and 255 is unknown. A training run reads each photo some dozen times, and decoding it
takes longer than cutting a crop. Called by ``train``, ``data`` and ``evaluate``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt
from PIL import Image
from tqdm import tqdm

from samwidget.errors import FormatError

VOID = 255
"""The object id of pixels of which nobody knows what they show."""
LONGEST_SIDE = 512
IMAGE_SUFFIXES = (".webp", ".jpg", ".jpeg", ".png")


class PhotoFiles(NamedTuple):
    """The files of one photo, and the name of its dataset."""

    dataset: str
    image: Path
    mask: Path


class _Index(TypedDict):
    """The JSON file beside the decoded photos: their names, and the (height, width) of each."""

    names: list[str]
    sizes: list[list[int]]


def list_photos(folder: Path) -> list[PhotoFiles]:
    """The photos of a split folder that have a mask, sorted.

    Raises:
        FormatError: there is no image with a mask.
    """
    photos = []
    for mask in sorted(folder.glob("*/masks/*.png")):
        images = mask.parent.parent / "images"
        image = next((path for s in IMAGE_SUFFIXES if (path := images / (mask.stem + s)).is_file()), None)
        if image is not None:
            photos.append(PhotoFiles(mask.parent.parent.name, image, mask))
    if not photos:
        raise FormatError(
            f"no photo with a mask in {folder}", hint="expected DATASET/images/NAME.* and DATASET/masks/NAME.png"
        )
    return photos


def read_photo(
    image: Path, mask: Path, longest_side: int | None = None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """(H, W, 3) uint8 RGB and (H, W) uint8 object ids of a photo.

    Args:
        image: the image file.
        mask: the PNG file with the object ids.
        longest_side: larger photos are reduced until their longer side has this many pixels; None reduces none.
    """
    rgb, ids = Image.open(image).convert("RGB"), Image.open(mask).copy()
    if longest_side is not None and max(rgb.size) > longest_side:
        scale = longest_side / max(rgb.size)
        size = (max(1, round(rgb.width * scale)), max(1, round(rgb.height * scale)))
        rgb, ids = rgb.resize(size, Image.Resampling.BOX), ids.resize(size, Image.Resampling.NEAREST)
    return np.asarray(rgb), np.asarray(ids, dtype=np.uint8)


class PhotoCache:
    """The photos of one split, each as RGB and object ids. Decodes them all if the folder ``cache`` is out of date.

    Args:
        split: folder that holds DATASET folders.
        cache: folder for the decoded photos; they are decoded again when the list of files has changed.

    Attributes:
        datasets: the dataset of each photo.
        stems: the name of each photo's file, without its ending.
        indices_of_dataset: the indices of the photos of each dataset.

    Raises:
        FormatError: the split has no image with a mask.
    """

    def __init__(self, split: Path, cache: Path) -> None:
        photos = list_photos(split)
        self.datasets = [photo.dataset for photo in photos]
        self.stems = [photo.image.stem for photo in photos]
        index_path, data_path = cache / f"{split.name}.json", cache / f"{split.name}.u8"
        names = [f"{photo.dataset}/{photo.image.name}" for photo in photos]
        index: _Index | None = json.loads(index_path.read_text()) if index_path.is_file() else None
        if index is None or index["names"] != names:
            index = _decode(photos, names, index_path, data_path)
        self._sizes = index["sizes"]
        self._offsets = np.concatenate([[0], np.cumsum([4 * h * w for h, w in self._sizes])])
        self._bytes = np.memmap(data_path, np.uint8, "r")
        self.indices_of_dataset = {
            name: np.flatnonzero(np.array(self.datasets) == name) for name in sorted(set(self.datasets))
        }

    def __len__(self) -> int:
        return len(self._sizes)

    def __getitem__(self, index: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """(H, W, 3) uint8 RGB and (H, W) uint8 object ids; read-only views of the file."""
        height, width = self._sizes[index]
        start, area = int(self._offsets[index]), height * width
        rgb = self._bytes[start : start + 3 * area].reshape(height, width, 3)
        return rgb, self._bytes[start + 3 * area : start + 4 * area].reshape(height, width)


def _decode(photos: list[PhotoFiles], names: list[str], index_path: Path, data_path: Path) -> _Index:
    index_path.parent.mkdir(parents=True, exist_ok=True)
    sizes = []
    with data_path.open("wb") as file:
        for photo in tqdm(photos, desc="decoding photos", unit="photo"):
            rgb, ids = read_photo(photo.image, photo.mask, LONGEST_SIDE)
            sizes.append(list(ids.shape))
            file.write(rgb.tobytes())
            file.write(ids.tobytes())
    index = _Index(names=names, sizes=sizes)
    index_path.write_text(json.dumps(index))
    return index
