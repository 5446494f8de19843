"""Files of Meta's package: the same weights as in a folder of transformers, and clear errors for all other files."""

import pickle
import re

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from samwidget.errors import ModelError, UnsupportedModelError
from samwidget.models.loader import load
from samwidget.models.sam.official_checkpoint import ENCODER_SIZES, new_model
from tests.models.sam.true_size_sam import official_weights, save_sam


@pytest.fixture(scope="module")
def model(small_sam_folder):
    from transformers import SamModel

    return SamModel.from_pretrained(small_sam_folder)


@pytest.fixture
def weights(model):
    return official_weights(model)


def read_model(path):
    return load(path, device="cpu").model


def load_weights(tmp_path, weights):
    torch.save(weights, tmp_path / "sam.pth")
    return load(tmp_path / "sam.pth")


def same_weights(model, other):
    weights, others = model.state_dict(), other.state_dict()
    return weights.keys() == others.keys() and all(torch.equal(weights[key], others[key]) for key in weights)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda weights: weights,
        lambda weights: {"model": weights, "epoch": 3, "lr": 0.1},
        lambda weights: {"optimizer": {"state": {}}, "state_dict": weights},
        lambda weights: {f"module.{name}": tensor for name, tensor in weights.items()},
        lambda weights: {"state_dict": {f"model.sam.{name}": tensor for name, tensor in weights.items()}},
        lambda weights: {name: torch.nn.Parameter(tensor) for name, tensor in weights.items()},
    ],
    ids=["plain", "model", "state_dict", "module.", "lightning", "parameters"],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_the_same_weights(tmp_path, model, weights, wrap, zipped):
    torch.save(wrap(weights), tmp_path / "sam.pth", _use_new_zipfile_serialization=zipped)
    assert same_weights(read_model(tmp_path / "sam.pth"), model)


def test_safetensors(tmp_path, model, weights):
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, tmp_path / "sam.safetensors")
    assert same_weights(read_model(tmp_path / "sam.safetensors"), model)


def test_half_precision_is_widened(tmp_path, weights):
    torch.save({name: tensor.half() for name, tensor in weights.items()}, tmp_path / "sam.pth")
    parameters = list(read_model(tmp_path / "sam.pth").parameters())
    assert {parameter.dtype for parameter in parameters} == {torch.float32}


def test_the_file_may_change_afterwards(tmp_path, model, weights):
    path = tmp_path / "sam.pth"
    torch.save(weights, path)
    read = read_model(path)
    path.write_bytes(b"")
    assert same_weights(read, model)


@pytest.mark.parametrize(
    "vision",
    [
        {},
        {"num_hidden_layers": 5, "global_attn_indexes": [1, 3], "window_size": 7},
        {"hidden_size": 48, "num_attention_heads": 3, "image_size": 256},
    ],
    ids=str,
)
def test_the_sizes_are_in_the_shapes(tmp_path, vision):
    from transformers import SamModel

    model = SamModel.from_pretrained(save_sam(tmp_path, **vision))
    torch.save(official_weights(model), tmp_path / "sam.pth")
    segmenter, reference = load(tmp_path / "sam.pth"), load(tmp_path)
    assert segmenter.model.config.vision_config.global_attn_indexes == model.config.vision_config.global_attn_indexes
    image = np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8)
    embeddings = [each.encode(image).tensors["image_embeddings"] for each in (segmenter, reference)]
    assert torch.equal(*embeddings)


def test_it_loads_by_its_path(tmp_path, weights):
    torch.save(weights, tmp_path / "sam.pth")
    segmenter = load(str(tmp_path / "sam.pth"))
    assert (segmenter.family, segmenter.name) == ("sam", str(tmp_path / "sam.pth"))
    assert not segmenter.not_covered


