"""The decoder's own algebra against transformers' forward and the official package, on a decoder of true size."""

import gc
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from samwidget.core.frame import Frame
from samwidget.core.measure import iou
from samwidget.core.prompt import make_prompt
from samwidget.models.sam import fast_decoder, low_rank
from samwidget.models.sam.segmenter import SamSegmenter
from samwidget.models.segmenter import Embedding
from tests.models.sam.true_size_sam import randomise

# Of the logits' standard deviation; what is measured is 5e-6.
TOLERANCE = 1e-3
SIZES = [(1024, 1024), (300, 500), (3000, 4000), (1023, 17)]


@pytest.fixture(scope="module")
def both(true_size):
    """The same weights twice: computed by samwidget, and left to transformers."""
    fast = SamSegmenter(true_size.plain, name="fast", device=torch.device("cpu"))
    transformers = SamSegmenter(true_size.plain, name="transformers", device=torch.device("cpu"))
    transformers.not_covered["decoder"] = "left to transformers for comparison"
    return SimpleNamespace(fast=fast, transformers=transformers)


def embedding(image_hw=(1024, 1024), seed=0):
    """An embedding like an image's: noise of unit variance, as after the encoder's last norm."""
    noise = torch.randn(1, 256, 64, 64, generator=torch.Generator().manual_seed(seed))
    return Embedding({"image_embeddings": noise}, Frame.padded(image_hw, 1024, 256), "test")


def random_prompt(rng, image_hw):
    """One of all the forms that a prompt can have."""
    size = np.array(image_hw[::-1], np.float64)
    count = int(rng.choice([0, 1, 1, 2, 3, 9]))
    points = rng.uniform(0, 1, (count, 2)) * size if count else None
    corners = np.sort(rng.uniform(0, 1, (2, 2)), axis=0) * size
    box = corners.reshape(4) if rng.random() < 0.4 else None
    mask = (
        rng.normal(0, 5, (256, 256)).astype(np.float32) if rng.random() < 0.3 or (box is None and not count) else None
    )
    return make_prompt(points, rng.integers(0, 2, count) if count else None, box, mask)


def worst_difference(logits, reference):
    """Largest difference of logits, in standard deviations of each mask."""
    assert logits.shape == reference.shape
    return float(((logits - reference).abs().amax((2, 3)) / reference.std((2, 3))).max())


@pytest.mark.parametrize("image_hw", SIZES, ids=str)
def test_random_prompts_get_the_masks_of_transformers(both, image_hw):
    rng = np.random.default_rng(sum(image_hw))
    image = embedding(image_hw, seed=image_hw[0])
    for multimask_output in (True, False):
        prompts = [random_prompt(rng, image_hw) for _ in range(4)]
        logits, scores = both.fast.decode(image, prompts, multimask_output=multimask_output)
        expected, expected_scores = both.transformers.decode(image, prompts, multimask_output=multimask_output)
        assert (both.fast.decoded_by, both.transformers.decoded_by) == ("samwidget", "transformers")
        assert worst_difference(logits, expected) < TOLERANCE
        torch.testing.assert_close(scores, expected_scores, atol=1e-4, rtol=1e-4)


def test_the_official_package_agrees(true_size, both, photo):
    true_size.official.set_image(photo(300, 500))
    features = true_size.official.features
    image = Embedding({"image_embeddings": features}, Frame.padded((300, 500), 1024, 256), "test")
    prompt = make_prompt([[120, 200], [30, 40]], [1, 0], [10, 20, 400, 250])
    logits, _ = both.fast.decode(image, [prompt], multimask_output=True)
    _, _, expected = true_size.official.predict(prompt.points_xy, prompt.labels, prompt.box_xyxy)
    assert worst_difference(logits, torch.from_numpy(expected)[None]) < TOLERANCE


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_each_prompt_gets_the_masks_that_it_gets_alone(both, threads):
    """Threads share the prompts, or the image tokens of a few; both give the same, in the order of the prompts."""
    rng = np.random.default_rng(4)
    image = embedding()
    prompts = [random_prompt(rng, (1024, 1024)) for _ in range(7)]
    single = [both.fast.decode(image, [prompt], multimask_output=True, threads=1) for prompt in prompts]
    alone, alone_scores = (torch.cat(parts) for parts in zip(*single, strict=True))
    for count in (1, 2, 7):
        logits, scores = both.fast.decode(image, prompts[:count], multimask_output=True, threads=threads)
        assert both.fast.decoded_by == "samwidget"
        assert worst_difference(logits, alone[:count]) < 3e-5
        torch.testing.assert_close(scores, alone_scores[:count], atol=1e-5, rtol=1e-5)


