"""The bundled network as two ONNX graphs, encoder and decoder, for runtimes without Python. ``page`` writes them.

The graphs hold the weights in half precision, as they are shipped, and compute in float32. They are made for one size
of the input, because nearly all of its shapes are then constants, and decode one prompt at a time. The window of the
finer layers (``window``) is a part of the graph of the decoder. A graph has no branches: it computes the maps of a box
and of a mask for each prompt.
"""

from __future__ import annotations

import copy
import importlib.util
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from samwidget.core import Frame
from samwidget.errors import ModelError
from samwidget.models.nano.layers import CONTEXT, DEEP, FINE, MIDDLE
from samwidget.models.nano.prompt_maps import HEAD_DIM, HEADS, PromptTensors
from samwidget.models.nano.segmenter import NanoSegmenter, _resize, frame_of

FEATURES = ("context", "deep", "middle", "fine")
"""Outputs of the encoder and inputs of the decoder: (1, C, h, w) at the strides 32, 16, 8 and 4."""
PROMPT = ("points", "labels", "box", "has_box", "mask", "has_mask")
"""The other inputs of the decoder: the fields of ``PromptTensors`` with B = O = 1 and any number of points."""
_OPSET = 18
_FLOAT = 1  # as ONNX numbers its types


@dataclass(frozen=True)
class Graphs:
    """The two graphs as ONNX files.

    Attributes:
        encoder: from ``pixels`` (1, 3, H, W), normalised and padded, to the features.
        decoder: from features and prompt to ``logits`` (4, H/2, W/2) and ``scores`` (4,): the single mask, then
            the three candidates.
    """

    encoder: bytes
    decoder: bytes


def encoder_pixels(image: npt.NDArray[np.uint8]) -> tuple[Frame, npt.NDArray[np.uint8]]:
    """The frame of an (H, W, 3) uint8 RGB image, and the (h, w, 3) uint8 pixels of its content for the encoder."""
    frame = frame_of((image.shape[0], image.shape[1]))
    return frame, _resize(image, frame.content_hw).contiguous().numpy()


def export_graphs(input_hw: tuple[int, int]) -> Graphs:
    """The graphs of the bundled network for images whose input has this height and width, multiples of 32.

    Raises:
        ModelError: the package onnx is missing.
    """
    if importlib.util.find_spec("onnx") is None:
        raise ModelError("the package onnx is missing", hint="run pip install 'samwidget[page]'")
    network = NanoSegmenter.from_folder().network
    height, width = input_hw
    middle = MIDDLE + HEADS * HEAD_DIM
    features = [
        torch.zeros(1, channels, height // stride, width // stride)
        for channels, stride in ((CONTEXT, 32), (DEEP, 16), (middle, 8), (FINE, 4))
    ]
    # With a box and a mask, so that the maps of both are in the graph; has_box and has_mask multiply them.
    prompt = (
        torch.full((1, 1, 2, 2), 8.0),
        torch.ones(1, 1, 2),
        torch.tensor([[[0.0, 0.0, 16.0, 16.0]]]),
        torch.ones(1, 1),
        torch.zeros(1, 1, height // 2, width // 2),
        torch.ones(1, 1),
    )
    encoder, decoder = _Encoder(network.encoder), _Decoder(network.decoder)
    axes = {"points": {2: "N"}, "labels": {2: "N"}}
    return Graphs(
        _export(encoder, (torch.zeros(1, 3, height, width),), ("pixels",), FEATURES, {}),
        _export(decoder, (*features, *prompt), (*FEATURES, *PROMPT), ("logits", "scores"), axes),
    )


class _HalfStored(nn.Module):
    """A copy of a module whose weights are in half precision until they are used."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = copy.deepcopy(module)
        self.stored = nn.ParameterList()
        self._owners: list[tuple[nn.Module, str]] = []
        for owner in self.module.modules():
            for name, weight in list(owner.named_parameters(recurse=False)):
                self.stored.append(nn.Parameter(weight.detach().contiguous().half(), requires_grad=False))
                self._owners.append((owner, name))
                delattr(owner, name)

    def _fill(self) -> None:
        """Gives the layers their weights in float32; the tracer records the conversion."""
        for (owner, name), weight in zip(self._owners, self.stored, strict=True):
            owner.__dict__[name] = weight.float()


class _Encoder(_HalfStored):
    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        self._fill()
        features = self.module(pixels)
        return tuple(features[name] for name in FEATURES)


class _Decoder(_HalfStored):
    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        self._fill()
        features = dict(zip(FEATURES, inputs, strict=False))
        logits, scores, _ = self.module(features, PromptTensors(*inputs[len(FEATURES) :]))
        return logits[0, 0], scores[0, 0]


def _export(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    input_names: tuple[str, ...],
    output_names: tuple[str, ...],
    axes: dict[str, dict[int, str]],
) -> bytes:
    with TemporaryDirectory(prefix="samwidget-") as folder, warnings.catch_warnings(), _comparison_into_floats():
        path = Path(folder) / "graph.onnx"
        # Of this exporter, which is the older one, and of values that the tracer makes constants, as they are here.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            inputs,
            path,
            dynamo=False,
            opset_version=_OPSET,
            training=torch.onnx.TrainingMode.PRESERVE,
            # Half-precision weights would become constants in float32.
            do_constant_folding=False,
            input_names=list(input_names),
            output_names=list(output_names),
            dynamic_axes=axes,
        )
        return path.read_bytes()


@contextmanager
def _comparison_into_floats() -> Iterator[None]:
    """Within it the exporter knows ``torch.gt(..., out=floats)``, which the scores use."""
    exporter: Any = torch.onnx  # whose own list of names leaves these two out
    exporter.register_custom_op_symbolic("aten::gt", _greater, _OPSET)
    try:
        yield
    finally:
        exporter.unregister_custom_op_symbolic("aten::gt", _OPSET)


def _greater(graph: Any, value: Any, other: Any, out: Any = None) -> Any:
    is_greater = graph.op("Greater", value, other)
    return is_greater if out is None else graph.op("Cast", is_greater, to_i=_FLOAT)
