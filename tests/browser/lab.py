"""What a user does in a real JupyterLab: open notebooks, run cells, click on the photo. Used by the browser journeys.

The state of a view comes from ``frontend/src/report.ts``, which writes it only because ``Notebook`` sets its flag.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from queue import Empty
from typing import Any

import nbformat
from jupyter_client import BlockingKernelClient
from playwright.sync_api import Locator, Page

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# What is right does not wait; a busy machine may be slow.
PATIENCE_S = 180
REPORT_STATE = "globalThis.samwidgetReportsState = true"
KERNEL = "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel"
# Cells in the place of all that were there, with no output.
REPLACE_CELLS = """(sources) => {
    const { content } = window.jupyterapp.shell.currentWidget;
    const { sharedModel } = content.model;
    const cells = sources.map((source) => ({ cell_type: "code", source, metadata: {}, outputs: [] }));
    sharedModel.deleteCellRange(0, sharedModel.cells.length);
    sharedModel.insertCells(0, cells);
    content.activeCellIndex = 0;
    content.mode = "command";
    content.activate();
}"""
# Closes all widgets of the kernel and forgets the names of its cells.
FORGET = "[__import__('ipywidgets').Widget.close_all(), get_ipython().reset(new_session=False)][1]"


class Lab:
    """A JupyterLab server on the loopback address, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.runtime = folder / ".runtime"
        settings = folder / ".settings"
        # No news fetch and no "save changes?" on close: both would stand between the test and the notebook.
        for name, value in {
            "@jupyterlab/apputils-extension/notification.jupyterlab-settings": {
                "fetchNews": "false",
                "checkForUpdates": False,
            },
            "@jupyterlab/docmanager-extension/plugin.jupyterlab-settings": {"autosave": False},
        }.items():
            path = settings / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(value))
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "jupyterlab",
                "--no-browser",
                "--allow-root",
                "--ServerApp.ip=127.0.0.1",
                f"--ServerApp.port={self.port}",
                "--ServerApp.port_retries=0",
                f"--ServerApp.root_dir={folder}",
                "--IdentityProvider.token=",
                "--ServerApp.disable_check_xsrf=True",
                "--LabApp.expose_app_in_browser=True",
                f"--LabApp.user_settings_dir={settings}",
                f"--LabApp.workspaces_dir={folder / '.workspaces'}",
            ],
            env={**os.environ, "JUPYTER_RUNTIME_DIR": str(self.runtime), "HF_HUB_OFFLINE": "1"},
            stdout=(folder / "lab.log").open("w"),
            stderr=subprocess.STDOUT,
        )
        self._wait_until_it_answers()

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                self.get("/api/status")
                return
            except OSError:
                time.sleep(0.2)
        raise TimeoutError((self.folder / "lab.log").read_text()[-3000:])

    def get(self, path: str) -> Any:
        """The JSON at this path of the server."""
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE_S) as response:
            return json.load(response)

    def shut_down(self, path: str) -> None:
        """Shuts down the kernels of the notebooks whose path begins so."""
        for session in self.get("/api/sessions"):
            if session["path"].startswith(path):
                self.delete(f"/api/kernels/{session['kernel']['id']}")

    def delete(self, path: str) -> None:
        """Deletes at this path of the server."""
        urllib.request.urlopen(urllib.request.Request(self.url + path, method="DELETE"), timeout=PATIENCE_S).close()

    def close(self) -> None:
        """Stops the server and its kernels."""
        self.process.terminate()
        self.process.wait(20)


