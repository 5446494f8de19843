"""Writes a page: a folder for any web server, or one file that also opens without one.

Owns which files a page has and what its manifest says. The script that runs in the page is built from
``frontend/src/page``; ``template.html`` is the page around it. Called by the command line and by ``SamWidget``.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from samwidget.errors import SamWidgetError
from samwidget.files import atomic_writer
from samwidget.models import BUNDLED_NAME, encoder_pixels, export_graphs

SavedPrompts = Sequence[Mapping[str, Any]]
"""Objects as the message ``restore_objects`` has them."""

PHOTO_SIDE_MAX = 4096
"""Pixels of the longest side of the photo in a page, which shows it at this size."""
_PHOTO_QUALITY = 90
_PIXELS_LOSSLESS_MAX = 256 * 256
POINTS_PER_SIDE = 10
"""Of a search of everything: a page decodes one point at a time, for about a tenth of a second."""
_STATIC = Path(__file__).parent.parent / "static"
_BUILT = _STATIC / "page"
_TEMPLATE = Path(__file__).parent / "template.html"
# The name that the script knows, and the name in a folder. Servers may treat .gz specially, and no ending is theirs.
_FILES = {
    "manifest": "page.json",
    "kernel": "kernel.js",
    "photo": "photo.bin",
    "pixels": "pixels.bin",
    "encoder": "encoder.bin",
    "decoder": "decoder.bin",
    "wasm": "runtime.bin",
}


def write_page(
    image: npt.NDArray[np.uint8], path: Path, *, name: str = "image", objects: SavedPrompts = (), title: str = ""
) -> int:
    """Writes a page that shows an image in the widget; returns its size in bytes.

    Args:
        image: (H, W, 3) uint8 RGB.
        path: one file where it ends in ``.html``, else a folder, which is made where it is not there.
        name: of the image, for exports.
        objects: that the page makes at first, of their prompts.
        title: of the page; the name of the image where it is empty.

    Raises:
        SamWidgetError: the script of pages is not built in this checkout.
        ModelError: the package onnx is missing.
        OSError: a file cannot be written.
    """
    files = page_files(image, name, objects)
    style = page_style()
    script = _built("page.js").decode()
    notices = page_notices()
    if path.suffix.lower() in (".html", ".htm"):
        inside = "\n".join(
            f'<script type="text/plain" id="samwidget-{key}">{base64.b64encode(data).decode()}</script>'
            for key, data in files.items()
        )
        comment = f"<!--\n{notices.decode().replace('--', '- -')}\n-->"
        written = {path: _page(title or name, style, script, f"{inside}\n{comment}")}
    else:
        outside = "\n".join(
            f'<script type="text/plain" id="samwidget-{key}" data-path="{_FILES[key]}"></script>' for key in files
        )
        path.mkdir(parents=True, exist_ok=True)
        written = {path / _FILES[key]: data for key, data in files.items()}
        written[path / "THIRD_PARTY_NOTICES.txt"] = notices
        written[path / "index.html"] = _page(title or name, style, script, outside)
    for file, data in written.items():
        with atomic_writer(file) as out:
            out.write(data)
    return sum(map(len, written.values()))


def page_style() -> str:
    """The stylesheet of the widget, without the parts that need Python."""
    files = (_STATIC / "widget.css", Path(__file__).parent / "page.css")
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def page_notices() -> bytes:
    """The licences of the packages in the scripts."""
    return _built("THIRD_PARTY_NOTICES.txt")


def page_files(image: npt.NDArray[np.uint8], name: str, objects: SavedPrompts = ()) -> dict[str, bytes]:
    """The files of a page by the name that its script knows; the manifest first."""
    runtime = {"kernel": _built("kernel.js"), "wasm": _built("runtime.wasm.gz")}
    frame, pixels = encoder_pixels(image)
    graphs = export_graphs(frame.input_hw)
    photo, mime = _photo(image)
    files = {
        **runtime,
        "photo": photo,
        "pixels": _compressed(pixels.tobytes()),
        "encoder": _compressed(graphs.encoder),
        "decoder": _compressed(graphs.decoder),
    }
    manifest = {
        "name": BUNDLED_NAME,
        "photo": {
            "id": hashlib.sha256(image.tobytes()).hexdigest()[:16],
            "name": name,
            "size_hw": list(frame.image_hw),
            "mime": mime,
        },
        "frame": frame.to_json(),
        "everything": _everything(),
        "objects": list(objects),
        "bytes": sum(map(len, files.values())),
    }
    return {"manifest": json.dumps(manifest).encode(), **files}


def _everything() -> dict[str, float]:
    """The settings of a search, as the script names them."""
    from samwidget.models import load

    defaults = load(BUNDLED_NAME, device="cpu").everything_defaults
    return {
        "points_per_side": POINTS_PER_SIDE,
        "score_min": defaults.pred_iou_thresh,
        "stability_min": defaults.stability_score_thresh,
        "stability_offset": defaults.stability_score_offset,
    }


def _photo(image: npt.NDArray[np.uint8]) -> tuple[bytes, str]:
    """The photo as the page shows it, and its media type."""
    photo = Image.fromarray(image)
    photo.thumbnail((PHOTO_SIDE_MAX, PHOTO_SIDE_MAX), Image.Resampling.BILINEAR)
    out = io.BytesIO()
    if photo.width * photo.height <= _PIXELS_LOSSLESS_MAX:
        photo.save(out, "PNG")
        return out.getvalue(), "image/png"
    photo.save(out, "JPEG", quality=_PHOTO_QUALITY, subsampling=0)
    return out.getvalue(), "image/jpeg"


def _compressed(data: bytes) -> bytes:
    return gzip.compress(data, 6, mtime=0)  # the same photo gives the same bytes


def _page(title: str, style: str, script: str, files: str) -> bytes:
    parts = {"title": html.escape(title), "style": style, "script": script, "files": files}
    text = _TEMPLATE.read_text(encoding="utf-8")
    for name, part in parts.items():
        before, after = text.split(f"{{{{ {name} }}}}")
        text = before + part + after
    return text.encode()


def _built(name: str) -> bytes:
    path = _BUILT / name
    if not path.is_file():
        raise SamWidgetError(
            "the script of pages is not built in this checkout",
            hint="run make bundle, or install samwidget from a wheel",
        )
    return path.read_bytes()
