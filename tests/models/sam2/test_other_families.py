"""Families with SAM 2's decoder on another encoder: SAM 3 for clicks, and EdgeTAM, whose package is not installed."""

import json

import pytest
import torch

from samwidget.core.prompt import make_prompt
from samwidget.errors import UnsupportedModelError
from samwidget.models import families
from samwidget.models.loader import load
from tests.models.small_networks import save_small_sam3_tracker

PROMPTS = [make_prompt([[5, 6]]), make_prompt(box=[1, 2, 30, 20]), make_prompt([[5, 6]], box=[1, 2, 30, 20])]


@pytest.fixture(scope="module")
def sam3_folder(tmp_path_factory):
    return save_small_sam3_tracker(tmp_path_factory.mktemp("sam3-tracker"))


def test_clicks_on_sam3(photo, sam3_folder):
    segmenter = load(sam3_folder, device="cpu")
    assert segmenter.family == "sam3"
    assert "mean [0.5, 0.5, 0.5]" in segmenter.signature
    embedding = segmenter.encode(photo(30, 50))
    assert embedding.tensors["image_embeddings"].shape == (1, 256, 8, 8)
    logits, scores = segmenter.decode(embedding, PROMPTS, multimask_output=True)
    assert segmenter.decoded_by == "samwidget"
    segmenter.not_covered["decoder"] = "left to transformers for comparison"
    expected, expected_scores = segmenter.decode(embedding, PROMPTS, multimask_output=True)
    assert (logits - expected).abs().max() < 1e-3 * expected.std()
    torch.testing.assert_close(scores, expected_scores, atol=1e-4, rtol=1e-4)


def test_sam3_adds_what_says_that_there_is_no_memory_to_the_coarse_map(photo, sam3_folder):
    """transformers 5.24 adds it to a fourth map, which nothing reads; the official package adds it to this one."""
    segmenter = load(sam3_folder, device="cpu")
    before = segmenter.encode(photo(30, 50)).tensors
    with torch.no_grad():
        segmenter._model.no_memory_embedding += 2
    after = segmenter.encode(photo(30, 50)).tensors
    torch.testing.assert_close(after["image_embeddings"], before["image_embeddings"] + 2)
    assert torch.equal(after["features_s0"], before["features_s0"])


@pytest.mark.parametrize("model_type", ["edgetam", "edgetam_video"])
def test_edgetam_without_timm_says_what_to_install(tmp_path, monkeypatch, model_type):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    (tmp_path / "model.safetensors").write_bytes(b"reading this would fail otherwise")
    monkeypatch.setattr(families, "find_spec", lambda _: None)
    with pytest.raises(UnsupportedModelError, match="timm") as caught:
        load(tmp_path)
    assert "pip install timm" in caught.value.hint
