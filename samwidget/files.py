"""Atomic writes: after any crash, a file has its old content or its new content, and never a part of it.

Owns how a file is written under a temporary name, flushed to the disk and renamed. Batch runs, the embedding cache and
the exporter of trained weights call it; they decide what is written, and where.
"""

from __future__ import annotations

import io
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

UNFINISHED_SUFFIX = ".unfinished"
"""Suffix of a temporary file. A killed process leaves its own behind; the owner of the folder may delete it."""


@contextmanager
def atomic_writer(
    path: Path, *, scratch: Path | None = None, durable: bool = True, mode: int = 0o666
) -> Iterator[io.BufferedWriter]:
    """Opens a temporary file for bytes, which replaces ``path`` when the block ends without an error.

    An error in the block deletes the temporary file, and ``path`` stays as it was.

    Args:
        path: the file to create or replace. Its folder exists.
        scratch: folder of the temporary file, on the same file system as ``path``; None takes the folder of ``path``.
        durable: wait until the file and its name are on the disk, so that they survive a power failure. A cache, whose
            files can be made again, saves this time.
        mode: permissions of the file; the process's umask is subtracted.

    Raises:
        OSError: the file cannot be written.
    """
    unfinished = (path.parent if scratch is None else scratch) / f"{uuid.uuid4().hex}{UNFINISHED_SUFFIX}"
    try:
        with open(unfinished, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        with suppress(OSError):  # it must not hide why the writing failed
            unfinished.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


@contextmanager
def atomic_text_writer(path: Path, *, scratch: Path | None = None) -> Iterator[TextIO]:
    """Opens a temporary file for UTF-8 text, which replaces ``path`` when the block ends without an error.

    Newlines are written as they are, on every system. The file is durable; see ``atomic_writer``.

    Args:
        path: as in ``atomic_writer``.
        scratch: as in ``atomic_writer``.

    Raises:
        OSError: the file cannot be written.
    """
    with atomic_writer(path, scratch=scratch) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        yield text
        text.detach()  # flushes, and leaves the closing of the file to atomic_writer


def sync_folder(folder: Path) -> None:
    """Flushes the list of names in ``folder`` to the disk. Only POSIX systems need it; on others it does nothing."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
