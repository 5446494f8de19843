"""Loads a model by name, file, folder or hub id. Its config, read before any weights, says which family it is.

It owns where the files are, and the errors for names, folders and weights that do not work. The families themselves are
in folders beside it; models behind an address are opened by ``remote``. Called by ``SamPredictor``, training and
``hub``. It imports no torch: that comes with the first model.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from samwidget.errors import ModelError, ModelNotFoundError, SamWidgetError, UnsupportedModelError, warn_user
from samwidget.models.checkpoint_folder import check_whole, weights_files, without_config
from samwidget.models.registry import BUNDLED_FOLDER, BUNDLED_NAME, MODELS

if TYPE_CHECKING:
    import torch

    from samwidget.models.device import DeviceChoice
    from samwidget.models.sam.preprocessing import Preprocessing
    from samwidget.models.segmenter import Segmenter

_CONFIG = "config.json"
_SUPPORTED = (
    f"these work: {', '.join(card.name for card in MODELS)}, "
    "folders or hub ids of fine-tuned networks of these families, and official files (.pt, .pth) of SAM, SAM-HQ, "
    "SAM 2, MedSAM2, MobileSAM and TinySAM"
)
_FILE_SUFFIXES = (".pth", ".pt", ".safetensors")

Json: TypeAlias = dict[str, Any]  # a parsed file, whose values each family checks
_LoadFamily: TypeAlias = "Callable[[str, _Folder | _HubRepo, DeviceChoice, bool | None], Segmenter]"


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
    if name != BUNDLED_NAME and Path(name).expanduser().is_file():
        from samwidget.models.official_files import load_file

        return load_file(name, choice)
    source = _Folder(BUNDLED_FOLDER) if name == BUNDLED_NAME else _find(name)
    load_family = _family_of(source, str(name), local_files_only)
    try:
        return load_family(str(name), source, choice, local_files_only)
    except SamWidgetError:
        raise
    except Exception as error:  # for broken files transformers, safetensors and torch each raise their own exceptions
        raise ModelError(f"the model {name} cannot be read", hint=f"{type(error).__name__}: {error}") from error


def download(repo: str) -> None:
    """Downloads what ``load`` needs of a hub id, where it is not here yet; raises as ``load``."""
    source = _HubRepo(repo)
    _family_of(source, repo, None)
    source.folder(None)


def is_supported(model_type: object) -> bool:
    """Whether samwidget runs the family that a config names."""
    return str(model_type) in _FAMILIES


def _family_of(source: _Folder | _HubRepo, name: str, local_files_only: bool | None) -> _LoadFamily:
    """The function that loads a checkpoint; raises as ``load``."""
    config = source.read_json(_CONFIG, local_files_only)
    if config is None:
        contents, remedy = without_config(source.path) if isinstance(source, _Folder) else ("", "")
        raise ModelNotFoundError(
            f"{source.description} has no {_CONFIG}" + (f": {contents}" if contents else ""), hint=remedy or _SUPPORTED
        )
    model_type = config.get("model_type")
    load_family = _FAMILIES.get(str(model_type))
    if load_family is None:
        raise UnsupportedModelError(f"{name} is of the family {model_type!r}, which is not supported", hint=_SUPPORTED)
    return load_family


class _Folder:
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


class _HubRepo:
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
            return ModelNotFoundError(f"there is no model or folder {self.repo!r}", hint=_SUPPORTED)
        return ModelError(f"{self.repo} could not be downloaded from the hub", hint=str(error))


def _find(name: str | Path) -> _Folder | _HubRepo:
    """The folder of this name, or else the hub repository."""
    path = Path(name).expanduser()
    if path.is_dir():
        return _Folder(path)
    text = str(name)
    if path.suffix in _FILE_SUFFIXES:
        raise ModelNotFoundError(
            f"there is no file {text!r}",
            hint="the files of SAM, SAM 2 and MobileSAM are at https://github.com/facebookresearch/segment-anything, "
            "https://github.com/facebookresearch/sam2 and https://github.com/ChaoningZhang/MobileSAM; SAM and SAM 2 "
            'load by name too, such as "facebook/sam-vit-base"',
        )
    if isinstance(name, Path) or text.startswith((".", "/", "~")) or text.count("/") != 1:
        raise ModelNotFoundError(
            f"{text!r} is neither a folder here nor a hub id",
            hint=f"give the folder that holds {_CONFIG} and the weights; {_SUPPORTED}",
        )
    return _HubRepo(text)


def _parse(path: Path) -> Json:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # RecursionError: a thousand brackets within each other
        raise ModelError(f"{path} is not JSON", hint=str(error)) from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read", hint=error.strerror or str(error)) from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} does not hold a JSON object", hint="give the config that save_pretrained wrote")
    return value


def _load_nano(name: str, source: _Folder | _HubRepo, choice: DeviceChoice, local_files_only: bool | None) -> Segmenter:
    from samwidget.models.nano.segmenter import NanoSegmenter

    # Always in float32, whatever dtype says, and always called nano.
    return NanoSegmenter.from_folder(source.folder(local_files_only), device=choice.device)


def _load_sam(name: str, source: _Folder | _HubRepo, choice: DeviceChoice, local_files_only: bool | None) -> Segmenter:
    from samwidget.models.sam.preprocessing import Preprocessing
    from samwidget.models.sam.segmenter import SamSegmenter

    model, preprocessing = _read_network("Sam", name, source, choice, local_files_only, Preprocessing())
    return SamSegmenter(model, name=name, device=choice.device, dtype=choice.dtype, preprocessing=preprocessing)


def _load_sam_hq(
    name: str, source: _Folder | _HubRepo, choice: DeviceChoice, local_files_only: bool | None
) -> Segmenter:
    from samwidget.models.sam.preprocessing import Preprocessing
    from samwidget.models.sam_hq import SamHqSegmenter

    model, preprocessing = _read_network("SamHQ", name, source, choice, local_files_only, Preprocessing())
    return SamHqSegmenter(model, name=name, device=choice.device, dtype=choice.dtype, preprocessing=preprocessing)


def _load_sam2(name: str, source: _Folder | _HubRepo, choice: DeviceChoice, local_files_only: bool | None) -> Segmenter:
    from samwidget.models.sam.preprocessing import Preprocessing
    from samwidget.models.sam2.segmenter import Sam2Segmenter

    model, preprocessing = _read_network("Sam2", name, source, choice, local_files_only, Preprocessing(stretches=True))
    return Sam2Segmenter(model, name=name, device=choice.device, dtype=choice.dtype, preprocessing=preprocessing)


def _load_edgetam(
    name: str, source: _Folder | _HubRepo, choice: DeviceChoice, local_files_only: bool | None
) -> Segmenter:
    from samwidget.models.sam.preprocessing import Preprocessing
    from samwidget.models.sam2.segmenter import Sam2Segmenter

    if find_spec("timm") is None:  # before any weights are downloaded
        raise UnsupportedModelError(
            f"{name} is EdgeTAM, whose encoder is in the package timm, which is not installed",
            hint="pip install timm, then restart the kernel",
        )
    model, preprocessing = _read_network(
        "EdgeTam", name, source, choice, local_files_only, Preprocessing(stretches=True)
    )
    return Sam2Segmenter(
        model, name=name, family="edgetam", device=choice.device, dtype=choice.dtype, preprocessing=preprocessing
    )


_SAM3_NUMBERS = (0.5, 0.5, 0.5)


def _load_sam3_clicks(
    name: str, source: _Folder | _HubRepo, choice: DeviceChoice, local_files_only: bool | None
) -> Segmenter:
    from samwidget.models.sam.preprocessing import Preprocessing
    from samwidget.models.sam2.segmenter import Sam2Segmenter

    usual = Preprocessing(mean=_SAM3_NUMBERS, std=_SAM3_NUMBERS, stretches=True)
    model, preprocessing = _read_network("Sam3Tracker", name, source, choice, local_files_only, usual)
    return Sam2Segmenter(
        model, name=name, family="sam3", device=choice.device, dtype=choice.dtype, preprocessing=preprocessing
    )


def _load_sam3(name: str, source: _Folder | _HubRepo, choice: DeviceChoice, local_files_only: bool | None) -> Segmenter:
    """Words and clicks; clicks alone where the checkpoint has no tokenizer."""
    from samwidget.models.sam.preprocessing import Preprocessing
    from samwidget.models.sam2.segmenter import Sam2Segmenter
    from samwidget.models.sam3 import Phrases, Sam3Segmenter, tracker_of

    usual = Preprocessing(mean=_SAM3_NUMBERS, std=_SAM3_NUMBERS, stretches=True)
    video_model, preprocessing = _read_network("Sam3Video", name, source, choice, local_files_only, usual)
    model, detector_model = tracker_of(video_model), video_model.detector_model
    phrases = Phrases.read(source.folder(local_files_only), detector_model.config.text_config.max_position_embeddings)
    options: dict[str, Any] = {
        "name": name,
        "device": choice.device,
        "dtype": choice.dtype,
        "preprocessing": preprocessing,
    }
    if phrases is None:
        return Sam2Segmenter(model, family="sam3", **options)
    return Sam3Segmenter(model, detector_model, phrases, **options)


def _load_sam3_words(
    family: str, name: str, source: _Folder | _HubRepo, choice: DeviceChoice, local_files_only: bool | None
) -> Segmenter:
    from samwidget.models.sam.preprocessing import Preprocessing
    from samwidget.models.sam3 import Phrases, WordsSegmenter

    usual = Preprocessing(mean=_SAM3_NUMBERS, std=_SAM3_NUMBERS, stretches=True)
    model, preprocessing = _read_network(family, name, source, choice, local_files_only, usual)
    phrases = Phrases.read(source.folder(local_files_only), model.config.text_config.max_position_embeddings)
    if phrases is None:
        raise ModelNotFoundError(
            f"{source.description} has no tokenizer, and this network reads nothing but words",
            hint="copy tokenizer.json of the checkpoint into the folder too",
        )
    return WordsSegmenter(
        model, phrases, name=name, device=choice.device, dtype=choice.dtype, preprocessing=preprocessing
    )


def _read_network(
    family: str,
    name: str,
    source: _Folder | _HubRepo,
    choice: DeviceChoice,
    local_files_only: bool | None,
    usual: Preprocessing,
) -> tuple[Any, Preprocessing]:
    """A network of transformers with its weights, and what its checkpoint says about images.

    Args:
        family: the class of the network is called so, with ``Model`` behind it. A checkpoint of the family's network
            for videos is read too, without what that has more.
        name: the name that the user gave.
        source: where the files are.
        choice: where it will run.
        local_files_only: as for ``load``.
        usual: the preprocessing of the family's own checkpoints.
    """
    import transformers

    from samwidget.models.memory import check_fits
    from samwidget.models.sam.preprocessing import PREPROCESSOR_FILE, PROCESSOR_FILE, read_preprocessing

    network_class: Any = getattr(transformers, f"{family}Model", None)
    if network_class is None:
        raise UnsupportedModelError(
            f"transformers {transformers.__version__} has no {family}Model, which {name} needs",
            hint="pip install --upgrade transformers, then restart the kernel",
        )
    folder = _Folder(source.folder(local_files_only))
    check_whole(folder.path, source.description)
    check_fits(name, weights_files(folder.path), choice.device)
    try:
        # The config is read here, since transformers warns about one that is for videos.
        config = network_class.config_class.from_dict(folder.read_json(_CONFIG, local_files_only) or {})
        # Any: transformers' types do not know that output_loading_info gives a pair.
        loaded: Any = network_class.from_pretrained(
            folder.path, config=config, local_files_only=True, output_loading_info=True
        )
    except OSError as error:
        raise ModelNotFoundError(f"{source.description} has no weights that can be read", hint=str(error)) from error
    model, info = loaded
    # transformers fills missing weights with random numbers, leaves out unknown ones, and only logs it.
    missing, unknown = sorted(info["missing_keys"]), sorted(info["unexpected_keys"])
    if missing or info["mismatched_keys"]:
        raise ModelError(
            f"the weights of {name} do not fit its config",
            hint=f"missing: {missing[:3]}, of another shape: {sorted(map(str, info['mismatched_keys']))[:3]}, "
            f"unknown: {unknown[:3]}; they are of another network or of another version of it",
        )
    if unknown:
        warn_user(f"{name} has {len(unknown)} weights that its network does not have; left out: {unknown[:3]}")
    preprocessing = read_preprocessing(
        folder.read_json(PROCESSOR_FILE, local_files_only),
        folder.read_json(PREPROCESSOR_FILE, local_files_only),
        _input_side(model),
        usual,
    )
    return model, preprocessing


def _input_side(model: Any) -> int:
    """Side of the network's square input in pixels; Any, since the families' classes have no class in common."""
    if hasattr(model, "prompt_encoder"):
        return int(model.prompt_encoder.input_image_size)
    side = model.config.image_size
    return int(side if isinstance(side, int) else side[0])


# By ``model_type`` of the config. A family is imported when its first model is loaded.
_FAMILIES: dict[str, _LoadFamily] = {
    "sam": _load_sam,
    "sam_hq": _load_sam_hq,
    "sam2": _load_sam2,
    "sam2_video": _load_sam2,
    "edgetam": _load_edgetam,
    "edgetam_video": _load_edgetam,
    "sam3": partial(_load_sam3_words, "Sam3"),
    "sam3_lite_text": partial(_load_sam3_words, "Sam3LiteText"),
    "sam3_tracker": _load_sam3_clicks,
    "sam3_video": _load_sam3,
    "samwidget-nano": _load_nano,
}
