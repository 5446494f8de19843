"""Files of MobileSAM, TinySAM and micro-sam's ``vit_t``: sizes, wrappings, masks as from SAM's own decoder, errors."""

import numpy as np
import pytest
import torch
from PIL import Image

from samwidget.errors import ModelError, UnsupportedModelError
from samwidget.models.loader import load
from samwidget.models.mobile_sam.encoder import TinyVitEncoder
from samwidget.models.mobile_sam.network import TINY_VIT_5M
from samwidget.models.mobile_sam.official_checkpoint import INPUT_SIDE, model_of
from samwidget.predict.predictor import SamPredictor
from tests.models.mobile_sam.random_mobile_sam import SMALL, random_weights
from tests.models.parity import PROMPTS, arguments, assert_same, network_inputs

HW = (150, 200)


@pytest.fixture(scope="module")
def weights():
    return random_weights()


@pytest.fixture(scope="module")
def path(weights, tmp_path_factory):
    path = tmp_path_factory.mktemp("mobile-sam") / "mobile_sam.pt"
    torch.save(weights, path)
    return path


@pytest.fixture(scope="module")
def predictor(path, photo):
    predictor = SamPredictor.from_pretrained(path, device="cpu")
    predictor.set_image(photo(*HW))
    return predictor


def test_it_is_samwidgets_own(predictor):
    assert predictor.run(lambda segmenter: segmenter.family) == "mobile_sam"
    assert not predictor.run(lambda segmenter: segmenter.not_covered)
    assert predictor.run(lambda segmenter: segmenter.encoded_by) == "samwidget"


@pytest.mark.parametrize("multimask_output", [True, False])
@pytest.mark.parametrize("name", PROMPTS)
def test_masks_are_those_of_sams_decoder(predictor, photo, name, multimask_output):
    """Of transformers' ``SamModel``, on the same embedding."""
    image = photo(*HW)
    (embedding,) = predictor.embed(image).tensors.values()
    previous = np.random.default_rng(0).normal(0, 5, (1, 256, 256)).astype(np.float32)
    prompt = arguments(PROMPTS[name], HW, previous)
    ours = predictor.predict(**prompt, multimask_output=multimask_output)
    scale = np.full(2, INPUT_SIDE / max(HW))
    with torch.no_grad():
        output = predictor.run(
            lambda segmenter: segmenter.network(
                image_embeddings=embedding, multimask_output=multimask_output, **network_inputs(scale, **prompt)
            )
        )
    logits = output.pred_masks[0, 0]
    padded = torch.nn.functional.interpolate(logits[None], (1024, 1024), mode="bilinear")
    content = padded[..., : HW[0] * 1024 // HW[1], :]
    masks = torch.nn.functional.interpolate(content, HW, mode="bilinear")[0] > 0
    assert_same(ours, (masks.numpy(), output.iou_scores[0, 0].numpy(), logits.numpy()))


def test_an_image_is_padded_behind_normalising(predictor, photo):
    image = photo(20, 64)
    (embedding,) = predictor.embed(image).tensors.values()
    levels = torch.from_numpy(np.array(Image.fromarray(image).resize((1024, 320), Image.Resampling.BILINEAR))).float()
    mean, std = torch.tensor([123.675, 116.28, 103.53]), torch.tensor([58.395, 57.12, 57.375])
    pixels = torch.zeros(1, 3, 1024, 1024)
    pixels[0, :, :320] = ((levels - mean) / std).permute(2, 0, 1)
    with torch.no_grad():
        expected = predictor.run(lambda segmenter: TinyVitEncoder(segmenter.network.vision_encoder)(pixels))
    assert (embedding - expected).abs().max() < 1e-3 * expected.std()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda weights: {"model": weights},
        lambda weights: {f"module.{name}": tensor for name, tensor in weights.items()},
        # A checkpoint of micro-sam: the decoder of its instance segmentation is not used.
        lambda weights: {
            "model_state": {f"sam.{name}": tensor for name, tensor in weights.items()},
            "decoder_state": {"out_conv.weight": torch.zeros(1)},
        },
        lambda weights: {**weights, "decoder_state": {"out_conv.weight": torch.zeros(1)}},
        # Tables that older versions of the package keep too.
        lambda weights: {
            **weights,
            "image_encoder.layers.1.blocks.0.attn.attention_bias_idxs": torch.zeros(49, 49, dtype=torch.int64),
            "image_encoder.layers.1.blocks.0.attn.ab": torch.zeros(2, 49, 49),
        },
    ],
    ids=["model", "module.", "micro-sam", "micro-sam, exported", "tables"],
)
def test_the_same_weights(tmp_path, weights, path, wrap):
    torch.save(wrap(weights), tmp_path / "mobile_sam.pt")
    signatures = [load(file, device="cpu").signature.partition(" ")[2] for file in (path, tmp_path / "mobile_sam.pt")]
    assert signatures[0] == signatures[1]


def test_the_sizes_are_in_the_shapes(weights):
    size = model_of(weights, "mobile_sam.pt").vision_encoder.size
    assert size == SMALL
    true_size = model_of(random_weights(TINY_VIT_5M), "mobile_sam.pt").vision_encoder
    assert true_size.size == TINY_VIT_5M
    # The official network has 5743892 parameters without its classifier; 4928 are factors of batch norms.
    assert sum(weight.numel() for weight in true_size.state_dict().values()) == 5743892 - 4928


def test_missing_and_unknown_weights_are_named(tmp_path, weights):
    name = "image_encoder.layers.2.blocks.1.attn.proj.weight"
    torch.save({key: tensor for key, tensor in weights.items() if key != name}, tmp_path / "missing.pt")
    with pytest.raises(ModelError, match="not hold all weights of MobileSAM") as caught:
        load(tmp_path / "missing.pt")
    assert name in str(caught.value)
    for part in (
        "image_encoder.layers.1.downsample.conv2.bn.running_var",
        "image_encoder.layers.0.blocks.0.conv1.c.weight",
    ):
        torch.save({key: tensor for key, tensor in weights.items() if key != part}, tmp_path / "part.pt")
        with pytest.raises(ModelError, match="not hold all weights of MobileSAM"):
            load(tmp_path / "part.pt")
    for part in ("layers.0.blocks.0.conv1.bn.weight", "layers.1.blocks.0.attn.attention_biases", "neck.0.weight"):
        torch.save(weights | {f"image_encoder.{part}": torch.zeros(3)}, tmp_path / "shape.pt")
        with pytest.raises(ModelError, match="not hold all weights of MobileSAM"):
            load(tmp_path / "shape.pt")
    torch.save(weights | {"mask_decoder.hf_token.weight": torch.zeros(1, 256)}, tmp_path / "more.pt")
    with pytest.raises(UnsupportedModelError, match="MobileSAM does not have") as caught:
        load(tmp_path / "more.pt")
    assert "hf_token" in str(caught.value)
