"""Outbox: sends messages and kernel-owned traits to every view of one widget. Any thread may call it.

It holds the widget weakly: no part that sends keeps a dropped widget alive. After ``close`` it sends nothing, because
no view is left; a job that ends late does not fail for that. What is sent is up to the callers.
"""

from __future__ import annotations

import logging
import threading
import warnings
import weakref
from collections.abc import Sequence
from typing import Protocol

from samwidget.errors import SamWidgetError, SamWidgetWarning
from samwidget.widget.protocol import ErrorReply, Reply, optional, to_json
from samwidget.widget.traits import Failure

log = logging.getLogger(__name__)


class Sender(Protocol):
    """The part of a widget that the outbox uses."""

    def send(self, content: dict[str, object], buffers: list[bytes]) -> None:
        """Sends a message to every view."""

    def set_trait(self, name: str, value: object) -> None:
        """Sets a trait that the browser may not write."""

    def send_state(self, key: str) -> None:
        """Sends a trait to every view."""


class Outbox:
    """Sends in the order of the calls, one at a time.

    Args:
        widget: whose views get the messages.
    """

    def __init__(self, widget: Sender) -> None:
        self._widget = weakref.ref(widget)
        self._lock = threading.RLock()
        self._closed = False

    @property
    def widget(self) -> Sender | None:
        """The widget; None once it is gone or closed."""
        return None if self._closed else self._widget()

    def send(self, reply: Reply, buffers: Sequence[bytes] = ()) -> None:
        """Sends a message with its buffers to every view."""
        message = to_json(reply)
        with self._lock:
            if (widget := self.widget) is not None:
                widget.send(message, buffers=list(buffers))

    def send_error(self, error: Exception, re: str | None = None) -> None:
        """Sends what went wrong and how to mend it; ``re`` is the id of the request that failed."""
        failure = failure_of(error)
        self.send(ErrorReply(failure.code, failure.message, failure.hint, re=optional(re)))

    def assign(self, name: str, value: object) -> None:
        """Sets a trait that the kernel owns, and sends it even where the widget holds notifications back."""
        widget = self.widget
        if widget is None:
            return
        try:
            widget.set_trait(name, value)
        except Exception as error:  # raised by a function that observes the trait; the views still need the value
            self.report(f"a function that observes {name!r} of the widget failed", error)
        with self._lock:
            if self.widget is not None:
                widget.send_state(name)

    def report(self, problem: str, error: Exception) -> None:
        """Says in the log, in a warning and in the views that a function of the user failed; never raises."""
        log.error("%s", problem, exc_info=error)
        try:
            warnings.warn(f"{problem}: {type(error).__name__}: {error}", SamWidgetWarning, stacklevel=2)
        except SamWidgetWarning:
            log.debug("a filter makes this warning an error, which must not stop the widget")
        self.send(ErrorReply("callback", f"{problem}: {error}", "the traceback is in the kernel's log"))

    def close(self) -> None:
        """Sends nothing from now on."""
        with self._lock:
            self._closed = True


def failure_of(error: Exception) -> Failure:
    """Returns code, message and hint of any error."""
    if isinstance(error, SamWidgetError):
        return Failure(error.code, error.message, error.hint)
    return Failure(
        "internal",
        f"{type(error).__name__}: {error}",
        "this is a bug in samwidget; the traceback is in the kernel's log",
    )
