"""SAM 3's detector: the objects of an image that a phrase or example boxes describe.

Owns what is made of an image's features and of a phrase, and remembers both for the next call: the maps of the latest
image, and the vectors of recent phrases. The layers are transformers'; ``phrases`` makes the tokens, ``box_pooling``
replaces what transformers takes from torchvision. Called by ``segmenter``.

The score of an object is its own probability times that of ``presence``: whether the image has such an object at all.
Paper: Carion et al., SAM 3, https://arxiv.org/abs/2511.16719.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.sam3.modeling_sam3 import Sam3VisionEncoderOutput

from samwidget.core import Frame
from samwidget.errors import ModelError
from samwidget.models.finder import Wanted, boxes_and_labels
from samwidget.models.sam3.box_pooling import let_it_pool_boxes
from samwidget.models.sam3.phrases import Phrases
from samwidget.models.segmenter import Embedding

HIDDEN_STATES = "hidden_states"
"""The tensor of an embedding that the detector reads: (1, h * w, C) float32, what the encoder's last layer gives.

The maps that are made of it take five times as much memory, and a fraction of the encoder's time.
"""
# What transformers' processor says where there are only boxes.
_PHRASE_OF_BOXES = "visual"
_PHRASES_MAX = 64


class _PhraseVectors(NamedTuple):
    """A phrase as the detector reads it.

    Attributes:
        features: an output object of transformers, as its forward wants it, with ``pooler_output`` (1, tokens, C).
        mask: (1, tokens) which of them are not filled up.
    """

    features: Any
    mask: Tensor


class Detector:
    """Finds objects by words and example boxes; allows one call at a time.

    Args:
        model: a ``Sam3Model`` of transformers or of a variant. Its encoder may be shared with the part for clicks.
        phrases: makes the tokens.
        device: where it runs.
    """

    # Any: the classes of the variants have the same parts and no class in common.
    def __init__(self, model: Any, phrases: Phrases, device: torch.device) -> None:
        self._model = model.eval()
        self._phrases = phrases
        self._device = device
        let_it_pool_boxes(model.geometry_encoder)
        self._vectors: OrderedDict[str, _PhraseVectors] = OrderedDict()
        self._image: weakref.ref[Embedding] | None = None
        self._maps: Any = None

    @property
    def model(self) -> Any:
        """The layers."""
        return self._model

    @property
    def byte_count(self) -> int:
        """Bytes of the maps of the latest image; 0 once its embedding is gone."""
        if self._image is None or self._maps is None:
            return 0
        return sum(feature_map.nbytes for feature_map in self._maps.fpn_hidden_states[:-1])

    def to(self, device: torch.device) -> None:
        """Forgets what it remembers, which is on the old device; whoever has the layers moves them."""
        self._device = device
        self._vectors.clear()
        self._forget_image()

    def check_phrase(self, phrase: str) -> None:
        """Raises PromptError where the phrase is too long."""
        self._phrases.check(phrase)

    @torch.no_grad()
    def find(self, embedding: Embedding, wanted: Wanted, score_min: float) -> tuple[Tensor, Tensor]:
        """Logits (N, h, w) and scores (N,) of the objects with a score above ``score_min``, the best first.

        Raises:
            PromptError: the phrase is too long.
            ModelError: a score is not a number.
        """
        vectors = self._phrase_vectors(wanted.phrase or _PHRASE_OF_BOXES)
        output = self._model(
            vision_embeds=self._maps_of(embedding),
            text_embeds=vectors.features,
            attention_mask=vectors.mask,
            **self._box_inputs(wanted, embedding.frame),
        )
        scores = (output.pred_logits.sigmoid() * output.presence_logits.sigmoid())[0]
        if not scores.isfinite().all():
            raise ModelError(
                "the network gave scores that are not numbers",
                hint='load it with dtype="float32"; if it is in float32 already, its weights are damaged',
            )
        order = scores.argsort(descending=True)
        order = order[scores[order] > score_min]
        return output.pred_masks[0, order].float(), scores[order].float()

    def _box_inputs(self, wanted: Wanted, frame: Frame) -> dict[str, Tensor]:
        """The boxes as transformers' forward takes them: (1, K, 4) centre, width and height, as shares of the image."""
        boxes, labels = boxes_and_labels(wanted)
        if not boxes:
            return {}
        height, width = frame.image_hw
        corners = torch.tensor(boxes, dtype=torch.float32) / torch.tensor([width, height, width, height])
        low, high = corners[:, :2], corners[:, 2:]
        return {
            "input_boxes": torch.cat([(low + high) / 2, high - low], 1)[None].to(self._device),
            "input_boxes_labels": torch.tensor(labels, device=self._device)[None],
        }

    def _phrase_vectors(self, phrase: str) -> _PhraseVectors:
        vectors = self._vectors.pop(phrase, None)
        if vectors is None:
            tokens = {name: tensor.to(self._device) for name, tensor in self._phrases.tokens(phrase).items()}
            features = self._model.get_text_features(**tokens, return_dict=True).pooler_output
            # With the tensor alone, as transformers' documentation has it, its forward fails.
            vectors = _PhraseVectors(BaseModelOutputWithPooling(pooler_output=features), tokens["attention_mask"])
        self._vectors[phrase] = vectors  # the latest at the end
        while len(self._vectors) > _PHRASES_MAX:
            self._vectors.popitem(last=False)
        return vectors

    def _maps_of(self, embedding: Embedding) -> Any:
        """Transformers' output object with the maps of an image, from fine to coarse.

        Its forward drops the coarsest of four, and reads the position of the last map alone; so no others are made.
        """
        if self._maps is None or self._image is None or self._image() is not embedding:
            self._forget_image()
            neck = self._model.vision_encoder.neck
            hidden_states = embedding.tensors[HIDDEN_STATES].to(self._device, torch.float32)
            side = round(hidden_states.shape[1] ** 0.5)
            image = hidden_states.transpose(1, 2).reshape(1, -1, side, side)
            maps = [layer(image) for layer in neck.fpn_layers[:-1]]
            position = neck.position_encoding(maps[-1].shape, maps[-1].device, maps[-1].dtype)
            # Whatever is in the place of the coarsest.
            self._maps = Sam3VisionEncoderOutput(
                fpn_hidden_states=(*maps, maps[-1]), fpn_position_encoding=(position,) * (len(maps) + 1)
            )
            self._image = weakref.ref(embedding, self._forget_image)
        return self._maps

    def _forget_image(self, _: object = None) -> None:
        self._image = self._maps = None
