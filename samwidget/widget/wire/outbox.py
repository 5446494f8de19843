"""Outbox: the one way out, for messages and for the traits that the kernel owns. Called from any thread.

It holds the widget weakly, so that nothing that sends keeps a dropped widget alive. After ``close`` it drops what it is
given: there is no view left that could be told, and a job that ends late must not fail for that.
"""

from __future__ import annotations

import logging
import threading
import warnings
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from samwidget.errors import SamWidgetError, SamWidgetWarning
from samwidget.widget.protocol import PROTOCOL_VERSION, AnswerKind

if TYPE_CHECKING:
    from samwidget.widget.widget import SamWidget

log = logging.getLogger(__name__)


class Outbox:
    """Sends in the order of the calls, one at a time.

    Args:
        widget: whose views are told.
    """

    def __init__(self, widget: SamWidget) -> None:
        self._widget = weakref.ref(widget)
        self._lock = threading.RLock()
        self._closed = False

    @property
    def widget(self) -> SamWidget | None:
        """The widget, or None once it is gone or closed."""
        return None if self._closed else self._widget()

    def send(self, kind: AnswerKind, *, buffers: Sequence[bytes] = (), **fields: Any) -> None:
        """Sends a message to every view; a field that is None is left out."""
        message = {"v": PROTOCOL_VERSION, "kind": kind}
        message.update((name, value) for name, value in fields.items() if value is not None)
        with self._lock:
            if (widget := self.widget) is not None:
                widget.send(message, buffers=list(buffers))

    def error(self, error: Exception, re: str | None = None) -> None:
        """Tells the views what went wrong and how to mend it."""
        fields: dict[str, Any] = {"re": re, **error_fields(error)}
        self.send("error", **fields)

    def assign(self, **traits: Any) -> None:
        """Sets traits that the kernel owns and sends them, whatever else holds the widget's notifications back."""
        widget = self.widget
        if widget is None:
            return
        for name, value in traits.items():
            try:
                widget.set_trait(name, value)
            except Exception as error:  # an observer of the user's; the view must still be told
                self.report(f"a function that observes {name!r} of the widget failed", error)
            with self._lock:
                if self.widget is not None:
                    widget.send_state(name)

    def report(self, what: str, error: Exception) -> None:
        """Tells the user, wherever they look, that a function of theirs failed; never raises."""
        log.error("%s", what, exc_info=error)
        try:
            warnings.warn(f"{what}: {type(error).__name__}: {error}", SamWidgetWarning, stacklevel=2)
        except SamWidgetWarning:
            log.debug("a filter makes this warning an error, which must not stop the widget")
        self.send("error", code="callback", message=f"{what}: {error}", hint="the traceback is in the kernel's log")

    def close(self) -> None:
        """Sends nothing from now on."""
        with self._lock:
            self._closed = True


def error_fields(error: Exception) -> dict[str, str]:
    """``code``, ``message`` and ``hint`` of an error, ours or not."""
    if isinstance(error, SamWidgetError):
        return {"code": error.code, "message": error.message, "hint": error.hint}
    return {
        "code": "internal",
        "message": f"{type(error).__name__}: {error}",
        "hint": "this is a bug in samwidget; the traceback is in the kernel's log",
    }
