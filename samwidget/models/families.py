"""The families of transformers' folders: a function for each ``model_type`` of a config, which makes the segmenter.

It owns the reading of a network with transformers, and the errors for weights that do not fit. The families themselves
are in folders beside it. Called by ``loader``; it imports no torch: that comes with the first model.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeAlias

from samwidget.errors import ModelError, ModelNotFoundError, UnsupportedModelError, warn_user
from samwidget.models.checkpoint_folder import check_whole, weights_files
from samwidget.models.sources import CONFIG, Folder, HubRepo

if TYPE_CHECKING:
    from samwidget.models.device import DeviceChoice
    from samwidget.models.sam.preprocessing import Preprocessing
    from samwidget.models.segmenter import Segmenter

LoadFamily: TypeAlias = "Callable[[str, Folder | HubRepo, DeviceChoice, bool | None], Segmenter]"


def _load_nano(name: str, source: Folder | HubRepo, choice: DeviceChoice, local_files_only: bool | None) -> Segmenter:
    from samwidget.models.nano.segmenter import NanoSegmenter

    # Always in float32, whatever dtype says, and always called nano.
    return NanoSegmenter.from_folder(source.folder(local_files_only), device=choice.device)


def _load_sam(name: str, source: Folder | HubRepo, choice: DeviceChoice, local_files_only: bool | None) -> Segmenter:
    from samwidget.models.sam.preprocessing import Preprocessing
    from samwidget.models.sam.segmenter import SamSegmenter

    model, preprocessing = _read_network("Sam", name, source, choice, local_files_only, Preprocessing())
    return SamSegmenter(model, name=name, device=choice.device, dtype=choice.dtype, preprocessing=preprocessing)


def _load_sam_hq(name: str, source: Folder | HubRepo, choice: DeviceChoice, local_files_only: bool | None) -> Segmenter:
    from samwidget.models.sam.preprocessing import Preprocessing
    from samwidget.models.sam_hq import SamHqSegmenter

    model, preprocessing = _read_network("SamHQ", name, source, choice, local_files_only, Preprocessing())
    return SamHqSegmenter(model, name=name, device=choice.device, dtype=choice.dtype, preprocessing=preprocessing)


def _load_sam2(name: str, source: Folder | HubRepo, choice: DeviceChoice, local_files_only: bool | None) -> Segmenter:
    from samwidget.models.sam.preprocessing import Preprocessing
    from samwidget.models.sam2.segmenter import Sam2Segmenter

    model, preprocessing = _read_network("Sam2", name, source, choice, local_files_only, Preprocessing(stretches=True))
    return Sam2Segmenter(model, name=name, device=choice.device, dtype=choice.dtype, preprocessing=preprocessing)


def _load_edgetam(
    name: str, source: Folder | HubRepo, choice: DeviceChoice, local_files_only: bool | None
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
    name: str, source: Folder | HubRepo, choice: DeviceChoice, local_files_only: bool | None
) -> Segmenter:
    from samwidget.models.sam.preprocessing import Preprocessing
    from samwidget.models.sam2.segmenter import Sam2Segmenter

    usual = Preprocessing(mean=_SAM3_NUMBERS, std=_SAM3_NUMBERS, stretches=True)
    model, preprocessing = _read_network("Sam3Tracker", name, source, choice, local_files_only, usual)
    return Sam2Segmenter(
        model, name=name, family="sam3", device=choice.device, dtype=choice.dtype, preprocessing=preprocessing
    )


def _load_sam3(name: str, source: Folder | HubRepo, choice: DeviceChoice, local_files_only: bool | None) -> Segmenter:
    """Words and clicks; clicks alone where the checkpoint has no tokenizer."""
    from samwidget.models.sam.preprocessing import Preprocessing
    from samwidget.models.sam2.segmenter import Sam2Segmenter

    usual = Preprocessing(mean=_SAM3_NUMBERS, std=_SAM3_NUMBERS, stretches=True)
    video_model, preprocessing = _read_network("Sam3Video", name, source, choice, local_files_only, usual)
    # Now, since only a transformers that has SAM 3 has its parts.
    from samwidget.models.sam3 import Phrases, Sam3Segmenter, tracker_of

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
    family: str, name: str, source: Folder | HubRepo, choice: DeviceChoice, local_files_only: bool | None
) -> Segmenter:
    from samwidget.models.sam.preprocessing import Preprocessing

    usual = Preprocessing(mean=_SAM3_NUMBERS, std=_SAM3_NUMBERS, stretches=True)
    model, preprocessing = _read_network(family, name, source, choice, local_files_only, usual)
    # Now, since only a transformers that has SAM 3 has its parts.
    from samwidget.models.sam3 import Phrases, WordsSegmenter

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
    source: Folder | HubRepo,
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
    folder = Folder(source.folder(local_files_only))
    check_whole(folder.path, source.description)
    check_fits(name, weights_files(folder.path), choice.device)
    try:
        # The config is read here, since transformers warns about one that is for videos.
        config = network_class.config_class.from_dict(folder.read_json(CONFIG, local_files_only) or {})
        # Any: transformers' types do not know that output_loading_info gives a pair.
        loaded: Any = network_class.from_pretrained(
            folder.path, config=config, local_files_only=True, output_loading_info=True
        )
    except OSError as error:
        raise ModelNotFoundError(
            f"{source.description} has no weights that can be read: {error}",
            hint="copy model.safetensors of the checkpoint into it, or download the model again",
        ) from error
    model, info = loaded
    # transformers fills missing weights with random numbers, leaves out unknown ones, and only logs it.
    missing, unknown = sorted(info["missing_keys"]), sorted(info["unexpected_keys"])
    if missing or info["mismatched_keys"]:
        raise ModelError(
            f"the weights of {name} do not fit its config: they are of another network or of another version of it",
            hint="give config and weights of one checkpoint, as save_pretrained wrote them; "
            f"missing: {missing[:3]}, of another shape: {sorted(map(str, info['mismatched_keys']))[:3]}, "
            f"unknown: {unknown[:3]}",
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
FAMILIES: dict[str, LoadFamily] = {
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
