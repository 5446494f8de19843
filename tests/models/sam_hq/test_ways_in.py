"""What is SAM-HQ's own on its ways in: a folder, thresholds, the reference's interface, a wrong config."""

import json
import shutil

import numpy as np
import pytest

from samwidget import compat
from samwidget.errors import ModelError
from samwidget.models.loader import load
from samwidget.predict.predictor import SamPredictor
from tests.models.sam_hq.random_sam_hq import save_sam_hq


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_sam_hq(tmp_path_factory.mktemp("small-sam-hq"), side=128)


@pytest.fixture(scope="module")
def predictor(folder):
    return SamPredictor.from_pretrained(folder, device="cpu")


def test_a_folder(folder):
    segmenter = load(folder)
    assert (segmenter.family, segmenter.name, segmenter.precision) == ("sam_hq", str(folder), "float32")
    assert load(folder).signature == segmenter.signature


def test_everything_has_the_thresholds_of_sam(predictor):
    assert tuple(predictor.everything_defaults) == (32, 0.88, 0.95, 1.0)


def test_code_for_the_reference(predictor, photo):
    """It sees no layers of SAM here, as with every network that is not SAM v1."""
    reference = compat.SamPredictor(predictor)
    reference.set_image(photo(30, 50))
    masks, scores, _ = reference.predict(np.array([[20, 10]]), np.array([1]))
    assert (masks.shape, scores.shape) == ((3, 30, 50), (3,))


def test_a_config_without_global_attention(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    config = json.loads((folder / "config.json").read_text())
    config["vision_config"]["global_attn_indexes"] = []
    (tmp_path / "copy/config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError):  # its relative positions do not fit either
        load(tmp_path / "copy")
