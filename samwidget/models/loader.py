"""Loads a network by name, folder or hub id. The config, read before any weights, says which family it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from samwidget.errors import ModelError, ModelNotFoundError, UnsupportedModelError
from samwidget.models.device import choose_device
from samwidget.models.registry import BUNDLED_FOLDER, BUNDLED_NAME, MODELS
from samwidget.models.segmenter import Segmenter

_CONFIG = "config.json"
_PREPROCESSING = "preprocessor_config.json"
_WHAT_WORKS = f"these work: {', '.join(card.name for card in MODELS)}, and folders or hub ids of fine-tuned SAM v1"


def load(
    name: str | Path | None = None,
    *,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    local_files_only: bool | None = None,
) -> Segmenter:
    """The network, on its device and ready to use.

    Args:
        name: None or ``nano`` for the bundled network, a folder that ``save_pretrained`` wrote, or a hub id.
        device: as ``choose_device``.
        dtype: as ``choose_device``.
        local_files_only: True never downloads; None follows the environment variable HF_HUB_OFFLINE.

    Raises:
        ModelNotFoundError: no such folder, hub id or weights, or not here while offline.
        UnsupportedModelError: a family that samwidget cannot drive; nothing but the config was downloaded.
        ModelError: weights that cannot be read or do not fit their config, or a device that is not here.
    """
    choice = choose_device(device, dtype)
    if name is None or name == BUNDLED_NAME:
        name = BUNDLED_NAME
    source = _Folder(BUNDLED_FOLDER) if name == BUNDLED_NAME else _source(name)
    config = source.read_json(_CONFIG, local_files_only)
    if config is None:
        raise ModelNotFoundError(f"{source.where} has no {_CONFIG}", hint=_WHAT_WORKS)
    build = _FAMILIES.get(str(config.get("model_type")))
    if build is None:
        raise UnsupportedModelError(
            f"{name} is a network of the family {config.get('model_type')!r}, which is not supported", hint=_WHAT_WORKS
        )
    return build(str(name), source, choice.device, choice.dtype, local_files_only)


class _Folder:
    """A checkpoint in a local folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.where = f"the folder {path}"

    def read_json(self, file: str, local_files_only: bool | None) -> dict[str, Any] | None:
        """The parsed file; None where there is none."""
        return _parsed(self.path / file) if (self.path / file).is_file() else None

    def folder(self, local_files_only: bool | None) -> Path:
        """Where the weights are."""
        return self.path


class _HubRepo:
    """A checkpoint on the Hugging Face hub or in its local cache."""

    def __init__(self, repo: str) -> None:
        self.repo = repo
        self.where = f"the hub's {repo}"

    def read_json(self, file: str, local_files_only: bool | None) -> dict[str, Any] | None:
        """The parsed file, downloaded where that is allowed; None where the repository has none."""
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

        try:
            return _parsed(Path(hf_hub_download(self.repo, file, local_files_only=bool(local_files_only))))
        except LocalEntryNotFoundError as error:
            if file != _CONFIG:  # the config is here, so the cache knows what this repository has
                return None
            raise self._not_here() from error
        except EntryNotFoundError:
            return None
        except Exception as error:
            raise self._failed(error) from error

    def folder(self, local_files_only: bool | None) -> Path:
        """The local copy of config and weights."""
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError

        # Many repositories hold the same weights twice; the pickled copy is fetched only where it is the only one.
        try:
            for weights in ("*.safetensors", "*.bin"):
                path = snapshot_download(
                    self.repo, allow_patterns=["*.json", weights], local_files_only=bool(local_files_only)
                )
                if any(Path(path).glob(weights)):
                    break
            return Path(path)
        except LocalEntryNotFoundError as error:
            raise self._not_here() from error
        except Exception as error:
            raise self._failed(error) from error

    def _not_here(self) -> ModelNotFoundError:
        return ModelNotFoundError(
            f"{self.repo} is not on this machine, and downloading is off or the hub cannot be reached",
            hint=f"with a connection, run `hf download {self.repo}` once, or copy its folder here and give its path; "
            f'or use the bundled network, model="{BUNDLED_NAME}"',
        )

    def _failed(self, error: Exception) -> ModelError:
        from huggingface_hub.errors import GatedRepoError, HFValidationError, OfflineModeIsEnabled

        if isinstance(error, GatedRepoError):
            return ModelNotFoundError(f"{self.repo} is gated", hint="accept its terms on the hub, then `hf auth login`")
        if isinstance(error, OfflineModeIsEnabled):
            return self._not_here()
        if isinstance(error, HFValidationError) or type(error).__name__ == "RepositoryNotFoundError":
            return ModelNotFoundError(f"there is no network or folder {self.repo!r}", hint=_WHAT_WORKS)
        return ModelError(f"{self.repo} could not be fetched from the hub", hint=str(error))


def _source(name: str | Path) -> _Folder | _HubRepo:
    path = Path(name).expanduser()
    if path.is_dir():
        return _Folder(path)
    text = str(name)
    if isinstance(name, Path) or path.exists() or text.startswith((".", "/", "~")) or text.count("/") != 1:
        kind = "a file" if path.exists() else "neither a folder here nor a hub id"
        raise ModelNotFoundError(
            f"{text!r} is {kind}", hint=f"give the folder that holds {_CONFIG} and the weights; {_WHAT_WORKS}"
        )
    return _HubRepo(text)


def _parsed(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is not JSON", hint=str(error)) from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} does not hold a JSON object", hint="give the config that save_pretrained wrote")
    return value


def _load_nano(
    name: str, source: _Folder | _HubRepo, device: torch.device, dtype: torch.dtype, local_files_only: bool | None
) -> Segmenter:
    from samwidget.models.nano.segmenter import NanoSegmenter

    return NanoSegmenter.from_folder(source.folder(local_files_only), device=device)


def _load_sam(
    name: str, source: _Folder | _HubRepo, device: torch.device, dtype: torch.dtype, local_files_only: bool | None
) -> Segmenter:
    from transformers import SamModel

    from samwidget.models.sam.segmenter import SamSegmenter

    folder = source.folder(local_files_only)
    try:
        loaded: Any = SamModel.from_pretrained(folder, local_files_only=True, output_loading_info=True)
    except OSError as error:
        raise ModelNotFoundError(f"{source.where} has no weights that can be read", hint=str(error)) from error
    except Exception as error:  # transformers, safetensors and torch each raise their own kinds for broken weights
        raise ModelError(f"the weights of {name} cannot be read", hint=str(error)) from error
    model, info = loaded
    # transformers fills what is missing with random numbers and only logs it.
    missing = sorted(info["missing_keys"])
    if missing or info["mismatched_keys"]:
        raise ModelError(
            f"the weights of {name} do not fit its config",
            hint=f"missing: {missing[:3]}, of another shape: {sorted(map(str, info['mismatched_keys']))[:3]}",
        )
    preprocessing = source.read_json(_PREPROCESSING, local_files_only=True)
    return SamSegmenter(model, name=name, device=device, dtype=dtype, preprocessing=preprocessing)


_FAMILIES: dict[str, Callable[..., Segmenter]] = {"sam": _load_sam, "samwidget-nano": _load_nano}
