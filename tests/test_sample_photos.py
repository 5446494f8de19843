"""The sample photos: each has its origin and licence, and its masks fit to it."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PHOTOS = Path(__file__).parent.parent / "notebooks/photos"
ORIGIN = (PHOTOS / "ORIGIN.md").read_text(encoding="utf-8")
MADE = {
    "desk": "mug notebook pen plant books apple phone cable",
    "kitchen": "teapot bowl fruit bottle jar spoons whisk board bread tomatoes knife towel",
}
"""The photos that docs/sample_photos makes, and the objects in them that have a mask."""


def photos():
    return sorted([*PHOTOS.glob("*.jpg"), *PHOTOS.glob("*.webp")])


def test_each_photo_states_its_origin_and_a_free_licence():
    rows = dict(
        re.findall(r"^\| `([\w.]+)` \|.*\| ([^|]+) \|$", ORIGIN.split("# Origin of the masks")[0], re.MULTILINE)
    )
    assert set(rows) == {path.name for path in photos()}
    assert set(rows.values()) <= {"CC0", "public domain", "no known copyright restrictions"}


def test_no_photo_is_heavy():
    assert all(path.stat().st_size < 220_000 for path in photos())


@pytest.mark.parametrize("name", MADE)
def test_masks_of_a_made_photo_are_exact_parts_of_it(name):
    """Each pixel belongs to one object at most, and no object is hidden."""
    with Image.open(PHOTOS / f"{name}.webp") as photo:
        width, height = photo.size
        pixels = np.asarray(photo.convert("RGB"), float)
    paths = sorted((PHOTOS / "masks").glob(f"{name}_*.png"))
    assert {path.stem.removeprefix(f"{name}_") for path in paths} == set(MADE[name].split())
    masks = np.stack([np.asarray(Image.open(path)) > 0 for path in paths])
    assert masks.shape[1:] == (height, width)
    assert masks.sum(0).max() == 1
    assert masks.sum((1, 2)).min() > 500
    # The borders of the masks lie on borders in the photo: colours differ more across them than elsewhere.
    ids = (masks * np.arange(1, len(masks) + 1)[:, None, None]).sum(0)
    across = np.abs(np.diff(pixels, axis=1)).sum(2)
    is_border = np.diff(ids, axis=1) != 0
    assert across[is_border].mean() > 4 * across[~is_border].mean()


@pytest.mark.parametrize("line", ["| `desk_*.png`, `kitchen_*.png` |"])
def test_the_masks_of_made_photos_have_a_row(line):
    assert line in ORIGIN
