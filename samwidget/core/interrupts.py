"""Interrupts: Ctrl-C, which the notebook's Stop button sends, comes where a part says so and nowhere else.

Python raises KeyboardInterrupt in the main thread between any two steps. There a click would be remembered and not
carried out, or a lock of the standard library stay locked for ever: ``Condition`` and all that is made of it, such as
``Future`` and ``Event``, cannot be used where Ctrl-C may come. The widget, and models on other machines, use this
module for the milliseconds in which they take or hand over work. A function of the user that observes a trait may run
there and take longer: the second Ctrl-C ends it. Blocks that run no such function hold back all of them.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")
Handler = Callable[[int, FrameType | None], Any]

# A wait without a timeout cannot be interrupted: on Windows never, elsewhere not where Ctrl-C comes just before it.
_WAIT_S = 0.2


class Interrupts:
    """Holds Ctrl-C back for the length of a block.

    Args:
        handler: gets what was held back.
        holds_all: whether a second one is held back, too.
    """

    def __init__(self, handler: Handler | None, *, holds_all: bool) -> None:
        self._handler = handler
        self._holds_all = holds_all
        self._is_allowed = False
        self._has_come = False

    def hold(self, number: int, frame: FrameType | None) -> None:
        """Takes a signal and keeps it. A second one is passed on at once, unless all of them are held back."""
        must_pass = self._is_allowed or (self._has_come and not self._holds_all)
        self._has_come = True
        if must_pass:
            self.pass_on(frame)

    def pass_on(self, frame: FrameType | None = None) -> None:
        """Raises KeyboardInterrupt, or does what the program does instead, where one was held back."""
        if self._has_come:
            self._has_come = self._is_allowed = False
            if self._handler is not None:
                self._handler(signal.SIGINT, frame)

    def allow(self, work: Callable[[], T]) -> T:
        """Does work that Ctrl-C may interrupt; what was held back comes at its beginning."""
        self._is_allowed = True
        try:
            self.pass_on()
            return work()
        finally:
            self._is_allowed = False

    def wait_for(self, future: Future[Any], timeout_s: float | None = None) -> bool:
        """Waits until a future is done, with Ctrl-C allowed; returns False where ``timeout_s`` passed before."""
        is_done = threading.Lock()
        is_done.acquire()
        future.add_done_callback(lambda _: is_done.release())
        ends_at = math.inf if timeout_s is None else time.monotonic() + timeout_s

        def wait() -> bool:
            while not is_done.acquire(timeout=max(0.0, min(_WAIT_S, ends_at - time.monotonic()))):
                if time.monotonic() >= ends_at:
                    return False
            return True

        return self.allow(wait)


@contextmanager
def held_interrupts(*, holds_all: bool = False) -> Iterator[Interrupts]:
    """Holds Ctrl-C back until the block ends, so that it is carried out as a whole or not at all.

    Within another such block it is held back until that one ends. Other threads than the main one get no Ctrl-C.

    Args:
        holds_all: whether a second Ctrl-C is held back, too, in place of ending the block. For blocks that run no
            function of the user: ended within, they could leave a ``Condition`` or a ``Future`` locked for ever.
    """
    handler = signal.getsignal(signal.SIGINT)
    interrupts = Interrupts(handler if callable(handler) else None, holds_all=holds_all)
    if not callable(handler) or threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    try:
        signal.signal(signal.SIGINT, interrupts.hold)
    except ValueError:  # Python runs inside another program, and its signals belong to another thread
        yield interrupts
        return
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, handler)
        interrupts.pass_on()