class Notebook:
    """One notebook in one page, and a connection to its kernel for looking at the Python side."""

    def __init__(self, lab: Lab, page: Page, name: str, cells: list[str]) -> None:
        self.lab = lab
        self.page = page
        self.name = f"{name}.ipynb"
        self._connection: BlockingKernelClient | None = None
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        )
        nbformat.write(notebook, lab.folder / self.name)
        page.set_default_timeout(PATIENCE_S * 1000)
        page.add_init_script(REPORT_STATE)
        self.open()

    def open(self) -> None:
        """Opens the notebook, or opens it again as a reload of the browser does."""
        self.page.goto(f"{self.lab.url}/doc/tree/{self.name}")
        self.wait_for_kernel("idle")

    def start_over(self, cells: list[str], width: int, height: int) -> None:
        """As a new notebook with these cells, but with the kernel, and what it has imported and loaded."""
        self.page.evaluate(REPLACE_CELLS, [])
        self.python(FORGET)
        self.page.mouse.move(5, 5)
        self.change_theme("JupyterLab Light")
        self.page.evaluate("localStorage.removeItem('samwidget-strip')")
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.wait_for_function("document.querySelectorAll('.samwidget, .jp-Dialog').length === 0")
        self.page.evaluate(REPLACE_CELLS, cells)
        self.wait_for_frames()

    def change_theme(self, theme: str) -> None:
        """Settings > Theme; waits until the page has it, and has let its splash screen go, which takes all clicks."""
        has_theme = f"document.body.dataset.jpThemeName === '{theme}'"
        if not self.page.evaluate(has_theme):
            self.page.evaluate(f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: '{theme}'}})")
            self.page.wait_for_function(has_theme)
            self.page.wait_for_function("!document.getElementById('jupyterlab-splash')")

    def wait_for_kernel(self, status: str) -> None:
        """Waits until JupyterLab shows this status of the kernel, such as ``idle`` or ``busy``."""
        self.page.wait_for_function(f"{KERNEL}?.status === '{status}'")

    def wait_for_frames(self) -> None:
        """Waits until the browser has handled all input so far and drawn what came of it."""
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def run_all(self) -> None:
        """Runs every cell."""
        self.page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")

    def save(self) -> None:
        """Saves the notebook, as Ctrl-S does."""
        self.page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")

    def set_save_widget_state(self, is_on: bool) -> None:
        """Settings > Save Widget State Automatically."""
        command = "@jupyter-widgets/jupyterlab-manager:saveWidgetState"
        if self.page.evaluate(f"window.jupyterapp.commands.isToggled('{command}')") != is_on:
            self.page.evaluate(f"window.jupyterapp.commands.execute('{command}', {{}})")

    def kernel_id(self) -> str:
        """Id of this notebook's kernel."""
        (session,) = [s for s in self.lab.get("/api/sessions") if s["path"] == self.name]
        return session["kernel"]["id"]

    def shut_down(self) -> None:
        """Shuts this notebook's kernel down, where it has one."""
        self.lab.shut_down(self.name)

    def keep_connected(self) -> None:
        """Looks at the kernel through one connection from now on, which is quicker; a restart would break it."""
        self._connection = self._connect(PATIENCE_S)

    def _connect(self, timeout: float) -> BlockingKernelClient:
        client = BlockingKernelClient()
        client.load_connection_file(str(self.lab.runtime / f"kernel-{self.kernel_id()}.json"))
        client.start_channels()
        try:
            client.wait_for_ready(timeout)
        except RuntimeError:
            client.stop_channels()
            raise
        return client

    def python(self, code: str, timeout: float = PATIENCE_S) -> Any:
        """What ``code``, an expression, is worth in the kernel; it must be JSON."""
        client = self._connection or self._connect(timeout)
        try:
            # A connection has a queue, which drops what does not fit: first without what others were told meanwhile.
            with suppress(Empty):
                while True:
                    client.get_iopub_msg(timeout=0)
            output: list[str] = []
            errors: list[str] = []

            def collect(message: dict[str, Any]) -> None:
                content = message["content"]
                if message["msg_type"] == "stream" and content["name"] == "stdout":
                    output.append(content["text"])
                if message["msg_type"] == "error":
                    errors.append("\n".join(content["traceback"]))

            client.execute_interactive(
                f"import json as _json; print('\\n>>>', _json.dumps({code}))",
                output_hook=collect,
                timeout=timeout,
                store_history=False,
            )
            assert not errors, errors[0]
            return json.loads("".join(output).split(">>>")[-1])
        finally:
            if client is not self._connection:
                client.stop_channels()

    def disconnect(self) -> None:
        """Ends what ``keep_connected`` began."""
        if self._connection is not None:
            self._connection.stop_channels()
            self._connection = None

    def wait_for_python(self, code: str, timeout_s: float = PATIENCE_S) -> None:
        """Waits until ``code``, an expression, is true in the kernel."""
        deadline = time.monotonic() + timeout_s
        while not self.python(f"bool({code})"):
            assert time.monotonic() < deadline, f"waited {timeout_s} s for {code}"
            time.sleep(0.05)

    def widget(self, index: int = 0) -> Widget:
        """The widget shown ``index``-th on the page."""
        return Widget(self, self.page.locator(".samwidget").nth(index))

    def screenshot(self, folder: Path, name: str) -> None:
        """Keeps a picture of the page among the artifacts."""
        folder.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=folder / f"{name}.png")


