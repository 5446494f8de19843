"""A disk that is full, for the scenes: the system itself refuses to write more."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def full_disk(byte_count: int) -> Iterator[None]:
    """Within the block no file of this process can grow beyond so many bytes: writing more raises OSError.

    It stands for a full disk, whose own error differs in its number alone. Python ignores the signal that comes, too.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (byte_count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
