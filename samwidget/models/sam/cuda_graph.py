"""Replays decodes on CUDA: a click is one launch instead of several hundred.

A decode is some 250 small kernels, whatever the number of prompts. A GPU computes those of one prompt in 0.8 ms, but to
launch them from Python takes 6 ms. A CUDA graph holds them all (https://docs.pytorch.org/docs/stable/notes/cuda.html).
``fast_decoder`` is the only caller.

A graph reads and writes the same memory each time, so inputs are copied in and results copied out. It is made when a
form (number of prompts and of points, box, mask) comes for the second time, which takes three decodes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple
from weakref import ReferenceType, ref

import torch
from torch import Tensor

from samwidget.models.sam.folded_weights import ImageProducts

# Graphs that are kept, of some 20 MB for each prompt.
_GRAPHS_MAX = 4

Inputs = dict[str, Tensor]
"""Arguments of ``SamModel.forward`` for P prompts of one form."""


class Decoded(NamedTuple):
    """The result of a decode.

    Attributes:
        logits: (P, N, 4 h, 4 w).
        scores: (P, N).
        cancelled: () bool, whether low rank lost digits.
    """

    logits: Tensor
    scores: Tensor
    cancelled: Tensor


Decode = Callable[[ImageProducts, Inputs, bool], Decoded]
"""Decodes prompts without waiting for the GPU; the bool is ``multimask_output``."""


class _Graph(NamedTuple):
    graph: torch.cuda.CUDAGraph
    inputs: Inputs
    decoded: Decoded
    decode: Decode  # owns memory that the graph writes to


class GraphedDecoder:
    """Decodes prompts, by graphs from the second time that their form comes. Allows one call at a time.

    Args:
        make_decode: makes a ``Decode`` whose memory no other uses.
    """

    def __init__(self, make_decode: Callable[[], Decode]) -> None:
        self._make_decode = make_decode
        self._decode = make_decode()
        self._graphs: OrderedDict[object, _Graph | None] = OrderedDict()  # None: the form came once
        self._products: ImageProducts | None = None
        self._latest: ReferenceType[ImageProducts] | None = None  # whose numbers they are

    def __call__(self, products: ImageProducts, inputs: Inputs, multimask_output: bool) -> Decoded:
        """The decoded prompts; the tensors are written to again by the next call."""
        form = (multimask_output, *((name, tensor.shape, tensor.dtype) for name, tensor in inputs.items()))
        if form not in self._graphs:
            self._graphs[form] = None
            return self._decode(products, inputs, multimask_output)
        own_products = self._hold(products)
        graph = self._graphs.pop(form) or self._capture(own_products, inputs, multimask_output)
        self._graphs[form] = graph  # the latest is the last
        while sum(made is not None for made in self._graphs.values()) > _GRAPHS_MAX:
            self._graphs.popitem(last=False)
        for name, tensor in inputs.items():
            graph.inputs[name].copy_(tensor)
        graph.graph.replay()
        return graph.decoded

    @property
    def byte_count(self) -> int:
        """Bytes of the image's products, and of what is copied in and out; torch does not say how large a graph is."""
        held = 0 if self._products is None else self._products.byte_count
        for graph in self._graphs.values():
            if graph is not None:
                held += sum(tensor.nbytes for tensor in (*graph.inputs.values(), *graph.decoded))
        return held

    def _hold(self, products: ImageProducts) -> ImageProducts:
        """The memory that all graphs read the image's products from, filled with these."""
        if self._products is None:
            self._products = products.copy()
        elif self._latest is None or self._latest() is not products:
            self._products.copy_(products)
        self._latest = ref(products)
        return self._products

    def _capture(self, products: ImageProducts, inputs: Inputs, multimask_output: bool) -> _Graph:
        decode = self._make_decode()
        own_inputs = {name: tensor.clone() for name, tensor in inputs.items()}
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            decode(products, own_inputs, multimask_output)  # libraries make their handles, memory is taken
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        # Other threads may use the GPU meanwhile.
        with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            decoded = decode(products, own_inputs, multimask_output)
        return _Graph(graph, own_inputs, decoded, decode)
