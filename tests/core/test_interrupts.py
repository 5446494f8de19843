"""Ctrl-C that waits until a block ends."""

import signal
import threading

import pytest

from samwidget.core import held_interrupts
from tests.ctrl_c import heeded
from tests.new_thread import in_new_thread

pytestmark = pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="Ctrl-C is for the main thread"
)


def test_the_second_ctrl_c_does_not_wait():
    done = []

    @held_interrupts()
    def be_slow():
        signal.raise_signal(signal.SIGINT)
        done.append("first")
        signal.raise_signal(signal.SIGINT)
        done.append("second")

    with heeded(), pytest.raises(KeyboardInterrupt):
        be_slow()
    assert done == ["first"]


def test_within_another_block_ctrl_c_waits_for_the_outer_one():
    done = []

    @held_interrupts()
    def work():
        with held_interrupts():
            signal.raise_signal(signal.SIGINT)
            done.append("inner")
        done.append("outer")

    with heeded(), pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["inner", "outer"]


def test_a_program_that_handles_ctrl_c_itself_gets_it_afterwards():
    got = []
    before = signal.signal(signal.SIGINT, lambda number, frame: got.append(number))
    try:
        with held_interrupts():
            signal.raise_signal(signal.SIGINT)
            assert got == []
        assert got == [signal.SIGINT]
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with held_interrupts():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_leave_the_handler_alone():
    def handler():
        with held_interrupts():
            return signal.getsignal(signal.SIGINT)

    with heeded():
        assert in_new_thread(handler) is signal.default_int_handler
