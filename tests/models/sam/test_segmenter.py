"""What the SAM adapter does beside the network: sizes from the config, batches, precision, moving."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from samwidget.core.prompt import Prompt, make_prompt
from samwidget.models.loader import load
from samwidget.models.sam import base
from samwidget.predict.predictor import SamPredictor

PROMPTS = [
    make_prompt([[5, 6]]),
    make_prompt(box=[1, 2, 30, 20]),
    make_prompt([[5, 6], [20, 9]], [1, 0]),
    make_prompt([[15, 16]]),
    make_prompt([[5, 6]], box=[1, 2, 30, 20]),
    make_prompt(mask=np.ones((16, 16))),
    make_prompt([[7, 7]], mask=np.eye(16)),
    make_prompt([[9, 9]], mask=-np.eye(16)),
    make_prompt([[25, 6]]),
]


@pytest.fixture
def segmenter(small_sam_folder):
    return load(small_sam_folder, device="cpu")


@pytest.fixture
def image(photo):
    return photo(30, 40)


def test_sizes_come_from_the_config(segmenter, image):
    embedding = segmenter.encode(image)
    assert embedding.frame.input_hw == (64, 64)
    assert embedding.frame.content_hw == (48, 64)
    assert embedding.frame.logits_hw == (16, 16)
    assert embedding.tensors["image_embeddings"].shape == (1, 256, 4, 4)
    assert embedding.byte_count == 256 * 16 * 4
    assert embedding.signature == segmenter.signature


@pytest.mark.parametrize(("at_once", "multimask_output"), [(2, True), (32, False)])
def test_batches_change_no_mask(segmenter, image, monkeypatch, at_once, multimask_output):
    embedding = segmenter.encode(image)
    alone = [segmenter.decode(embedding, [prompt], multimask_output=multimask_output) for prompt in PROMPTS]
    monkeypatch.setattr(base, "_BATCH_SIZE_CPU", at_once)
    logits, scores = segmenter.decode(embedding, PROMPTS, multimask_output=multimask_output)
    assert logits.shape == (len(PROMPTS), 3 if multimask_output else 1, 16, 16)
    torch.testing.assert_close(logits, torch.cat([mask_logits for mask_logits, _ in alone]), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(scores, torch.cat([mask_scores for _, mask_scores in alone]), atol=1e-4, rtol=1e-4)


def test_results_are_fresh_tensors(segmenter, image):
    embedding = segmenter.encode(image)
    first, _ = segmenter.decode(embedding, PROMPTS[:1], multimask_output=True)
    first_copy = first.clone()
    segmenter.decode(embedding, PROMPTS[1:2], multimask_output=True)
    assert torch.equal(first, first_copy)


def test_eight_threads_get_the_masks_of_one(segmenter, image):
    predictor = SamPredictor(segmenter)
    embedding = predictor.embed(image)

    def logits_of(point):
        return predictor.predict_many([make_prompt([point])], embedding)[0].logits

    points = [(x, y) for x in (4, 14, 24, 34) for y in (5, 22)]
    alone = [logits_of(point) for point in points]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(logits_of, points))
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_an_empty_prompt_is_the_networks_own_guess(segmenter, image):
    logits, _ = segmenter.decode(segmenter.encode(image), [Prompt()], multimask_output=True)
    assert logits.shape == (1, 3, 16, 16)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_the_encoders_alone(small_sam_folder, image, dtype):
    half, full = (load(small_sam_folder, device="cpu", dtype=precision) for precision in (dtype, "float32"))
    embedding = half.encode(image)
    assert embedding.tensors["image_embeddings"].dtype == torch.float32
    assert (half.precision, full.precision) == (dtype, "float32")
    logits, scores = half.decode(embedding, PROMPTS[:2], multimask_output=True)
    assert (logits.dtype, scores.dtype) == (torch.float32, torch.float32)
    expected, _ = full.decode(full.encode(image), PROMPTS[:2], multimask_output=True)
    assert (logits - expected).abs().mean() < 0.1 * expected.std()
    assert half.signature != full.signature
