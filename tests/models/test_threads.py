"""How many threads models compute with, and work that is shared among them."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import weakref

import numpy as np
import pytest
import torch

from samwidget.core.blas import _libraries, one_blas_thread
from samwidget.errors import ModelError
from samwidget.models.cores import core_count
from samwidget.models.threads import _state, one_thread, run_in_threads, thread_count
from tests.ctrl_c import needs_ctrl_c
from tests.idle_blas import two_blas_threads
from tests.new_thread import in_new_thread

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@pytest.fixture
def two_threads():
    """Torch and numpy's BLAS use two threads in the test, as on a machine with two cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    with two_blas_threads():
        yield
    torch.set_num_threads(before)


def numbers_of_threads():
    """The threads that the calling thread would use now: torch's, and those of numpy's BLAS."""
    return (torch.get_num_threads(), *{library.get_num_threads() for library in _libraries()})


def cpu_seconds_per_second(function):
    """How many cores a function keeps busy."""
    start, start_cpu = time.perf_counter(), time.process_time()
    function()
    return (time.process_time() - start_cpu) / (time.perf_counter() - start)


# The number of threads.


@pytest.mark.parametrize(
    ("threads", "variable", "expected"),
    [(3, None, 3), (3, "2", 3), (None, "2", 2), (None, " 5 ", 5), (np.int64(4), None, 4), (64, None, 64)],
)
def test_the_argument_comes_before_the_variable(threads, variable, expected, monkeypatch):
    if variable is not None:
        monkeypatch.setenv("SAMWIDGET_THREADS", variable)
    assert thread_count(threads) == expected


@pytest.mark.parametrize("variable", [None, "", "  "])
def test_without_either_it_is_torchs_number_but_not_more_than_the_cores(variable, monkeypatch, two_threads):
    if variable is not None:
        monkeypatch.setenv("SAMWIDGET_THREADS", variable)
    assert thread_count() == min(2, core_count())
    torch.set_num_threads(1)
    assert thread_count() == 1
    torch.set_num_threads(500)
    assert thread_count() == core_count()


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2"])
def test_a_number_that_is_no_count_is_refused(threads):
    with pytest.raises(ModelError, match="threads is"):
        thread_count(threads)


@pytest.mark.parametrize("variable", ["0", "-2", "two", "1.5"])
def test_a_variable_that_is_no_count_is_refused(variable, monkeypatch):
    monkeypatch.setenv("SAMWIDGET_THREADS", variable)
    with pytest.raises(ModelError, match=r"(threads|SAMWIDGET_THREADS) is"):
        thread_count()


# One thread.


@pytest.mark.parametrize("run", [lambda function: function(), in_new_thread], ids=["main thread", "new thread"])
def test_within_the_block_torch_and_numpy_use_one_thread_and_afterwards_as_many_as_before(run, two_threads):
    def work():
        before = numbers_of_threads()
        with one_thread():
            within = numbers_of_threads()
            with one_thread():
                pass
            still_within = numbers_of_threads()
        return before, within, still_within, numbers_of_threads()

    before, within, still_within, after = run(work)
    assert before == after
    assert before[0] == 2
    assert set(within) == set(still_within) == {1}


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")
def test_matrix_products_of_torch_use_one_core_even_after_set_num_threads(two_threads):
    # torch.set_num_threads tells MKL a number of its own, which does not follow OpenMP's.
    matrix = torch.randn(1500, 1500)
    with one_thread():
        time.sleep(0.3)  # threads of earlier tests wait actively for a while
        assert cpu_seconds_per_second(lambda: [matrix @ matrix for _ in range(4)]) < 1.3


def in_one_thread():
    with one_thread():
        return numbers_of_threads()


def in_one_blas_thread():
    with one_blas_thread():
        return numbers_of_threads()


def in_two_threads():
    return run_in_threads(lambda _: time.sleep(0.01), range(4), 2)  # the other thread is at work when Ctrl-C comes


