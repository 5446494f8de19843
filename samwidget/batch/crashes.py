"""Tries: which rows a worker has died on. A photo that crashes a decoder or fills the memory would stop a run for good.

A worker writes a row's number down before it answers and takes it back afterwards, so what stands in the file when the
next worker comes are the rows that somebody died on, once for each time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Tries:
    """The deaths on some rows, in a file of their own. It is not flushed: it need not outlive the machine.

    Args:
        path: the file; there only where a worker has died, or while one works.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._deaths = Counter(path.read_text().split() if path.is_file() else ())

    def deaths(self, number: int) -> int:
        """How often a worker has died on the row."""
        return self._deaths[str(number)]

    @contextmanager
    def of(self, number: int) -> Iterator[None]:
        """Around one row's answer."""
        with self._path.open("a") as file:
            before = file.tell()
            file.write(f"{number}\n")
        try:
            yield
        finally:
            with self._path.open("r+") as file:
                file.truncate(before)

    def forget(self) -> None:
        """The rows are done."""
        self._path.unlink(missing_ok=True)
