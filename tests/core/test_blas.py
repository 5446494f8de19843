"""The limit of numpy's BLAS, which is the process's."""

import numpy as np
import pytest

from samwidget.core.blas import BlasLimit, _libraries, one_blas_thread
from samwidget.core.frame import Frame
from samwidget.core.upsample import upsample, upsampled_strips
from tests.idle_blas import two_blas_threads
from tests.new_thread import in_new_thread

pytestmark = pytest.mark.skipif(not _libraries(), reason="numpy has no BLAS here that can be limited")


def threads_of_blas():
    return {library.get_num_threads() for library in _libraries()}


@pytest.fixture(autouse=True)
def two_threads():
    """Numpy's BLAS uses two threads, and the main thread has set that, which others may not overwrite by themselves."""
    with two_blas_threads():
        yield


@pytest.mark.parametrize("run", [lambda function: function(), in_new_thread], ids=["main thread", "new thread"])
def test_within_the_block_it_is_one_and_afterwards_as_before(run):
    def work():
        with one_blas_thread():
            within = threads_of_blas()
            with one_blas_thread():
                pass
            return within, threads_of_blas(), None

    assert run(work) == ({1}, {1}, None)
    assert threads_of_blas() == {2}


def test_the_last_of_overlapping_blocks_ends_the_limit_in_whichever_thread_it_is():
    first, second = BlasLimit(), BlasLimit()
    first.begin()
    in_new_thread(second.begin)
    first.end()
    first.end()
    assert threads_of_blas() == {1}
    in_new_thread(second.end)
    assert threads_of_blas() == {2}


def test_an_error_ends_the_limit():
    with pytest.raises(ZeroDivisionError), one_blas_thread():
        1 / 0  # noqa: B018
    assert threads_of_blas() == {2}


def test_logits_are_scaled_up_within_the_limit_and_a_reader_that_stops_early_ends_it():
    frame = Frame.padded((300, 400), 64, 16)
    strips = upsampled_strips(np.ones((16, 16), np.float32), frame)
    next(strips)
    assert threads_of_blas() == {1}
    strips.close()
    assert threads_of_blas() == {2}
    upsample(np.ones((16, 16), np.float32), frame)
    assert threads_of_blas() == {2}