@pytest.mark.parametrize("run", [in_one_thread, in_one_blas_thread, in_two_threads])
def test_ctrl_c_at_any_step_leaves_no_limit(run, two_threads):
    """Python looks for Ctrl-C where a function begins and after calls of C: all of these are tried, one by one."""
    before = numbers_of_threads()

    def interrupted_at(step):
        steps = 0

        def count(frame, event, argument):
            nonlocal steps
            # The pool's own code may stay locked after Ctrl-C: that is the standard library's.
            is_ours = frame.f_code.co_filename.endswith(("models/threads.py", "core/blas.py", "contextlib.py"))
            # Python 3.10 leaves out a generator's finally if the profiler raises where it resumes; a signal does not.
            is_resumed = sys.version_info < (3, 11) and event == "call" and frame.f_lasti >= 0
            is_step = is_ours and event in ("call", "c_return") and not is_resumed
            steps += is_step
            if is_step and steps == step:
                raise KeyboardInterrupt

        sys.setprofile(count)
        try:
            run()
        except KeyboardInterrupt:
            return True
        finally:
            sys.setprofile(None)
        return False

    step = 1
    while interrupted_at(step):
        assert numbers_of_threads() == before, f"after Ctrl-C at step {step}"
        assert _state.limit is None, f"after Ctrl-C at step {step}"
        step += 1
    assert step > 10
    assert numbers_of_threads() == before


def test_blas_is_limited_until_the_last_of_overlapping_blocks_ends(two_threads):
    begun, end_now = threading.Event(), threading.Event()

    def other():
        with one_thread():
            begun.set()
            end_now.wait(60)

    thread = threading.Thread(target=other)
    with one_thread():
        thread.start()
        begun.wait(60)
    while_other = numbers_of_threads()
    end_now.set()
    thread.join(60)
    assert while_other == (2, 1)  # BLAS has one limit for the process
    assert numbers_of_threads() == (2, 2)


def test_other_threads_keep_their_number_of_torch_threads(two_threads):
    with one_thread():
        assert in_new_thread(torch.get_num_threads) == 2


def test_an_error_ends_the_limit(two_threads):
    with pytest.raises(ZeroDivisionError), one_thread():
        1 / 0  # noqa: B018
    assert numbers_of_threads() == (2, 2)


# Work for several threads.


@pytest.mark.parametrize("threads", [1, 2, 3, 50])
@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_results_are_in_the_order_of_the_items(threads, count):
    assert run_in_threads(lambda item: item * item, range(count), threads) == [item * item for item in range(count)]


def test_items_are_computed_at_the_same_time_and_each_with_one_thread(two_threads):
    meeting = threading.Barrier(2, timeout=60)

    def work(_):
        meeting.wait()  # breaks where one thread computes both
        return threading.get_ident(), numbers_of_threads()

    (first, limits), (second, other_limits) = run_in_threads(work, range(2), 2)
    assert first != second
    assert threading.get_ident() in (first, second)
    assert limits == other_limits == (1, 1)
    assert numbers_of_threads() == (2, 2)


def test_with_one_thread_the_caller_computes_all():
    assert set(run_in_threads(lambda _: threading.get_ident(), range(5), 1)) == {threading.get_ident()}


def test_a_call_within_a_call_computes_in_its_own_thread():
    def work(_):
        return {*run_in_threads(lambda _: threading.get_ident(), range(5), 8), threading.get_ident()}

    assert all(len(threads) == 1 for threads in run_in_threads(work, range(4), 2))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.enable_grad, torch.inference_mode])
def test_the_modes_of_the_caller_apply_in_all_threads(mode):
    meeting = threading.Barrier(2, timeout=60)

    def modes(_):
        meeting.wait()
        return torch.is_grad_enabled(), torch.is_inference_mode_enabled()

    with mode():
        expected = (torch.is_grad_enabled(), torch.is_inference_mode_enabled())
        assert run_in_threads(modes, range(2), 2) == [expected, expected]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_is_raised_and_the_other_items_are_left_out(threads, error):
    begun = []

    def work(item):
        begun.append(item)
        if item == 0:
            raise error("item 0")
        time.sleep(0.01)

    with pytest.raises(error, match="item 0"):
        run_in_threads(work, range(100), threads)
    assert len(begun) < 100
    assert run_in_threads(lambda item: item, range(3), threads) == [0, 1, 2]


