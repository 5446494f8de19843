"""SAM 2's decoder against transformers' forward from one embedding: forms of prompts, configs, and the fall-back."""

import numpy as np
import pytest
import torch

from samwidget.core.frame import Frame
from samwidget.core.prompt import Prompt, make_prompt
from samwidget.models.sam import base, fast_decoder
from samwidget.models.sam2 import Sam2Segmenter
from samwidget.models.segmenter import Embedding
from tests.models.sam2.true_size_sam2 import new_sam2

CPU = torch.device("cpu")
MASK = np.random.default_rng(0).normal(0, 5, (32, 32)).astype(np.float32)
PROMPTS = [
    make_prompt([[5, 6]]),
    make_prompt(box=[1, 2, 90, 60]),
    make_prompt([[5, 6], [70, 9]], [1, 0]),
    make_prompt([[15, 86]]),
    make_prompt([[5, 6]], box=[1, 2, 90, 60]),
    make_prompt(mask=MASK),
    make_prompt([[7, 7]], mask=MASK),
    make_prompt(box=[9, 9, 50, 60], mask=MASK),
    Prompt(),
]


def embedding(seed=0):
    """An embedding like an image's, of a network of 128 px."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {"image_embeddings": (1, 256, 8, 8), "features_s1": (1, 64, 16, 16), "features_s0": (1, 32, 32, 32)}
    tensors = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    return Embedding(tensors, Frame.stretched((90, 100), (32, 32), (32, 32)), "test")


def segmenters(**decoder):
    """One network twice: its decoder computed by samwidget, and left to transformers."""
    model = new_sam2(128, **decoder)
    ours, theirs = (Sam2Segmenter(model, name=name, device=CPU) for name in ("ours", "theirs"))
    assert "decoder" not in ours.not_covered
    theirs.not_covered["decoder"] = "left to transformers for comparison"
    return ours, theirs


def assert_same(ours, theirs, multimask_output, prompts=PROMPTS, **options):
    image = embedding()
    logits, scores = ours.decode(image, prompts, multimask_output=multimask_output, **options)
    expected, expected_scores = theirs.decode(image, prompts, multimask_output=multimask_output)
    assert (ours.decoded_by, theirs.decoded_by) == ("samwidget", "transformers")
    assert logits.shape == expected.shape
    difference = (logits - expected).abs().amax((2, 3)) / expected.std((2, 3))
    assert float(difference.max()) < 1e-3
    torch.testing.assert_close(scores, expected_scores, atol=1e-4, rtol=1e-4)
    return logits, scores


@pytest.mark.parametrize(
    "decoder",
    [
        {},
        {"num_hidden_layers": 1},
        {"num_hidden_layers": 3},
        {"num_attention_heads": 4, "mlp_dim": 100, "attention_downsample_rate": 4},
        {"iou_head_depth": 2},
    ],
    ids=str,
)
@pytest.mark.parametrize("multimask_output", [True, False])
def test_transformers_gives_the_same(decoder, multimask_output):
    assert_same(*segmenters(**decoder), multimask_output)


def test_a_single_mask_that_is_not_stable_is_the_best_candidate():
    """With a least stability of 0 no mask falls back, with 1.01 each; with one in between a part of them does."""
    never, _ = assert_same(*segmenters(dynamic_multimask_stability_thresh=0.0), False)
    plain, _ = assert_same(*segmenters(dynamic_multimask_via_stability=False), False)
    torch.testing.assert_close(never, plain, atol=1e-3, rtol=1e-3)
    ours, theirs = segmenters(dynamic_multimask_stability_thresh=1.01)
    always, scores = assert_same(ours, theirs, False)
    candidates, candidate_scores = ours.decode(embedding(), PROMPTS, multimask_output=True)
    best = candidate_scores.argmax(1)
    torch.testing.assert_close(scores[:, 0], candidate_scores.amax(1))
    torch.testing.assert_close(always[:, 0], candidates[torch.arange(len(best)), best], atol=1e-4, rtol=1e-4)
    stabilities = sorted(ours._decoder._stability(plain[:, 0]).tolist())
    middle = sum(stabilities[4:6]) / 2
    assert stabilities[4] < middle < stabilities[5]
    mixed, _ = assert_same(*segmenters(dynamic_multimask_stability_thresh=middle), False)
    is_plain = [torch.allclose(a, b, atol=1e-3) for a, b in zip(mixed, plain, strict=True)]
    assert sum(is_plain) == 4


@pytest.mark.parametrize("threads", [1, 2])
def test_each_prompt_gets_the_masks_that_it_gets_alone(threads, monkeypatch):
    ours, _ = segmenters()
    image = embedding()
    alone = [ours.decode(image, [prompt], multimask_output=False, threads=threads)[0] for prompt in PROMPTS]
    together, _ = ours.decode(image, PROMPTS, multimask_output=False, threads=threads)
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-3, rtol=1e-3)
    monkeypatch.setattr(fast_decoder, "_PROMPTS_IN_BLOCK_CPU", 3)  # as on a GPU
    monkeypatch.setattr(base, "_BATCH_SIZE_CPU", 4)
    points = [make_prompt([[x, 9]]) for x in range(0, 90, 10)]
    torch.testing.assert_close(
        ours.decode(image, points, multimask_output=True, threads=1)[0],
        torch.cat([ours.decode(image, [point], multimask_output=True)[0] for point in points]),
        atol=1e-3,
        rtol=1e-3,
    )


def test_many_points_go_to_transformers():
    ours, theirs = segmenters()
    points = np.random.default_rng(0).uniform(0, 90, (fast_decoder.TOKENS_MAX, 2))
    logits, _ = ours.decode(embedding(), [make_prompt(points)], multimask_output=True)
    assert ours.decoded_by == "transformers"
    assert torch.equal(logits, theirs.decode(embedding(), [make_prompt(points)], multimask_output=True)[0])


def test_a_replaced_layer_is_not_covered():
    class Adapted(torch.nn.Linear):
        pass

    model = new_sam2(128)
    model.mask_decoder.transformer.layers[0].mlp.proj_in = Adapted(256, 2048)
    assert "proj_in" in Sam2Segmenter(model, name="x", device=CPU).not_covered["decoder"]


def test_products_of_an_image_are_counted_and_freed():
    ours, _ = segmenters()
    image = embedding()
    ours.decode(image, PROMPTS[:1], multimask_output=True)
    products = ours._decoder.image_products(image)
    # Twice the sides with 64 channels, and four times with 32.
    assert sum(detail.nbytes for detail in products.details) == 4 * (16 * 16 * 64 + 32 * 32 * 32)
    copy = products.copy()
    other = ours._decoder.image_products(embedding(1))
    copy.copy_(other)
    assert torch.equal(copy.details[1], other.details[1])
    before = ours.byte_count
    del image
    assert ours.byte_count == before - products.byte_count
