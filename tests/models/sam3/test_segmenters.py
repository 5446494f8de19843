"""SAM 3 from its checkpoint for videos: clicks and words from one encode; words alone; files that lack something."""

import gc
import shutil

import pytest
import torch

from samwidget.core.prompt import make_prompt
from samwidget.errors import ModelError, ModelNotFoundError, PromptError, UnsupportedModelError
from samwidget.models.finder import Finder, Wanted
from samwidget.models.loader import load
from samwidget.models.sam2 import Sam2Segmenter
from samwidget.models.sam3 import tracker_of
from tests.models.sam3.tiny_sam3 import SIDE

PROMPTS = [make_prompt([[5, 6]]), make_prompt(box=[1, 2, 30, 20]), make_prompt([[5, 6]], box=[1, 2, 30, 20])]
MAPS = {"image_embeddings": (1, 256, 8, 8), "features_s1": (1, 64, 16, 16), "features_s0": (1, 32, 32, 32)}


@pytest.fixture(scope="module")
def segmenter(sam3_folder):
    return load(sam3_folder, device="cpu")


@pytest.fixture(scope="module")
def video_model(sam3_folder):
    from transformers import Sam3VideoModel

    return Sam3VideoModel.from_pretrained(sam3_folder).eval()


def test_one_encode_serves_clicks_and_words(segmenter, photo):
    assert isinstance(segmenter, Finder)
    embedding = segmenter.encode(photo(30, 50))
    assert {name: tensor.shape for name, tensor in embedding.tensors.items()} == MAPS | {"hidden_states": (1, 64, 32)}
    logits, scores = segmenter.decode(embedding, PROMPTS, multimask_output=True)
    assert (logits.shape, scores.shape, segmenter.decoded_by) == ((3, 3, 32, 32), (3, 3), "samwidget")
    logits, scores = segmenter.find(embedding, Wanted("coin"), score_min=0.3)
    assert logits.shape[1:] == (32, 32)
    assert scores.tolist() == sorted(scores.tolist(), reverse=True)


def test_the_maps_for_clicks_are_those_of_transformers(segmenter, video_model, photo):
    """As its own class for videos makes them, and to the coarse one what says that there are no earlier frames."""
    embedding = segmenter.encode(photo(30, 50))
    hidden_states = embedding.tensors["hidden_states"]
    with torch.no_grad():
        maps, _ = video_model.get_vision_features_for_tracker(type("Output", (), {"last_hidden_state": hidden_states}))
        maps[2] = maps[2] + video_model.tracker_model.no_memory_embedding
    for name, expected in zip(("features_s0", "features_s1", "image_embeddings"), maps, strict=True):
        actual = embedding.tensors[name].flatten(2).permute(2, 0, 1)
        torch.testing.assert_close(actual, expected, atol=1e-4, rtol=1e-4)


def test_what_transformers_does_with_no_memory(video_model):
    """Version 5.24 adds it to a map that nothing reads. Mended, it says what samwidget says."""
    tracker = tracker_of(video_model)
    pixels = torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    ours = Sam2Segmenter(tracker, name="x", family="sam3", device=torch.device("cpu"))._maps(
        tracker.vision_encoder(pixels).fpn_hidden_states
    )["image_embeddings"]
    coarse = tracker.get_image_embeddings(pixels)[2]
    missing = tracker.no_memory_embedding.view(1, -1, 1, 1)
    assert missing.abs().max() > 0.01
    is_mended = torch.allclose(coarse, ours, atol=1e-4)
    torch.testing.assert_close(ours, coarse if is_mended else coarse + missing, atol=1e-4, rtol=1e-4)


def test_clicks_are_those_of_transformers(segmenter, photo):
    embedding = segmenter.encode(photo(30, 50))
    logits, scores = segmenter.decode(embedding, PROMPTS, multimask_output=False)
    segmenter.not_covered["decoder"] = "left to transformers for comparison"
    try:
        expected, expected_scores = segmenter.decode(embedding, PROMPTS, multimask_output=False)
    finally:
        del segmenter.not_covered["decoder"]
    assert (logits - expected).abs().max() < 1e-3 * expected.std()
    torch.testing.assert_close(scores, expected_scores, atol=1e-4, rtol=1e-4)


def test_words_and_clicks_share_the_encoders_weights(segmenter):
    assert segmenter._detector.model.vision_encoder.backbone is segmenter._model.vision_encoder.backbone


