import pytest
import torch

from samwidget.errors import ModelError
from samwidget.models import device
from samwidget.models.device import choose_device


def test_the_cpu_works_in_float32():
    choice = choose_device("cpu")
    assert (choice.device, choice.dtype) == (torch.device("cpu"), torch.float32)
    assert choice.reason == "cpu, float32: you asked for it"


def test_automatic_takes_what_is_there_and_says_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device().reason == "cpu, float32: found no GPU that torch can use"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device().device.type == "mps"
    assert choose_device().dtype == torch.float32
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a card")
    assert choose_device() == choose_device("auto", "float16")
    assert "a card" in choose_device().reason


@pytest.mark.parametrize("dtype", ["bfloat16", torch.bfloat16])
def test_precision_by_name_or_type(dtype):
    assert choose_device("cpu", dtype).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("machine", "flags", "is_faster", "dtype"),
    [
        ("x86_64", {"_is_avx512_bf16_supported": True, "_is_amx_tile_supported": False}, False, torch.bfloat16),
        ("AMD64", {"_is_avx512_bf16_supported": False, "_is_amx_tile_supported": True}, False, torch.bfloat16),
        ("x86_64", {"_is_avx512_bf16_supported": False, "_is_amx_tile_supported": False}, True, torch.float32),
        ("x86_64", {}, True, torch.bfloat16),  # a torch that has no such functions: it is measured
        ("aarch64", {}, True, torch.bfloat16),
        ("arm64", {}, False, torch.float32),
    ],
)
def test_fast_on_a_cpu_is_bfloat16_where_the_processor_has_it(monkeypatch, machine, flags, is_faster, dtype):
    monkeypatch.setattr(device.platform, "machine", lambda: machine)
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
        if name in flags:
            monkeypatch.setattr(torch.cpu, name, lambda value=flags[name]: value, raising=False)
    monkeypatch.setattr(device, "_is_bfloat16_faster", lambda: is_faster)
    device._has_bfloat16.cache_clear()
    try:
        choice = choose_device("cpu", "fast")
    finally:
        device._has_bfloat16.cache_clear()
    assert choice.dtype == dtype
    assert choice.reason.endswith(
        "; bfloat16 is fastest here" if dtype == torch.bfloat16 else "; nothing is faster than float32 here"
    )
    assert choose_device("cpu", "auto").dtype == torch.float32


def test_fast_on_a_gpu_is_what_automatic_takes(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a card")
    assert choose_device("auto", "fast") == choose_device("auto", "float16")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto", "fast") == choose_device("auto", "float32")


def test_bfloat16_can_be_measured():
    assert device._is_bfloat16_faster() in (True, False)


def test_what_is_not_here_is_refused():
    with pytest.raises(ModelError, match="'toaster' cannot be used here") as caught:
        choose_device("toaster")
    assert 'device="cpu"' in caught.value.hint
    with pytest.raises(ModelError, match="int8"):
        choose_device("cpu", "int8")
    if not torch.cuda.is_available():
        with pytest.raises(ModelError, match="'cuda' cannot be used"):
            choose_device("cuda")
