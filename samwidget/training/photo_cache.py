"""Photos with object masks, decoded once into one memory-mapped file.

Reads ``SPLIT/DATASET/images/NAME.webp`` (or .jpg, .png) with ``SPLIT/DATASET/masks/NAME.png``: 0 background, 1..N
objects, 255 not decided. Decoding costs more than cropping, and a training run reads each photo some dozen times.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from tqdm import tqdm

from samwidget.errors import FormatError

VOID = 255
LONGEST_SIDE = 512
IMAGE_SUFFIXES = (".webp", ".jpg", ".jpeg", ".png")


def list_photos(folder: Path) -> list[tuple[str, Path, Path]]:
    """(dataset, image file, mask file) of a split folder, sorted.

    Raises:
        FormatError: there is no image with a mask.
    """
    found = []
    for mask in sorted(folder.glob("*/masks/*.png")):
        images = mask.parent.parent / "images"
        image = next((p for s in IMAGE_SUFFIXES if (p := images / (mask.stem + s)).is_file()), None)
        if image is not None:
            found.append((mask.parent.parent.name, image, mask))
    if not found:
        raise FormatError(
            f"no photo with a mask in {folder}", hint="expected DATASET/images/NAME.* and DATASET/masks/NAME.png"
        )
    return found


def read_photo(
    image: Path, mask: Path, longest_side: int | None = None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """(H, W, 3) uint8 RGB and (H, W) uint8 object ids, reduced to ``longest_side`` where that is given and smaller."""
    rgb, ids = Image.open(image).convert("RGB"), Image.open(mask).copy()
    if longest_side is not None and max(rgb.size) > longest_side:
        scale = longest_side / max(rgb.size)
        size = (max(1, round(rgb.width * scale)), max(1, round(rgb.height * scale)))
        rgb, ids = rgb.resize(size, Image.Resampling.BOX), ids.resize(size, Image.Resampling.NEAREST)
    return np.asarray(rgb), np.asarray(ids, dtype=np.uint8)


class PhotoStore:
    """The photos of one split, each as RGB and object ids.

    Args:
        split: folder that holds DATASET folders.
        cache: folder for the decoded copy; made anew when the list of files changes.
    """

    def __init__(self, split: Path, cache: Path) -> None:
        photos = list_photos(split)
        self.datasets = [dataset for dataset, _, _ in photos]
        index_path, data_path = cache / f"{split.name}.json", cache / f"{split.name}.u8"
        names = [f"{dataset}/{image.name}" for dataset, image, _ in photos]
        index = json.loads(index_path.read_text()) if index_path.is_file() else None
        if index is None or index["names"] != names:
            index = _decode(photos, names, index_path, data_path)
        self._sizes: list[list[int]] = index["sizes"]
        self._offsets = np.concatenate([[0], np.cumsum([4 * h * w for h, w in self._sizes])])
        self._bytes = np.memmap(data_path, np.uint8, "r")
        self.of_dataset = {name: np.flatnonzero(np.array(self.datasets) == name) for name in sorted(set(self.datasets))}

    def __len__(self) -> int:
        return len(self._sizes)

    def __getitem__(self, index: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """(H, W, 3) RGB and (H, W) ids; views of the file, not to be written to."""
        height, width = self._sizes[index]
        start, area = int(self._offsets[index]), height * width
        rgb = self._bytes[start : start + 3 * area].reshape(height, width, 3)
        return rgb, self._bytes[start + 3 * area : start + 4 * area].reshape(height, width)


def _decode(
    photos: list[tuple[str, Path, Path]], names: list[str], index_path: Path, data_path: Path
) -> dict[str, Any]:
    index_path.parent.mkdir(parents=True, exist_ok=True)
    sizes = []
    with data_path.open("wb") as file:
        for _, image, mask in tqdm(photos, desc="decoding photos", unit="photo"):
            rgb, ids = read_photo(image, mask, LONGEST_SIDE)
            sizes.append(list(ids.shape))
            file.write(rgb.tobytes())
            file.write(ids.tobytes())
    index: dict[str, Any] = {"names": names, "sizes": sizes}
    index_path.write_text(json.dumps(index))
    return index
