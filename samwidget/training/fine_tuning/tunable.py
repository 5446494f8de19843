"""The decoders that can be fine-tuned: how each runs with gradients on features that were computed before.

Owns the difference between the families ``nano`` and ``sam``: the masks that a gradient reaches, and the form in which
the weights are saved. Encoders stay as they are. Called by ``learner`` and ``tune``.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from samwidget.core import Prompt
from samwidget.errors import UnsupportedModelError
from samwidget.models import Embedding, Segmenter
from samwidget.training.export import export_bundle


class Decoded(NamedTuple):
    """What a decoder made of P prompts, with gradients.

    Attributes:
        logits: (P, 4, h, w): the single mask, and three candidates.
        scores: (P, 4).
        coarse_logits: (P, 1, h', w'), an early estimate of the single mask; None where the network has none.
    """

    logits: Tensor
    scores: Tensor
    coarse_logits: Tensor | None


class Tunable(Protocol):
    """A model whose decoder learns.

    Attributes:
        segmenter: the model; its encoder never changes.
        decoder: the layers that learn.
        chains_masks: whether a further click is read together with the mask before it.
    """

    segmenter: Any
    decoder: nn.Module
    chains_masks: bool

    def decode(self, embedding: Embedding, prompts: Sequence[Prompt]) -> Decoded:
        """Runs the decoder with gradients on prompts of one form. Several threads may call it at the same time."""
        ...

    def weights_changed(self) -> None:
        """Says that the decoder has other weights."""
        ...

    def save(self, folder: Path, facts: Mapping[str, object]) -> None:
        """Writes the model to a folder that exists, as ``samwidget.models.load`` reads it."""
        ...


class TunableNano:
    """``nano``, whose decoder reads the prompts as maps.

    Args:
        segmenter: a ``NanoSegmenter``; its decoder is changed in place.
    """

    chains_masks = True

    def __init__(self, segmenter: Any) -> None:
        self.segmenter = segmenter
        self.decoder: nn.Module = segmenter.network.decoder

    def decode(self, embedding: Embedding, prompts: Sequence[Prompt]) -> Decoded:
        """As in ``Tunable``."""
        from samwidget.models.nano import prompt_tensors

        tensors = prompt_tensors(prompts, embedding.frame, self.segmenter.device)
        features = {name: tensor.float() for name, tensor in embedding.tensors.items()}
        logits, scores, coarse_logits = self.decoder(features, tensors)
        return Decoded(logits[0], scores[0], coarse_logits[0])

    def weights_changed(self) -> None:
        """As in ``Tunable``; masks of earlier weights are never asked for, since each prompt here has its own."""

    def save(self, folder: Path, facts: Mapping[str, object]) -> None:
        """As in ``Tunable``, in half precision, as the bundled model is stored."""
        export_bundle(self.segmenter.network.state_dict(), folder, facts)


class TunableSam:
    """SAM 1, run by transformers' layers, since the faster decoder has no gradients.

    Args:
        segmenter: a ``SamSegmenter``; its mask decoder is changed in place.
    """

    chains_masks = False

    def __init__(self, segmenter: Any) -> None:
        self.segmenter = segmenter
        segmenter.network.requires_grad_(False)
        self.decoder: nn.Module = segmenter.network.mask_decoder
        self._calls = threading.local()
        single: Any = self.decoder.output_hypernetworks_mlps
        for name, layer in (
            ("vector", single[0]),
            ("upscaled", self.decoder.activation),
            ("scores", self.decoder.iou_prediction_head),
        ):
            layer.register_forward_hook(self._recorder(name))

    def decode(self, embedding: Embedding, prompts: Sequence[Prompt]) -> Decoded:
        """As in ``Tunable``. Transformers gives three candidates or the single mask, and makes all four each time."""
        outputs: dict[str, list[Tensor]] = defaultdict(list)
        self._calls.outputs = outputs
        try:
            logits, scores = self.segmenter.decode_by_transformers(embedding, prompts, multimask_output=True)
        finally:
            self._calls.outputs = None
        # The activation is called behind each of the two up-scalings; the masks are made of the second.
        vectors, upscaled = torch.cat(outputs["vector"])[:, 0], torch.cat(outputs["upscaled"][1::2])
        single = torch.einsum("pc,pcyx->pyx", vectors, upscaled)
        return Decoded(
            torch.cat([single[:, None], logits], 1),
            torch.cat([torch.cat(outputs["scores"])[:, 0, :1], scores], 1),
            None,
        )

    def weights_changed(self) -> None:
        """As in ``Tunable``."""
        self.segmenter.weights_changed()

    def save(self, folder: Path, facts: Mapping[str, object]) -> None:
        """As in ``Tunable``, with what the checkpoint says about images."""
        self.segmenter.network.save_pretrained(folder)
        text = json.dumps(self.segmenter.preprocessing.to_json(self.segmenter.input_side), indent=2)
        (folder / "preprocessor_config.json").write_text(text + "\n", encoding="utf-8")

    def _recorder(self, name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        """A hook that keeps what a layer returns to a thread that is in ``decode``."""

        def record(_layer: nn.Module, _inputs: Any, output: Tensor) -> None:
            outputs = getattr(self._calls, "outputs", None)
            if outputs is not None:
                outputs[name].append(output)

        return record


def tunable_of(segmenter: Segmenter) -> Tunable:
    """The model as one that learns.

    Raises:
        UnsupportedModelError: it is of a family whose decoder cannot be tuned here.
    """
    families: dict[str, Callable[[Any], Tunable]] = {"nano": TunableNano, "sam": TunableSam}
    if segmenter.family not in families:
        raise UnsupportedModelError(
            f"{segmenter.name} is of the family {segmenter.family}, which cannot be fine-tuned",
            hint='nano and SAM 1 can: give model="nano" or model="facebook/sam-vit-base"',
        )
    return families[segmenter.family](segmenter)
