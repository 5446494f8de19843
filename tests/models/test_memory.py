"""A network that does not fit the memory is refused before its weights are read."""

import pytest
import torch
from safetensors.torch import save_file

from samwidget.errors import ModelError
from samwidget.models import memory
from samwidget.models.loader import load
from samwidget.models.memory import check_fits, free_bytes

CPU = torch.device("cpu")


@pytest.fixture
def free(monkeypatch):
    """Sets how many bytes are free."""

    def set_free(count):
        monkeypatch.setattr(memory, "free_bytes", lambda device: count)

    return set_free


def test_a_folder_is_refused_before_its_weights_are_read(small_sam_folder, free, monkeypatch):
    from transformers import SamModel

    monkeypatch.setattr(SamModel, "from_pretrained", lambda *_, **__: pytest.fail("weights were read"))
    free(1000)
    with pytest.raises(ModelError, match=r"does not fit the memory: its weights take \S+ GB, and 1e-06 GB") as caught:
        load(small_sam_folder)
    assert "end other kernels" in caught.value.hint
    assert "nano" in caught.value.hint


def test_a_file_is_refused_before_it_is_read(tmp_path, free, monkeypatch):
    (tmp_path / "sam_vit_h.pth").write_bytes(bytes(2000))
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("weights were read"))
    free(1000)
    with pytest.raises(ModelError, match="does not fit the memory"):
        load(tmp_path / "sam_vit_h.pth")


def test_the_error_names_the_largest_network_that_fits(tmp_path, free):
    with (tmp_path / "huge.pth").open("wb") as file:
        file.truncate(3_000_000_000)  # a hole: it takes no room on the disk
    for free_count, name in ((400_000_000, "syscv-community/sam-hq-vit-base"), (20_000_000, "nano"), (1, "nano")):
        free(free_count)
        with pytest.raises(ModelError, match="huge") as caught:
            check_fits("huge", [tmp_path / "huge.pth"], CPU)
        assert repr(name) in caught.value.hint


@pytest.mark.parametrize(
    ("dtype", "needed"), [(torch.float32, 4000), (torch.float16, 4000), (torch.bfloat16, 4000), (torch.float64, 4000)]
)
def test_weights_are_counted_in_float32(tmp_path, free, dtype, needed):
    save_file({"a": torch.zeros(600, dtype=dtype), "b": torch.zeros(4, 100, dtype=dtype)}, tmp_path / "a.safetensors")
    free(needed)
    check_fits("network", [tmp_path / "a.safetensors"], CPU)
    free(needed - 1)
    with pytest.raises(ModelError, match="does not fit"):
        check_fits("network", [tmp_path / "a.safetensors"], CPU)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 100, b"\x10" + bytes(7) + b"[1, 2, 3]      ."])
def test_damaged_files_are_for_the_reader(tmp_path, free, content):
    (tmp_path / "a.safetensors").write_bytes(content)
    free(1000)
    check_fits("network", [tmp_path / "a.safetensors"], CPU)


def test_a_device_is_asked_too(tmp_path, monkeypatch):
    (tmp_path / "a.pth").write_bytes(bytes(2000))
    monkeypatch.setattr(memory, "free_bytes", lambda device: 1000 if device.type == "cuda" else 9000)
    check_fits("network", [tmp_path / "a.pth"], CPU)
    with pytest.raises(ModelError, match="free on cuda"):
        check_fits("network", [tmp_path / "a.pth"], torch.device("cuda"))


def test_the_memory_of_a_device_that_tells_nothing_is_not_known():
    assert free_bytes(torch.device("mps")) is None
    assert free_bytes(CPU) > 0
