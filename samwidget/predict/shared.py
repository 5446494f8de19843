"""Shares one predictor between the widgets of this process that use the same model.

In a notebook a cell is run again and again, and Jupyter keeps every widget that was ever displayed. With a model for
each widget, ten runs of a cell with SAM ViT-H would fill 25 GB, and each would encode the image again. So a widget gets
the predictor, and with it the cached embeddings, that another widget still uses. References are weak: when the last
widget is gone, so is the model.

This registry and the predictor of the entry script, where Azure ML prescribes it, are the package's only state at
module scope. It cannot mix up the masks of two widgets: they depend on the image and the prompt alone.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from samwidget.predict.predictor import SamPredictor

_FileStamp = tuple[str, int, int]
"""Name, size in bytes and time of the last change in nanoseconds."""
_Key = tuple[str, str, str, bool | None, tuple[_FileStamp, ...]]

_lock = threading.Lock()
_predictors: WeakValueDictionary[_Key, SamPredictor] = WeakValueDictionary()


def open_predictor(
    model: str | Path | None,
    device: str | torch.device,
    dtype: str | torch.dtype,
    local_files_only: bool | None,
) -> SamPredictor:
    """The predictor that was opened with the same arguments and is still in use, or a new one.

    A file or a folder whose files have changed since then counts as another model. The arguments are those of
    ``SamPredictor.from_pretrained``. A new predictor takes seconds, because torch is imported too.

    Raises:
        SamWidgetError: as ``SamPredictor.from_pretrained``.
    """
    from samwidget.predict.predictor import SamPredictor

    key = ("nano" if model is None else str(model), str(device), str(dtype), local_files_only, _file_stamps(model))
    # Under the lock, because two widgets of one cell would otherwise both load the model.
    with _lock:
        predictor = _predictors.get(key)
        if predictor is None:
            predictor = SamPredictor.from_pretrained(
                model, device=device, dtype=dtype, local_files_only=local_files_only
            )
            _predictors[key] = predictor
        return predictor


def _file_stamps(model: str | Path | None) -> tuple[_FileStamp, ...]:
    """The stamp of a model's file, or of each file in its folder; empty for a model by name."""
    from samwidget.models import local_path

    source = None if model is None else local_path(model)
    if source is None:
        return ()
    paths = sorted(source.iterdir()) if source.is_dir() else [source]
    stats = [(path.name, path.stat()) for path in paths if path.is_file()]
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)
