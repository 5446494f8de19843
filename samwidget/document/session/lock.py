"""FileLock: a lock on a file that ends with its process, also where the process is killed.

SQLite's own locks would not do: on POSIX systems they all end when any code of the process opens and closes the file,
as a copy for a backup does. Nobody else opens the file of this lock, and the lock belongs to one open file.
"""

from __future__ import annotations

import errno
import os
import sys
import weakref
from contextlib import suppress
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_IS_HELD = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK}


class FileLock:
    """A lock that one holder in one process has.

    Args:
        path: of a file that is made for the lock, and deleted when it is given back. After a kill it stays, unlocked.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        _locks.add(self)

    @property
    def is_held(self) -> bool:
        """Whether this object has the lock."""
        return self._descriptor is not None

    def acquire(self) -> bool:
        """Takes the lock; returns False where somebody else has it.

        Where the file system knows no locks, as some network folders, the lock counts as taken.

        Raises:
            OSError: the file of the lock cannot be made.
        """
        while self._descriptor is None:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                _lock(descriptor)
            except OSError as error:
                if error.errno in _IS_HELD:
                    os.close(descriptor)
                    return False
            if not _is_same(descriptor, self._path):  # its holder gave it back, and deleted it, meanwhile
                os.close(descriptor)
                continue
            self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Gives the lock back; does nothing where it is not held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        if sys.platform != "win32" and _is_same(descriptor, self._path):  # while it is held: later it may be another's
            with suppress(OSError):
                self._path.unlink()
        os.close(descriptor)

    def forget(self) -> None:
        """Closes the file in a process that was forked: otherwise the lock would live as long as that process."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with suppress(OSError):
                os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Locks an open file; raises OSError where it is locked, or cannot be."""
    if sys.platform == "win32":
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_same(descriptor: int, path: Path) -> bool:
    """Whether an open file is the one that has this name now."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


_locks: weakref.WeakSet[FileLock] = weakref.WeakSet()


def _forget_all() -> None:
    for lock in list(_locks):
        lock.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
