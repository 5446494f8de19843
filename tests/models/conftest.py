"""Networks with random weights, made once a session: one of true sizes, and one of 64 pixels for everything else."""

import os
from types import SimpleNamespace

os.environ["HF_HUB_OFFLINE"] = "1"

import pytest

from tests.drawn_photo import drawn_photo


@pytest.fixture(scope="session")
def small_sam_folder(tmp_path_factory):
    from tests.models.sam.true_size_sam import save_sam

    return save_sam(
        tmp_path_factory.mktemp("small-sam"), image_size=64, hidden_size=16, num_hidden_layers=1, mlp_dim=16
    )


@pytest.fixture(scope="session")
def true_size(tmp_path_factory):
    """Three ways to the same weights: our predictor, the official one, and the plain transformers model."""
    from transformers import SamModel

    from samwidget.predict.predictor import SamPredictor
    from tests.models.sam.true_size_sam import official_predictor, save_sam

    folder = save_sam(tmp_path_factory.mktemp("true-size-sam"))
    plain = SamModel.from_pretrained(folder).eval()
    return SimpleNamespace(
        ours=SamPredictor.from_pretrained(folder, device="cpu"), official=official_predictor(plain), plain=plain
    )


@pytest.fixture(scope="session")
def photo():
    """photo(h, w): an (h, w, 3) uint8 picture with coarse and fine structure."""
    return drawn_photo


@pytest.fixture(scope="session")
def small_sam2_folder(tmp_path_factory):
    from tests.models.sam2.true_size_sam2 import save_sam2

    return save_sam2(tmp_path_factory.mktemp("small-sam2"), side=128)
