"""The parts of SAM that users of the reference call by themselves: ``sam.image_encoder(...)`` and the other two.

Each is a module around transformers' module of the same weights, with the arguments and results of the reference, and
with Meta's names in ``state_dict``. ``compat.SamPredictor`` needs only ``img_size``: it predicts through samwidget's
own decoder. ``Sam`` makes the parts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from samwidget.models.sam import official_name

if TYPE_CHECKING:
    from transformers import SamModel


class Owner(Protocol):
    """What a part needs of its model."""

    def encode(self, pixels: Tensor) -> Tensor:
        """(B, channels, h, w) features of (B, 3, S, S) normalised and padded images, without gradients."""
        ...

    def move(self, change: Callable[[Tensor], Tensor]) -> None:
        """Moves all weights of the model as ``change`` moves a tensor."""
        ...

    def weights_replaced(self) -> None:
        """Is called when weights are loaded."""
        ...


class _Part(nn.Module):
    """A module whose weights have Meta's names in ``state_dict`` and ``load_state_dict``. It moves with its model.

    Args:
        name: of the part, with which Meta's names begin.
        owner: the model.
    """

    def __init__(self, name: str, owner: Owner) -> None:
        super().__init__()
        self._name = name
        self._owner: Callable[[], Owner] = lambda: owner  # a module as an attribute would become a part of this one
        self.register_state_dict_post_hook(_rename_to_official)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_rename_from_official)  # type: ignore[no-untyped-call]

    def official_name(self, key: str) -> str:
        """Meta's name of a weight in this part, from its name in this module."""
        return official_name(key).removeprefix(f"{self._name}.")

    def weights_replaced(self) -> None:
        """Tells the model that weights are loaded."""
        self._owner().weights_replaced()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> _Part:
        self._owner().move(fn)
        return self


# Any: the hooks of torch take more than these ones read.
def _rename_to_official(part: _Part, state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
    for key in [key for key in state_dict if key.startswith(prefix)]:
        state_dict[prefix + part.official_name(key.removeprefix(prefix))] = state_dict.pop(key)


def _rename_from_official(part: _Part, state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
    weights = [*part.named_parameters(remove_duplicate=False), *part.named_buffers(remove_duplicate=False)]
    names = {prefix + key: prefix + part.official_name(key) for key, _ in weights}
    renamed = {key: state_dict[name] for key, name in names.items() if name in state_dict}
    for name in set(names.values()) & state_dict.keys():
        del state_dict[name]
    state_dict.update(renamed)
    part.weights_replaced()


class ImageEncoder(_Part):
    """Images to features.

    Args:
        owner: the model.
        img_size: side of the input in pixels.
        vision_encoder: holds the weights; None where the model is not SAM.

    Attributes:
        img_size: as given.
    """

    def __init__(self, owner: Owner, img_size: int, vision_encoder: nn.Module | None = None) -> None:
        super().__init__("image_encoder", owner)
        self.img_size = img_size
        self.vision_encoder = vision_encoder

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w) features of (B, 3, S, S) images that ``Sam.preprocess`` made.

        In a training, where gradients are on and the weights ask for them, transformers computes them, which is slower.
        """
        is_training = torch.is_grad_enabled() and any(weight.requires_grad for weight in self.parameters())
        if is_training and self.vision_encoder is not None:
            features: Tensor = self.vision_encoder(x)[0]
            return features
        return self._owner().encode(x)


class PromptEncoder(_Part):
    """Prompts in the transformed frame to embeddings.

    Args:
        owner: the model.
        model: holds the weights.

    Attributes:
        embed_dim: channels of an embedding.
        input_image_size: height and width of the network's input.
        image_embedding_size: height and width of the features.
        mask_input_size: height and width of low-res logits.
    """

    def __init__(self, owner: Owner, model: SamModel) -> None:
        super().__init__("prompt_encoder", owner)
        self.prompt_encoder = model.prompt_encoder
        self.shared_image_embedding = model.shared_image_embedding
        for embedding in (self.prompt_encoder.shared_embedding, self.shared_image_embedding):
            embedding.requires_grad_(False)  # the reference does not train it
        self._dense_pe: Callable[[], Tensor] = model.get_image_wide_positional_embeddings
        config: Any = model.config.prompt_encoder_config  # transformers declares it as an optional dictionary
        side, grid_side = int(config.image_size), int(config.image_embedding_size)
        self.embed_dim = int(config.hidden_size)
        self.input_image_size = (side, side)
        self.image_embedding_size = (grid_side, grid_side)
        self.mask_input_size = (4 * grid_side, 4 * grid_side)

    def get_dense_pe(self) -> Tensor:
        """(1, channels, h, w) embedding of the positions of the features."""
        return self._dense_pe()

    def forward(
        self, points: tuple[Tensor, Tensor] | None, boxes: Tensor | None, masks: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Embeddings of B prompts: ``sparse`` (B, tokens, channels) and ``dense`` (B, channels, h, w).

        Args:
            points: (B, N, 2) x, y and (B, N) labels.
            boxes: (B, 4).
            masks: (B, 1, h, w) low-res logits.
        """
        coords, labels = (None, None) if points is None else (points[0][:, None], points[1][:, None])
        sparse, dense = self.prompt_encoder(
            input_points=coords,
            input_labels=labels,
            input_boxes=None if boxes is None else boxes.reshape(-1, 1, 4),
            input_masks=masks,
        )
        return dense.new_zeros(len(dense), 0, self.embed_dim) if sparse is None else sparse[:, 0], dense


class MaskDecoder(_Part):
    """Features and embeddings of prompts to masks.

    Args:
        owner: the model.
        model: holds the weights.
    """

    def __init__(self, owner: Owner, model: SamModel) -> None:
        super().__init__("mask_decoder", owner)
        self.mask_decoder = model.mask_decoder

    def train(self, mode: bool = True) -> MaskDecoder:
        """Marks this part alone: its layers do the same in training, where those of transformers 4.54 to 4.56 fail."""
        self.training = mode
        return self

    def forward(
        self,
        image_embeddings: Tensor,
        image_pe: Tensor,
        sparse_prompt_embeddings: Tensor,
        dense_prompt_embeddings: Tensor,
        multimask_output: bool,
    ) -> tuple[Tensor, Tensor]:
        """Low-res logits (B, C, h, w) and scores (B, C) of B prompts; C is 3 with ``multimask_output``, else 1.

        Args:
            image_embeddings: (1, channels, h, w) features, or (B, channels, h, w).
            image_pe: what ``get_dense_pe`` returned.
            sparse_prompt_embeddings: what ``prompt_encoder`` returned.
            dense_prompt_embeddings: the same.
            multimask_output: three candidates for each prompt, or one mask.
        """
        count = len(sparse_prompt_embeddings)
        logits, scores = self.mask_decoder(
            image_embeddings=image_embeddings.expand(count, -1, -1, -1),
            image_positional_embeddings=image_pe.expand(count, -1, -1, -1),
            sparse_prompt_embeddings=sparse_prompt_embeddings[:, None],
            dense_prompt_embeddings=dense_prompt_embeddings,
            multimask_output=multimask_output,
        )[:2]
        return logits[:, 0], scores[:, 0]
