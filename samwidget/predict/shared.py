"""Networks: the predictors that widgets of this process opened by name, so that none is in memory twice.

A notebook's cell is run again and again, and Jupyter keeps every widget that was ever shown. With a network each, ten
runs of a cell with SAM ViT-H would fill 25 GB, and each would encode the photo anew. Here a widget gets the network
that another one still holds, with its cache of embeddings. Held weakly: the last widget takes the network with it.

This and the entry script's network, which Azure ML wants there, are the package's only state at module scope. Widgets
cannot meet through it, because a predictor's answers depend on image and prompt alone.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from samwidget.predict.predictor import SamPredictor

_lock = threading.Lock()
_opened: WeakValueDictionary[tuple[Any, ...], SamPredictor] = WeakValueDictionary()


def open_predictor(model: str | Path | None, device: Any, dtype: Any, local_files_only: bool | None) -> SamPredictor:
    """The predictor that was opened with the same arguments and is still in use, or a new one.

    A folder whose files have changed since is another network. The arguments are those of
    ``SamPredictor.from_pretrained``, which also says what it raises. Takes seconds: torch is imported here.
    """
    from samwidget.predict.predictor import SamPredictor

    key = ("nano" if model is None else str(model), str(device), str(dtype), local_files_only, _files_of(model))
    # One at a time: two widgets made in one cell would otherwise both load the network.
    with _lock:
        found = _opened.get(key)
        if found is None:
            found = SamPredictor.from_pretrained(model, device=device, dtype=dtype, local_files_only=local_files_only)
            _opened[key] = found
        return found


def _files_of(model: str | Path | None) -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of each file of a network's folder; nothing for a network by name."""
    folder = None if model is None else Path(model).expanduser()
    if folder is None or not folder.is_dir():
        return ()
    files = [(path.name, path.stat()) for path in sorted(folder.iterdir()) if path.is_file()]
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in files)