def test_several_phrases_make_the_maps_once_and_read_each_phrase_once(segmenter, photo, monkeypatch):
    detector = segmenter._detector
    calls = []
    text_encoder, layer = detector.model.text_encoder, detector.model.vision_encoder.neck.fpn_layers[0]
    hooks = [part.register_forward_hook(lambda *_, part=part: calls.append(part)) for part in (text_encoder, layer)]
    embedding = segmenter.encode(photo(31, 50))
    for phrase in ("coin", "leaf", "coin", "leaf"):
        segmenter.find(embedding, Wanted(phrase), score_min=0)
    for hook in hooks:
        hook.remove()
    assert len([part for part in calls if part is layer]) == 1
    assert len([part for part in calls if part is text_encoder]) <= 2
    assert detector.byte_count > 0
    del embedding
    gc.collect()
    assert detector.byte_count == 0


def test_phrases_are_remembered_up_to_a_number(segmenter, photo):
    embedding = segmenter.encode(photo(31, 50))
    for number in range(70):
        segmenter.find(embedding, Wanted(str(number)), score_min=0)
    assert len(segmenter._detector._vectors) == 64
    assert "69" in segmenter._detector._vectors


def test_a_phrase_that_is_too_long(segmenter, photo):
    embedding = segmenter.encode(photo(30, 50))
    for call in (
        lambda: segmenter.check_phrase("x" * 300),
        lambda: segmenter.find(embedding, Wanted("x" * 300), score_min=0),
    ):
        with pytest.raises(PromptError, match="302 tokens, the model reads 16") as caught:
            call()
        assert "a few words" in caught.value.hint
    segmenter.check_phrase("x" * 14)


@pytest.mark.parametrize("model_type", ["sam3", "sam3_lite_text"])
def test_words_alone(words_folders, photo, model_type):
    segmenter = load(words_folders[model_type], device="cpu")
    assert segmenter.family == "sam3"
    embedding = segmenter.encode(photo(30, 50))
    assert set(embedding.tensors) == {"hidden_states"}
    assert len(segmenter.find(embedding, Wanted("coin"), score_min=0)[1]) == 10
    with pytest.raises(PromptError, match="no layers for clicks") as caught:
        segmenter.decode(embedding, PROMPTS, multimask_output=True)
    assert "facebook/sam3" in caught.value.hint


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_the_encoders_alone(sam3_folder, words_folders, photo, dtype):
    for folder in (sam3_folder, words_folders["sam3"]):
        half, full = (load(folder, device="cpu", dtype=precision) for precision in (dtype, "float32"))
        embedding = half.encode(photo(30, 50))
        assert {tensor.dtype for tensor in embedding.tensors.values()} == {torch.float32}
        _, scores = half.find(embedding, Wanted("coin"), score_min=0)
        _, expected = full.find(full.encode(photo(30, 50)), Wanted("coin"), score_min=0)
        torch.testing.assert_close(scores, expected, atol=0.1, rtol=0)
        assert half.signature != full.signature


def without_tokenizer(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    for path in copy.glob("tokenizer*"):
        path.unlink()
    return copy


def test_a_checkpoint_without_a_tokenizer_has_clicks(sam3_folder, tmp_path, photo):
    segmenter = load(without_tokenizer(sam3_folder, tmp_path), device="cpu")
    assert not isinstance(segmenter, Finder)
    embedding = segmenter.encode(photo(30, 50))
    assert set(embedding.tensors) == set(MAPS)
    assert segmenter.decode(embedding, PROMPTS, multimask_output=True)[0].shape == (3, 3, 32, 32)


def test_words_alone_need_a_tokenizer(words_folders, tmp_path):
    with pytest.raises(ModelNotFoundError, match="no tokenizer") as caught:
        load(without_tokenizer(words_folders["sam3"], tmp_path))
    assert "tokenizer.json" in caught.value.hint


@pytest.mark.parametrize("model_type", ["sam3", "sam3_lite_text", "sam3_video"])
def test_transformers_without_sam3(sam3_folder, words_folders, monkeypatch, model_type):
    import transformers

    name = {"sam3": "Sam3Model", "sam3_lite_text": "Sam3LiteTextModel", "sam3_video": "Sam3VideoModel"}[model_type]
    monkeypatch.setattr(transformers, name, None)
    with pytest.raises(UnsupportedModelError, match=f"has no {name}") as caught:
        load(words_folders.get(model_type, sam3_folder))
    assert "pip install --upgrade transformers" in caught.value.hint


def test_weights_of_the_clicks_are_missing(video_model):
    weights = {name: tensor for name, tensor in video_model.state_dict().items() if "conv_s0" not in name}
    video_model.state_dict = lambda: weights
    try:
        with pytest.raises(ModelError, match=r"cannot be taken out .* it lacks .*conv_s0") as caught:
            tracker_of(video_model)
    finally:
        del video_model.state_dict
    assert "another transformers" in caught.value.hint
