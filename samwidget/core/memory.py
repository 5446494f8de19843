"""Memory: what this process may use, and what it has freed and the C library keeps for itself.

glibc keeps freed memory for each thread's next use, in up to eight arenas for each core. The threads of widgets come
and go, and each may fill another arena with the pieces of an encoder's run: after an hour of use a kernel that needs
0.4 GB had 1.2 GB. Called where a program pauses, since it takes some ten milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path


def return_freed_memory() -> None:
    """Returns freed memory to the system. Does nothing where the C library is not glibc, which alone keeps so much."""
    if (trim := _trim()) is not None:
        trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    if sys.platform != "linux":
        return None
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)  # not in musl
    return trim


def memory_bytes() -> int | None:
    """The memory that this process may use at most: that of the computer, or of its container; None if unknown."""
    try:
        limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):  # "max" stands for no limit
            limits.append(int(Path(path).read_text()))
    return min(limits)