def test_no_prompts_get_no_masks(both):
    logits, scores = both.fast.decode(embedding(), [], multimask_output=True)
    assert (logits.shape, scores.shape) == ((0, 3, 256, 256), (0, 3))


@pytest.mark.parametrize("together", [2, 3])
def test_batches_of_image_tokens_change_no_mask(both, monkeypatch, together):
    """On a GPU the image tokens of several prompts run as one batch; here the same code runs on the CPU."""
    rng = np.random.default_rng(1)
    image = embedding()
    mask = rng.normal(0, 5, (256, 256)).astype(np.float32)
    prompts = [make_prompt([rng.uniform(0, 1024, 2)], mask=mask * (i % 2) if i < 3 else None) for i in range(6)]
    alone, _ = both.fast.decode(image, prompts, multimask_output=True)
    monkeypatch.setattr(fast_decoder, "_PROMPTS_IN_BLOCK_CPU", together)
    assert worst_difference(both.fast.decode(image, prompts, multimask_output=True)[0], alone) < TOLERANCE


def test_many_points_go_to_transformers(both):
    points = np.random.default_rng(0).uniform(0, 1024, (fast_decoder.TOKENS_MAX, 2))
    logits, _ = both.fast.decode(embedding(), [make_prompt(points)], multimask_output=True)
    assert both.fast.decoded_by == "transformers"
    assert torch.equal(logits, both.transformers.decode(embedding(), [make_prompt(points)], multimask_output=True)[0])


def test_lost_digits_are_noticed(both, monkeypatch):
    """Where low rank cancels the image, transformers computes the prompt."""
    monkeypatch.setattr(low_rank, "_CANCELLATION", 1e6)
    both.fast.decode(embedding(), [make_prompt([[5, 5]])], multimask_output=True)
    assert both.fast.decoded_by == "transformers"


def test_an_image_that_its_prompt_nearly_cancels(true_size):
    """Image tokens a hundred times smaller than their parts still give the same masks, whatever computes them."""
    decoder, encoder = true_size.plain.mask_decoder, true_size.plain.prompt_encoder
    no_mask = encoder.no_mask_embed.weight.detach()
    fast = SamSegmenter(true_size.plain, name="x", device=torch.device("cpu"))
    output = decoder.transformer.layers[0].cross_attn_image_to_token.out_proj
    # The image is nearly the negative of what every image token reads, up to the constant that the norm removes.
    flat = -(output.bias.detach() + no_mask[0]).reshape(1, -1, 1, 1).expand(1, -1, 64, 64)
    tensors = {"image_embeddings": flat + 0.01 * embedding().tensors["image_embeddings"]}
    image = Embedding(tensors, Frame.padded((1024, 1024), 1024, 256), "test")
    logits, _ = fast.decode(image, [make_prompt([[500, 300]])], multimask_output=True)
    fast.not_covered["decoder"] = "left to transformers for comparison"
    expected, _ = fast.decode(image, [make_prompt([[500, 300]])], multimask_output=True)
    assert worst_difference(logits, expected) < TOLERANCE


@pytest.mark.parametrize(
    "decoder",
    [
        {},
        {"num_hidden_layers": 1},
        {"num_hidden_layers": 3},
        {"attention_downsample_rate": 4},
        {"num_attention_heads": 4, "mlp_dim": 100},
        {"num_multimask_outputs": 5, "iou_head_depth": 2},
    ],
    ids=str,
)
def test_other_shapes_are_covered(decoder):
    segmenter = SamSegmenter(small_model(decoder), name="x", device=torch.device("cpu"))
    assert segmenter.not_covered == {}
    compare_with_transformers(segmenter)


