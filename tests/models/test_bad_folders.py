"""Folders, files and hubs that are no model, or half of one: each error says what is wrong and how to mend it."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from samwidget.errors import ModelError, ModelNotFoundError, SamWidgetWarning
from samwidget.models.loader import load
from samwidget.predict.predictor import SamPredictor
from tests.models.fake_hub import FakeHub
from tests.models.sam.true_size_sam import official_weights
from tests.models.sam_hq.random_sam_hq import save_sam_hq


@pytest.mark.parametrize(
    ("files", "contents", "remedy"),
    [
        ([], "it is empty", "facebook/sam-vit-base"),
        (["a.jpg", "b.PNG", "notes.txt"], "it holds images", "first argument of SamWidget"),
        (["tokenizer.json", "vocab.json"], "it holds a tokenizer, and no network", "folder with config.json"),
        (["sam_vit_b.pth", "readme.md"], "it holds sam_vit_b.pth", "give the file itself: model="),
        (["model.safetensors"], "it holds weights without their config", "copy config.json"),
        (["a.txt", "b.txt", "c.txt", "d.txt"], "it holds a.txt, b.txt, c.txt and 1 more", "facebook/sam-vit-base"),
    ],
)
def test_a_wrong_folder(tmp_path, files, contents, remedy):
    for name in files:
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ModelNotFoundError, match=r"no config\.json") as caught:
        load(tmp_path)
    assert caught.value.message.endswith(contents)
    assert remedy in caught.value.hint


@pytest.mark.parametrize("name", ["photo.jpg", "config.json", "notes"])
def test_a_file_that_is_no_checkpoint(tmp_path, name):
    (tmp_path / name).write_text('{"model_type": "sam"}')
    with pytest.raises(ModelError, match="no checkpoint") as caught:
        load(tmp_path / name)
    assert caught.value.hint


@pytest.fixture
def sharded(small_sam_folder, tmp_path):
    """A folder whose weights are in two files and an index."""
    weights = load_file(small_sam_folder / "model.safetensors")
    names = sorted(weights)
    parts = {"model-00001-of-00002.safetensors": names[:40], "model-00002-of-00002.safetensors": names[40:]}
    for file, part in parts.items():
        save_file({name: weights[name] for name in part}, tmp_path / file, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": {name: file for file, part in parts.items() for name in part}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    shutil.copy(small_sam_folder / "config.json", tmp_path)
    return tmp_path


def test_shards(sharded, small_sam_folder):
    signatures = [load(folder, device="cpu").signature.partition(" ")[2] for folder in (sharded, small_sam_folder)]
    assert signatures[0].split()[0] == signatures[1].split()[0]


@pytest.mark.parametrize("missing", [["00002"], ["00001", "00002"]])
def test_a_shard_is_missing(sharded, missing):
    for number in missing:
        (sharded / f"model-{number}-of-00002.safetensors").unlink()
    with pytest.raises(ModelNotFoundError, match="is half a download: model-0000") as caught:
        load(sharded)
    assert f"model-{missing[-1]}-of-00002.safetensors" in caught.value.message
    assert "download it again" in caught.value.hint


def test_a_broken_index(sharded):
    (sharded / "model.safetensors.index.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        load(sharded)


def test_weights_that_the_network_does_not_have_are_named(small_sam_folder, tmp_path):
    shutil.copytree(small_sam_folder, tmp_path, dirs_exist_ok=True)
    weights = load_file(tmp_path / "model.safetensors") | {"mask_decoder.adapter.weight": torch.zeros(3)}
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.warns(SamWidgetWarning, match=r"1 weights that its network does not have.*mask_decoder\.adapter"):
        load(tmp_path)


def test_weights_of_another_version_are_named(small_sam_folder, tmp_path):
    shutil.copytree(small_sam_folder, tmp_path, dirs_exist_ok=True)
    weights = load_file(tmp_path / "model.safetensors")
    weights["mask_decoder.score_token.weight"] = weights.pop("mask_decoder.iou_token.weight")
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="do not fit its config") as caught:
        load(tmp_path)
    assert "mask_decoder.iou_token.weight" in caught.value.hint
    assert "mask_decoder.score_token.weight" in caught.value.hint


def test_the_weights_of_a_folder_by_official_names(small_sam_folder, tmp_path):
    """Somebody put a file of Meta's beside transformers' config."""
    from transformers import SamModel

    shutil.copy(small_sam_folder / "config.json", tmp_path)
    weights = official_weights(SamModel.from_pretrained(small_sam_folder))
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, tmp_path / "model.safetensors")
    with pytest.raises(ModelError) as caught:
        load(tmp_path)
    assert caught.value.hint


@pytest.fixture
def fake_hub(small_sam_folder, tmp_path, monkeypatch):
    """The hub for the real huggingface_hub in this process."""
    fake_hub = FakeHub(small_sam_folder, "someone/small-sam")
    constants = {"ENDPOINT": fake_hub.url, "HF_HUB_OFFLINE": False, "HF_HUB_CACHE": str(tmp_path / "cache")}
    for name, value in constants.items():
        monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", _template(fake_hub.url))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    yield fake_hub
    fake_hub.close()


def _template(url):
    return url + "/{repo_id}/resolve/{revision}/{filename}"


def test_a_gated_network_without_a_token(fake_hub):
    fake_hub.is_gated = True
    with pytest.raises(ModelNotFoundError, match=r"someone/small-sam is gated") as caught:
        load("someone/small-sam", local_files_only=False)
    assert "https://huggingface.co/someone/small-sam" in caught.value.hint
    assert "hf auth login" in caught.value.hint
    fake_hub.is_gated = False  # with the terms accepted
    assert load("someone/small-sam", device="cpu", local_files_only=False).family == "sam"


def test_a_hub_id_that_nobody_has(fake_hub):
    with pytest.raises(ModelNotFoundError, match="no model or folder 'someone/else'") as caught:
        load("someone/else", local_files_only=False)
    assert "facebook/sam-vit-base" in caught.value.hint


def test_an_embedding_of_another_family_is_not_used(small_sam_folder, tmp_path_factory, tmp_path, photo):
    """Somebody gave the file of one network the name of another's."""
    paths, image = {}, photo(30, 40)
    small_sam_hq_folder = save_sam_hq(tmp_path_factory.mktemp("small-sam-hq"), side=64)
    for folder in (small_sam_folder, small_sam_hq_folder):
        before = set(tmp_path.iterdir())
        SamPredictor.from_pretrained(folder, device="cpu", cache_folder=tmp_path).embed(image)
        (paths[folder],) = set(tmp_path.iterdir()) - before
    shutil.copy(paths[small_sam_folder], paths[small_sam_hq_folder])
    predictor = SamPredictor.from_pretrained(small_sam_hq_folder, device="cpu", cache_folder=tmp_path)
    with pytest.warns(SamWidgetWarning, match="was made by .* and not by .* encoding again"):
        embedding = predictor.embed(image)
    assert predictor.encodes == 1
    assert "hq_features" in embedding.tensors
    again = SamPredictor.from_pretrained(small_sam_hq_folder, device="cpu", cache_folder=tmp_path)
    again.embed(image)
    assert again.encodes == 0
