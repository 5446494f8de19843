"""Crashes counts how often a row has ended its worker, and tells that from a worker that somebody ended.

A row whose image crashes a decoder or fills the memory ends its worker, and would end the next one as well. So a worker
writes the number of a row to a file before it computes the row, and removes it afterwards. The next worker finds the
rows on which workers ended, and why:

- the process crashed: Python's ``faulthandler`` has written a report into the same file;
- the memory was full: the kernel has ended a process for that since the row was begun (``oom_kill`` in /proc/vmstat);
- otherwise somebody killed the worker. Where the command itself was killed, the row is not to blame at all. Where the
  command lived on, the cause may be the row after all, such as a guard against full memory that is not the kernel's.

``chunks`` gives a row up when it has crashed its workers more often than the job's ``retries``, or when its workers
were killed very often.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_VMSTAT = Path("/proc/vmstat")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_FATAL = "fatal"  # in the first line of each report of faulthandler


class Crashes:
    """The crashes on the rows of one chunk, kept in a file.

    The file is not flushed to the disk: it has to survive the death of a process, not that of the machine.

    Args:
        path: the file. It exists only after a crash, and while a row is computed.
        command_id: the same for all workers that one command starts.
    """

    def __init__(self, path: Path, command_id: str) -> None:
        self._path = path
        self._command_id = command_id
        self._crashes: Counter[int] = Counter()
        self._kills: Counter[int] = Counter()
        if path.is_file():
            self._read(path.read_text(errors="replace"))
            # Settled now: later the kernel's counter may have risen for another reason.
            path.write_text("".join([*_lines("crash", self._crashes), *_lines(f"kill {command_id}", self._kills)]))

    def count(self, number: int) -> int:
        """Returns how often the row had crashed its worker, or filled the memory, when this object was made."""
        return self._crashes[number]

    def kills(self, number: int) -> int:
        """Returns how often a worker of this command was killed on the row, nobody knows by whom."""
        return self._kills[number]

    @contextmanager
    def watch(self, number: int) -> Iterator[None]:
        """Counts a crash of the row if the process dies inside the block. An exception is not a crash."""
        with self._path.open("a") as file:
            end = file.tell()
            try:
                file.write(f"begun {number} {self._command_id} {_memory_kills()}\n")
                file.flush()
                with _report_of_crash(file):
                    yield
            finally:
                file.truncate(end)

    def clear(self) -> None:
        """Deletes the file: the rows are done."""
        self._path.unlink(missing_ok=True)

    def _read(self, text: str) -> None:
        """Takes over what earlier workers left.

        Other lines do not say enough: those of samwidget 0.1.0, and those that were cut off when the disk was full.
        """
        lines = text.splitlines()
        for line, following in zip(lines, [*lines[1:], ""], strict=False):
            match line.split(" "):
                case ["crash", number] if number.isdecimal():
                    self._crashes[int(number)] += 1
                case ["kill", command_id, number] if number.isdecimal():
                    self._kills[int(number)] += command_id == self._command_id
                case ["begun", number, command_id, memory_kills] if number.isdecimal():
                    if _FATAL in following.lower() or _memory_was_full(memory_kills):
                        self._crashes[int(number)] += 1
                    elif command_id == self._command_id:
                        self._kills[int(number)] += 1


def _lines(words: str, counts: Counter[int]) -> list[str]:
    return [f"{words} {number}\n" for number in counts.elements()]


def _memory_kills() -> str:
    """Returns which start of which machine this is, and how many processes its kernel has ended for want of memory."""
    try:
        boot = _BOOT_ID.read_text().strip()
        counts = [line.split()[1] for line in _VMSTAT.read_text().splitlines() if line.startswith("oom_kill ")]
    except OSError:  # not Linux
        return "-:0"
    return f"{boot}:{counts[0] if counts else 0}"


def _memory_was_full(before: str) -> bool:
    """Returns whether this machine's kernel has ended a process for want of memory since ``_memory_kills``."""
    (boot, _, count), (boot_now, _, count_now) = before.partition(":"), _memory_kills().partition(":")
    return boot == boot_now and count.isdecimal() and int(count) < int(count_now)


@contextmanager
def _report_of_crash(file: io.TextIOWrapper) -> Iterator[None]:
    """Within the block a crash of the process writes a report to the file."""
    was_enabled = faulthandler.is_enabled()
    faulthandler.enable(file, all_threads=False)
    try:
        yield
    finally:
        faulthandler.disable()
        if was_enabled:
            with contextlib.suppress(
                OSError, ValueError, RuntimeError
            ):  # standard error may be no file, as in notebooks
                faulthandler.enable()
