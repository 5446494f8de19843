"""Memory: what this process may use and what is free, and what the C library keeps of what was freed.

glibc keeps freed memory for each thread's next use, in up to eight arenas for each core. The threads of widgets come
and go, and each may fill another arena with the pieces of an encoder's run: after an hour of use a kernel that needs
0.4 GB had 1.2 GB. Called where a program pauses, since it takes some ten milliseconds.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

_CGROUP_FOLDER = Path("/sys/fs/cgroup")
# Of control groups version 2 and 1: limit, memory in use, statistics, and what those call pages of files.
_CGROUP_FILES = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)


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


def memory_bytes(cgroup_folder: Path = _CGROUP_FOLDER) -> int:
    """The memory that this process may use at most: that of the computer, or of its container.

    Args:
        cgroup_folder: where Linux says what a container may use.
    """
    import psutil  # here, since `import samwidget` does without

    container = _container(cgroup_folder)
    total = int(psutil.virtual_memory().total)
    return total if container is None else min(total, container.limit)


def free_memory_bytes(cgroup_folder: Path = _CGROUP_FOLDER) -> int:
    """The memory that this process can still take, of the computer and of its container; arguments as above."""
    import psutil

    container = _container(cgroup_folder)
    available = int(psutil.virtual_memory().available)
    return available if container is None else max(0, min(available, container.limit - container.used))


class _Container(NamedTuple):
    """Bytes that a container may use, and those that it uses and cannot give back."""

    limit: int
    used: int


def _container(folder: Path) -> _Container | None:
    """None where there is no container, or one without a limit, which Linux calls ``max``."""
    for limit_file, used_file, statistics_file, files_name in _CGROUP_FILES:
        with suppress(OSError, ValueError):
            limit, used = (int((folder / name).read_text()) for name in (limit_file, used_file))
            statistics = dict(line.split() for line in (folder / statistics_file).read_text().splitlines())
            # Pages of files are counted as used, and are given back when memory is needed.
            return _Container(limit, used - int(statistics.get(files_name, 0)))
    return None
