"""Who else needs the processor: a browser, for one, that has to draw the answer while the next one is computed.

Whoever asks knows that, and only the network knows what it gains by all cores, so this is said to it by the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ARE_SHARED: ContextVar[bool] = ContextVar("_ARE_SHARED", default=False)


@contextmanager
def shared_cores() -> Iterator[None]:
    """Networks that are asked within this, on this thread, leave some cores to others where that costs them little."""
    token = _ARE_SHARED.set(True)
    try:
        yield
    finally:
        _ARE_SHARED.reset(token)


def cores_are_shared() -> bool:
    """Whether the question comes from within ``shared_cores``."""
    return _ARE_SHARED.get()
