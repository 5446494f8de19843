"""Scenes with session files: the kernel is killed while it saves.

Acknowledged is a step that the trait ``saving`` called saved: it is in the file after the kill, with all before it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from tests.widget.killed_session import check, image, kill_once

_KILLS_PER_FILE = 10


class _Kills:
    """A widget that is killed at a random moment and goes on in the next process, ten times on each file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self._steps = 1
        self.acknowledged = 0

    def fault(self, rng: Random) -> str:
        path = self._folder / f"{self._number // _KILLS_PER_FILE}.samw"
        if not path.exists():
            self._steps = 1
        self._number += 1
        saved = kill_once(path, image(), rng)
        has_journal = path.with_name(f"{path.name}-journal").exists()
        steps = check(path, saved)
        self.acknowledged += max(0, saved + 1 - self._steps)
        self._steps = steps
        return "SIGKILL within a write" if has_journal else "SIGKILL between writes"


@contextmanager
def kills() -> Iterator[_Kills]:
    """A kernel is killed at a random moment while steps are made and saved."""
    with tempfile.TemporaryDirectory() as name:
        yield _Kills(Path(name))
