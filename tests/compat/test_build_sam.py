"""The registry: Meta's files, folders, random weights, and the bundled model."""

import numpy as np
import pytest
import torch

from samwidget import compat
from samwidget.errors import ModelError, SamWidgetError
from tests.models.mobile_sam.random_mobile_sam import save_mobile_sam


def test_the_keys_of_the_reference(small):
    assert small.official.sam_model_registry.keys() < compat.sam_model_registry.keys()
    assert compat.sam_model_registry["default"] is compat.build_sam is compat.build_sam_vit_h
    assert compat.sam_model_registry["vit_b"] is compat.build_sam_vit_b
    assert compat.sam_model_registry["vit_l"] is compat.build_sam_vit_l


@pytest.mark.parametrize("key", ["VIT_B", "vit_tiny"])
def test_another_key(key):
    with pytest.raises(KeyError) as caught:
        compat.sam_model_registry[key]
    assert isinstance(caught.value, ModelError)
    assert str(caught.value) == f"there is no model type '{key}': give one of default, vit_h, vit_l, vit_b, vit_t, nano"
    assert key not in compat.sam_model_registry
    assert compat.sam_model_registry.get(key) is None


def test_random_weights_have_the_size_of_the_key(small):
    """As the reference, which makes a network without a checkpoint."""
    sam = compat.sam_model_registry["vit_b"]()
    with torch.device("meta"):
        official = small.official.sam_model_registry["vit_b"]()
    assert sam.image_encoder.img_size == 1024
    shapes = {name: tensor.shape for name, tensor in sam.state_dict().items()}
    assert shapes == {name: tensor.shape for name, tensor in official.state_dict().items()}
    counts = [sum(p.numel() for p in model.parameters() if p.requires_grad) for model in (sam, official)]
    assert counts[0] == counts[1]


def test_a_file_of_another_size_is_used_and_said(small):
    with pytest.warns(UserWarning, match=r"sam\.pth is no vit_h, but EncoderSize\(channels=64, layers=2"):
        sam = compat.sam_model_registry["vit_h"](checkpoint=small.path)
    assert sam.image_encoder.img_size == 256


def test_a_folder(small, tmp_path, photo):
    network = small.sam.predictor.run(lambda segmenter: segmenter.model)
    network.save_pretrained(tmp_path)
    with pytest.warns(UserWarning, match="is no vit_b"):
        sam = compat.sam_model_registry["vit_b"](checkpoint=str(tmp_path))
    features = []
    for model in (sam, small.sam):
        predictor = compat.SamPredictor(model)
        predictor.set_image(photo(30, 40))
        features.append(predictor.features)
    assert torch.equal(*features)


def test_the_bundled_model(photo):
    sam = compat.sam_model_registry["nano"]()
    assert sam.to("cpu").eval() is sam
    predictor = compat.SamPredictor(sam)
    predictor.set_image(photo(60, 80))
    assert predictor.predict(np.array([[20, 30]]), np.array([1]))[0].shape == (3, 60, 80)
    with pytest.raises(AssertionError, match="nano has its own"):
        compat.sam_model_registry["nano"](checkpoint="nano.pth")


def test_mobile_sam(small, tmp_path, photo):
    predictor = compat.SamPredictor(compat.sam_model_registry["vit_t"](checkpoint=save_mobile_sam(tmp_path)))
    predictor.set_image(photo(60, 80))
    assert predictor.predict(np.array([[20, 30]]), np.array([1]))[0].shape == (3, 60, 80)
    with pytest.raises(AssertionError, match=r"vit_t without a checkpoint.*mobile_sam\.pt"):
        compat.sam_model_registry["vit_t"]()
    with pytest.warns(UserWarning, match="is no vit_t, but a network of the family sam"):
        compat.sam_model_registry["vit_t"](checkpoint=small.path)


@pytest.mark.parametrize("name", ["no-such-file.pth", "./no-such-folder"])
def test_a_checkpoint_that_is_not_there(name):
    with pytest.raises(ModelError) as caught:
        compat.sam_model_registry["vit_b"](checkpoint=name)
    assert isinstance(caught.value, SamWidgetError)
    assert caught.value.hint


def test_a_file_that_is_no_checkpoint(tmp_path):
    (tmp_path / "sam.pth").write_bytes(b"<html>")
    with pytest.raises(ModelError, match=r"sam\.pth"):
        compat.sam_model_registry["vit_b"](checkpoint=tmp_path / "sam.pth")
