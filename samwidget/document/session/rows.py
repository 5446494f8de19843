"""What is in a session file: the values that ``reader`` returns and ``writer`` takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from samwidget.core import Masks, SegmentedObject, Size
from samwidget.document.history import Steps
from samwidget.document.state import State

IMAGE_OPTIONS = ("scale", "frame", "exif")
"""Arguments of ``load_rgb`` that a session file has."""


@dataclass(frozen=True)
class SessionImage:
    """An image of a session.

    Attributes:
        path: relative to the folder of the session file, with ``/``; or an address. None for an image from memory.
        content_hash: SHA-256 of the (H, W, 3) uint8 RGB pixels, 64 hex digits.
        size_hw: height and width in pixels.
        options: how the file was read: arguments of ``load_rgb`` that are not the defaults.
        file_hash: SHA-256 of the file, by which it is found where it has moved; None where there is no file.
        file_bytes: its length.
        state: ``done``, ``skipped``, ``to_check``, ``in_work`` or ``new`` as somebody has set it; ``open`` otherwise.
        network: signature of the model that was used last; empty where there was none.
        row: number in the file; None where it is not there yet.
    """

    path: str | None
    content_hash: str
    size_hw: Size
    options: Mapping[str, Any] = field(default_factory=dict)
    file_hash: str | None = None
    file_bytes: int | None = None
    state: str = "open"
    network: str = ""
    row: int | None = None


@dataclass(frozen=True)
class Snapshot:
    """What one image of a session has at one moment.

    Attributes:
        steps: the history, the present state in it.
        objects: the present objects at the threshold of the widget.
        network: signature of the model; empty while there is none.
        settings: of the widget, by name, as JSON values.
    """

    steps: Steps
    objects: tuple[SegmentedObject, ...] = ()
    network: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


Version = tuple[SegmentedObject, Masks | None]
"""An object as the history has it, with its candidates. Compared by identity: neither ever changes."""


class ObjectRow(NamedTuple):
    """What a row of the table ``objects`` shows."""

    position: int
    version: int
    threshold: float


@dataclass(eq=False)
class Rows:
    """Which rows the file has for one image, and of what they were made.

    Attributes:
        states: of the rows of ``steps``, in order.
        first_step: number of the first one.
        version_of: the row of ``versions`` of each version in the history.
        uses: how many steps name a version.
        arrays_of: the hashes that a version names, that of the object's logits first.
        array_uses: how many versions name an array.
        network_of: the model that computed the logits of a hash.
        object_rows: the rows of ``objects`` by id.
        next_version: number of the next version.
    """

    states: list[State] = field(default_factory=list)
    first_step: int = 0
    version_of: dict[Version, int] = field(default_factory=dict)
    uses: Counter[int] = field(default_factory=Counter)
    arrays_of: dict[int, tuple[str, ...]] = field(default_factory=dict)
    array_uses: Counter[str] = field(default_factory=Counter)
    network_of: dict[str, str] = field(default_factory=dict)
    object_rows: dict[int, ObjectRow] = field(default_factory=dict)
    next_version: int = 1

    def copy(self) -> Rows:
        """A copy that can be changed while a write may still fail."""
        return Rows(**{name: copy(value) for name, value in vars(self).items()})