def test_when_an_error_is_raised_no_thread_computes_any_more():
    meeting, running = threading.Barrier(2, timeout=60), []

    def work(item):
        meeting.wait()
        if item == 0:
            raise ValueError
        running.append(item)
        time.sleep(0.1)
        running.remove(item)

    with pytest.raises(ValueError):
        run_in_threads(work, range(2), 2)
    assert running == []


def test_an_error_keeps_no_item_alive():
    class Item:
        pass

    item = Item()
    reference = weakref.ref(item)

    def work(_):
        raise ValueError

    gc.disable()
    try:
        with pytest.raises(ValueError):
            run_in_threads(work, [item], 1)
        del item
        assert reference() is None
    finally:
        gc.enable()


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs signals for threads")
@needs_ctrl_c
def test_ctrl_c_waits_for_the_threads_that_compute():
    """The caller is done and waits for the other thread when the user presses Ctrl-C, twice."""
    main, meeting, finished = threading.main_thread().ident, threading.Barrier(2, timeout=60), []

    def work(_):
        meeting.wait()
        if threading.get_ident() != main:
            for _ in range(2):
                time.sleep(0.1)
                signal.pthread_kill(main, signal.SIGINT)
            time.sleep(0.1)
            finished.append(True)

    with pytest.raises(KeyboardInterrupt):
        run_in_threads(work, range(2), 2)
    assert finished == [True]


def test_calls_end_while_all_threads_of_the_pool_are_taken():
    count = 4 * (os.cpu_count() or 1)
    go_on = threading.Event()

    def waits(_):
        go_on.wait(60)
        return threading.get_ident()

    callers = [threading.Thread(target=run_in_threads, args=(waits, range(2), 2)) for _ in range(count)]
    for caller in callers:
        caller.start()
    time.sleep(0.1)
    assert run_in_threads(lambda item: -item, range(3), 3) == [0, -1, -2]
    go_on.set()
    for caller in callers:
        caller.join(60)
        assert not caller.is_alive()


@needs_fork
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # from Python 3.12, since there are other threads
def test_a_forked_process_has_threads_of_its_own(two_threads):
    run_in_threads(lambda _: time.sleep(0.01), range(4), 2)  # the pool of this process has begun
    holding, end_now = threading.Event(), threading.Event()

    def hold():
        with one_thread():
            holding.set()
            end_now.wait(60)

    other = threading.Thread(target=hold)
    other.start()
    holding.wait(60)
    child = os.fork()
    if child == 0:  # pragma: no cover, coverage does not follow
        signal.alarm(60)
        meeting = threading.Barrier(2, timeout=60)
        idents = run_in_threads(lambda _: (meeting.wait(), threading.get_ident())[1], range(2), 2)
        os._exit(0 if len(set(idents)) == 2 and numbers_of_threads() == (2, 2) else 3)
    end_now.set()
    other.join(60)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


AT_EXIT = """
import atexit, threading
from samwidget.models.threads import run_in_threads

run_in_threads(lambda item: item, range(4), 2)
atexit.register(lambda: print(run_in_threads(lambda item: item + 1, range(3), 2)))
"""


def test_while_the_interpreter_ends_the_caller_computes_alone():
    done = subprocess.run([sys.executable, "-c", AT_EXIT], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == ("[1, 2, 3]\n", "", 0)


def test_where_no_thread_can_be_started_the_caller_computes_alone(monkeypatch):
    def refuse(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("samwidget.models.threads._pool.submit", refuse)
    assert run_in_threads(lambda item: item, range(3), 2) == [0, 1, 2]
