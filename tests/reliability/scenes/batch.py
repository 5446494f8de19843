"""Scenes with batch runs: they are killed, and their disk is full, at random moments.

Acknowledged is a row that the manifest names: no run after that computes it again, and in the end the result is, to the
byte, that of a run nobody touched.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from samwidget.batch.job import Job
from samwidget.batch.run import run_batch
from samwidget.errors import BatchError
from tests.batch.killed_often import write_input
from tests.batch.rows import fake_runner
from tests.reliability.scenes.full_disk import full_disk

_ROWS = 12


class _BatchScene:
    """One run after the other to the same result. Each is disturbed a few times, and then comes to its end."""

    def __init__(self, folder: Path, inject: Callable[[_BatchScene, Random], str]) -> None:
        self._folder = folder
        self._inject = inject
        self._faults_left = 0
        self.acknowledged = 0
        self.source = write_input(folder, _ROWS)
        whole = self.job_to("whole.csv")
        self._errors = run_batch(whole, runner=fake_runner(whole), show_progress=False).errors
        self._expected = Path(whole.result).read_bytes()
        self.job = self.job_to("out.csv")

    def job_to(self, name: str) -> Job:
        """Returns the run to a file of this name."""
        return Job(self.source, str(self._folder / name), mini_batch_size=2, retries=1)

    def fault(self, rng: Random) -> str:
        if self._faults_left == 0:
            self._faults_left = rng.randrange(1, 6)
        before = self._lines()
        kind = self._inject(self, rng)
        after = self._lines()
        assert before <= after, "the manifest has lost a row"
        self.acknowledged += 2 * len(after)
        self._faults_left -= 1
        if self._faults_left == 0 or Path(self.job.result).exists():
            self._finish(after)
        return kind

    def _finish(self, lines: set[bytes]) -> None:
        summary = run_batch(self.job, runner=fake_runner(self.job), show_progress=False)
        assert (summary.rows, summary.errors) == (_ROWS, self._errors)
        assert summary.rows_before >= 2 * len(lines), "rows were computed again"
        assert Path(self.job.result).read_bytes() == self._expected
        for path in (Path(self.job.result), self.job.manifest):
            path.unlink()
        self._faults_left = 0

    def _lines(self) -> set[bytes]:
        """Returns the complete lines of the manifest that name rows."""
        if not self.job.manifest.exists():
            return set()
        lines = self.job.manifest.read_bytes().splitlines(keepends=True)
        return {line for line in lines if b'"part"' in line and line.endswith(b"\n")}


@contextmanager
def _scene(inject: Callable[[_BatchScene, Random], str]) -> Iterator[_BatchScene]:
    with tempfile.TemporaryDirectory() as name:
        yield _BatchScene(Path(name), inject)


def kills() -> Any:
    """The process of a run is killed a random time after its beginning."""

    def inject(scene: _BatchScene, rng: Random) -> str:
        signal_ = rng.choice((signal.SIGKILL, signal.SIGTERM))
        child = os.fork()
        if child == 0:
            try:
                run_batch(scene.job, runner=fake_runner(scene.job), show_progress=False)
            finally:
                os._exit(0)
        time.sleep(rng.uniform(0, 0.12))
        os.kill(child, signal_)
        os.waitpid(child, 0)
        return signal_.name

    return _scene(inject)


def disk_full() -> Any:
    """Files of a run cannot grow beyond a random size."""

    def inject(scene: _BatchScene, rng: Random) -> str:
        with full_disk(rng.randrange(6000)):
            try:
                run_batch(scene.job, runner=fake_runner(scene.job), show_progress=False)
            except BatchError:
                return "refused"
        return "enough room"

    return _scene(inject)
