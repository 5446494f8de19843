"""Loads a model by name, file, folder or hub id. Its config, read before any weights, says which family it is.

``sources`` finds the files, ``families`` has a function for each family, ``official_files`` reads files of official
packages; models behind an address are opened by ``remote``. Called by ``SamPredictor``, training and ``hub``. It
imports no torch: that comes with the first model.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from samwidget.errors import ModelError, ModelNotFoundError, SamWidgetError, UnsupportedModelError
from samwidget.models.checkpoint_folder import without_config
from samwidget.models.families import FAMILIES, LoadFamily
from samwidget.models.registry import BUNDLED_FOLDER, BUNDLED_NAME, weights_file_of
from samwidget.models.sources import CONFIG, SUPPORTED, Folder, HubRepo, find_source, local_path

if TYPE_CHECKING:
    import torch

    from samwidget.models.device import DeviceChoice
    from samwidget.models.segmenter import Segmenter


def load(
    name: str | Path | None = None,
    *,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    local_files_only: bool | None = None,
) -> Segmenter:
    """The model, on its device and ready to use.

    Args:
        name: None or ``nano`` for the bundled model, a folder that ``save_pretrained`` wrote, a hub id, or a file of
            an official package, such as ``sam_vit_b_01ec64.pth``, ``sam2.1_hiera_tiny.pt`` or ``mobile_sam.pt``.
        device: as ``choose_device``.
        dtype: as ``choose_device``.
        local_files_only: True never downloads; None follows the environment variable HF_HUB_OFFLINE.

    Raises:
        ModelNotFoundError: there is no such folder or hub id, it has no weights, or it would have to be downloaded
            while downloads are off.
        UnsupportedModelError: samwidget cannot run this family; nothing but the config was downloaded.
        ModelError: the weights cannot be read or do not fit their config, or the device cannot be used.
    """
    from samwidget.models.device import choose_device

    choice = choose_device(device, dtype)
    name = BUNDLED_NAME if name is None else name
    path = local_path(name)
    if name != BUNDLED_NAME and path is not None and path.is_file():
        return _load_file(name, path, choice)
    source = Folder(BUNDLED_FOLDER) if name == BUNDLED_NAME else find_source(name)
    if isinstance(source, HubRepo) and (file := weights_file_of(source.repo)) is not None:
        return _load_file(name, source.file(file, local_files_only), choice)
    load_family = _family_of(source, str(name), local_files_only)
    try:
        return load_family(str(name), source, choice, local_files_only)
    except SamWidgetError:
        raise
    except Exception as error:  # for broken files transformers, safetensors and torch each raise their own exceptions
        if isinstance(error, MemoryError):
            message, hint = f"{name} does not fit the memory", "end other kernels and programs, or take a smaller model"
        else:
            message = f"the model {name} cannot be read: {type(error).__name__}: {error}"
            hint = "its files may be damaged: download or copy them again, or take another model"
        raise ModelError(message, hint=hint) from error


def _load_file(name: str | Path, path: Path, choice: DeviceChoice) -> Segmenter:
    from samwidget.models.official_files import load_file

    return load_file(name, path, choice)


def download(repo: str) -> None:
    """Downloads what ``load`` needs of a hub id, where it is not here yet; raises as ``load``."""
    source, file = HubRepo(repo), weights_file_of(repo)
    if file is not None:
        source.file(file, None)
        return
    _family_of(source, repo, None)
    source.folder(None)


def is_supported(model_type: object) -> bool:
    """Whether samwidget runs the family that a config names."""
    return str(model_type) in FAMILIES


def _family_of(source: Folder | HubRepo, name: str, local_files_only: bool | None) -> LoadFamily:
    """The function that loads a checkpoint; raises as ``load``."""
    config = source.read_json(CONFIG, local_files_only)
    if config is None:
        contents, remedy = without_config(source.path) if isinstance(source, Folder) else ("", "")
        raise ModelNotFoundError(
            f"{source.description} has no {CONFIG}" + (f": {contents}" if contents else ""), hint=remedy or SUPPORTED
        )
    model_type = config.get("model_type")
    load_family = FAMILIES.get(str(model_type))
    if load_family is None:
        raise UnsupportedModelError(f"{name} is of the family {model_type!r}, which is not supported", hint=SUPPORTED)
    return load_family
