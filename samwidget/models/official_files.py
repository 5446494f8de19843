"""Models in files of the official packages: which network a file holds, and its segmenter.

Such a file says nothing about itself, so the name of its first weight tells the family, and the shapes of the weights
tell the sizes. The folder of each family has the names. Called by ``loader``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

from samwidget.errors import SamWidgetError, UnsupportedModelError
from samwidget.models import weights_file
from samwidget.models.memory import check_fits

if TYPE_CHECKING:
    from samwidget.models.device import DeviceChoice
    from samwidget.models.segmenter import Segmenter

_Make: TypeAlias = "Callable[[Mapping[str, Tensor], str, DeviceChoice], Segmenter]"


def load_file(name: str | Path, path: Path, choice: DeviceChoice) -> Segmenter:
    """The model in a file.

    Args:
        name: that the user gave: the path, or the hub id of the file's repository.
        path: of the file.
        choice: where it runs.

    Raises:
        ModelError: the file cannot be read, holds something else than weights, or some of them are missing.
        UnsupportedModelError: the weights are of another network.
    """
    path = path.expanduser()
    check_fits(str(name), [path], choice.device)
    content = weights_file.read_file(path)
    for first, (family, make) in _FAMILIES.items():
        weights = weights_file.weights_with(content, first)
        if weights is None:
            continue
        try:
            return make(weights, str(name), choice)
        except (SamWidgetError, torch.cuda.OutOfMemoryError):
            raise
        except (
            Exception
        ) as error:  # sizes that are not in the shapes, or make no network: torch and transformers differ
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            raise weights_file.missing_weights(str(name), family, reason) from error
    raise UnsupportedModelError(
        f"{path} holds no weights of a known network by its official names",
        hint=f"none is called as the first weight of {', '.join(family for family, _ in _FAMILIES.values())}. A file "
        "that save_pretrained wrote lies in a folder with config.json: give that folder. EdgeSAM, EfficientSAM and "
        "others do not work",
    )


def _make_sam(weights: Mapping[str, Tensor], name: str, choice: DeviceChoice) -> Segmenter:
    from samwidget.models.sam import SamSegmenter, official_checkpoint

    model = official_checkpoint.model_of(weights, name)
    return SamSegmenter(model, name=name, device=choice.device, dtype=choice.dtype)


def _make_sam_hq(weights: Mapping[str, Tensor], name: str, choice: DeviceChoice) -> Segmenter:
    from samwidget.models.sam_hq import SamHqSegmenter, official_checkpoint

    _check_transformers("SamHQModel", name)
    model = official_checkpoint.model_of(weights, name)
    return SamHqSegmenter(model, name=name, device=choice.device, dtype=choice.dtype)


def _make_mobile_sam(weights: Mapping[str, Tensor], name: str, choice: DeviceChoice) -> Segmenter:
    from samwidget.models.mobile_sam import MobileSamSegmenter, official_checkpoint

    model = official_checkpoint.model_of(weights, name)
    return MobileSamSegmenter(model, name=name, device=choice.device, dtype=choice.dtype)


def _make_sam2(weights: Mapping[str, Tensor], name: str, choice: DeviceChoice) -> Segmenter:
    from samwidget.models.sam2 import Sam2Segmenter, official_checkpoint

    _check_transformers("Sam2Model", name)
    model = official_checkpoint.model_of(weights, name)
    return Sam2Segmenter(model, name=name, device=choice.device, dtype=choice.dtype)


def _make_sam_or_hq(weights: Mapping[str, Tensor], name: str, choice: DeviceChoice) -> Segmenter:
    make = _make_sam_hq if "mask_decoder.hf_token.weight" in weights else _make_sam
    return make(weights, name, choice)


def _check_transformers(network_class: str, name: str) -> None:
    import transformers

    if not hasattr(transformers, network_class):
        raise UnsupportedModelError(
            f"transformers {transformers.__version__} has no {network_class}, which {name} needs",
            hint="pip install --upgrade transformers, then restart the kernel",
        )


# By the name of the first weight of the image encoder, which no other family has.
_FAMILIES: dict[str, tuple[str, _Make]] = {
    "image_encoder.patch_embed.proj.weight": ("SAM", _make_sam_or_hq),
    "image_encoder.patch_embed.seq.0.c.weight": ("MobileSAM", _make_mobile_sam),
    "image_encoder.trunk.patch_embed.proj.weight": ("SAM 2", _make_sam2),
}
