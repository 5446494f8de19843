import json
import os
import stat

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from samwidget.core.frame import Frame
from samwidget.errors import SamWidgetWarning
from samwidget.models.segmenter import Embedding
from samwidget.predict.embedding_cache import EmbeddingCache, _checksum, content_key
from samwidget.predict.predictor import SamPredictor
from tests.predict.fake_segmenter import FakeSegmenter

FRAME = Frame.padded((3, 4), 64, 16)


def an_embedding(value=1.0, signature="net 1", floats=4):
    return Embedding({"a": torch.full((floats,), value)}, FRAME, signature)


def test_keys_tell_content_shape_dtype_and_network_apart():
    image = np.arange(36, dtype=np.uint8).reshape(3, 4, 3)
    others = [
        (image.reshape(4, 3, 3), "net"),
        (image[::-1], "net"),
        (image.view(np.int8), "net"),
        (image, "net 2"),
    ]
    keys = {content_key(image, "net"), *(content_key(*other) for other in others)}
    assert len(keys) == 5
    assert content_key(image.copy(order="F"), "net") in keys


def test_the_budget_counts_bytes():
    cache = EmbeddingCache(bytes_max=40)
    for key in "abc":
        cache.put(key, an_embedding())
    assert (len(cache), cache.byte_count) == (2, 32)
    assert cache.get("a") is None
    cache.get("b")
    cache.put("d", an_embedding())
    assert cache.get("c") is None
    assert cache.get("b") is not None
    cache.put("large", an_embedding(floats=100))
    assert (len(cache), cache.byte_count) == (1, 400)
    cache.clear()
    assert cache.byte_count == 0


def test_a_file_there_and_back(tmp_path):
    cache = EmbeddingCache(100, tmp_path / "new" / "folder")
    cache.write_file("k", an_embedding(2.5))
    read = cache.read_file("k", "net 1")
    assert torch.equal(read.tensors["a"], torch.full((4,), 2.5))
    assert (read.frame, read.signature) == (FRAME, "net 1")
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["k.safetensors"]
    assert cache.read_file("other", "net 1") is None


def test_without_a_folder_nothing_is_written():
    cache = EmbeddingCache(100)
    cache.write_file("k", an_embedding())
    assert cache.read_file("k", "net 1") is None


def test_a_file_of_another_network_is_not_used(tmp_path):
    cache = EmbeddingCache(100, tmp_path)
    cache.write_file("k", an_embedding(signature="net 2"))
    with pytest.warns(SamWidgetWarning, match="made by 'net 2' and not by 'net 1'"):
        assert cache.read_file("k", "net 1") is None


def test_a_file_of_another_image_is_not_used(tmp_path):
    cache = EmbeddingCache(100, tmp_path)
    cache.write_file("a", an_embedding(1.0))
    cache.write_file("b", an_embedding(2.0))
    (tmp_path / "b.safetensors").replace(tmp_path / "a.safetensors")
    with pytest.warns(SamWidgetWarning, match="of another image"):
        assert cache.read_file("a", "net 1") is None


def test_a_well_formed_file_with_another_frame_is_not_used(tmp_path):
    cache, path = EmbeddingCache(100, tmp_path), tmp_path / "k.safetensors"
    cache.write_file("k", an_embedding(1.0))
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    frame = json.loads(metadata["frame"])
    frame["image_hw"][0] += 1
    save_file({"a": torch.ones(4)}, path, {**metadata, "frame": json.dumps(frame)})
    with pytest.warns(SamWidgetWarning, match="does not hold the tensors and the frame"):
        assert cache.read_file("k", "net 1") is None


@pytest.mark.parametrize(
    "tensors",
    [
        {"a": torch.zeros(4)},
        {"a": torch.ones(4), "b": torch.ones(4)},
        {"b": torch.ones(4)},
        {"a": torch.ones(4).half()},
        {"a": torch.ones(2, 2)},
        {"a": torch.ones(1)},
    ],
    ids=["values", "one more", "name", "dtype", "shape", "size"],
)
def test_a_well_formed_file_with_other_tensors_is_not_used(tmp_path, tensors):
    cache, path = EmbeddingCache(100, tmp_path), tmp_path / "k.safetensors"
    cache.write_file("k", an_embedding(1.0))
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    save_file({"a": torch.ones(4)}, path, metadata)
    assert cache.read_file("k", "net 1") is not None
    save_file(tensors, path, metadata)
    with pytest.warns(SamWidgetWarning, match="does not hold the tensors and the frame"):
        assert cache.read_file("k", "net 1") is None


