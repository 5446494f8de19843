"""sam_model_registry: makes a ``Sam`` of a checkpoint. The keys are those of the reference, ``vit_t`` and ``nano``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from samwidget.compat.errors import ArgumentError, ModelTypeError
from samwidget.compat.modeling import Sam
from samwidget.errors import warn_user
from samwidget.models.sam import ENCODER_SIZES, SamSegmenter, new_model
from samwidget.predict import SamPredictor

_CPU = torch.device("cpu")


def build_sam_vit_h(checkpoint: str | Path | None = None) -> Sam:
    """SAM ViT-H on the CPU, in float32; ``to`` moves it.

    Args:
        checkpoint: a file of Meta's package such as ``sam_vit_h_4b8939.pth``, a folder that ``save_pretrained`` wrote,
            or a hub id; None gives random weights. If it is of another size, that size is taken, with a warning.

    Raises:
        ModelError: the checkpoint cannot be read.
    """
    return _build("vit_h", checkpoint)


def build_sam_vit_l(checkpoint: str | Path | None = None) -> Sam:
    """SAM ViT-L, otherwise as ``build_sam_vit_h``."""
    return _build("vit_l", checkpoint)


def build_sam_vit_b(checkpoint: str | Path | None = None) -> Sam:
    """SAM ViT-B, otherwise as ``build_sam_vit_h``."""
    return _build("vit_b", checkpoint)


build_sam = build_sam_vit_h


def _build_vit_t(checkpoint: str | Path | None = None) -> Sam:
    """MobileSAM, TinySAM or micro-sam's ``vit_t``, without the parts of SAM (``image_encoder`` and others).

    Args:
        checkpoint: a file such as ``mobile_sam.pt``.
    """
    if checkpoint is None:
        raise ArgumentError("vit_t without a checkpoint", hint="give a file such as mobile_sam.pt")
    predictor = SamPredictor.from_pretrained(checkpoint, device=_CPU, dtype="float32")
    family = predictor.run(lambda segmenter: segmenter.family)
    if family != "mobile_sam":
        warn_user(f"{checkpoint} is no vit_t, but a network of the family {family}, which is used")
    return Sam(predictor)


def _build_nano(checkpoint: str | Path | None = None) -> Sam:
    """The bundled model of samwidget, which needs no checkpoint."""
    if checkpoint is not None:
        raise ArgumentError(f"nano with the checkpoint {str(checkpoint)!r}", hint="leave it out: nano has its own")
    return Sam(SamPredictor.from_pretrained("nano", device=_CPU))


def _build(size: str, checkpoint: str | Path | None) -> Sam:
    if checkpoint is None:
        return Sam(SamPredictor(SamSegmenter(new_model(ENCODER_SIZES[size]), name=size, device=_CPU)))
    predictor = SamPredictor.from_pretrained(checkpoint, device=_CPU, dtype="float32")
    actual = predictor.run(lambda segmenter: segmenter.size if isinstance(segmenter, SamSegmenter) else None)
    if actual != ENCODER_SIZES[size]:
        names = [name for name, value in ENCODER_SIZES.items() if value == actual]
        warn_user(f"{checkpoint} is no {size}, but {', '.join(names) or actual or predictor.name}, which is used")
    return Sam(predictor)


class _Registry(dict[str, Callable[..., Sam]]):
    def __missing__(self, key: str) -> Callable[..., Sam]:
        raise ModelTypeError(f"there is no model type {key!r}", hint=f"give one of {', '.join(self)}")


sam_model_registry = _Registry(
    default=build_sam,
    vit_h=build_sam_vit_h,
    vit_l=build_sam_vit_l,
    vit_b=build_sam_vit_b,
    vit_t=_build_vit_t,
    nano=_build_nano,
)
"""Functions that make a model, by its type: ``sam_model_registry["vit_b"](checkpoint="sam_vit_b_01ec64.pth")``."""
