"""Manifest: what a run is and what of it is done, in a file that survives any kill.

One line of JSON for each fact, appended and flushed to the disk before the next: first what the run is, then a receipt
for each part, last that the result is there. A part is written before its receipt, so every receipt is true; a line cut
off by a kill is dropped, and its part is answered again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from filelock import FileLock, Timeout

from samwidget.batch.chunks import Receipt
from samwidget.batch.job import Job
from samwidget.errors import BatchError
from samwidget.files import UNFINISHED_SUFFIX, sync_folder

_START_OVER = "repeat the command as it was, write elsewhere, or start over with --fresh"


class Manifest:
    """The manifest of one run, open for appending and locked against a second run to the same place.

    Args:
        job: the run.
        pin: what must be equal for this to be the run that the file began.
        fresh: forget an earlier run; its result stays until this one's replaces it.

    Attributes:
        receipts: of what is done, by the number of the first row.
        is_finished: the result is there, and there is nothing to do.

    Raises:
        BatchError: the file began another run, the result belongs to nobody, or a run is under way.
    """

    def __init__(self, job: Job, pin: Mapping[str, Any], *, fresh: bool = False) -> None:
        self._path = job.manifest
        self._result = Path(job.result)
        self._parts = job.parts
        self.receipts: dict[int, Receipt] = {}
        self.is_finished = False
        self._parts.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self._parts / "lock", timeout=0)
        self._file: IO[bytes] | None = None
        try:
            self._lock.acquire()
        except Timeout as error:
            raise BatchError(f"a run to {self._result} is under way", hint="wait for it, or write elsewhere") from error
        try:
            self._open(dict(pin), fresh=fresh)
        except BaseException:
            self.close()
            raise

    def _open(self, pin: dict[str, Any], *, fresh: bool) -> None:
        if fresh:
            self._path.unlink(missing_ok=True)
        facts, length = _read(self._path)
        if len(facts) < 2:  # a run that did nothing binds nobody
            facts, length = [], 0
        if not facts and self._result.exists() and not fresh:
            raise BatchError(
                f"{self._result} is there already, and no {self._path.name} that says which run made it",
                hint="write elsewhere, or overwrite it with --fresh",
            )
        if facts:
            self._go_on(facts, pin)
        self._file = self._path.open("r+b" if facts else "wb")
        self._file.truncate(length)
        self._file.seek(length)
        if not facts:
            self._append({"run": pin})
            sync_folder(self._path.parent)
        self._sweep()

    def _go_on(self, facts: list[dict[str, Any]], pin: dict[str, Any]) -> None:
        then = facts[0].get("run")
        if not isinstance(then, dict):
            raise BatchError(f"{self._path} is no manifest of a run", hint=_START_OVER)
        other = sorted(key for key in {*then, *pin} if then.get(key) != pin.get(key))
        if other:
            changes = ", ".join(f"{key} was {then.get(key)!r} and is {pin.get(key)!r}" for key in other)
            raise BatchError(f"{self._path.name} began another run: {changes}", hint=_START_OVER)
        for fact in facts[1:]:
            if "part" in fact:
                receipt = Receipt.from_json(fact)
                self.receipts[receipt.first] = receipt
        self.is_finished = "done" in facts[-1] and self._result.exists()
        if not self.is_finished:
            # Receipts whose parts are gone, or not of their size, count for nothing.
            self.receipts = {first: each for first, each in self.receipts.items() if self._is_there(each)}

    def _is_there(self, receipt: Receipt) -> bool:
        path = self._parts / receipt.part
        return path.is_file() and path.stat().st_size == receipt.size

    def _sweep(self) -> None:
        """Drops what killed workers left unfinished, and parts that no receipt names."""
        named = {each.part for each in self.receipts.values()} if not self.is_finished else set()
        for path in self._parts.iterdir():
            if path.suffix == UNFINISHED_SUFFIX or (path.suffix == ".part" and path.name not in named):
                path.unlink(missing_ok=True)

    @property
    def signature(self) -> str:
        """Of the network that answered so far; empty before the first receipt."""
        return next((each.signature for each in self.receipts.values()), "")

    @property
    def rows(self) -> int:
        """How many rows are done."""
        return sum(each.rows for each in self.receipts.values())

    @property
    def errors(self) -> int:
        """How many of them have no answer."""
        return sum(each.errors for each in self.receipts.values())

    def part_files(self) -> list[Path]:
        """The parts in the order of their rows."""
        return [self._parts / self.receipts[first].part for first in sorted(self.receipts)]

    def add(self, receipt: Receipt) -> None:
        """Records a part. It is done when this returns.

        Raises:
            BatchError: another network answered it than the parts before.
        """
        if self.signature not in ("", receipt.signature):
            raise BatchError(
                f"workers do not agree: one has the network {self.signature!r}, another {receipt.signature!r}",
                hint="use the same weights everywhere, on the same kind of device",
            )
        self._append(receipt.to_json())
        self.receipts[receipt.first] = receipt

    def finish(self) -> None:
        """Records that the result is there."""
        self._append({"done": self.rows, "errors": self.errors})
        self.is_finished = True

    def close(self) -> None:
        """Lets go of the file. Parts of a finished run are deleted, and a run that did nothing leaves no trace."""
        if self._file is not None:
            self._file.close()
            self._file = None
            if not self.receipts:
                self._path.unlink(missing_ok=True)
        if self.is_finished or not any(self._parts.glob("*.part")):
            shutil.rmtree(self._parts, ignore_errors=True)
        self._lock.release()

    def __enter__(self) -> Manifest:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _append(self, fact: Mapping[str, Any]) -> None:
        assert self._file is not None
        self._file.write(json.dumps(fact).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def _read(path: Path) -> tuple[list[dict[str, Any]], int]:
    """The facts in a manifest, and the bytes they take; what follows was cut off."""
    facts: list[dict[str, Any]] = []
    length = 0
    if not path.is_file():
        return facts, length
    for line in path.read_bytes().splitlines(keepends=True):
        try:
            fact = json.loads(line)
        except ValueError:
            fact = None
        if not isinstance(fact, dict) or not line.endswith(b"\n"):
            break
        facts.append(fact)
        length += len(line)
    return facts, length
