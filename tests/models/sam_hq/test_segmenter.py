"""What SAM-HQ's segmenter does beside the network: features once an image, threads, what others compute, refusals."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from samwidget.core.prompt import Prompt, make_prompt
from samwidget.errors import ModelError
from samwidget.models.sam import fast_decoder, low_rank
from samwidget.models.sam_hq import SamHqSegmenter
from tests.models.sam_hq.random_sam_hq import new_sam_hq

PROMPTS = [
    make_prompt([[50, 60]]),
    make_prompt(box=[10, 20, 150, 120]),
    make_prompt([[50, 60], [120, 9]], [1, 0]),
    make_prompt([[115, 16]]),
    make_prompt([[50, 60]], box=[10, 20, 150, 120]),
    make_prompt(mask=np.ones((64, 64))),
    make_prompt([[70, 70]], mask=4 * np.eye(64)),
    Prompt(),
]


def new_segmenter(**vision):
    return SamHqSegmenter(new_sam_hq(**vision), name="small", device=torch.device("cpu"))


@pytest.fixture(scope="module")
def segmenter():
    return new_segmenter()


@pytest.fixture(scope="module")
def embedding(segmenter, photo):
    return segmenter.encode(photo(130, 170), threads=2)


@torch.no_grad()
def worst_difference(logits, reference):
    """Largest difference of logits, in standard deviations of each mask."""
    assert logits.shape == reference.shape
    return float(((logits - reference).abs().amax((2, 3)) / reference.std((2, 3))).max())


def test_the_embedding(segmenter, embedding):
    assert segmenter.not_covered == {}
    assert (segmenter.family, segmenter.encoded_by, embedding.signature) == ("sam_hq", "samwidget", segmenter.signature)
    assert {name: tensor.shape for name, tensor in embedding.tensors.items()} == {
        "image_embeddings": (1, 256, 16, 16),
        "hq_features": (1, 32, 64, 64),
    }


@pytest.mark.parametrize("threads", [1, 2])
def test_transformers_encoder_gives_the_same_embedding(embedding, photo, threads):
    by_transformers = new_segmenter()
    by_transformers.not_covered["encoder"] = "left to transformers for comparison"
    expected = by_transformers.encode(photo(130, 170), threads=threads)
    assert by_transformers.encoded_by == "transformers"
    for name, tensor in embedding.tensors.items():
        torch.testing.assert_close(tensor, expected.tensors[name], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("multimask_output", [True, False])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_layers_in_plain_order_give_the_same(segmenter, embedding, multimask_output, threads):
    expected, expected_scores = segmenter.decode_by_transformers(embedding, PROMPTS, multimask_output)
    for count in (1, len(PROMPTS)):
        logits, scores = segmenter.decode(
            embedding, PROMPTS[:count], multimask_output=multimask_output, threads=threads
        )
        assert segmenter.decoded_by == "samwidget"
        assert worst_difference(logits, expected[:count]) < 1e-3
        torch.testing.assert_close(scores, expected_scores[:count], atol=1e-4, rtol=1e-4)


def test_batches_of_image_tokens_change_no_mask(segmenter, embedding, monkeypatch):
    """On a GPU the image tokens of several prompts run as one batch; here the same code runs on the CPU."""
    prompts = [make_prompt([[x, 50]]) for x in (20, 60, 100, 140)]
    alone, _ = segmenter.decode(embedding, prompts, multimask_output=True, threads=1)
    monkeypatch.setattr(fast_decoder, "_PROMPTS_IN_BLOCK_CPU", 3)
    assert worst_difference(segmenter.decode(embedding, prompts, multimask_output=True, threads=1)[0], alone) < 1e-4


def test_candidates_are_in_the_order_of_their_tokens(segmenter, embedding):
    """Where the score of a token rises, only the scores change: a level stays the same mask."""
    logits, scores = segmenter.decode(embedding, PROMPTS[:1], multimask_output=True)
    other = new_segmenter()
    with torch.no_grad():
        other.model.mask_decoder.iou_prediction_head.proj_out.bias[3] += 10
    other_logits, other_scores = other.decode(embedding, PROMPTS[:1], multimask_output=True)
    assert other_scores.argmax() == 2
    torch.testing.assert_close(other_logits, logits)
    torch.testing.assert_close(other_scores[:, :2], scores[:, :2])


def test_many_points_and_lost_digits_go_to_the_plain_layers(segmenter, embedding, monkeypatch):
    points = np.random.default_rng(0).uniform(0, 130, (fast_decoder.TOKENS_MAX, 2))
    assert segmenter.decode(embedding, [make_prompt(points)], multimask_output=True)[0].shape == (1, 3, 64, 64)
    assert segmenter.decoded_by == "transformers"
    expected, _ = segmenter.decode(embedding, PROMPTS[:1], multimask_output=True)
    monkeypatch.setattr(low_rank, "_CANCELLATION", 1e6)
    logits, _ = segmenter.decode(embedding, PROMPTS[:1], multimask_output=True)
    assert segmenter.decoded_by == "transformers"
    assert worst_difference(logits, expected) < 1e-3


def test_a_replaced_layer_is_used(embedding):
    class Adapted(torch.nn.Conv2d):
        def forward(self, value):
            return super().forward(value) + torch.arange(64.0).view(-1, 1, 1)  # the norm would remove a constant

    model = new_sam_hq()
    adapted = Adapted(32, 64, 3, padding=1)
    adapted.load_state_dict(model.mask_decoder.mask_conv1.state_dict())
    model.mask_decoder.mask_conv1 = adapted
    segmenter = SamHqSegmenter(model, name="adapted", device=torch.device("cpu"))
    assert "mask_conv1" in segmenter.not_covered["decoder"]
    logits, _ = segmenter.decode(embedding, PROMPTS[:1], multimask_output=True)
    plain, _ = new_segmenter().decode(embedding, PROMPTS[:1], multimask_output=True)
    assert worst_difference(logits, plain) > 0.01


@pytest.mark.parametrize("tensor", [None, torch.zeros(1, 32, 16, 16)], ids=["missing", "another shape"])
def test_an_embedding_without_the_features_is_refused(segmenter, embedding, tensor):
    tensors = {"image_embeddings": embedding.tensors["image_embeddings"]}
    if tensor is not None:
        tensors["hq_features"] = tensor
    with pytest.raises(ModelError, match="hq_features of the embedding are") as caught:
        segmenter.decode(replace(embedding, tensors=tensors), PROMPTS[:1], multimask_output=True)
    assert "encode the image with small" in caught.value.hint


def test_an_encoder_without_global_attention_is_refused():
    with pytest.raises(ModelError, match="no layer of global attention") as caught:
        new_segmenter(global_attn_indexes=[])
    assert "0 to 2" in caught.value.hint


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_is_the_encoders_alone(segmenter, embedding, photo, dtype):
    half = SamHqSegmenter(new_sam_hq(), name="small", device=torch.device("cpu"), dtype=dtype)
    tensors = half.encode(photo(130, 170)).tensors
    for name, tensor in embedding.tensors.items():
        assert tensors[name].dtype == torch.float32
        assert (tensors[name] - tensor).abs().mean() < 0.05 * tensor.std()
    assert half.signature != segmenter.signature


def test_results_are_fresh_tensors(segmenter, embedding):
    first, _ = segmenter.decode(embedding, PROMPTS[:1], multimask_output=True)
    copy = first.clone()
    segmenter.decode(embedding, PROMPTS[1:2], multimask_output=True)
    assert torch.equal(first, copy)
