"""The same random weights in ``compat`` and in ``segment_anything``: a network of 256 pixels, and one of true sizes."""

import os
from types import SimpleNamespace

os.environ["HF_HUB_OFFLINE"] = "1"

import pytest
import torch

from tests.compat.side_by_side import NAMES, reference
from tests.drawn_photo import drawn_photo


def _pair(official, path):
    """Both packages, and their models; ours was read from a file of the official one's weights."""
    from samwidget import compat

    torch.save(official.state_dict(), path)
    with pytest.warns(UserWarning, match="is no vit_b"):
        sam = compat.sam_model_registry["vit_b"](checkpoint=path)
    package = SimpleNamespace(**{name: getattr(compat, name) for name in NAMES})
    return SimpleNamespace(ours=package, official=reference(), sam=sam, official_sam=official, path=path)


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    from tests.predict.everything.official_everything import two_small_sams

    return _pair(two_small_sams()[1], tmp_path_factory.mktemp("small") / "sam.pth")


@pytest.fixture(scope="session")
def true_size(tmp_path_factory):
    from transformers import SamModel

    from tests.models.sam.true_size_sam import official_predictor, save_sam

    folder = tmp_path_factory.mktemp("true-size")
    plain = SamModel.from_pretrained(save_sam(folder))
    return _pair(official_predictor(plain).model, folder / "sam.pth")


@pytest.fixture(scope="session", params=["small", "true_size"])
def pair(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def new_sam(small):
    """new_sam(): another ``Sam`` with the small network's weights, which a test may change."""

    def make():
        with pytest.warns(UserWarning, match="is no vit_b"):
            return small.ours.sam_model_registry["vit_b"](checkpoint=small.path)

    return make


@pytest.fixture(scope="session")
def photo():
    return drawn_photo
