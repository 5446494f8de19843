"""A folder of a few drawn photos with object masks, as the training reads them."""

import numpy as np
import pytest
from PIL import Image, ImageDraw


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for dataset in ("coco_free", "ccp_clothing"):
        for kind in ("images", "masks"):
            (folder / "train" / dataset / kind).mkdir(parents=True)
        for index in range(2):
            ids = Image.new("L", (120, 90))
            draw = ImageDraw.Draw(ids)
            draw.ellipse((20, 20, 70, 70), fill=1)
            draw.rectangle((80, 10, 110, 60), fill=2)
            draw.rectangle((80, 70, 110, 85), fill=255)
            colours = rng.integers(0, 255, (256, 3), np.uint8)
            Image.fromarray(colours[np.asarray(ids)]).save(folder / "train" / dataset / "images" / f"{index}.png")
            ids.save(folder / "train" / dataset / "masks" / f"{index}.png")
    return folder


@pytest.fixture
def crops(data, tmp_path):
    from samwidget.training.data import CropSampler
    from samwidget.training.photo_cache import PhotoCache

    return CropSampler(PhotoCache(data / "train", tmp_path / "cache"), objects=2)
