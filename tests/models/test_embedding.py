"""Embedding: what it accepts as tensors of an image."""

import pytest
import torch

from samwidget.core.frame import Frame
from samwidget.errors import ModelError
from samwidget.models.segmenter import Embedding

FRAME = Frame.padded((3, 4), 8, 4)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({}, "no tensors"),
        ({"a": torch.zeros(1, 0, 3)}, r"'a' has shape \(1, 0, 3\)"),
        ({"a": torch.zeros(2), "b": torch.zeros(2, dtype=torch.int64)}, "'b' is torch.int64"),
        ({"a": torch.zeros(2), "b": torch.zeros(2, device="meta")}, "on cpu and on meta"),
    ],
)
def test_damaged_tensors_are_refused(tensors, message):
    with pytest.raises(ModelError, match=message) as caught:
        Embedding(tensors, FRAME, "a model")
    assert caught.value.hint


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.uint8])
def test_bytes_are_counted(dtype):
    embedding = Embedding({"a": torch.zeros(2, 3, dtype=dtype)}, FRAME, "a model")
    assert embedding.byte_count == 6 * dtype.itemsize
    moved = embedding.to(torch.device("cpu"))
    assert (moved.frame, moved.signature) == (FRAME, "a model")
