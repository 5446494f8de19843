"""Predictors of each family: the bundled network, and small ones with random weights."""

import numpy as np
import pytest
import transformers

from samwidget.predict import SamPredictor

FAMILIES = ["nano", "sam", "sam_hq", *(["sam2"] if hasattr(transformers, "Sam2Model") else [])]


@pytest.fixture(scope="session")
def nano():
    return SamPredictor.from_pretrained("nano", device="cpu")


@pytest.fixture(scope="session", params=FAMILIES)
def predictor(request, nano, tmp_path_factory):
    if request.param == "nano":
        return nano
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "sam":
        from tests.models.sam.true_size_sam import save_sam

        save_sam(folder, image_size=128, hidden_size=16, num_hidden_layers=1, mlp_dim=16)
    elif request.param == "sam_hq":
        from tests.models.sam_hq.random_sam_hq import save_sam_hq

        save_sam_hq(folder, side=128)
    else:
        from tests.models.sam2.true_size_sam2 import save_sam2

        save_sam2(folder, side=128)
    return SamPredictor.from_pretrained(folder, device="cpu")


@pytest.fixture(scope="session")
def disc():
    """An image (96, 128, 3) of a bright disc on dark ground, and the disc as a mask."""
    y, x = np.mgrid[:96, :128] + 0.5
    truth = (x - 60) ** 2 + (y - 50) ** 2 < 28**2
    image = np.where(truth[..., None], (230, 180, 60), (30, 50, 90)).astype(np.uint8)
    return image, truth