class Code:
    """Writes a file when it is unpickled without care."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_code_in_a_file_does_not_run(tmp_path, weights):
    torch.save({**weights, "extra": Code(tmp_path / "ran")}, tmp_path / "zipped.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps({"model": Code(tmp_path / "ran")}))
    for name in ("zipped.pth", "plain.pth"):
        with pytest.raises(ModelError, match="holds more than weights") as caught:
            load(tmp_path / name)
        assert "runs no code" in caught.value.hint
    assert not (tmp_path / "ran").exists()


def test_a_whole_model_is_no_checkpoint(tmp_path, model):
    torch.save(model, tmp_path / "model.pth")
    with pytest.raises(ModelError, match="holds more than weights") as caught:
        load(tmp_path / "model.pth")
    assert "state_dict()" in caught.value.hint


@pytest.mark.parametrize("kept", [0, 1, 4, 60, 1000, 50_000, -100])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_that_ends_early(tmp_path, weights, kept, zipped):
    path = tmp_path / "sam.pth"
    torch.save(weights, path, _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ModelError, match=re.escape(str(path))) as caught:
        load(path)
    assert "download" in caught.value.hint


@pytest.mark.parametrize("content", [b"<!DOCTYPE html>", b"\x00" * 5000, b"PK\x03\x04" + b"x" * 300, b"\x80\x02}."])
@pytest.mark.parametrize("name", ["sam.pth", "sam.safetensors", "sam.bin"])
def test_no_checkpoint(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=re.escape(name)) as caught:
        load(tmp_path / name)
    assert caught.value.hint


@pytest.mark.parametrize(
    "content",
    [
        {},
        [],
        7,
        {"image_encoder.trunk.pos_embed": torch.zeros(1)},
        {"image_encoder.patch_embed.seq.0.c.weight": torch.zeros(1)},
        {"vision_encoder.pos_embed": torch.zeros(1)},
        {1: torch.zeros(1), "image_encoder.patch_embed.proj.weight": "text"},
    ],
    ids=["empty", "list", "number", "SAM 2", "MobileSAM", "transformers", "no tensor"],
)
def test_other_networks(tmp_path, content):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(ModelError) as caught:
        load(tmp_path / "other.pth")
    assert caught.value.hint


def test_missing_weights_are_named(tmp_path, weights):
    for missing in list(weights)[::7]:
        rest = {name: tensor for name, tensor in weights.items() if name != missing}
        with pytest.raises(ModelError, match=r"not hold all weights|no weights of a known network"):
            load_weights(tmp_path, rest)
    del weights["mask_decoder.iou_token.weight"]
    with pytest.raises(ModelError) as caught:
        load_weights(tmp_path, weights)
    assert "mask_decoder.iou_token.weight" in str(caught.value)


def test_weights_of_another_shape_are_named(tmp_path, weights):
    weights["mask_decoder.transformer.layers.0.norm1.weight"] = torch.zeros(3)
    with pytest.raises(ModelError, match="not hold all weights") as caught:
        load_weights(tmp_path, weights)
    assert "mask_decoder.transformer.layers.0.norm1.weight" in str(caught.value)


def test_extensions_of_sam_are_refused(tmp_path, weights):
    for index in range(5):
        weights[f"image_encoder.blocks.0.adapter.{index}.weight"] = torch.zeros(1, 256)
    with pytest.raises(UnsupportedModelError, match="SAM does not have") as caught:
        load_weights(tmp_path, weights)
    assert "adapter.0.weight" in str(caught.value)
    assert "and 2 more" in str(caught.value)


@pytest.mark.parametrize("size", ENCODER_SIZES)
def test_the_sizes_of_metas_three_networks(size):
    """The shapes are those of the official package."""
    from tests.models.sam.torchvision_stand_in import torchvision_stand_in

    with torchvision_stand_in():
        from segment_anything import sam_model_registry
    with torch.device("meta"):
        reference = {name: tensor.shape for name, tensor in sam_model_registry[size]().state_dict().items()}
        ours = {name: tensor.shape for name, tensor in official_weights(new_model(ENCODER_SIZES[size])).items()}
    assert ours == reference
