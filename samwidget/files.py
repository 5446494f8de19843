"""Files that are whole or not there, whatever kills the process that writes them."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


@contextmanager
def replacing(path: Path, workplace: Path, *, is_text: bool = False) -> Iterator[IO[Any]]:
    """A file to write, which becomes ``path`` when the block ends, and is on the disk by then.

    Args:
        path: what it becomes; what was there is replaced.
        workplace: a folder on the same file system, where it is written under a name of its own. Whoever owns the
            folder sweeps it: a killed process leaves its unfinished file there.
        is_text: UTF-8 text with newlines as written, instead of bytes.
    """
    unfinished = workplace / f"{uuid.uuid4().hex}.unfinished"
    with unfinished.open("w", encoding="utf-8", newline="") if is_text else unfinished.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Puts the folder's list of names on the disk; POSIX keeps it apart from the files."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