class Widget:
    """One view of a widget, used through its picture, buttons and keys."""

    def __init__(self, notebook: Notebook, root: Locator) -> None:
        self.notebook = notebook
        self.root = root
        self.page = notebook.page

    def part(self, name: str) -> Locator:
        """The element marked ``data-sw=name``."""
        return self.root.locator(f'[data-sw="{name}"]')

    def state(self) -> dict[str, Any]:
        """What the view has drawn."""
        return json.loads(self.root.get_attribute("data-sw-state") or "{}")

    def wait(self, condition: str, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """Waits until ``condition``, JavaScript over the drawn state ``s``, holds; returns the state."""
        handle = self.root.element_handle(timeout=timeout_s * 1000)
        try:
            # An observer in the page: asking again and again from here would slow down what is waited for.
            handle.evaluate(
                "(root, timeout_ms) => new Promise((done, failed) => {"
                " const end = (settle, value) => { watch.disconnect(); clearTimeout(timer); settle(value); };"
                " const check = () => { const s = JSON.parse(root.getAttribute('data-sw-state') || '{}');"
                f" if ({condition}) end(done); }};"
                " const watch = new MutationObserver(check);"
                " const timer = setTimeout(() => end(failed, new Error('too late')), timeout_ms);"
                " watch.observe(root, { attributeFilter: ['data-sw-state'] }); check(); })",
                timeout_s * 1000,
            )
        except Exception as error:
            raise AssertionError(f"waited {timeout_s} s for {condition}; the view says {self.state()}") from error
        finally:
            handle.dispose()  # otherwise it would keep the view in memory after the page has forgotten it
        return self.state()

    @contextmanager
    def change(self, settle: bool = True) -> Iterator[None]:
        """Waits, after the body, until its change of the document is drawn."""
        revision = self.state().get("revision", 0)
        yield
        if settle:
            self.wait(f"s.pending === 0 && s.revision > {revision}")

    def ready(self) -> Widget:
        """Waits until the model has encoded the photo."""
        self.root.scroll_into_view_if_needed()
        self.wait("s.phase === 'ready'")
        return self

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where the image pixel (x, y) is on the page, CSS pixels."""
        box = self.part("stage").bounding_box()
        viewport = self.state()["stage"]
        return (
            box["x"] + viewport["x"] + x * viewport["scale"],
            box["y"] + viewport["y"] + y * viewport["scale"],
        )

    def click(self, x: float, y: float, *, button: str = "left", press_ms: float = 0, settle: bool = True) -> None:
        """Clicks the image pixel (x, y), for ``press_ms``, and waits until its mask is drawn."""
        with self.change(settle):
            self.page.mouse.click(*self.at(x, y), button=button, delay=press_ms)

    def drag(self, start: tuple[float, float], end: tuple[float, float], settle: bool = True) -> None:
        """Drags from one image pixel to another and waits until the change is drawn."""
        with self.change(settle):
            self.page.mouse.move(*self.at(*start))
            self.page.mouse.down()
            middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
            self.page.mouse.move(*self.at(*middle))
            self.page.mouse.move(*self.at(*end))
            self.page.mouse.up()

    def draw(self, *points: tuple[float, float]) -> None:
        """Presses at the first image pixel and moves through the others; the button stays down."""
        self.page.mouse.move(*self.at(*points[0]))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*self.at(*point), steps=4)
        self.notebook.wait_for_frames()

    def stroke(self, *points: tuple[float, float]) -> None:
        """Draws a line through image pixels, lets go, and waits until the change is drawn."""
        with self.change():
            self.draw(*points)
            self.page.mouse.up()

    def press(self, key: str, settle: bool = True) -> None:
        """Presses a key while the widget has the focus, and waits for what it changes."""
        with self.change(settle):
            self.page.keyboard.press(key)

    def leave(self) -> None:
        """Moves the pointer off the photo, and waits until nothing shows it any more."""
        self.page.mouse.move(5, 5)
        self.wait("!s.pointer && !s.preview")
        self.notebook.wait_for_frames()

    def objects(self) -> Locator:
        """The rows of the list."""
        return self.part("object")


class Fingers:
    """Fingers on the page, CSS pixels."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.client = page.context.new_cdp_session(page)
        self.client.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2})

    def touch(self, kind: str, *points: tuple[float, float]) -> None:
        """Sends ``touchStart``, ``touchMove`` or ``touchEnd`` of fingers that are at ``points``."""
        touches = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        self.client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    def tap(self, x: float, y: float) -> None:
        """Taps once."""
        self.touch("touchStart", (x, y))
        self.touch("touchEnd")

    def follow(self, *points: tuple[float, float]) -> None:
        """Draws a line through points with one finger."""
        self.touch("touchStart", points[0])
        for (x0, y0), (x1, y1) in pairwise(points):
            for step in (1, 2, 3, 4):
                self.touch("touchMove", (x0 + (x1 - x0) * step / 4, y0 + (y1 - y0) * step / 4))
        self.touch("touchEnd")

    def swipe(self, *paths: tuple[tuple[float, float], tuple[float, float]]) -> None:
        """Moves each finger along a straight path, ((x, y), (x, y))."""
        for step in range(11):
            points = [(x0 + (x1 - x0) * step / 10, y0 + (y1 - y0) * step / 10) for (x0, y0), (x1, y1) in paths]
            self.touch("touchMove" if step else "touchStart", *points)
            self.page.wait_for_timeout(20)
        self.touch("touchEnd")
