"""Host: on which thread messages may leave. Owns what samwidget knows of the programs that show its widgets.

A Jupyter kernel and marimo take messages from any thread. A server of applications that has a session for each browser
may not: Shiny and Bokeh, which carries Panel, change a session only on its event loop while its lock is held. There
work waits in a queue for the loop. ``outbox`` asks once, where the widget is made, and runs all its work so.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any, Protocol

from samwidget.core import held_interrupts

log = logging.getLogger(__name__)

Work = Callable[[], object]


class Host(Protocol):
    """The program that shows a widget."""

    @property
    def is_app(self) -> bool:
        """Whether anybody may use the page who sees it, also who could not run code in a notebook."""

    def run(self, work: Work) -> None:
        """Runs work where messages may leave, in the order of the calls; returns at once where that is elsewhere."""


class AnyThread:
    """A host that takes messages from any thread: the work runs at once."""

    def __init__(self) -> None:
        self.is_app = _is_app()  # asked where the widget is made: marimo knows it only there

    def run(self, work: Work) -> None:
        """Runs work on the thread of the caller."""
        work()


class SessionLoop:
    """A host that takes messages only on the event loop of a session.

    Args:
        schedule: calls a function on that loop soon, while the session is locked; may be called from any thread.
            Raises whatever it likes where the session has ended: nobody is left to hear of the work.
    """

    is_app = True

    def __init__(self, schedule: Callable[[Work], object]) -> None:
        self._schedule = schedule
        self._lock = threading.RLock()  # garbage collection may close a widget, which sends, on this very thread
        self._waiting: list[Work] = []

    def run(self, work: Work) -> None:
        """Runs work on the loop, behind the work that waits."""
        with held_interrupts():
            with self._lock:
                self._waiting.append(work)
                if len(self._waiting) > 1:  # the call that is scheduled takes this work along
                    return
            try:
                self._schedule(self._run_waiting)
            except Exception:
                log.debug("the session has ended", exc_info=True)
                with self._lock:
                    self._waiting.clear()

    def _run_waiting(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for work in waiting:
            try:
                work()
            except Exception:  # the next message is not to blame
                log.exception("a message could not be sent")


def present_host(end: Work) -> Host:
    """Returns the host that the calling thread works for.

    Args:
        end: called when the session ends, where the host itself does not close what was made for it.
    """
    return _shiny_session() or _bokeh_document(end) or AnyThread()


def _is_app() -> bool:
    """Whether Voila shows the notebook, or marimo runs it as an app."""
    if os.environ.get("SERVER_SOFTWARE", "").startswith("voila"):
        return True
    app_meta: Any = getattr(sys.modules.get("marimo"), "app_meta", None)
    return app_meta is not None and app_meta().mode == "run"


def _shiny_session() -> Host | None:
    if "shinywidgets" not in sys.modules:
        return None
    from shiny import reactive
    from shiny.session import get_current_session, session_context

    session = get_current_session()
    # Shiny Express runs an application once without a browser.
    if session is None or session.is_stub_session():
        return None
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # on a thread of the user's, where Shiny sends nothing
        return None
    tasks: set[asyncio.Task[None]] = set()  # the loop itself holds tasks weakly

    async def carry_out(work: Work) -> None:
        async with reactive.lock():
            # Isolated: a function of the user may read inputs, and no output is to follow them for that.
            with session_context(session), reactive.isolate():
                work()
            await reactive.flush()  # Shiny sends what waits when it flushes

    def begin(work: Work) -> None:
        task = loop.create_task(carry_out(work))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    return SessionLoop(lambda work: loop.call_soon_threadsafe(begin, work))


def _bokeh_document(end: Work) -> Host | None:
    if "ipywidgets_bokeh" not in sys.modules:
        return None
    from bokeh.io import curdoc

    document: Any = curdoc()
    if document.session_context is None:  # Panel in a notebook
        return None
    document.on_session_destroyed(lambda _session: end())
    # Bokeh's only function that any thread may call.
    return SessionLoop(document.add_next_tick_callback)
