"""Traits: the small JSON that kernel and browser keep in common, and who may write which. Owns no behaviour.

docs/protocol.md lists them; the twin is ``frontend/src/traits.ts``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets

KERNEL_OWNED = frozenset({"document", "status", "_snapshot"})
"""Traits that only the kernel writes; the outbox sends them."""

_STATIC = Path(__file__).parent.parent / "static"


class SharedTraits(anywidget.AnyWidget):
    """What the browser sees of a widget besides messages.

    Attributes:
        tool: what a click does.
        opacity: of the masks' fill, 0 to 1.
        threshold: logits above it are mask, -4 to 4.
        hover: whether the mask under the pointer is previewed.
        theme: ``light``, ``dark``, or ``auto`` as the notebook.
        document: read-only summary of what the user has made.
        status: read-only state of the network.
    """

    tool = traitlets.Enum(("select", "include", "exclude", "box", "pan"), "include").tag(sync=True)
    opacity = traitlets.Float(0.45, min=0.0, max=1.0).tag(sync=True)
    threshold = traitlets.Float(0.0, min=-4.0, max=4.0).tag(sync=True)
    hover = traitlets.Bool(True).tag(sync=True)
    theme = traitlets.Enum(("auto", "light", "dark"), "auto").tag(sync=True)
    document = traitlets.Dict(read_only=True).tag(sync=True)
    status = traitlets.Dict(read_only=True).tag(sync=True)
    _snapshot = traitlets.Bytes(b"", read_only=True).tag(sync=True)
    # Traits, and not the paths that anywidget offers to watch: its watcher keeps every widget alive for ever.
    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Takes settings from the browser; what the kernel owns is not the browser's to write."""
        super().set_state({name: value for name, value in sync_data.items() if name not in KERNEL_OWNED})

    def _should_send_property(self, key: str, value: Any) -> bool:
        # The outbox sends the kernel's own: another thread may hold notifications back, and `done` would overtake them.
        return key not in KERNEL_OWNED and bool(super()._should_send_property(key, value))

    @traitlets.default("_esm")
    def _read_esm(self) -> str:
        return (_STATIC / "widget.js").read_text(encoding="utf-8")

    @traitlets.default("_css")
    def _read_css(self) -> str:
        return (_STATIC / "widget.css").read_text(encoding="utf-8")
