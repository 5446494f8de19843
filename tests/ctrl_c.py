"""Ctrl-C at each step of a piece of code, one by one: for tests that nothing is left undone or locked."""

from __future__ import annotations

import itertools
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

needs_ctrl_c = pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="Ctrl-C is for the main thread"
)


@contextmanager
def heeded() -> Iterator[None]:
    """Within the block Ctrl-C raises KeyboardInterrupt; a shell that runs tests in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _ctrl_c_at(step: int, run: Callable[[], object], presses: int) -> tuple[bool, bool]:
    """Runs something with Ctrl-C, so many times at one step.

    Returns whether it was that long, and whether it raised KeyboardInterrupt.

    Python looks for Ctrl-C where a function begins and after calls of C; both are steps, also in the standard library.
    """
    steps = 0

    def count(_: FrameType, event: str, __: Any) -> None:
        nonlocal steps
        steps += event in ("call", "c_return")
        if steps == step and event in ("call", "c_return"):
            for _ in range(presses):
                signal.raise_signal(signal.SIGINT)

    assert threading.current_thread() is threading.main_thread(), "Ctrl-C is for the main thread"
    with heeded():
        was_raised = False
        sys.setprofile(count)
        try:
            run()
        except KeyboardInterrupt:
            was_raised = True
        finally:
            sys.setprofile(None)
    return steps >= step, was_raised


def every_step(run: Callable[[], object], stride: int = 1, presses: int = 1) -> Iterator[bool]:
    """Runs something with Ctrl-C at its first step, its second, and so on; yields whether it was raised.

    With more ``presses`` it comes so many times at a step: a user who presses Stop again and again.
    """
    for step in itertools.count(1, stride):
        is_within, was_raised = _ctrl_c_at(step, run, presses)
        if not is_within:
            assert step > 20
            return
        yield was_raised
