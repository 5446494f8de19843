"""Scenes with real kernels, which are killed and interrupted while a page sends clicks to a widget.

The widget's network is one of tests, so that a kernel starts in a second. A page is what a client of the kernel
receives: the last ``document``, and the masks that it names.
"""

from __future__ import annotations

import os
import queue
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from subprocess import DEVNULL
from typing import Any

from jupyter_client import BlockingKernelClient, KernelManager

ROOT = Path(__file__).parents[3]
_CELL = """
import numpy as np
from IPython.display import display
from samwidget import SamWidget
from tests.widget.fakes import FakePredictor
if "w" in globals(): w.close()
w = SamWidget(np.zeros((96, 128, 3), np.uint8), predictor=FakePredictor())
display(w)
"""
_BUSY_CELL = "while True:\n    w.objects, w.label_map(), w.snapshot()"
_TIMEOUT_S = 60.0
_LIFES = 40


class _Kernel:
    """A kernel with one widget, and what a page has received from it."""

    def __init__(self) -> None:
        self._manager = KernelManager(kernel_name="python3")
        self._number = 0
        self._manager.start_kernel(
            cwd=str(ROOT),
            stdout=DEVNULL,
            stderr=DEVNULL,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
        )
        self.connect()

    def connect(self) -> None:
        """Opens the channels, and runs the cell that shows a widget."""
        self._client: BlockingKernelClient = self._manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(_TIMEOUT_S)
        self.open_widget()

    def open_widget(self) -> None:
        """Runs the cell that shows a widget, as a user does after a restart."""
        self.document: dict[str, Any] = {"objects": []}
        self.masks: set[str] = set()
        self.done: set[str] = set()
        self.errors: list[str] = []
        self._comm = self.phase = ""
        self._client.execute(_CELL, stop_on_error=False)
        self._receive_until(lambda: bool(self._comm) and self.phase == "ready")

    def click(self, x: float, y: float) -> str:
        """Sends a click that begins an object, and the end of that object; returns the id of the click."""
        self._number += 1
        name = f"r{self._number}"
        self._send({"kind": "add_point", "id": name, "x": x, "y": y, "label": 1})
        self._send({"kind": "accept", "id": f"{name} accepted"})
        return name

    def _send(self, fields: dict[str, Any]) -> None:
        data = {"method": "custom", "content": {"v": 1, **fields}}
        message = self._client.session.msg("comm_msg", {"comm_id": self._comm, "data": data})
        self._client.shell_channel.send(message)

    def wait_for_done(self, name: str) -> None:
        """Returns when this request was carried out."""
        self._receive_until(lambda: name in self.done)

    def _receive_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _TIMEOUT_S
        while not condition():
            assert time.monotonic() < deadline, f"the kernel does not answer; errors: {self.errors[-2:]}"
            self.receive(0.05)

    def receive(self, wait_s: float) -> None:
        """Takes in one message of the kernel, if there is one."""
        try:
            message = self._client.get_iopub_msg(timeout=wait_s)
        except queue.Empty:
            return
        content = message["content"]
        if message["msg_type"] == "error":
            self.errors.append(f"{content['ename']}: {content['evalue']}")
        if message["msg_type"] == "comm_open" and "document" in content["data"].get("state", {}):
            self._comm = content["comm_id"]
            self._take_state(content["data"]["state"])
        elif message["msg_type"] == "comm_msg" and content["comm_id"] == self._comm:
            data = content["data"]
            if data["method"] == "update":
                self._take_state(data["state"])
            elif data["method"] == "custom":
                self.masks.update(header["mask"] for header in data["content"].get("masks", ()))
                if data["content"]["kind"] == "done":
                    self.done.add(data["content"]["re"])

    def _take_state(self, state: dict[str, Any]) -> None:
        self.document = state.get("document", self.document)
        self.phase = state.get("status", {}).get("phase", self.phase)

    def run(self, code: str) -> None:
        """Begins to run a cell."""
        self._client.execute(code, stop_on_error=False)  # an error would abort the cells behind it

    def interrupt(self) -> None:
        """What the notebook's Stop button does."""
        self._manager.interrupt_kernel()

    def process_id(self) -> int:
        """The id of the kernel's process."""
        return int(self._manager.provisioner.process.pid)  # type: ignore[union-attr]

    def restart(self) -> None:
        """Takes in what the kernel still sent, and starts another one."""
        for _ in range(200):
            self.receive(0.002)
        self._client.stop_channels()
        self._manager.restart_kernel(now=True)
        self.connect()

    def close(self) -> None:
        """Ends the kernel."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)


class _KernelScene:
    def __init__(self, inject: Callable[[_Kernel, Random], str], *, dies: bool) -> None:
        self._inject = inject
        self._dies = dies
        self._age = 0
        self.acknowledged = 0
        self.kernel = _Kernel()

    def fault(self, rng: Random) -> str:
        kernel, clicks = self.kernel, list[tuple[str, float, float]]()
        before = len(kernel.document["objects"])
        for _ in range(rng.randrange(2, 5)):
            x, y = rng.randrange(128) + 0.5, rng.randrange(96) + 0.5
            clicks.append((kernel.click(x, y), x, y))
        if rng.random() < 0.5:
            kernel.wait_for_done(clicks[0][0])
        kind = self._inject(kernel, rng)
        if self._dies:
            self._check_the_page(clicks, before, all_done=False)
            document = kernel.document
            kernel.restart()
            assert kernel.document["objects"] == [], document
        else:
            for name, _, _ in clicks:
                kernel.wait_for_done(f"{name} accepted")
            self._check_the_page(clicks, before, all_done=True)
            self._age += 1
            if self._age % _LIFES == 0:
                kernel.open_widget()
        count = len(kernel.document["objects"])
        kernel.wait_for_done(f"{kernel.click(50.5, 50.5)} accepted")
        assert len(kernel.document["objects"]) == count + 1
        return kind

    def _check_the_page(self, clicks: list[tuple[str, float, float]], before: int, *, all_done: bool) -> None:
        """The page has every object whose click was done, in order, with its mask."""
        for _ in range(200):
            self.kernel.receive(0.002)
        objects = self.kernel.document["objects"]
        done = [click for click in clicks if click[0] in self.kernel.done]
        assert len(done) == len(clicks) or not all_done
        assert len(objects) >= before + len(done)
        for (_, x, y), item in zip(done, objects[before:], strict=False):
            assert [list(point) for point in item["points"]] == [[x, y, 1]]
            assert item["mask"] in self.kernel.masks
        self.acknowledged += before + len(done)


@contextmanager
def _scene(inject: Callable[[_Kernel, Random], str], *, dies: bool) -> Iterator[_KernelScene]:
    scene = _KernelScene(inject, dies=dies)
    try:
        yield scene
    finally:
        scene.kernel.close()


def kills() -> Any:
    """A kernel dies a moment after clicks were sent, and is started again."""

    def inject(kernel: _Kernel, rng: Random) -> str:
        end = time.monotonic() + rng.uniform(0, 0.05)
        while time.monotonic() < end:
            kernel.receive(0.002)
        kind = rng.choice(("SIGKILL", "SIGTERM", "os._exit in a cell"))
        if kind.startswith("SIG"):
            os.kill(kernel.process_id(), getattr(signal, kind))
        else:
            kernel.run("import os; os._exit(1)")
            time.sleep(0.1)
        return kind

    return _scene(inject, dies=True)


def interrupts() -> Any:
    """The Stop button, while a cell runs that uses the widget and clicks come, and while none runs."""

    def inject(kernel: _Kernel, rng: Random) -> str:
        is_busy = rng.random() < 0.7
        if is_busy:
            kernel.run(_BUSY_CELL)
        end = time.monotonic() + rng.uniform(0.02, 0.15)
        while time.monotonic() < end:
            kernel.receive(0.01)
        kernel.interrupt()
        if is_busy:  # the signal may have come before the cell began
            deadline = time.monotonic() + _TIMEOUT_S
            while not any("KeyboardInterrupt" in error for error in kernel.errors):
                assert time.monotonic() < deadline, f"the cell does not stop: {kernel.errors}"
                kernel.receive(0.1)
                kernel.interrupt()
            kernel.errors.clear()
        return "while a cell runs" if is_busy else "between cells"

    return _scene(inject, dies=False)
