"""Crashes counts how often a worker has died on each row of a chunk.

A row whose image crashes a decoder or fills the memory kills its worker, and would kill the next one as well. So a
worker writes the number of a row to a file before it computes the row, and removes it afterwards. What the next worker
finds in the file are the rows on which workers died, once for each death. ``chunks`` gives a row up when there are more
than the job's ``retries``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Crashes:
    """The crashes on the rows of one chunk, kept in a file.

    The file is not flushed to the disk: it has to survive the death of a process, not that of the machine.

    Args:
        path: the file. It exists only after a crash, and while a row is computed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._counts = Counter(path.read_text().split() if path.is_file() else ())

    def count(self, number: int) -> int:
        """Returns how often a worker had died on the row when this object was made."""
        return self._counts[str(number)]

    @contextmanager
    def watch(self, number: int) -> Iterator[None]:
        """Counts a crash of the row if the process dies inside the block. An exception is not a crash."""
        with self._path.open("a") as file:
            end = file.tell()
            file.write(f"{number}\n")
        try:
            yield
        finally:
            with self._path.open("r+") as file:
                file.truncate(end)

    def clear(self) -> None:
        """Deletes the file: the rows are done."""
        self._path.unlink(missing_ok=True)
