"""A program that serves pages on the loopback address: started on a free port, and ended with all its children."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

START_S = 90
END_S = 10


class Server:
    """``python -m`` with these arguments, in which {port} is its port; a context manager.

    Args:
        folder: its working directory, which also gets its log.
        arguments: a module and what it is told.
        path: answers once the server is ready.
    """

    def __init__(self, folder: Path, arguments: list[str], path: str = "/") -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}{path}"
        self._log = folder / "server.log"
        self._process = subprocess.Popen(
            [sys.executable, "-m", *(argument.format(port=self.port) for argument in arguments)],
            cwd=folder,
            env={
                **os.environ,
                "HF_HUB_OFFLINE": "1",
                "JUPYTER_RUNTIME_DIR": str(folder / ".runtime"),
                "XDG_CONFIG_HOME": str(folder / ".config"),
                "XDG_CACHE_HOME": str(folder / ".cache"),
                "XDG_STATE_HOME": str(folder / ".state"),
            },
            stdout=self._log.open("w"),
            stderr=subprocess.STDOUT,
            start_new_session=True,  # its kernels and workers are in its group, and end with it
        )

    def __enter__(self) -> Server:
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for signal_ in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, signal_)
                self._process.wait(END_S)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue

    def log(self) -> str:
        """The end of what it printed."""
        return self._log.read_text()[-3000:]

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                urllib.request.urlopen(self.url, timeout=START_S).close()
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"no answer from {self._process.args}:\n{self.log()}")
