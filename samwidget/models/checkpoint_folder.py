"""What is wrong with a folder that was given as a model: it holds something else, or half of a checkpoint.

Pure but for reading names and indexes of files. Called by ``loader`` for the texts of its errors.
"""

from __future__ import annotations

import json
from pathlib import Path

from samwidget.errors import ModelNotFoundError

WEIGHTS = ("*.safetensors", "*.bin")
_OFFICIAL = {".pt", ".pth"}
_IMAGES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".heic"}
_NAMES_MAX = 3


def weights_files(folder: Path) -> list[Path]:
    """The files with weights; the pickled ones count where there are no others."""
    return next((files for pattern in WEIGHTS if (files := sorted(folder.glob(pattern)))), [])


def without_config(folder: Path) -> tuple[str, str]:
    """What a folder without ``config.json`` holds, as the end of a sentence, and the remedy; empty if unknown."""
    names = sorted(path.name for path in folder.iterdir())
    suffixes = {Path(name).suffix.lower() for name in names}
    official = [name for name in names if Path(name).suffix.lower() in _OFFICIAL]
    if not names:
        return "it is empty", ""
    if official:
        return f"it holds {_list_of(official)}", f"give the file itself: model={str(folder / official[0])!r}"
    if weights_files(folder):
        return "it holds weights without their config", "copy config.json from where the weights come from"
    if suffixes & _IMAGES:
        return "it holds images", "images are the first argument of SamWidget, model= is the network"
    if any(name.startswith(("tokenizer", "vocab")) for name in names):
        return "it holds a tokenizer, and no network", "give the folder with config.json and the weights"
    return f"it holds {_list_of(names)}", ""


def check_whole(folder: Path, description: str) -> None:
    """Does nothing where all files with weights are there that an index names.

    Raises:
        ModelNotFoundError: some are missing, or there are no weights at all.
    """
    files = weights_files(folder)
    for pattern in WEIGHTS:
        for index in sorted(folder.glob(f"{pattern}.index.json")):
            missing = _missing_files(index)
            if missing and not any(file.name == index.name.removesuffix(".index.json") for file in files):
                raise ModelNotFoundError(
                    f"{description} is half a download: {_list_of(missing)} missing",
                    hint=f"download it again, or copy the files that {index.name} names",
                )
    if not files:
        raise ModelNotFoundError(
            f"{description} has no weights that can be read",
            hint="it needs model.safetensors beside config.json; download it again",
        )


def _missing_files(index: Path) -> list[str]:
    """The files that an index of shards names and that are not beside it."""
    try:
        names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        return sorted(name for name in names if not (index.parent / name).is_file())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):  # the reader says it
        return []


def _list_of(names: list[str]) -> str:
    more = f" and {len(names) - _NAMES_MAX} more" if len(names) > _NAMES_MAX else ""
    return ", ".join(names[:_NAMES_MAX]) + more
