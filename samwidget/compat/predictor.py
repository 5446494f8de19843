"""SamPredictor with the reference's methods, arguments and results: one image at a time, in the object itself.

It owns the image that is set, as its users read it and write it: ``features``, ``original_size``, ``input_size`` and
``is_image_set``. ``Sam`` computes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from samwidget.compat.errors import ArgumentError, ImageNotSetError
from samwidget.compat.modeling import Output, Sam, as_sam
from samwidget.compat.prompts import TransformedPrompts, as_labels, as_logits, as_numbers
from samwidget.compat.utils.transforms import ResizeLongestSide
from samwidget.core import Size
from samwidget.errors import PromptError
from samwidget.images import ImageFormat
from samwidget.models import Embedding
from samwidget.predict import SamPredictor as Predictor


class SamPredictor:
    """Encodes an image once and predicts masks for prompts, with the interface of the reference.

    Args:
        sam_model: what ``sam_model_registry`` made, a ``samwidget.SamPredictor``, or the name of a model as for
            ``samwidget.SamPredictor.from_pretrained``.

    Attributes:
        model: the ``Sam``.
        transform: scales to the transformed frame of the model.
        is_image_set: whether an image is set.
        original_size: height and width of the image; None before the first one.
        input_size: height and width of the image in the transformed frame; None before the first one.

    Raises:
        ArgumentError: the model is something else.
        ModelError: as ``samwidget.SamPredictor.from_pretrained``.
    """

    def __init__(self, sam_model: Sam | Predictor | str | Path | None = None) -> None:
        self.model = as_sam(sam_model)
        self.transform = ResizeLongestSide(self.model.image_encoder.img_size)
        self.original_size: Size | None = None
        self.input_size: Size | None = None
        self.is_image_set = False
        self._features: Tensor | Embedding | None = None
        self._embedding: Embedding | None = None
        self._made_of: object = None

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.device

    @property
    def features(self) -> Tensor | Embedding | None:
        """(1, channels, h, w) float32 that the encoder made of the image; None if no image is set.

        It can be kept, and set again later together with ``original_size``, ``input_size`` and ``is_image_set``. Models
        that are not SAM have an ``Embedding`` of samwidget instead.
        """
        if self._features is None and self._embedding is not None:
            self._features = self.model.features_of(self._embedding)
        return self._features

    @features.setter
    def features(self, value: Tensor | Embedding | None) -> None:
        self._features, self._embedding = value, None

    def set_image(self, image: object, image_format: ImageFormat = "RGB") -> None:
        """Sets the image. If this fails, the previous image stays.

        Args:
            image: (H, W, 3) uint8, or whatever else ``samwidget.load_rgb`` reads.
            image_format: ``RGB``, or ``BGR`` for an array from OpenCV.

        Raises:
            ArgumentError: there is no such format.
            ImageError: the image cannot be read.
            ModelError: the encoder failed.
        """
        if image_format not in get_args(ImageFormat):
            raise ArgumentError(f"image_format is {image_format!r}", hint="give RGB or BGR")
        embedding = self.model.current_predictor.embed(
            image, "RGB" if image_format == self.model.image_format else "BGR"
        )
        height, width = embedding.frame.image_hw
        input_height, input_width = self.transform.get_preprocess_shape(height, width, self.transform.target_length)
        # A side of a very thin image would be 0.
        self._set(embedding, (height, width), (max(1, input_height), max(1, input_width)))

    @torch.no_grad()
    def set_torch_image(self, transformed_image: Tensor, original_image_size: tuple[int, ...]) -> None:
        """Sets an image that is in the transformed frame already.

        Args:
            transformed_image: (1, 3, h, w) levels, 0 to 255; the longer side has the length of the model's input.
            original_image_size: height and width of the image before.

        Raises:
            ArgumentError: the image has another shape.
            PartError: the model is not SAM.
            ModelError: the encoder failed.
        """
        side = self.model.image_encoder.img_size
        shape = tuple(transformed_image.shape)
        if len(shape) != 4 or shape[:2] != (1, 3) or max(shape[2:]) != side:
            raise ArgumentError(f"the image has shape {shape}", hint=f"give (1, 3, h, w) with a longer side of {side}")
        height, width = original_image_size
        image_hw, input_hw = (int(height), int(width)), (shape[2], shape[3])
        features = self.model.image_encoder(self.model.preprocess(transformed_image.to(self.device)))
        self._set(self.model.embedding_of(features, input_hw, image_hw), image_hw, input_hw)

    def predict(
        self,
        point_coords: npt.ArrayLike | None = None,
        point_labels: npt.ArrayLike | None = None,
        box: npt.ArrayLike | None = None,
        mask_input: npt.ArrayLike | None = None,
        multimask_output: bool = True,
        return_logits: bool = False,
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Masks of one object.

        Args:
            point_coords: (N, 2) x, y in pixels of the image. They may lie outside.
            point_labels: (N,): 1 to include, 0 to exclude, -1 for no point.
            box: (4,) or (1, 4) x0, y0, x1, y1 in pixels of the image.
            mask_input: (1, h, w) low-res logits of an earlier prediction.
            multimask_output: three candidates, or one mask.
            return_logits: masks are float32 logits.

        Returns:
            Masks (C, H, W) bool, scores (C,) float32 and low-res logits (C, h, w) float32, of C candidates.

        Raises:
            ImageNotSetError: no image is set.
            ArgumentError: points without labels.
            PromptError: another shape or label is wrong.
            ModelError: the decoder failed.
        """
        image_hw = self._image_hw()
        points = labels = boxes = masks = None
        if point_coords is not None:
            points = self.transform.apply_coords(as_numbers(point_coords, 2, "points"), image_hw)[None]
            labels = None if point_labels is None else as_labels(point_labels)[None]
        if box is not None:
            boxes = self.transform.apply_boxes(as_numbers(box, 4, "boxes"), image_hw)
        if mask_input is not None:
            masks = as_logits(mask_input)
            masks = masks.reshape(-1, 1, *masks.shape[-2:])
        if any(part is not None and len(part) != 1 for part in (boxes, masks)):
            raise PromptError("predict takes one object", hint="give one box and one mask; predict_torch takes several")
        output = self._decode(TransformedPrompts(points, labels, boxes, masks), multimask_output, return_logits)
        return output.masks[0], output.scores[0], output.low_res_logits[0]

    def predict_torch(
        self,
        point_coords: Tensor | None = None,
        point_labels: Tensor | None = None,
        boxes: Tensor | None = None,
        mask_input: Tensor | None = None,
        multimask_output: bool = True,
        return_logits: bool = False,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Masks of B objects, from prompts in the transformed frame.

        Args:
            point_coords: (B, N, 2) x, y, which ``transform.apply_coords_torch`` made.
            point_labels: (B, N): 1 to include, 0 to exclude, -1 for no point.
            boxes: (B, 4) x0, y0, x1, y1, which ``transform.apply_boxes_torch`` made.
            mask_input: (B, 1, h, w) low-res logits of an earlier prediction.
            multimask_output: three candidates for each object, or one mask.
            return_logits: masks are float32 logits.

        Returns:
            Masks (B, C, H, W) bool, scores (B, C) float32 and low-res logits (B, C, h, w) float32, of C candidates for
            each object, on the model's device.

        Raises:
            ImageNotSetError: no image is set.
            ArgumentError: points without labels.
            PromptError: another shape or label is wrong.
            ModelError: the decoder failed.
        """
        prompts = TransformedPrompts.from_tensors(point_coords, point_labels, boxes, mask_input)
        masks, scores, logits = map(self.model.as_tensor, self._decode(prompts, multimask_output, return_logits))
        return masks, scores, logits

    def get_image_embedding(self) -> Tensor | Embedding:
        """``features``, if an image is set.

        Raises:
            ImageNotSetError: no image is set.
        """
        self._image_hw()
        features = self.features
        if features is None:
            raise ImageNotSetError("features is None", hint="call set_image first, or set features")
        return features

    def reset_image(self) -> None:
        """Unsets the image."""
        self.is_image_set = False
        self._features = self._embedding = None

    def _set(self, embedding: Embedding, image_hw: Size, input_hw: Size) -> None:
        self._embedding, self._features = embedding, None
        self.original_size, self.input_size, self.is_image_set = image_hw, input_hw, True
        self._made_of = self._sources()

    def _decode(self, prompts: TransformedPrompts, multimask_output: bool, return_logits: bool) -> Output:
        image_hw = self._image_hw()
        assert self.input_size is not None
        sources = self._sources()
        if self._embedding is None or self._made_of != sources:
            self._embedding = self.model.embedding_of(self.get_image_embedding(), self.input_size, image_hw)
            self._made_of = sources
        return self.model.decode(self._embedding, self.input_size, prompts, multimask_output, return_logits)

    def _sources(self) -> object:
        """What the embedding depends on, besides the features themselves. Users may change each of it."""
        features = self._features
        version = features._version if isinstance(features, Tensor) and not features.is_inference() else 0
        return version, self.original_size, self.input_size, self.model.current_predictor.signature, self.device

    def _image_hw(self) -> Size:
        """``original_size``; raises ImageNotSetError if no image is set."""
        if not self.is_image_set or self.original_size is None or self.input_size is None:
            raise ImageNotSetError("no image is set", hint="call set_image first")
        return self.original_size
