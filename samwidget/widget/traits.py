"""Traits: the small JSON that kernel and browser share, and which of the two may write each.

Owns their types and no behaviour: ``controller`` and ``status`` decide what they hold. docs/protocol.md says what each
means; ``frontend/src/traits.ts`` is the other half.
"""

# No `from __future__ import annotations` here: msgspec builds the summaries from their annotations, and at once.

from pathlib import Path
from typing import Annotated, Any, Literal

import anywidget
import msgspec
import traitlets
from msgspec import UNSET, Meta, UnsetType

from samwidget.widget.protocol.fields import (
    Box,
    ChangePhase,
    ChosenLevels,
    Count,
    Flag,
    Level,
    Number,
    PointPrompt,
    Text,
)
from samwidget.widget.settings import Between, Choice, Published, Switch

KERNEL_OWNED = frozenset({"document", "status", "models", "saving", "images", "_snapshot"})
"""Traits that only the kernel writes; ``wire.outbox`` sends them."""

SETTINGS = frozenset({"tool", "opacity", "threshold", "hover", "theme"})
"""Traits that kernel and browser both write."""

_TOOLS = ("select", "include", "exclude", "box", "scribble", "pan", "brush", "eraser", "lasso", "polygon", "outline")

_STATIC = Path(__file__).parent.parent / "static"

Phase = Annotated[
    Literal["loading", "encoding", "ready", "failed", "closed"],
    Meta(title="Phase", description="loading, encoding, ready, failed or closed"),
]
SavePhase = Annotated[
    Literal["saved", "saving", "failed", "read-only"],
    Meta(title="SavePhase", description="saved, saving, failed or read-only"),
]


class ClassSummary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A class of the document, with the number of its objects."""

    name: Text
    colour: Text
    count: Count


class ObjectSummary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An object of the document, as the trait ``document`` holds it.

    Points, box and ``levels`` make its mask again; ``levels`` is left out where they do not.
    """

    id: Count
    name: Text
    colour: Text
    visible: Flag
    score: Number | None
    area: Count
    box: Box | None
    mask: Text
    points: list[PointPrompt]
    prompt_box: Box | None
    level: Level | None
    class_name: Text | None = msgspec.field(name="class")
    locked: Flag
    levels: ChosenLevels | UnsetType = UNSET


class CandidateSummary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A candidate of the active object."""

    mask: Text
    score: Number


class DocumentSummary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The trait ``document``: what the user has made. The kernel writes it."""

    revision: Count
    image: Text
    active: Count | None
    objects: list[ObjectSummary]
    candidates: list[CandidateSummary]
    classes: list[ClassSummary]
    active_class: Text | None
    can_undo: Flag
    can_redo: Flag


class Failure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What went wrong, in words for programs and for people, and how to mend it."""

    code: Text
    message: Text
    hint: Text


class MakingProgress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many masks of many prompts are made, and how many there will be."""

    done: Count
    total: Count


class NetworkStatus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The trait ``status``: the state of the model. The kernel writes it."""

    network: Text
    device: Text
    phase: Phase
    elapsed_s: Number
    encode_s: Number | None
    note: Text
    error: Failure | UnsetType = UNSET
    can_use_bundled: Flag | UnsetType = UNSET
    making: MakingProgress | UnsetType = UNSET
    reads_words: Flag | UnsetType = UNSET


class ModelChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The model that comes next, and how far it is; ``done`` and ``total`` are bytes of its download."""

    model: Text
    phase: ChangePhase
    done: Count
    total: Count


class ModelsStatus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The trait ``models``: whether a view may choose the model, and the change to another one. The kernel writes it.

    ``note`` says why the model is not the one of the session file; it is empty where there is nothing to say.
    """

    can_choose: Flag
    note: Text
    change: ModelChange | UnsetType = UNSET


class SessionStatus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The trait ``saving``: whether the session file holds every change; null without one. The kernel writes it."""

    path: Text
    phase: SavePhase
    message: Text
    hint: Text


class StateCounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many images of a folder are in each state."""

    new: Count
    in_work: Count
    done: Count
    skipped: Count
    to_check: Count


class ImagesSummary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The trait ``images``: the images of a folder, and which one is shown; null for one image. The kernel writes it.

    ``revision`` grows with each change of a row; ``ready`` is how many of the next images are encoded.
    """

    count: Count
    index: Count
    revision: Count
    counts: StateCounts
    ready: Count


class SharedTraits(anywidget.AnyWidget):
    """The traits of a widget.

    Attributes:
        tool: what a click does.
        opacity: of the masks, 0 to 1.
        threshold: logits above it are mask, -4 to 4.
        hover: whether to preview the mask under the pointer.
        theme: ``light``, ``dark``, or ``auto`` as the notebook.
        document: read-only summary of the objects.
        status: read-only state of the model.
        models: read-only: whether a view may choose the model, and the change to another one.
        saving: read-only state of the session file; None without one.
        images: read-only summary of the images of a folder; None for one image.
    """

    tool = Choice(_TOOLS, "include").tag(sync=True)
    opacity = Between(0, 1, 0.45).tag(sync=True)
    threshold = Between(-4, 4, 0.0).tag(sync=True)
    hover = Switch(True).tag(sync=True)
    theme = Choice(("auto", "light", "dark"), "auto").tag(sync=True)
    document = Published().tag(sync=True)
    status = Published().tag(sync=True)
    models = Published(default_value=None, allow_none=True).tag(sync=True)
    saving = Published(default_value=None, allow_none=True).tag(sync=True)
    images = Published(default_value=None, allow_none=True).tag(sync=True)
    _snapshot = traitlets.Bytes(b"", read_only=True).tag(sync=True)
    # Written by the browser in marimo, which runs cells again for what the browser writes, and for nothing else.
    _documents_seen = traitlets.Int(0).tag(sync=True)
    # Not the paths that anywidget can watch: its watcher would keep every widget alive.
    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Takes settings from the browser, all or none, but for the traits that only the kernel writes.

        Raises:
            TraitError: a setting is out of its range.
        """
        for name in SETTINGS & sync_data.keys():  # before ipywidgets tells the other views
            getattr(type(self), name).validate(self, sync_data[name])
        super().set_state({name: value for name, value in sync_data.items() if name not in KERNEL_OWNED})

    def _should_send_property(self, key: str, value: Any) -> bool:
        # The outbox sends these: where another thread holds notifications back, `done` would come before them.
        return key not in KERNEL_OWNED and bool(super()._should_send_property(key, value))

    @traitlets.default("_esm")
    def _read_esm(self) -> str:
        return (_STATIC / "widget.js").read_text(encoding="utf-8")

    @traitlets.default("_css")
    def _read_css(self) -> str:
        return (_STATIC / "widget.css").read_text(encoding="utf-8")
