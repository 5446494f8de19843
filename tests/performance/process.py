"""A process to measure in. Each contestant gets one, so that none has its threads or its memory in another's.

The process imports the samwidget of any checkout, and this folder's functions. It does what it is told, one call after
the other, and sleeps in between. The sections of this folder start it.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

ROOT = Path(__file__).resolve().parents[2]
ONE_THREAD = {"SAMWIDGET_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Environment variables of a process that computes with one thread, also in versions without SAMWIDGET_THREADS."""

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Process:
    """A new process that calls functions. The end of a ``with`` block ends it.

    Args:
        checkout: the folder whose samwidget it imports.
        environment: variables that it gets beside this process's.
    """

    def __init__(self, checkout: Path = ROOT, environment: dict[str, str] | None = None) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, other_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(other_end, str(checkout)), daemon=True)
        with _variables({"HF_HUB_DISABLE_PROGRESS_BARS": "1", **(environment or {})}):
            self._process.start()
        other_end.close()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()  # it ends by itself, unless it is still computing
        self._process.join(1)
        self._process.kill()
        self._process.join()

    def call(
        self, function: Callable[Parameters, Result], *arguments: Parameters.args, **options: Parameters.kwargs
    ) -> Result:
        """Returns what a function of a module returns there.

        Raises:
            RuntimeError: it failed there.
        """
        self.start(function, *arguments, **options)
        result: Result = self.result()
        return result

    def start(
        self, function: Callable[Parameters, object], *arguments: Parameters.args, **options: Parameters.kwargs
    ) -> None:
        """Begins a call; ``result`` waits for it."""
        self._connection.send((function, arguments, options))

    def result(self, limit_s: float | None = None) -> Any:
        """Returns what the call that was begun returned.

        Raises:
            RuntimeError: it failed.
            TimeoutError: it takes longer than ``limit_s``.
        """
        if not self._connection.poll(limit_s):
            raise TimeoutError
        result, error = self._connection.recv()
        if error:
            raise RuntimeError(f"in the measuring process:\n{error}")
        return result


@contextmanager
def _variables(environment: dict[str, str]) -> Iterator[None]:
    """Sets environment variables, which a process that is started meanwhile inherits."""
    before = os.environ.copy()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _serve(connection: Connection, checkout: str) -> None:
    sys.path.insert(0, checkout)
    import samwidget

    del sys.path[0]  # ``tests`` comes from this checkout
    assert Path(samwidget.__file__).is_relative_to(checkout), f"measures {samwidget.__file__}"
    while True:
        try:
            function, arguments, options = connection.recv()
        except EOFError:
            return
        try:
            connection.send((function(*arguments, **options), ""))
        except Exception:
            connection.send((None, traceback.format_exc()))
