"""Names, folders and hub ids; which are refused, and that they are refused before any weights are read."""

import json
import re
import shutil

import pytest

from samwidget.errors import ModelError, ModelNotFoundError, UnsupportedModelError
from samwidget.models.loader import load
from samwidget.models.registry import BUNDLED_FOLDER


def test_a_folder(small_sam_folder):
    segmenter = load(small_sam_folder)
    assert (segmenter.family, segmenter.name) == ("sam", str(small_sam_folder))
    assert not segmenter.cleans_masks
    assert load(str(small_sam_folder)).signature == segmenter.signature


@pytest.mark.parametrize("model_type", ["seggpt", "clip", None])
def test_other_families_are_refused_before_their_weights(tmp_path, model_type):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    (tmp_path / "model.safetensors").write_bytes(b"reading this would fail otherwise")
    with pytest.raises(UnsupportedModelError, match="not supported") as caught:
        load(tmp_path)
    assert "facebook/sam-vit-base" in caught.value.hint
    assert "nano" in caught.value.hint


def test_a_hub_id_of_another_family_downloads_its_config_alone(tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text('{"model_type": "seggpt"}')
    asked = []

    def download(repo, file, **options):
        asked.append((repo, file, options["local_files_only"]))
        return str(tmp_path / file)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: pytest.fail("weights were asked for"))
    with pytest.raises(UnsupportedModelError, match="seggpt"):
        load("someone/something", local_files_only=False)
    assert asked == [("someone/something", "config.json", False)]


def test_a_hub_id(small_sam_folder, monkeypatch):
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda _, file, **__: str(small_sam_folder / file))
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: str(small_sam_folder))
    assert load("someone/fine-tuned-sam").name == "someone/fine-tuned-sam"


def test_a_pickled_checkpoint_is_fetched_where_there_is_no_other(small_sam_folder, tmp_path, monkeypatch):
    import torch
    from safetensors.torch import load_file

    shutil.copy(small_sam_folder / "config.json", tmp_path)
    asked = []

    def snapshot(_, allow_patterns, **__):
        asked.append(allow_patterns[-1])
        if allow_patterns[-1] == "*.bin":
            torch.save(load_file(small_sam_folder / "model.safetensors"), tmp_path / "pytorch_model.bin")
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda _, file, **__: str(tmp_path / "config.json"))
    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    assert load("someone/old-sam").family == "sam"
    assert asked == ["*.safetensors", "*.bin"]


def test_an_empty_name_is_not_the_current_folder():
    with pytest.raises(ModelNotFoundError, match="the name of the model is empty"):
        load("")


@pytest.mark.parametrize("local_files_only", [True, None])
def test_offline_and_not_here_says_how_to_get_it(local_files_only):
    with pytest.raises(ModelNotFoundError, match="not on this machine") as caught:
        load("facebook/sam-vit-base-that-nobody-has", local_files_only=local_files_only)
    assert "hf download facebook/sam-vit-base-that-nobody-has" in caught.value.hint
    assert 'model="nano"' in caught.value.hint


@pytest.mark.parametrize(
    "name", ["./nowhere", "/no/such/folder", "sam-vit-base", "a/b/c", "x" * 300, "a\0b", "~nobody-of-this-name/sam"]
)
def test_no_such_folder(name):
    with pytest.raises(ModelNotFoundError, match="neither a folder here nor a hub id") as caught:
        load(name)
    assert "facebook/sam-vit-base" in caught.value.hint


def test_names_that_no_hub_takes():
    with pytest.raises(ModelNotFoundError, match="no model or folder"):
        load("what is/this")


def test_a_folder_without_config(tmp_path):
    with pytest.raises(ModelNotFoundError, match=r"no config\.json") as caught:
        load(tmp_path)
    assert caught.value.hint


def test_the_file_in_a_folder(small_sam_folder):
    with pytest.raises(UnsupportedModelError, match="no weights of a known network") as caught:
        load(small_sam_folder / "model.safetensors")
    assert "give that folder" in caught.value.hint


