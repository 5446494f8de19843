"""The time from a click to the drawn pixels, in a real JupyterLab in Chromium on this machine."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from tests.browser.lab import CHROMIUM_FLAGS, Lab, Notebook, Widget

PHOTOS = Path(__file__).parents[2] / "notebooks/photos"
CELL = "from samwidget import SamWidget\nw = SamWidget('{photo}')\nw"
COUNT_BYTES = (
    "(globals().__setitem__('sent', []), globals().__setitem__('plain_send', w.send), "
    "setattr(w, 'send', lambda content, buffers=None: (sent.append([content.get('kind'), "
    "sum(len(b) for b in buffers or [])]), plain_send(content, buffers))[1]))[0]"
)

# A person holds the button for some 80 ms. Unless previews are off, the kernel uses this time for the mask.
WAYS = [
    (True, 400, 80, "the pointer having rested, a person's press"),
    (True, 0, 80, "at once, a person's press"),
    (True, 400, 0, "the pointer having rested, a press of no length"),
    (True, 0, 0, "at once, a press of no length"),
    (False, 0, 0, "previews off, a press of no length"),
]


def clicks(widget: Widget, count: int, image_hw: tuple[int, int], rest_ms: int, press_ms: int = 0) -> np.ndarray:
    """Returns the milliseconds from pointer-up to drawn pixels, one object a click.

    The pointer rests ``rest_ms`` before it goes down, and is down for ``press_ms``.
    """
    rng = np.random.default_rng(0)
    times = []
    for _ in range(count):
        y, x = rng.uniform(0.1, 0.9, 2) * image_hw
        widget.page.evaluate("performance.clearMeasures()")
        widget.page.mouse.move(*widget.at(x, y))
        widget.page.wait_for_timeout(rest_ms)
        widget.click(x, y, press_ms=press_ms)
        times.append(
            widget.page.evaluate(
                "performance.getEntriesByName('samwidget:click-to-drawn').map((entry) => entry.duration)"
            )
        )
        widget.press("Enter")
    return np.array([duration for (duration,) in times])


def hover_rate(widget: Widget, notebook: Notebook, image_hw: tuple[int, int], seconds: float = 4.0) -> float:
    """Returns the previews a second that are sent while the pointer keeps moving."""
    rng = np.random.default_rng(1)
    notebook.python("sent.clear()")
    start = time.perf_counter()
    corner, stage = widget.part("stage").bounding_box(), widget.state()["stage"]
    while time.perf_counter() - start < seconds:
        y, x = rng.uniform(0.1, 0.9, 2) * image_hw
        widget.page.mouse.move(
            corner["x"] + stage["x"] + x * stage["scale"], corner["y"] + stage["y"] + y * stage["scale"]
        )
        widget.page.wait_for_timeout(10)
    took_s = time.perf_counter() - start
    return float(notebook.python("sum(kind == 'preview' for kind, _ in sent)") / took_s)


def main() -> str:
    """Returns the report on the path through browser and kernel."""
    folder = Path(tempfile.mkdtemp())
    for photo in PHOTOS.glob("*.jpg"):
        shutil.copy(photo, folder)
    lab = Lab(folder)
    lines = ["### Click to drawn pixels (bundled network, JupyterLab, Chromium)", ""]
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            notebook = Notebook(lab, page, "bench", ["import samwidget", CELL.format(photo="coffee.jpg")])
            page.evaluate(
                "window.photoShown = new Promise((done) => { const start = performance.now();"
                "window.jupyterapp.commands.execute('notebook:run-all-cells');"
                "const look = () => { const root = document.querySelector('.samwidget');"
                "const state = JSON.parse(root?.getAttribute('data-sw-state') ?? '{}');"
                "if (state.image) done(performance.now() - start); else requestAnimationFrame(look); }; look(); }); 0"
            )
            photo_ms = page.evaluate("window.photoShown")
            widget = notebook.widget().ready()
            image_hw = tuple(notebook.python("w.image.shape[:2]"))
            notebook.python(f"{COUNT_BYTES} and None")
            lines.append(f"- photo on screen {photo_ms / 1000:.2f} s after running the cell")
            lines.append(f"- encode {notebook.python('w.status')['encode_s']:.2f} s")
            clicks(widget, 5, image_hw, 0)
            for has_preview, rest_ms, press_ms, how in WAYS:
                notebook.python(f"setattr(w, 'hover', {has_preview})")
                times = clicks(widget, 30, image_hw, rest_ms, press_ms)
                lines.append(
                    f"- click to drawn pixels, {how}: p50 {np.median(times):.0f} ms, "
                    f"p95 {np.percentile(times, 95):.0f} ms (n = {len(times)})"
                )
                notebook.python("w.clear()")
            notebook.python("setattr(w, 'hover', True)")
            sizes = notebook.python("[size for kind, size in sent if kind == 'masks']")
            lines.append(f"- kernel to browser for a click, three masks: median {np.median(sizes) / 1000:.1f} kB")
            lines.append(f"- preview: {hover_rate(widget, notebook, image_hw):.1f} masks a second")
            browser.close()
    finally:
        lab.close()
    return "\n".join(lines) + "\n"
