"""Model rows: the rows of the menu of models: what a user wants to know before choosing one.

Known models come from ``models.registry``, others from the local cache of the hub, and from Python. ``model_choice``
asks for them when a view opens the menu.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from samwidget.core import memory_bytes
from samwidget.models import MODELS, hub, is_here
from samwidget.widget.protocol.fields import Availability
from samwidget.widget.protocol.message import optional
from samwidget.widget.protocol.replies import ModelRow

if TYPE_CHECKING:
    from samwidget.models import ModelCard

# Beside the weights a model needs memory for the layers' output: about as much again, and torch itself.
_MEMORY_FACTOR, _TORCH_MB = 2.0, 1000.0
_MB = 1_000_000


def rows_of_models(in_use: str, python_names: Sequence[str], can_download: bool) -> list[ModelRow]:
    """The models that a widget can use, those of one family together; first those that Python gave.

    Args:
        in_use: name of the model that is in use.
        python_names: of those that Python gave.
        can_download: whether models that are not here can be downloaded.
    """
    cards = {card.name: card for card in MODELS}
    others = [repo for repo in hub.repos_here() if repo not in cards]
    names = [name for name in dict.fromkeys([*python_names, in_use]) if name not in cards and name not in others]
    rows = [_row_of_given(name, name == in_use) for name in names]
    rows += [_row_of_card(card, card.name == in_use, can_download) for card in MODELS]
    rows += [_row_of_repo(repo, repo == in_use) for repo in others]
    families = list(dict.fromkeys(row.family for row in rows))
    return sorted(rows, key=lambda row: families.index(row.family))


def _row_of_card(card: ModelCard, is_used: bool, can_download: bool) -> ModelRow:
    availability: Availability = "gated" if card.is_gated else "download"
    if is_used or is_here(card):
        availability = "here"
    elif not can_download:
        availability = "missing"
    reads_words = "text" in card.prompts
    needs_mb = _needs_mb(card.size_mb)
    return ModelRow(
        card.name, card.family, card.licence, availability, reads_words, is_used, card.size_mb, optional(needs_mb)
    )


def _row_of_repo(repo: str, is_used: bool) -> ModelRow:
    """A model of the hub that is here and that ``MODELS`` does not list."""
    folder = hub.folder_here(repo)
    family = "" if folder is None else str(hub.model_type_of(folder)).removesuffix("_video")
    size_mb = None if folder is None else _size_mb(folder)
    return ModelRow(repo, family, "", "here", False, is_used, optional(size_mb), optional(_needs_mb(size_mb)))


def _row_of_given(name: str, is_used: bool) -> ModelRow:
    """A folder, a file or a predictor that Python gave."""
    size_mb = _size_mb(Path(name).expanduser())
    return ModelRow(name, "", "", "here", False, is_used, optional(size_mb), optional(_needs_mb(size_mb)))


def _size_mb(path: Path) -> float | None:
    """Megabytes of the weights in a folder, or of a file; None where there are none."""
    try:
        count = hub.weights_bytes(path) if path.is_dir() else path.stat().st_size
    except (OSError, ValueError):  # a name that no file can have
        return None
    return round(count / _MB, 1) or None


def _needs_mb(size_mb: float | None) -> float | None:
    """About the memory that a model needs, where this computer has less; else None."""
    needs_mb = _MEMORY_FACTOR * (size_mb or 0) + _TORCH_MB
    return needs_mb if needs_mb * _MB > memory_bytes() else None
