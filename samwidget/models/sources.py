"""Where the files of a model are: in a folder, or on the Hugging Face hub and in its local cache.

It owns the errors for names, folders and downloads that do not work. Called by ``loader`` and ``families``; it imports
no torch.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeAlias

from samwidget.errors import ModelError, ModelNotFoundError
from samwidget.models.registry import BUNDLED_NAME, MODELS

CONFIG = "config.json"
_ONE_OF_EACH_FAMILY = reversed({card.family: card.name for card in reversed(MODELS)}.values())
SUPPORTED = (
    f"these work: {', '.join(_ONE_OF_EACH_FAMILY)}, others that `samwidget models` lists, folders or hub ids of "
    "fine-tuned networks of these families, and official files (.pt, .pth) of SAM, SAM-HQ, SAM 2, MedSAM2, MobileSAM "
    "and TinySAM"
)
_FILE_SUFFIXES = (".pth", ".pt", ".safetensors")


Json: TypeAlias = dict[str, Any]  # a parsed file, whose values each family checks


class Folder:
    """A checkpoint in a local folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.description = f"the folder {path}"

    def read_json(self, file: str, local_files_only: bool | None) -> Json | None:
        """The parsed file; None where the folder has none."""
        return _parse(self.path / file) if (self.path / file).is_file() else None

    def folder(self, local_files_only: bool | None) -> Path:
        """The folder that holds the weights."""
        return self.path


class HubRepo:
    """A checkpoint on the Hugging Face hub or in its local cache."""

    def __init__(self, repo: str) -> None:
        self.repo = repo
        self.description = f"the hub's {repo}"

    def read_json(self, file: str, local_files_only: bool | None) -> Json | None:
        """The parsed file, downloaded where that is allowed; None where the repository has none."""
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

        try:
            return _parse(Path(hf_hub_download(self.repo, file, local_files_only=bool(local_files_only))))
        except LocalEntryNotFoundError as error:
            raise self._not_downloaded() from error
        except EntryNotFoundError:
            return None
        except Exception as error:
            raise self._download_error(error) from error

    def file(self, name: str, local_files_only: bool | None) -> Path:
        """The local copy of one file, downloaded where that is allowed."""
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

        try:
            return Path(hf_hub_download(self.repo, name, local_files_only=bool(local_files_only)))
        except LocalEntryNotFoundError as error:
            raise self._not_downloaded() from error
        except EntryNotFoundError as error:
            raise ModelNotFoundError(f"{self.description} has no {name}", hint=SUPPORTED) from error
        except Exception as error:
            raise self._download_error(error) from error

    def folder(self, local_files_only: bool | None) -> Path:
        """The local folder that holds config and weights, downloaded where that is allowed."""
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError

        # Many repositories hold the same weights twice; the pickled copy is fetched only where it is the only one.
        try:
            for weights in ("*.safetensors", "*.bin"):
                path = snapshot_download(
                    self.repo, allow_patterns=["*.json", "merges.txt", weights], local_files_only=bool(local_files_only)
                )
                if any(Path(path).glob(weights)):
                    break
            return Path(path)
        except LocalEntryNotFoundError as error:
            raise self._not_downloaded() from error
        except Exception as error:
            raise self._download_error(error) from error

    def _not_downloaded(self) -> ModelNotFoundError:
        return ModelNotFoundError(
            f"{self.repo} is not on this machine, and downloading is off or the hub cannot be reached",
            hint=f"with a connection, run `hf download {self.repo}` once, or copy its folder here and give its path; "
            f'or use the bundled model, model="{BUNDLED_NAME}"',
        )

    def _download_error(self, error: Exception) -> ModelError:
        """Our error for what huggingface_hub raised."""
        from huggingface_hub.errors import GatedRepoError, HFValidationError, OfflineModeIsEnabled

        if isinstance(error, GatedRepoError):
            return ModelNotFoundError(
                f"{self.repo} is gated",
                hint=f"accept its terms on https://huggingface.co/{self.repo}, then `hf auth login`, or set HF_TOKEN",
            )
        if isinstance(error, OfflineModeIsEnabled):
            return self._not_downloaded()
        if isinstance(error, HFValidationError) or type(error).__name__ == "RepositoryNotFoundError":
            return ModelNotFoundError(f"there is no model or folder {self.repo!r}", hint=SUPPORTED)
        return ModelError(
            f"{self.repo} could not be downloaded from the hub: {error}",
            hint="look at the connection and the free disk space, then try again; what is here already stays",
        )


def local_path(name: str | Path) -> Path | None:
    """The file or folder of this name; None where there is none, also for a name that no file can have."""
    try:
        path = Path(name).expanduser()
        return path if path.exists() else None
    except (OSError, RuntimeError, ValueError):  # RuntimeError: no such user behind ~
        return None


def find_source(name: str | Path) -> Folder | HubRepo:
    """The folder of this name, or else the hub repository."""
    text = str(name)
    if not text:  # as a path it would be the current folder
        raise ModelNotFoundError("the name of the model is empty", hint=f"give a name or a folder; {SUPPORTED}")
    path = local_path(name)
    if path is not None and path.is_dir():
        return Folder(path)
    if text.endswith(_FILE_SUFFIXES):
        raise ModelNotFoundError(
            f"there is no file {text!r}",
            hint="the files of SAM, SAM 2 and MobileSAM are at https://github.com/facebookresearch/segment-anything, "
            "https://github.com/facebookresearch/sam2 and https://github.com/ChaoningZhang/MobileSAM; SAM and SAM 2 "
            'load by name too, such as "facebook/sam-vit-base"',
        )
    if isinstance(name, Path) or text.startswith((".", "/", "~")) or text.count("/") != 1:
        raise ModelNotFoundError(
            f"{text!r} is neither a folder here nor a hub id",
            hint=f"give the folder that holds {CONFIG} and the weights; {SUPPORTED}",
        )
    return HubRepo(text)


def _parse(path: Path) -> Json:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # RecursionError: a thousand brackets within each other
        raise ModelError(
            f"{path} is not JSON: {error}", hint="download it again, or copy it from the source"
        ) from error
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read: {error.strerror or error}", hint="mend its permissions, or copy it again"
        ) from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} does not hold a JSON object", hint="give the config that save_pretrained wrote")
    return value
