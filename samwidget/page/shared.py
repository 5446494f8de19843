"""Writes photos that share one network, for a site with several live places: the docs use it.

Owns the names of the files in that folder. ``write`` makes their contents; the scripts are built from
``frontend/src/page/lesson``, and are no part of the wheel.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from samwidget.errors import SamWidgetError
from samwidget.files import atomic_writer
from samwidget.page.write import page_files, page_notices, page_style

Masks = Mapping[str, npt.NDArray[np.bool_]]


def write_shared(
    photos: Mapping[str, tuple[npt.NDArray[np.uint8], Masks]], scripts: Path, folder: Path
) -> dict[str, Path]:
    """Writes photos, the network and the scripts into a folder; returns the manifest of each photo.

    Photos of the same input size share the files of the network.

    Args:
        photos: by file name: (H, W, 3) uint8 RGB, and (H, W) bool masks by name, which the scripts compare with.
        scripts: folder with ``site.js`` and ``site_kernel.js``.
        folder: is made where it is not there.

    Raises:
        SamWidgetError: the scripts are not built.
        ModelError: the package onnx is missing.
        OSError: a file cannot be written.
    """
    missing = [name for name in ("site.js", "site_kernel.js") if not (scripts / name).is_file()]
    if missing:
        raise SamWidgetError(f"the scripts {' and '.join(missing)} are not built", hint="run make bundle")
    written = {
        "site.js": (scripts / "site.js").read_bytes(),
        "kernel.js": (scripts / "site_kernel.js").read_bytes(),
        "widget.css": page_style().encode(),
        "THIRD_PARTY_NOTICES.txt": page_notices(),
    }
    for name, (image, masks) in photos.items():
        files = page_files(image, name)
        manifest: dict[str, Any] = json.loads(files.pop("manifest"))
        del files["kernel"]
        names = {key: _name(key, Path(name).stem, manifest["frame"]["input_hw"]) for key in files}
        written |= {names[key]: data for key, data in files.items()}
        manifest["files"] = {**names, "kernel": "kernel.js"}
        manifest["truths"] = {key: runs_of(mask) for key, mask in masks.items()}
        manifest["bytes"] = sum(len(written[file]) for file in manifest["files"].values())
        written[f"{Path(name).stem}.json"] = json.dumps(manifest).encode()
    folder.mkdir(parents=True, exist_ok=True)
    for file, data in written.items():
        with atomic_writer(folder / file) as out:
            out.write(data)
    return {name: folder / f"{Path(name).stem}.json" for name in photos}


def runs_of(mask: npt.NDArray[np.bool_]) -> list[int]:
    """The lengths of the runs outside and inside of an (H, W) bool mask in turn, row by row, the first one outside."""
    flat = np.concatenate([[False], mask.ravel(), [not mask.ravel()[-1]]])
    ends = np.flatnonzero(flat[1:] != flat[:-1])
    runs: list[int] = np.diff(ends, prepend=0).tolist()
    return runs


def _name(key: str, photo: str, input_hw: list[int]) -> str:
    """The name of a file: photos have their own, graphs are made for one size of the input."""
    if key in ("photo", "pixels"):
        return f"{photo}.{key}.bin"
    if key in ("encoder", "decoder"):
        return f"{key}.{input_hw[0]}x{input_hw[1]}.bin"
    return "runtime.bin"
