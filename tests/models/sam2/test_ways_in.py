"""What is SAM 2's own on its ways in: three maps in the cache, precision, checkpoints for videos, wrong files."""

import json
import shutil

import numpy as np
import pytest
import torch

from samwidget.core.prompt import make_prompt
from samwidget.errors import ModelError, ModelNotFoundError, SamWidgetWarning, UnsupportedModelError
from samwidget.models.loader import load
from samwidget.predict.predictor import SamPredictor

MAP_BYTES = 4 * (256 * 8 * 8 + 64 * 16 * 16 + 32 * 32 * 32)


@pytest.fixture
def predictor(small_sam2_folder):
    return SamPredictor.from_pretrained(small_sam2_folder, device="cpu")


def test_the_image_is_stretched(predictor, photo):
    embedding = predictor.embed(photo(30, 50))
    # The frame's input is the grid of logits, so that masks are scaled to the image in one step.
    assert {embedding.frame.input_hw, embedding.frame.content_hw, embedding.frame.logits_hw} == {(32, 32)}
    assert {name: tensor.shape for name, tensor in embedding.tensors.items()} == {
        "image_embeddings": (1, 256, 8, 8),
        "features_s1": (1, 64, 16, 16),
        "features_s0": (1, 32, 32, 32),
    }
    assert embedding.byte_count == MAP_BYTES


def test_embeddings_on_disk_and_the_budget(small_sam2_folder, small_sam_folder, photo, tmp_path):
    image = photo(30, 50)
    options = {"device": "cpu", "cache_folder": tmp_path, "cache_bytes_max": 2 * MAP_BYTES}
    first = SamPredictor.from_pretrained(small_sam2_folder, **options)
    expected = first.predict_many([make_prompt([[9, 9]])], first.embed(image))[0].logits
    for height in (31, 32, 33):
        first.embed(photo(height, 50))
    assert first._locked._cache.byte_count == 2 * MAP_BYTES
    again = SamPredictor.from_pretrained(small_sam2_folder, **options)
    masks = again.predict_many([make_prompt([[9, 9]])], again.embed(image))[0]
    assert again.encodes == 0
    np.testing.assert_allclose(masks.logits, expected, atol=0.05)  # half precision on disk
    other = SamPredictor.from_pretrained(small_sam_folder, **options)
    with pytest.raises(ModelError, match="the embedding was made by"):
        other.predict_many([make_prompt([[9, 9]])], again.embed(image))
    other.embed(image)
    assert other.encodes == 1


def test_a_file_of_another_family_is_encoded_again(small_sam2_folder, small_sam_folder, photo, tmp_path):
    sam, sam2 = (
        SamPredictor.from_pretrained(folder, device="cpu", cache_folder=tmp_path)
        for folder in (small_sam_folder, small_sam2_folder)
    )
    sam.embed(photo(30, 50))
    (file_of_sam,) = tmp_path.iterdir()
    sam2.embed(photo(30, 50))
    (file_of_sam2,) = set(tmp_path.iterdir()) - {file_of_sam}
    shutil.copy(file_of_sam, file_of_sam2)
    again = SamPredictor.from_pretrained(small_sam2_folder, device="cpu", cache_folder=tmp_path)
    with pytest.warns(SamWidgetWarning, match="encoding again"):
        again.embed(photo(30, 50))
    assert again.encodes == 1


def test_everything_has_the_thresholds_of_the_official_generator(predictor):
    assert tuple(predictor.everything_defaults) == (32, 0.8, 0.95, 1.0)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_the_encoders_alone(small_sam2_folder, photo, dtype):
    half, full = (load(small_sam2_folder, device="cpu", dtype=precision) for precision in (dtype, "float32"))
    embedding = half.encode(photo(30, 50))
    assert {tensor.dtype for tensor in embedding.tensors.values()} == {torch.float32}
    logits, _ = half.decode(embedding, [make_prompt([[9, 9]])], multimask_output=True)
    expected, _ = full.decode(full.encode(photo(30, 50)), [make_prompt([[9, 9]])], multimask_output=True)
    assert logits.dtype == torch.float32
    assert (logits - expected).abs().mean() < 0.1 * expected.std()
    assert half.signature != full.signature


def test_a_checkpoint_for_videos_gives_its_image_part(small_sam2_folder, tmp_path, photo, caplog):
    from transformers import Sam2VideoConfig, Sam2VideoModel

    config = json.loads((small_sam2_folder / "config.json").read_text())
    parts = {name: config[name] for name in ("vision_config", "prompt_encoder_config", "mask_decoder_config")}
    video = Sam2VideoModel(Sam2VideoConfig(**parts, image_size=128))
    plain = load(small_sam2_folder)
    video.load_state_dict(plain._model.state_dict(), strict=False)
    video.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "sam2_video"
    segmenter = load(tmp_path)
    assert segmenter.family == "sam2"
    assert "sam2_video" not in caplog.text
    image = photo(30, 50)
    for name, tensor in plain.encode(image).tensors.items():
        torch.testing.assert_close(segmenter.encode(image).tensors[name], tensor)


def copy_of(folder, tmp_path, **entries):
    """A copy of the checkpoint with other entries in its config."""
    shutil.copytree(folder, tmp_path / "copy")
    config = json.loads((folder / "config.json").read_text())
    for name, value in entries.items():
        config[name] = {**config[name], **value}
    (tmp_path / "copy/config.json").write_text(json.dumps(config))
    return tmp_path / "copy"


def test_half_a_download(small_sam2_folder, tmp_path):
    folder = copy_of(small_sam2_folder, tmp_path)
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelNotFoundError, match="no weights"):
        load(folder)
    (folder / "model.safetensors").write_bytes((small_sam2_folder / "model.safetensors").read_bytes()[:50_000])
    with pytest.raises(ModelError, match="cannot be read"):
        load(folder)


def test_weights_of_another_version(small_sam2_folder, tmp_path):
    folder = copy_of(small_sam2_folder, tmp_path, mask_decoder_config={"mlp_dim": 64})
    with pytest.raises(ModelError, match=r"do not fit its config|cannot be read"):
        load(folder)


def test_an_image_size_that_does_not_fit(small_sam2_folder, tmp_path):
    folder = copy_of(small_sam2_folder, tmp_path, prompt_encoder_config={"image_size": 256})
    with pytest.raises(ModelError, match=r"reads \d+ x \d+ pixels"):
        load(folder)


def test_transformers_without_sam2(small_sam2_folder, monkeypatch):
    import transformers

    monkeypatch.setattr(transformers, "Sam2Model", None)
    with pytest.raises(UnsupportedModelError, match="has no Sam2Model") as caught:
        load(small_sam2_folder)
    assert "pip install --upgrade transformers" in caught.value.hint
