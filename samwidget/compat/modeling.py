"""Sam: a model with the reference's methods, around one of our predictors. ``sam_model_registry`` makes it.

It owns what the reference calls the transformed frame, where prompts come from and images go to, and the full-size
masks. The predictor computes. The parts that users of the reference call by themselves are in ``parts``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from samwidget.compat.errors import ArgumentError, PartError
from samwidget.compat.parts import ImageEncoder, MaskDecoder, PromptEncoder
from samwidget.compat.prompts import TransformedPrompts
from samwidget.core import Frame, Size
from samwidget.errors import ModelError, PromptError
from samwidget.models import Embedding, run_in_threads
from samwidget.models.sam import SamSegmenter
from samwidget.predict import SamPredictor

_PARTS = ("image_encoder", "prompt_encoder", "mask_decoder")
# Of a model that is not SAM. Its transformed frame is only a way to write coordinates.
_IMAGE_SIDE = 1024
_FEATURES = "image_embeddings"


class Output(NamedTuple):
    """What a model makes of B prompts, with C masks for each.

    Attributes:
        masks: (B, C, H, W) bool at the size of the image, or float32 logits.
        scores: (B, C) float32, the model's estimate of each mask's IoU.
        low_res_logits: (B, C, h, w) float32.
    """

    masks: npt.NDArray[Any]  # Any: bool or float32, whichever was asked for
    scores: npt.NDArray[np.float32]
    low_res_logits: npt.NDArray[np.float32]


class Sam(nn.Module):
    """A model with the methods of the reference's ``Sam``.

    Its weights may be changed, by ``load_state_dict`` or by training: the next prediction uses the new ones.

    Args:
        predictor: computes, and keeps the embeddings of recent images.

    Attributes:
        predictor: as given.
        mask_threshold: logits above it are the mask.
        image_format: in which the model reads images, ``RGB`` or ``BGR``.
        image_encoder: computes features; has ``img_size``.
        prompt_encoder: computes embeddings of prompts. Models that are not SAM have none.
        mask_decoder: computes masks of both. Models that are not SAM have none.
    """

    mask_threshold: float = 0.0
    image_format: str = "RGB"

    def __init__(self, predictor: SamPredictor) -> None:
        super().__init__()
        self.predictor = predictor
        self._segmenter = predictor.run(lambda segmenter: segmenter)
        self._weights: list[Tensor] | None = []
        self._version = 0
        self._first_signature = predictor.signature
        if isinstance(self._segmenter, SamSegmenter):
            network = self._segmenter.model
            self.image_encoder = ImageEncoder(self, self._segmenter.input_side, network.vision_encoder)
            self.prompt_encoder = PromptEncoder(self, network)
            self.mask_decoder = MaskDecoder(self, network)
            self._read_weights()
        else:
            self.image_encoder = ImageEncoder(self, _IMAGE_SIDE)
        self.eval()

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.predictor.device

    @property
    def pixel_mean(self) -> Tensor:
        """(3, 1, 1) float32: what ``preprocess`` subtracts from levels of 0 to 255."""
        return self._sam.mean_and_std[0]

    @property
    def pixel_std(self) -> Tensor:
        """(3, 1, 1) float32: what ``preprocess`` divides by."""
        return self._sam.mean_and_std[1]

    @torch.no_grad()
    def forward(self, batched_input: Sequence[Mapping[str, Any]], multimask_output: bool) -> list[dict[str, Tensor]]:
        """Masks of prompts on several images.

        Args:
            batched_input: for each image ``image``, (3, h, w) in the transformed frame; ``original_size``, its height
                and width before; and of ``point_coords`` (B, N, 2), ``point_labels`` (B, N), ``boxes`` (B, 4) and
                ``mask_inputs`` (B, 1, 256, 256) those that the prompts have, in the transformed frame too.
            multimask_output: three candidates for each prompt, or one mask.

        Returns:
            For each image ``masks`` (B, C, H, W) bool, ``iou_predictions`` (B, C) and ``low_res_logits``
            (B, C, 256, 256), float32.

        Raises:
            PartError: the model is not SAM.
            PromptError: a prompt has a wrong shape.
            ModelError: the model failed.
        """
        outputs = []
        for record in batched_input:
            image = record["image"]
            input_hw = _size(image.shape[-2:])
            embedding = self.embedding_of(
                self.image_encoder(self.preprocess(image[None])), input_hw, _size(record["original_size"])
            )
            prompts = TransformedPrompts.from_tensors(
                *(record.get(name) for name in ("point_coords", "point_labels", "boxes", "mask_inputs"))
            )
            tensors = [self.as_tensor(array) for array in self.decode(embedding, input_hw, prompts, multimask_output)]
            outputs.append(dict(zip(("masks", "iou_predictions", "low_res_logits"), tensors, strict=True)))
        return outputs

    def preprocess(self, x: Tensor) -> Tensor:
        """(..., 3, S, S) input of ``image_encoder``: (..., 3, h, w) images, normalised and padded."""
        return self._sam.input_of(x)

    def postprocess_masks(self, masks: Tensor, input_size: Size, original_size: Size) -> Tensor:
        """(B, C, H, W) logits at the size of the image, from (B, C, h, w) low-res logits.

        Args:
            masks: what ``mask_decoder`` returned.
            input_size: height and width in the transformed frame.
            original_size: height and width of the image.
        """
        side = self.image_encoder.img_size
        masks = F.interpolate(masks, (side, side), mode="bilinear", align_corners=False)
        masks = masks[..., : input_size[0], : input_size[1]]
        return F.interpolate(masks, _size(original_size), mode="bilinear", align_corners=False)

    def embedding_of(self, features: Tensor | Embedding, input_hw: Sequence[int], image_hw: Sequence[int]) -> Embedding:
        """The embedding of an image on the model's device, from its features.

        Args:
            features: what ``image_encoder`` or ``features_of`` made of the image.
            input_hw: the image's height and width in the transformed frame.
            image_hw: its height and width.

        Raises:
            PromptError: the sizes or the features do not go together.
        """
        if isinstance(features, Embedding):
            return features.to(self._segmenter.device)
        side = self._sam.input_side
        logits_side = 4 * features.shape[-1]
        try:
            frame = Frame(_size(image_hw), (side, side), _size(input_hw), (logits_side, logits_side))
        except ValueError as error:
            raise PromptError("the size of the image is not valid", hint=str(error)) from error
        signature = self.current_predictor.signature
        return Embedding({_FEATURES: features.to(self._segmenter.device)}, frame, signature)

    def features_of(self, embedding: Embedding) -> Tensor | Embedding:
        """What the reference calls features: what SAM's encoder made, copied; of other models the whole embedding."""
        return embedding.tensors[_FEATURES].clone() if self._is_sam else embedding

    @property
    def current_predictor(self) -> SamPredictor:
        """The predictor, which knows of weights that were changed."""
        if self._weights is None or self._version != _version(self._weights):
            self.predictor.run(lambda _: self._sam.weights_changed())
            self._read_weights()
        return self.predictor

    def decode(
        self,
        embedding: Embedding,
        input_hw: Size,
        prompts: TransformedPrompts,
        multimask_output: bool,
        return_logits: bool = False,
    ) -> Output:
        """The masks of prompts on an image.

        Raises:
            PromptError: a prompt has a wrong shape.
            ModelError: the model failed, or another one made the embedding.
        """
        height, width = embedding.frame.image_hw
        scale_xy = (width / input_hw[1], height / input_hw[0])
        results = self.current_predictor.predict_many(
            prompts.in_image(scale_xy, keep_padding=self._is_sam),
            embedding,
            multimask_output,
            check=False,
        )
        count = len(results[0]) if results else 3 if multimask_output else 1
        logits_hw = embedding.frame.logits_hw
        masks = np.empty((len(results), count, height, width), np.float32 if return_logits else np.bool_)

        def fill(index: int) -> None:
            result = results[index]
            masks[index] = result.to_logits() if return_logits else result.to_bool(self.mask_threshold)

        run_in_threads(fill, range(len(results)), self.predictor.thread_count)
        scores = np.array([result.scores for result in results], np.float32).reshape(-1, count)
        logits = np.array([result.logits for result in results], np.float32).reshape(-1, count, *logits_hw)
        return Output(masks, scores, logits)

    def as_tensor(self, array: npt.NDArray[Any]) -> Tensor:
        """The array as a tensor on the model's device."""
        return torch.from_numpy(array).to(self._segmenter.device)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _PARTS and self.__dict__["_modules"].get(name, value) is not value:
            raise PartError(
                f"{name} cannot be replaced",
                hint="samwidget computes with its own layers; load other weights with load_state_dict, or use "
                "segment_anything for networks with other layers",
            )
        super().__setattr__(name, value)

    @property
    def _is_sam(self) -> bool:
        return isinstance(self._segmenter, SamSegmenter)

    @property
    def _sam(self) -> SamSegmenter:
        if not isinstance(self._segmenter, SamSegmenter):
            raise PartError(
                f"{self.predictor.name} is not SAM, so it has no layers of SAM",
                hint="use SamPredictor with set_image and predict, or load a SAM checkpoint",
            )
        return self._segmenter

    def encode(self, pixels: Tensor) -> Tensor:
        """(B, channels, h, w) features of (B, 3, S, S) normalised and padded images, without gradients."""
        segmenter, threads = self._sam, self.predictor.thread_count

        def encode(_: object) -> Tensor:
            images = [image[None] for image in pixels.to(segmenter.device, torch.float32)]
            return torch.cat([segmenter.encode_input(image, threads=threads) for image in images])

        return self.current_predictor.run(encode)

    def weights_replaced(self) -> None:
        """To be called where weights are loaded. They are read again before the next prediction."""
        self._weights = None

    def move(self, change: Callable[[Tensor], Tensor]) -> None:
        """Moves all weights as ``change`` moves a tensor.

        Raises:
            ModelError: it changes their precision.
        """
        moved = change(torch.empty(0, device=self._segmenter.device))
        if moved.dtype != torch.float32:
            raise ModelError(
                f"compat computes in float32, not in {moved.dtype}",
                hint="give compat.SamPredictor a predictor of samwidget.SamPredictor.from_pretrained, whose dtype is "
                "that of the encoder",
            )
        self.current_predictor.run(lambda segmenter: segmenter.to(moved.device))
        if self._is_sam:
            self._read_weights()

    def __reduce__(self) -> tuple[type[Sam], tuple[SamPredictor]]:
        """A copy is made as its predictor is: by loading the model again."""
        if self.current_predictor.signature != self._first_signature:
            raise TypeError("a Sam whose weights were changed cannot be copied or pickled; save its state_dict")
        return Sam, (self.predictor,)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Sam:
        self.move(fn)
        return self

    def _read_weights(self) -> None:
        """Remembers the weights and their version, to notice when they change."""
        self._weights = list(self._sam.model.state_dict(keep_vars=True).values())
        self._version = _version(self._weights)


def as_sam(model: Sam | SamPredictor | str | Path | None) -> Sam:
    """The model of a name, of a predictor of ours, or as given.

    Raises:
        ArgumentError: it is something else.
        ModelError: as ``SamPredictor.from_pretrained``.
    """
    if isinstance(model, Sam):
        return model
    if isinstance(model, SamPredictor):
        return Sam(model)
    if model is None or isinstance(model, str | Path):
        return Sam(SamPredictor.from_pretrained(model))
    raise ArgumentError(
        f"a {type(model).__module__}.{type(model).__name__} is no model of samwidget",
        hint="give what samwidget.compat.sam_model_registry returns, a samwidget.SamPredictor, or a name",
    )


def _version(weights: Sequence[Tensor]) -> int:
    """A number that grows with every change of a weight in place."""
    return sum(weight._version for weight in weights)


def _size(size: Sequence[int]) -> Size:
    height, width = size
    return int(height), int(width)
