import subprocess
import sys
import threading

import pytest

from samwidget.core import held_interrupts
from samwidget.errors import ClosedError
from samwidget.widget.worker import Worker
from tests.ctrl_c import every_step, needs_ctrl_c
from tests.widget.fakes import TIMEOUT_S, Gate


@pytest.fixture
def worker():
    worker = Worker("test")
    yield worker
    worker.close()


@pytest.fixture
def gate(worker):
    """Shut, with the worker standing at it."""
    gate = Gate(is_open=False)
    worker.submit(gate.wait)
    assert gate.reached.wait(TIMEOUT_S)
    yield gate
    gate.open()


def test_jobs_run_in_order_on_one_thread_of_their_own(worker):
    results = []
    for n in range(50):
        worker.submit(lambda n=n: results.append((n, threading.current_thread())))
    worker.call(lambda: None)
    assert [n for n, _ in results] == list(range(50))
    assert {thread for _, thread in results} == {worker.thread}
    assert worker.thread is not threading.current_thread()


def test_the_newest_preview_replaces_the_waiting_one(worker, gate):
    ran, done = [], threading.Event()
    for n in range(4):
        worker.offer(lambda n=n: ran.append(n))
    worker.offer(lambda: (ran.append("newest"), done.set()))
    gate.open()
    assert done.wait(TIMEOUT_S)
    assert ran == ["newest"]


def test_a_preview_waits_for_every_ordered_job(worker, gate):
    ran, done = [], threading.Event()
    worker.offer(lambda: (ran.append("preview"), done.set()))
    for n in range(3):
        worker.submit(lambda n=n: ran.append(n))
    gate.open()
    assert done.wait(TIMEOUT_S)
    assert ran == [0, 1, 2, "preview"]


def test_later_runs_once_for_many_requests(worker, gate):
    ran, done = [], threading.Event()
    for n in range(4):
        worker.later(lambda n=n: (ran.append(n), done.set()), 0.0)
    gate.open()
    assert done.wait(TIMEOUT_S)
    worker.call(lambda: None)
    assert ran == [3]


def test_a_failing_job_hands_its_error_to_who_waits_and_hurts_nobody_else(worker):
    with pytest.raises(ZeroDivisionError):
        worker.call(lambda: 1 / 0)
    assert worker.call(lambda: "still here") == "still here"


def test_a_failing_job_that_nobody_waits_for_is_logged(worker, caplog):
    worker.submit(lambda: 1 / 0)
    worker.offer(lambda: [][0])
    done = threading.Event()
    worker.later(done.set, 0.0)
    assert done.wait(TIMEOUT_S)
    assert caplog.text.count("a job of the widget failed") == 2


def test_where_no_thread_can_be_started_the_caller_hears_it_and_the_next_job_tries_again(monkeypatch):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    worker, ran = Worker("test"), []
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="new thread"):
            worker.submit(lambda: ran.append("refused"))
    worker.call(lambda: ran.append("next"))
    assert ran == ["next"]
    worker.close()


@needs_ctrl_c
def test_ctrl_c_that_comes_again_and_again_leaves_the_worker_at_work(worker):
    begun = []

    @held_interrupts()
    def submit():
        worker.submit(lambda: begun.append("job"))

    for was_raised in every_step(submit, presses=4):
        worker.call(lambda: None, timeout_s=TIMEOUT_S)
        assert was_raised
    assert begun


def test_a_call_from_the_workers_own_thread_runs_at_once(worker):
    assert worker.call(lambda: worker.call(lambda: worker.is_current)) is True


def test_a_call_that_times_out_is_withdrawn(worker, gate):
    ran = []
    with pytest.raises(TimeoutError, match="still busy"):
        worker.call(lambda: ran.append(1), timeout_s=0.01)
    gate.open()
    worker.call(lambda: None)
    assert ran == []


def test_close_drops_what_waits_and_lets_the_running_job_end(worker, gate):
    thread, ended = worker.thread, []
    worker.submit(lambda: ended.append("never"))
    worker.close(lambda: ended.append(True))
    assert ended == []
    gate.open()
    thread.join(TIMEOUT_S)
    assert not thread.is_alive()
    assert ended == [True]
    with pytest.raises(ClosedError):
        worker.submit(lambda: None)
    worker.offer(lambda: ended.append("never"))
    worker.close()


def test_close_without_a_running_job_ends_at_once():
    ended = []
    Worker("never used").close(lambda: ended.append(True))
    assert ended == [True]


def test_a_caller_that_waits_hears_that_the_worker_was_closed(worker, gate):
    heard, waits = [], threading.Event()

    def wait():
        waits.set()
        try:
            worker.call(lambda: None)
        except ClosedError as error:
            heard.append(error)

    caller = threading.Thread(target=wait)
    caller.start()
    waits.wait(TIMEOUT_S)
    worker.close()
    caller.join(TIMEOUT_S)
    assert len(heard) == 1


def test_the_thread_ends_when_there_is_nothing_to_do_and_another_takes_over():
    worker = Worker("test", idle_s=0.0)
    assert worker.call(lambda: 1) == 1
    first = worker.thread
    if first is not None:
        first.join(TIMEOUT_S)
    assert worker.thread is None
    assert worker.call(lambda: 2) == 2
    worker.close()


AT_EXIT = """
import sys, threading, time
from samwidget.widget.worker import Worker

worker, begun = Worker("test"), threading.Event()

def job():
    begun.set()
    time.sleep({seconds})
    print("done")

worker.submit(job)
worker.submit(lambda: print("this waits"))
begun.wait(60)
{ending}
"""


@pytest.mark.parametrize("ending", ["", "sys.exit(0)"])
def test_at_the_end_of_the_program_the_job_that_runs_is_waited_for(ending):
    script = AT_EXIT.format(seconds=0.3, ending=ending)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)


def test_a_job_that_waits_for_ever_does_not_keep_the_program():
    script = "import samwidget.widget.worker as w; w._WAIT_AT_EXIT_S = 0.1\n" + AT_EXIT.format(seconds=50, ending="")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=40)
    assert (done.stdout, done.returncode) == ("", 0)


LOADING = """
import sys
import numpy as np
from samwidget import SamWidget

widget = SamWidget(np.zeros((30, 40, 3), np.uint8))
while "torch" not in sys.modules:  # the import has begun
    pass
"""


def test_a_script_may_end_while_the_model_loads():
    done = subprocess.run([sys.executable, "-c", LOADING], capture_output=True, text=True, timeout=90)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
