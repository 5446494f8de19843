"""Files of Meta's SAM 2: the same weights and masks as in a folder of transformers, sizes, and clear errors."""

import hashlib

import numpy as np
import pytest
import torch

from samwidget.core.prompt import make_prompt
from samwidget.errors import ModelError, SamWidgetWarning, UnsupportedModelError
from samwidget.models.loader import load
from samwidget.models.sam2 import official_checkpoint
from samwidget.models.sam2.official_checkpoint import ENCODER_SIZES, EncoderSize, official_name
from tests.models.sam2.true_size_sam2 import new_sam2, save_sam2

SIDE = 128
POINTS = "sam_prompt_encoder.point_embeddings"


def official_weights(model):
    """The weights of a ``Sam2Model`` by Meta's names, and some for videos."""
    weights = {official_name(name): tensor for name, tensor in model.state_dict().items()}
    for kind, row in enumerate(weights.pop(f"{POINTS}.weight")):
        weights[f"{POINTS}.{kind}.weight"] = row[None]
    weights |= {"maskmem_tpos_enc": torch.zeros(7, 1, 1, 64), "memory_encoder.out_proj.bias": torch.zeros(64)}
    return weights


@pytest.fixture(scope="module")
def network():
    model = new_sam2(SIDE)
    # Meta's files hold the positional embedding once.
    model.prompt_encoder.shared_embedding.load_state_dict(model.shared_image_embedding.state_dict())
    return model


@pytest.fixture(scope="module")
def weights(network):
    return official_weights(network)


@pytest.fixture
def small_sizes(monkeypatch):
    """The test's network is of none of Meta's sizes."""
    monkeypatch.setitem(ENCODER_SIZES, (16, 5), EncoderSize(1, (8, 4, 14, 7), (3,)))
    for name in ("_INPUT_SIDE", "_INPUT_SIDE_OF_MEDSAM2"):
        monkeypatch.setattr(official_checkpoint, name, SIDE)


@pytest.mark.usefixtures("small_sizes")
def test_masks_are_those_of_the_folder(tmp_path, network, weights, photo):
    torch.save({"model": weights}, tmp_path / "sam2.1_hiera_tiny.pt")
    network.save_pretrained(save_sam2(tmp_path, SIDE))
    segmenters = [load(name, device="cpu") for name in (tmp_path / "sam2.1_hiera_tiny.pt", tmp_path)]
    assert [segmenter.family for segmenter in segmenters] == ["sam2", "sam2"]
    assert segmenters[0].not_covered == segmenters[1].not_covered
    image, prompts = photo(40, 60), [make_prompt([[20, 10]]), make_prompt(box=[5, 5, 30, 20])]
    for multimask_output in (True, False):
        results = [
            segmenter.decode(segmenter.encode(image, threads=1), prompts, multimask_output=multimask_output, threads=1)
            for segmenter in segmenters
        ]
        for part, reference in zip(*results, strict=True):
            assert torch.equal(part, reference)


# Names and shapes of the package sam2 1.1.0, without weights for videos: how many, and a hash of the sorted lines.
@pytest.mark.parametrize(
    ("widths", "depths", "positions", "count", "digest"),
    [
        ((96, 192, 384, 768), (1, 2, 7, 2), 7, 311, "d4c2f294669ace98"),
        ((112, 224, 448, 896), (2, 3, 16, 3), 14, 455, "39b22ab08d3297d5"),
        ((144, 288, 576, 1152), (2, 6, 36, 4), 7, 743, "d6b2d244272f2302"),
    ],
    ids=["tiny", "base plus", "large"],
)
def test_names_and_shapes_are_metas(widths, depths, positions, count, digest):
    from transformers import Sam2Config, Sam2HieraDetConfig, Sam2Model

    size = ENCODER_SIZES[widths[0], sum(depths)]
    backbone = Sam2HieraDetConfig(
        hidden_size=widths[0],
        num_attention_heads=size.heads,
        blocks_per_stage=list(depths),
        embed_dim_per_stage=list(widths),
        num_attention_heads_per_stage=[size.heads * 2**stage for stage in range(4)],
        window_size_per_stage=list(size.window_sides),
        global_attention_blocks=list(size.global_layers),
        window_positional_embedding_background_size=[positions, positions],
    )
    vision = {"backbone_config": backbone.to_dict(), "backbone_channel_list": list(widths[::-1])}
    with torch.device("meta"):
        weights = official_weights(Sam2Model(Sam2Config(vision_config=vision)))
    lines = sorted(
        f"{name} {tuple(tensor.shape)}" for name, tensor in weights.items() if not name.startswith(("mask", "memory_"))
    )
    assert len(lines) == count
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16] == digest


@pytest.mark.usefixtures("small_sizes")
def test_medsam2_is_known_by_its_name(tmp_path, weights):
    torch.save({"model": weights}, tmp_path / "MedSAM2_latest.pt")
    with pytest.warns(SamWidgetWarning, match="taken for MedSAM2, which reads 128 x 128 pixels, because of its name"):
        load(tmp_path / "MedSAM2_latest.pt")


def test_the_input_of_medsam2(tmp_path, weights):
    assert (official_checkpoint._INPUT_SIDE, official_checkpoint._INPUT_SIDE_OF_MEDSAM2) == (1024, 512)


def test_an_unknown_size(tmp_path, weights):
    torch.save(weights, tmp_path / "sam2.pt")
    with pytest.raises(UnsupportedModelError, match="unknown size: 5 layers, the first with 16 channels") as caught:
        load(tmp_path / "sam2.pt")
    assert "tiny, small, base plus and large" in caught.value.hint


@pytest.mark.usefixtures("small_sizes")
@pytest.mark.parametrize(
    "name", ["no_mem_embed", "sam_mask_decoder.conv_s0.bias", f"{POINTS}.2.weight", "image_encoder.trunk.pos_embed"]
)
def test_missing_weights(tmp_path, weights, name):
    torch.save({key: tensor for key, tensor in weights.items() if key != name}, tmp_path / "sam2.pt")
    with pytest.raises(ModelError, match="does not hold all weights of SAM 2") as caught:
        load(tmp_path / "sam2.pt")
    assert name in str(caught.value)


@pytest.mark.usefixtures("small_sizes")
def test_unknown_weights(tmp_path, weights):
    torch.save(weights | {"sam_mask_decoder.adapter.weight": torch.zeros(1)}, tmp_path / "sam2.pt")
    with pytest.raises(UnsupportedModelError, match="weights that SAM 2 does not have") as caught:
        load(tmp_path / "sam2.pt")
    assert "sam_mask_decoder.adapter.weight" in str(caught.value)


@pytest.mark.parametrize("values", [np.zeros(3), "text"])
def test_other_content(tmp_path, values):
    torch.save(
        {"image_encoder.trunk.patch_embed.proj.weight": torch.tensor([1.0]), "more": str(values)}, tmp_path / "a.pt"
    )
    with pytest.raises(ModelError, match="does not hold all weights of SAM 2"):
        load(tmp_path / "a.pt")
