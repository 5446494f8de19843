"""Real processes that serve, for tests: started, awaited, and ended whatever happens."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

START_S = 60
ROOT = Path(__file__).parents[2]


class Server:
    """A process that prints where it listens."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._unread: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first line that matches, once it is there."""
        deadline = time.monotonic() + START_S
        while True:
            try:
                line = self._unread.get(timeout=deadline - time.monotonic())
            except (queue.Empty, ValueError):
                line = None
            assert line is not None, f"no line {pattern!r} in:\n" + "".join(self.lines)
            match = re.search(pattern, line)
            if match:
                return match

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.lines.append(line)
                self._unread.put(line)
        self._unread.put(None)


@contextmanager
def running(command: Sequence[str], cwd: Path = ROOT, **variables: str) -> Iterator[Server]:
    """The process of ``python -m COMMAND``, ended at the end where it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=cwd,
        env={**os.environ, "HF_HUB_OFFLINE": "1", **variables},
    )
    try:
        yield Server(process)
    finally:
        process.terminate()  # gently at first: servers with processes of their own then end those
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Waits for a state."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the state was not reached in time"
        time.sleep(0.005)
