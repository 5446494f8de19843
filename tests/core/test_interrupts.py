"""Ctrl-C that waits until a block ends."""

import signal

import pytest

from samwidget.core import held_interrupts
from tests.ctrl_c import heeded, needs_ctrl_c
from tests.new_thread import in_new_thread

pytestmark = needs_ctrl_c


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


def test_a_block_may_hold_all_of_them_back():
    done = []

    @held_interrupts()
    def work():
        with held_interrupts(holds_all=True):
            for _ in range(4):
                signal.raise_signal(signal.SIGINT)
            done.append("inner")
        done.append("outer")

    with heeded(), pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["inner", "outer"], "they count as one, which the outer block holds back"


def test_where_it_is_allowed_ctrl_c_ends_such_a_block_as_well():
    done = []

    def be_slow():
        done.append("begun")
        signal.raise_signal(signal.SIGINT)
        done.append("not ended")

    with heeded(), pytest.raises(KeyboardInterrupt), held_interrupts(holds_all=True) as interrupts:
        interrupts.allow(be_slow)
    assert done == ["begun"]


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