def test_a_predictor_encodes_again_where_the_file_is_of_another_image(tmp_path):
    images = [np.full((30, 40, 3), value, np.uint8) for value in (50, 200)]
    writer = SamPredictor(FakeSegmenter(), cache_folder=tmp_path)
    files = []
    for image in images:
        before = set(tmp_path.iterdir())
        writer.embed(image)
        files.extend(set(tmp_path.iterdir()) - before)
    files[1].replace(files[0])
    reader = SamPredictor(FakeSegmenter(), cache_folder=tmp_path)
    with pytest.warns(SamWidgetWarning, match="of another image"):
        embedding = reader.embed(images[0])
    assert reader.encodes == 1
    for name, tensor in writer.embed(images[0]).tensors.items():
        assert torch.equal(embedding.tensors[name], tensor)
    assert SamPredictor(FakeSegmenter(), cache_folder=tmp_path).embed(images[0]).signature == embedding.signature


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.uint8])
def test_every_dtype_there_and_back(tmp_path, dtype):
    cache, tensors = EmbeddingCache(100, tmp_path), {"a": torch.arange(6).to(dtype).reshape(2, 3).T}
    cache.write_file("k", Embedding(tensors, FRAME, "net 1"))
    assert torch.equal(cache.read_file("k", "net 1").tensors["a"], tensors["a"])


def test_files_hold_half_precision(tmp_path):
    cache = EmbeddingCache(100, tmp_path)
    tensors = {
        "a": torch.linspace(-3, 3, 1000),
        "large": torch.tensor([1.0, 7e4]),  # no half number is that large
        "no number": torch.tensor([1.0, torch.nan]),
        "bytes": torch.tensor([1, 200], dtype=torch.uint8),
    }
    cache.write_file("k", Embedding(tensors, FRAME, "net 1", half_on_disk=True))
    written = load_file(tmp_path / "k.safetensors")
    assert {name: tensor.dtype for name, tensor in written.items()} == {
        "a": torch.float16,
        "large": torch.float32,
        "no number": torch.float32,
        "bytes": torch.uint8,
    }
    read = cache.read_file("k", "net 1").tensors
    assert {name: tensor.dtype for name, tensor in read.items()} == {name: t.dtype for name, t in tensors.items()}
    torch.testing.assert_close(read["a"], tensors["a"], rtol=2**-11, atol=1e-6)
    assert torch.equal(read["large"], tensors["large"])
    cache.write_file("exact", Embedding(tensors, FRAME, "net 1"))
    assert torch.equal(cache.read_file("exact", "net 1").tensors["a"], tensors["a"])


def test_files_of_older_versions_are_read(tmp_path):
    """They hold float32, and do not say which tensors are halved."""
    cache, path, frame = EmbeddingCache(100, tmp_path), tmp_path / "k.safetensors", json.dumps(FRAME.to_json())
    tensors = {"a": torch.linspace(0, 1, 5)}
    metadata = {"key": "k", "signature": "net 1", "frame": frame, "checksum": _checksum(tensors, frame)}
    save_file(tensors, path, metadata)
    assert torch.equal(cache.read_file("k", "net 1").tensors["a"], tensors["a"])


def test_the_budget_holds_with_embeddings_five_times_as_large():
    """Of SAM, and of a successor with finer maps, side by side."""
    cache = EmbeddingCache(bytes_max=1000)
    for index in range(30):
        is_large = index % 3 == 0
        cache.put(f"{index}", an_embedding(float(index), floats=50 if is_large else 10))
        assert cache.byte_count <= 1000
        assert cache.get(f"{index}") is not None
    assert cache.byte_count > 1000 - 4 * 50


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_files_follow_the_umask(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        EmbeddingCache(100, tmp_path).write_file("k", an_embedding())
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "k.safetensors").stat().st_mode) == mode


@pytest.mark.parametrize("damage", ["cut", "empty", "garbage", "no frame", "wrong frame"])
def test_a_broken_file_is_not_used(tmp_path, damage):
    cache = EmbeddingCache(100, tmp_path)
    cache.write_file("k", an_embedding())
    path = tmp_path / "k.safetensors"
    data = path.read_bytes()
    with safe_open(path, framework="pt") as file:
        metadata = {**file.metadata()}
    match damage:
        case "cut":
            path.write_bytes(data[:-4])
        case "empty":
            path.write_bytes(b"")
        case "garbage":
            path.write_bytes(b"\xff" * len(data))
        case "no frame":
            metadata.pop("frame")
            save_file(load_file(path), path, metadata)
        case "wrong frame":
            save_file(load_file(path), path, {**metadata, "frame": json.dumps({"image_hw": 3})})
    with pytest.warns(SamWidgetWarning, match="encoding again"):
        assert cache.read_file("k", "net 1") is None


def test_a_folder_that_cannot_be_written_costs_a_warning(tmp_path):
    (tmp_path / "file").write_text("in the way")
    cache = EmbeddingCache(100, tmp_path / "file")
    with pytest.warns(SamWidgetWarning, match="not kept"):
        cache.write_file("k", an_embedding())


def test_a_failed_write_leaves_no_half_file(tmp_path, monkeypatch):
    from pathlib import Path

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.warns(SamWidgetWarning, match="no space left"):
        EmbeddingCache(100, tmp_path).write_file("k", an_embedding())
    assert list(tmp_path.iterdir()) == []
