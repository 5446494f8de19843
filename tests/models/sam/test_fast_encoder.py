"""The restructured encoder against transformers', on sizes that windows divide and sizes that they do not."""

import gc

import numpy as np
import pytest
import torch

from samwidget.models.sam import encoder_attention, linear
from samwidget.models.sam.segmenter import SamSegmenter
from tests.models.sam.true_size_sam import randomise

BASE = {
    "image_size": 256,
    "hidden_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "global_attn_indexes": [1],
    "mlp_dim": 96,
}


def model(**vision):
    from transformers import SamConfig, SamModel

    vision = {**BASE, **vision}
    prompt = {"image_size": vision["image_size"], "image_embedding_size": vision["image_size"] // 16}
    return randomise(SamModel(SamConfig(vision_config=vision, prompt_encoder_config=prompt)))


def segmenter(network):
    return SamSegmenter(network, name="x", device=torch.device("cpu"))


def compare(fast, image):
    embedding = fast.encode(image)
    assert fast.encoded_by == "samwidget"
    fast.not_covered["encoder"] = "left to transformers for comparison"
    expected = fast.encode(image).tensors["image_embeddings"]
    assert fast.encoded_by == "transformers"
    actual = embedding.tensors["image_embeddings"]
    assert actual.shape == expected.shape
    assert (actual - expected).abs().max() < 1e-4 * expected.std()


@pytest.mark.parametrize(
    "vision",
    [
        {},  # 16 x 16 tokens in windows of 14: four of four sizes
        {"image_size": 224},  # one window, nothing to pad
        {"image_size": 448},
        {"image_size": 128},  # fewer tokens than a window has
        {"window_size": 5},
        {"global_attn_indexes": [0, 1, 2]},
        {"global_attn_indexes": []},
        {"use_rel_pos": False},
        {"use_abs_pos": False},
        {"qkv_bias": False},
        {"hidden_act": "relu"},
        {"hidden_size": 84, "num_attention_heads": 12, "mlp_dim": 50},  # pruned widths, as SlimSAM's
    ],
    ids=str,
)
def test_the_embedding_is_transformers(photo, vision):
    compare(segmenter(model(**vision)), photo(200, 230))


@pytest.mark.parametrize("image_hw", [(1, 1), (300, 40), (2000, 3000)], ids=str)
def test_true_size(true_size, photo, image_hw):
    compare(segmenter(true_size.plain), photo(*image_hw))


def test_a_replaced_layer_is_not_covered(photo):
    """Adapters such as LoRA replace a layer by a class of their own, whose weights are not all."""

    class Adapted(torch.nn.Linear):
        def forward(self, value):
            return super().forward(value) + 1

    network = model()
    network.vision_encoder.layers[1].attn.qkv = Adapted(48, 144)
    fast = segmenter(network)
    assert "layers.1.attn.qkv" in fast.not_covered["encoder"]
    fast.encode(photo(30, 30))
    assert fast.encoded_by == "transformers"


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_runs_the_same_code(photo, dtype):
    half = SamSegmenter(model(), name="x", device=torch.device("cpu"), dtype=getattr(torch, dtype))
    full = segmenter(model())
    actual, expected = (network.encode(photo(200, 230)).tensors["image_embeddings"].float() for network in (half, full))
    assert half.encoded_by == "samwidget"
    assert (actual - expected).norm() < 0.01 * expected.norm()


@pytest.mark.parametrize("threads", [1, 2, 3, 16])
def test_the_number_of_threads_changes_no_embedding(photo, threads):
    fast = segmenter(model(image_size=448))
    alone, shared = (fast.encode(photo(200, 230), threads=n).tensors["image_embeddings"] for n in (1, threads))
    torch.testing.assert_close(shared, alone, rtol=0, atol=1e-4)


def test_changed_weights_are_used(photo):
    network = model()
    fast = segmenter(network)
    fast.encode(photo(60, 50))
    with torch.no_grad():
        for parameter in network.vision_encoder.parameters():
            parameter.mul_(1.1)
    compare(fast, photo(60, 50))


@pytest.mark.parametrize("packing_pays", [True, False])
def test_either_product_gives_the_embedding(photo, packing_pays, monkeypatch):
    monkeypatch.setattr(linear, "_packing_pays", lambda _: packing_pays)
    compare(segmenter(model()), photo(200, 230))


def test_only_the_layers_are_in_half_precision():
    network = model()
    SamSegmenter(network, name="x", device=torch.device("cpu"), dtype=torch.bfloat16)
    others = {name for name, weight in network.named_parameters() if weight.dtype != torch.bfloat16}
    assert others == {name for name, _ in network.named_parameters() if not name.startswith("vision_encoder.layers.")}


def test_a_replaced_layer_in_half_precision(photo):
    """Then transformers computes the encoder, and needs all of it in one precision."""
    network = model()
    network.vision_encoder.layers[0].attn.qkv.register_forward_hook(lambda *_: None)
    half = SamSegmenter(network, name="x", device=torch.device("cpu"), dtype=torch.bfloat16)
    assert half.encode(photo(30, 30)).tensors["image_embeddings"].dtype == torch.float32
    assert half.encoded_by == "transformers"


def test_results_are_fresh_and_memory_is_flat():
    fast = segmenter(model())
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (40, 50, 3), dtype=np.uint8) for _ in range(6)]
    first = fast.encode(images[0])
    first_copy = first.tensors["image_embeddings"].clone()
    counts = []
    for _ in range(3):
        for image in images:
            fast.encode(image)
        gc.collect()
        counts.append((fast.byte_count, sum(type(value) is torch.Tensor for value in gc.get_objects())))
    assert torch.equal(first.tensors["image_embeddings"], first_copy)
    assert counts[1] == counts[2]


@pytest.mark.parametrize("grid_hw", [(4, 4), (3, 5)])
def test_positions_as_channels_give_the_attention_with_a_bias(grid_hw):
    """What a GPU computes, on the CPU: a GPU is in no test of every day."""
    height, width = grid_hw
    heads, depth, count = 2, 16, height * width
    generator = torch.Generator().manual_seed(0)
    query, key, value = torch.randn(3, heads, count, depth, generator=generator)
    rel_h = torch.randn(heads, height, width, height, generator=generator)
    rel_w = torch.randn(heads, height, width, width, generator=generator)
    bias = rel_h[..., None] + rel_w[..., None, :]
    scores = query @ key.mT / depth**0.5 + bias.reshape(heads, count, count)
    expected = torch.softmax(scores, -1) @ value
    torch.testing.assert_close(encoder_attention._attend(query, key, value, (rel_h, rel_w)), expected)
    plain = torch.softmax(query @ key.mT / depth**0.5, -1) @ value
    torch.testing.assert_close(encoder_attention._attend(query, key, value, None), plain)
