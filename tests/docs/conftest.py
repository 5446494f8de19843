"""Shared by the tests of the docs."""

import shutil
from pathlib import Path

import pytest

PHOTOS = Path(__file__).parents[2] / "notebooks/photos"


@pytest.fixture
def photos(tmp_path):
    """A folder with the photos that the pages name."""
    for photo in (*PHOTOS.glob("*.jpg"), *PHOTOS.glob("*.webp")):
        shutil.copy(photo, tmp_path)
    shutil.copytree(PHOTOS, tmp_path / "photos")
    shutil.copy(PHOTOS / "coffee.jpg", tmp_path / "street.jpg")
    return tmp_path