@pytest.mark.parametrize("name", ["sam_vit_b_01ec64.pth", "checkpoints/sam_vit_b.pth", "~/sam.pt", "a/b/c.safetensors"])
def test_no_such_file(name):
    with pytest.raises(ModelNotFoundError, match="there is no file") as caught:
        load(name)
    assert "facebook/sam-vit-base" in caught.value.hint


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000, '{"a":' * 100_000, "\x00"])
def test_a_broken_config(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ModelError, match=r"config\.json"):
        load(tmp_path)


def test_a_config_without_weights(small_sam_folder, tmp_path):
    shutil.copy(small_sam_folder / "config.json", tmp_path)
    with pytest.raises(ModelNotFoundError, match="no weights"):
        load(tmp_path)


@pytest.mark.parametrize("model", ["sam", "nano"])
@pytest.mark.parametrize("kept", [0, 4, 8, 60, 1000, 50_000])
def test_truncated_weights(small_sam_folder, tmp_path, model, kept):
    folder = small_sam_folder if model == "sam" else BUNDLED_FOLDER
    shutil.copy(folder / "config.json", tmp_path)
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:kept])
    with pytest.raises(ModelError, match=re.escape(str(tmp_path))):
        load(tmp_path)


@pytest.mark.parametrize("model", ["sam", "nano"])
def test_weights_of_another_model(small_sam_folder, tmp_path, model):
    folders = {"sam": small_sam_folder, "nano": BUNDLED_FOLDER}
    shutil.copy(folders.pop(model) / "config.json", tmp_path)
    (other,) = folders.values()
    shutil.copy(other / "model.safetensors", tmp_path)
    with pytest.raises(ModelError, match=re.escape(str(tmp_path))):
        load(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"vision_config": 7},
        {"vision_config": {"hidden_size": "wide"}},
        {"vision_config": {"image_size": -1}},
        {"vision_config": {"patch_size": 0}},
        {"mask_decoder_config": []},
    ],
    ids=str,
)
def test_a_config_with_values_that_make_no_sense(small_sam_folder, tmp_path, change):
    config = json.loads((small_sam_folder / "config.json").read_text())
    for name, value in change.items():
        config[name] = {**config[name], **value} if isinstance(value, dict) else value
    (tmp_path / "config.json").write_text(json.dumps(config))
    shutil.copy(small_sam_folder / "model.safetensors", tmp_path)
    with pytest.raises(ModelError):
        load(tmp_path)


def test_broken_weights(small_sam_folder, tmp_path):
    shutil.copy(small_sam_folder / "config.json", tmp_path)
    (tmp_path / "model.safetensors").write_bytes((small_sam_folder / "model.safetensors").read_bytes()[:1000])
    with pytest.raises(ModelError, match="cannot be read"):
        load(tmp_path)


def test_missing_weights_are_not_made_up(small_sam_folder, tmp_path):
    from safetensors.torch import load_file, save_file

    shutil.copy(small_sam_folder / "config.json", tmp_path)
    weights = load_file(small_sam_folder / "model.safetensors")
    weights.pop("mask_decoder.iou_token.weight")
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="do not fit its config") as caught:
        load(tmp_path)
    assert "iou_token" in caught.value.hint


def test_fine_tuning_changes_the_signature(small_sam_folder, tmp_path):
    from safetensors.torch import load_file, save_file

    shutil.copytree(small_sam_folder, tmp_path / "tuned")
    weights = load_file(small_sam_folder / "model.safetensors")
    weights["vision_encoder.layers.0.attn.qkv.weight"] += 0.01
    save_file(weights, tmp_path / "tuned" / "model.safetensors", metadata={"format": "pt"})
    tuned, original = load(tmp_path / "tuned"), load(small_sam_folder)
    assert tuned.signature.replace(tuned.name, "") != original.signature.replace(original.name, "")
