import pytest
import torch

from samwidget.errors import ModelError
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


def test_what_is_not_here_is_refused():
    with pytest.raises(ModelError, match="'toaster' cannot be used here") as caught:
        choose_device("toaster")
    assert 'device="cpu"' in caught.value.hint
    with pytest.raises(ModelError, match="int8"):
        choose_device("cpu", "int8")
    if not torch.cuda.is_available():
        with pytest.raises(ModelError, match="'cuda' cannot be used"):
            choose_device("cuda")