def test_a_replaced_layer_is_not_covered():
    """Adapters such as LoRA replace a layer by a class of their own, whose weights are not all."""

    class Adapted(torch.nn.Linear):
        def forward(self, value):
            return super().forward(value) + 1

    model = small_model({})
    attention = model.mask_decoder.transformer.layers[1].cross_attn_image_to_token
    replaced = Adapted(256, 128)
    replaced.load_state_dict(attention.q_proj.state_dict())
    attention.q_proj = replaced
    segmenter = SamSegmenter(model, name="x", device=torch.device("cpu"))
    assert "cross_attn_image_to_token.q_proj" in segmenter.not_covered["decoder"]
    segmenter.decode(small_embedding(), [make_prompt([[5, 5]])], multimask_output=True)
    assert segmenter.decoded_by == "transformers"


def test_results_are_fresh_and_memory_is_flat(both):
    """The workspace grows to the largest call, products are those of two images, and nothing else stays."""
    rng = np.random.default_rng(0)
    images = [embedding(seed=seed) for seed in range(3)]
    first, _ = both.fast.decode(images[0], [make_prompt([[5, 5]])], multimask_output=True)
    first_copy = first.clone()
    counts = []
    for _ in range(3):
        for image in images:
            prompts = [make_prompt([rng.uniform(0, 1024, 2)]) for _ in range(2)]
            both.fast.decode(image, prompts, multimask_output=True)
        gc.collect()
        counts.append((both.fast.byte_count, sum(type(value) is torch.Tensor for value in gc.get_objects())))
    assert torch.equal(first, first_copy)
    assert counts[1] == counts[2]
    del images, image
    gc.collect()
    last = embedding()
    assert both.fast._decoder.image_products(last) is not None
    assert len(both.fast._decoder._image_products) == 1
    assert both.fast.byte_count < 130e6


def test_products_are_computed_once_an_image(both, monkeypatch):
    image = embedding(seed=9)
    both.fast.decode(image, [make_prompt([[5, 5]])], multimask_output=True)
    monkeypatch.setattr(both.fast._decoder._weights, "multiply", None)
    both.fast.decode(image, [make_prompt([[9, 9]])], multimask_output=False)


def test_an_embedding_in_half_precision_keeps_the_masks(both):
    """What a GPU's float16 encoder hands over."""
    image = embedding()
    half = Embedding({"image_embeddings": image.tensors["image_embeddings"].half()}, image.frame, "test")
    prompts = [make_prompt([[200, 300]]), make_prompt(box=[100, 100, 700, 900])]
    masks, expected = (both.fast.decode(variant, prompts, multimask_output=True)[0] > 0 for variant in (half, image))
    for mask, reference in zip(masks.flatten(0, 1).numpy(), expected.flatten(0, 1).numpy(), strict=True):
        assert iou(mask, reference) >= 0.999


def small_model(decoder):
    from transformers import SamConfig, SamModel

    vision = {"image_size": 64, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "mlp_dim": 16}
    prompt = {"image_size": 64, "image_embedding_size": 4}
    config = SamConfig(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder)
    return randomise(SamModel(config))


def small_embedding():
    noise = torch.randn(1, 256, 4, 4, generator=torch.Generator().manual_seed(0))
    return Embedding({"image_embeddings": noise}, Frame.padded((60, 50), 64, 16), "test")


def compare_with_transformers(segmenter):
    prompts = [make_prompt([[5, 5]]), make_prompt([[5, 5], [9, 9]], mask=np.eye(16)), make_prompt(box=[1, 2, 30, 40])]
    logits, scores = segmenter.decode(small_embedding(), prompts, multimask_output=True)
    assert segmenter.decoded_by == "samwidget"
    segmenter.not_covered["decoder"] = "left to transformers for comparison"
    expected, expected_scores = segmenter.decode(small_embedding(), prompts, multimask_output=True)
    assert worst_difference(logits, expected) < TOLERANCE
    torch.testing.assert_close(scores, expected_scores, atol=1e-4, rtol=1e-4)
