"""Outbox: sends messages and kernel-owned traits to every view of one widget. Any thread may call it.

It holds the widget weakly: no part that sends keeps a dropped widget alive. After ``close`` it sends nothing, because
no view is left; a job that ends late does not fail for that. What is sent is up to the callers.
"""

from __future__ import annotations

import logging
import re
import threading
import warnings
import weakref
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from functools import partial
from typing import Protocol

from samwidget.errors import SamWidgetError, SamWidgetWarning
from samwidget.widget.protocol.message import optional, to_json
from samwidget.widget.protocol.replies import DoneReply, ErrorReply, Reply
from samwidget.widget.traits import Failure
from samwidget.widget.wire.host import Work, present_host

log = logging.getLogger(__name__)

_CODE = re.compile(r"`([^`]*)`")
_WORD = re.compile(r"[a-z]+(?![\w./:-])")
_SENTENCE_MAX = 400  # errors of other libraries may fill pages


class Sender(Protocol):
    """The part of a widget that the outbox uses."""

    def send(self, content: dict[str, object], buffers: list[bytes]) -> None:
        """Sends a message to every view."""

    def set_trait(self, name: str, value: object) -> None:
        """Sets a trait that the browser may not write."""

    def send_state(self, key: str) -> None:
        """Sends a trait to every view."""

    def close(self) -> None:
        """Removes the widget from every view."""


class Outbox:
    """Sends in the order of the calls, one at a time.

    Args:
        widget: whose views get the messages.
    """

    def __init__(self, widget: Sender) -> None:
        self._widget = weakref.ref(widget)
        self._lock = threading.RLock()
        self._closed = False
        self._has_left = False
        self._base: Outbox | None = None
        self._host = present_host(self._close_widget)

    def another(self) -> Outbox:
        """Returns an outbox to the same views, of one image of several: ``leave`` ends it alone, ``close`` both."""
        outbox = copy(self)  # lock and host are the same: all send one at a time
        outbox._base = self
        return outbox

    def leave(self) -> None:
        """Sends only the ends of requests from now on: the views show another image."""
        self._has_left = True

    @property
    def widget(self) -> Sender | None:
        """The widget; None once it is gone or closed."""
        is_closed = self._closed or (self._base is not None and self._base._closed)
        return None if is_closed else self._widget()

    @property
    def is_app(self) -> bool:
        """Whether the page is that of an app, which anybody may use who sees it."""
        return self._host.is_app

    def send(self, reply: Reply, buffers: Sequence[bytes] = ()) -> None:
        """Sends a message with its buffers to every view."""
        if self._has_left and not isinstance(reply, DoneReply | ErrorReply):
            return
        message = to_json(reply)
        self.run(lambda: self._with_widget(lambda widget: widget.send(message, buffers=list(buffers))))

    def send_traits(self, names: Iterable[str]) -> None:
        """Sends the present values of traits, for a view that has missed them or has wrong ones."""
        for name in names:
            self.run(partial(self._send_trait, name))

    def send_error(self, error: Exception, re: str | None = None) -> None:
        """Sends what went wrong and how to mend it; ``re`` is the id of the request that failed."""
        failure = failure_of(error)
        self.send(ErrorReply(failure.code, failure.message, failure.hint, re=optional(re)))

    def assign(self, name: str, value: object) -> None:
        """Sets a trait that the kernel owns, and sends it even where the widget holds notifications back."""
        if not self._has_left:
            self.run(lambda: self._assign(name, value))

    def run(self, work: Work) -> None:
        """Runs what only some threads may do in this host: sending, and calling functions of the user."""
        self._host.run(work)

    def _assign(self, name: str, value: object) -> None:
        widget = self.widget
        if widget is None:
            return
        try:
            widget.set_trait(name, value)
        except Exception as error:  # raised by a function that observes the trait; the views still need the value
            self.report(f"a function that observes {name!r} of the widget failed", error)
        self._send_trait(name)

    def report(self, problem: str, error: Exception) -> None:
        """Says in the log, in a warning and in the views that a function of the user failed; never raises."""
        log.error("%s", problem, exc_info=error)
        try:
            warnings.warn(f"{problem}: {type(error).__name__}: {error}", SamWidgetWarning, stacklevel=2)
        except SamWidgetWarning:
            log.debug("a filter makes this warning an error, which must not stop the widget")
        self.send(ErrorReply("callback", sentence(f"{problem}: {error}"), "The traceback is in the kernel's log."))

    def close(self) -> None:
        """Sends nothing from now on."""
        self.run(self._close)

    def _close_widget(self) -> None:
        widget = self.widget
        if widget is None:
            return
        try:
            widget.close()
        except Exception:  # of the host, whose session has gone; the widget has released its own by then
            log.debug("the host could not remove the widget", exc_info=True)

    def _close(self) -> None:
        with self._lock:
            self._closed = True
            if self._base is not None:
                self._base._closed = True

    def _send_trait(self, name: str) -> None:
        self._with_widget(lambda widget: widget.send_state(name))

    def _with_widget(self, send: Callable[[Sender], None]) -> None:
        """Sends one thing, unless the widget is gone. A host that cannot send must not end the work of the kernel."""
        with self._lock:
            widget = self.widget
            if widget is None:
                return
            try:
                send(widget)
            except Exception:
                log.exception("the widget could not send to its views")


def failure_of(error: Exception) -> Failure:
    """Returns code, message and hint of any error, as sentences that the views show."""
    if isinstance(error, SamWidgetError):
        return Failure(error.code, sentence(error.message), sentence(error.hint))
    return Failure(
        "internal",
        sentence(f"{type(error).__name__}: {error}"),
        "This is a bug in samwidget. The traceback is in the kernel's log.",
    )


def sentence(text: str) -> str:
    """Returns an error's text as it is shown on the screen: on one line, with a capital letter and a full stop.

    A first word that may be a name in code or a path stays as it is, and code in backticks gets quotation marks.
    """
    text = _CODE.sub(lambda match: f"\u201c{match[1]}\u201d", " ".join(text.split())).rstrip(" .:;,")
    if len(text) > _SENTENCE_MAX:
        text = f"{text[:_SENTENCE_MAX]}\u2026"
    if _WORD.match(text):
        text = text[0].upper() + text[1:]
    return text if not text or text.endswith(("!", "?", "\u2026")) else f"{text}."
