"""Scenes with real kernels, which are killed and interrupted while a page sends boxes to a widget.

The widget's network is one of tests, so that a kernel starts in a second. A page is what a client of the kernel
receives: the last ``document``, and the masks that it names. As the front end does, it sends a request again that has
no end yet: where the Stop button comes while ipykernel itself has a message, ipykernel drops the message.
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
_REPEAT_S = 2.0  # 10 in the front end


class _Kernel:
    """A kernel with one widget, and what a page has received from it."""

    def __init__(self) -> None:
        self._manager = KernelManager(kernel_name="python3")
        self._number = 0
        self._running = set[str]()
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
        self._running.clear()
        self.document: dict[str, Any] = {"objects": []}
        self.masks: set[str] = set()
        self.done: set[str] = set()
        self.errors: list[str] = []
        self._pending: dict[str, tuple[float, dict[str, Any]]] = {}
        self._comm = self.phase = ""
        self.run(_CELL)
        self._receive_until(lambda: bool(self._comm) and self.phase == "ready")

    def draw(self, box: list[float]) -> str:
        """Sends a box, which begins an object; returns the id of the request."""
        self._number += 1
        name = f"r{self._number}"
        self._send({"kind": "add_box", "id": name, "box": box})
        return name

    def _send(self, fields: dict[str, Any]) -> None:
        self._pending[fields["id"]] = (time.monotonic() + _REPEAT_S, fields)
        data = {"method": "custom", "content": {"v": 1, **fields}}
        message = self._client.session.msg("comm_msg", {"comm_id": self._comm, "data": data})
        self._client.shell_channel.send(message)

    def wait_for_done(self, *names: str) -> None:
        """Returns when these requests were carried out."""
        self._receive_until(lambda: self.done.issuperset(names))

    def _receive_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _TIMEOUT_S
        while not condition():
            assert time.monotonic() < deadline, f"the kernel does not answer; errors: {self.errors[-2:]}"
            self.receive(0.05)

    def receive(self, wait_s: float) -> None:
        """Takes in one message of the kernel, if there is one."""
        for repeat_at, fields in list(self._pending.values()):
            if time.monotonic() > repeat_at:
                self._send(fields)
        try:
            message = self._client.get_iopub_msg(timeout=wait_s)
        except queue.Empty:
            return
        content = message["content"]
        if message["msg_type"] == "error":
            self.errors.append(f"{content['ename']}: {content['evalue']}")
        if message["msg_type"] == "status" and content["execution_state"] == "idle":
            self._running.discard(message["parent_header"]["msg_id"])
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
                if data["content"]["kind"] in ("done", "error"):
                    self._pending.pop(data["content"].get("re"), None)

    def _take_state(self, state: dict[str, Any]) -> None:
        self.document = state.get("document", self.document)
        self.phase = state.get("status", {}).get("phase", self.phase)

    def run(self, code: str) -> None:
        """Begins to run a cell."""
        # Otherwise an error would abort the cells behind it.
        self._running.add(self._client.execute(code, stop_on_error=False))

    @property
    def is_running(self) -> bool:
        """Whether a cell has not ended."""
        return bool(self._running)

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
        kernel, boxes = self.kernel, dict[str, list[float]]()
        before = len(kernel.document["objects"])
        for _ in range(rng.randrange(2, 5)):
            x, y = rng.randrange(100) + 0.5, rng.randrange(70) + 0.5
            box = [x, y, x + rng.randrange(4, 20), y + rng.randrange(4, 20)]
            boxes[kernel.draw(box)] = box
        if rng.random() < 0.5:
            kernel.wait_for_done(next(iter(boxes)))
        kind = self._inject(kernel, rng)
        if self._dies:
            self._check_the_page(boxes, before)
            document = kernel.document
            kernel.restart()
            assert kernel.document["objects"] == [], document
        else:
            kernel.wait_for_done(*boxes)
            self._check_the_page(boxes, before)
            assert len(kernel.document["objects"]) == before + len(boxes)
            self._age += 1
            if self._age % _LIFES == 0:
                kernel.open_widget()
        count = len(kernel.document["objects"])
        kernel.wait_for_done(kernel.draw([50.5, 50.5, 60.5, 60.5]))
        assert len(kernel.document["objects"]) == count + 1
        return kind

    def _check_the_page(self, boxes: dict[str, list[float]], before: int) -> None:
        """The page has every object whose box was done, once, with its mask."""
        for _ in range(200):
            self.kernel.receive(0.002)
        masks = {tuple(item["prompt_box"]): item["mask"] for item in self.kernel.document["objects"][before:]}
        assert len(masks) == len(self.kernel.document["objects"]) - before, "a box was drawn twice"
        done = [tuple(box) for name, box in boxes.items() if name in self.kernel.done]
        assert all(box in masks and masks[box] in self.kernel.masks for box in done), (done, masks)
        self.acknowledged += before + len(done)


@contextmanager
def _scene(inject: Callable[[_Kernel, Random], str], *, dies: bool) -> Iterator[_KernelScene]:
    scene = _KernelScene(inject, dies=dies)
    try:
        yield scene
    finally:
        scene.kernel.close()


def kills() -> Any:
    """A kernel dies a moment after boxes were drawn, and is started again."""

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
    """The Stop button, while a cell runs that uses the widget and boxes come, and while none runs."""

    def inject(kernel: _Kernel, rng: Random) -> str:
        is_busy = rng.random() < 0.7
        if is_busy:
            kernel.run(_BUSY_CELL)
        end = time.monotonic() + rng.uniform(0.02, 0.15)
        while time.monotonic() < end:
            kernel.receive(0.01)
        kernel.interrupt()
        deadline = time.monotonic() + _TIMEOUT_S
        # ipykernel ignores the button before a cell begins. So it is pressed again until the cell has ended: its error
        # may never come, since another press stops IPython while it writes the error.
        pressed = time.monotonic()
        while kernel.is_running:
            assert time.monotonic() < deadline, f"the cell does not stop: {kernel.errors}"
            kernel.receive(0.1)
            if time.monotonic() > pressed + 0.3:
                kernel.interrupt()
                pressed = time.monotonic()
        return "while a cell runs" if is_busy else "between cells"

    return _scene(inject, dies=False)
