"""Numpy's BLAS with two threads, for tests of what limits it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

from samwidget.core.blas import _limits

_PATIENCE_S = 60


@contextmanager
def two_blas_threads() -> Iterator[None]:
    """Within the block, BLAS uses two threads; first waits for jobs of widgets of other tests, which limit it."""
    ends_at = time.monotonic() + _PATIENCE_S
    while _limits.threads:
        assert time.monotonic() < ends_at, "a limit of another test is still in force"
        time.sleep(0.01)
    with threadpool_limits(2, user_api="blas"):
        yield
