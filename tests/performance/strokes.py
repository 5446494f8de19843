"""The time of a frame while a mask is painted, erased or dragged by its outline, in a real JupyterLab in Chromium."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from tests.browser.lab import CHROMIUM_FLAGS, Lab, Notebook, Widget
from tests.performance.panning import CELL, SECONDS, circle

SIDE = 4000  # of a photo of 12 megapixels
COUNT = 12
RADIUS = 90  # of the circles that are drawn, CSS pixels


RECORD = """
window.frameTimes = [];
window.isRecording = true;
const record = (now) => { window.frameTimes.push(now); if (window.isRecording) requestAnimationFrame(record); };
requestAnimationFrame(record); 0
"""


def begin(widget: Widget, tool: str) -> None:
    """Takes a tool into the hand, with the first object active."""
    widget.notebook.python(f"(w.select(1), setattr(w, 'tool', '{tool}'))[1]")
    widget.wait(f"s.tool === '{tool}' && s.active === 1 && s.pending === 0")


def drag_corner(widget: Widget) -> None:
    """Drags the uppermost corner of the outline in circles."""
    corners = widget.wait("s.corners")["corners"]
    top = min(corners[0], key=lambda corner: corner[1])
    page = widget.page
    x, y = widget.at(*top)
    start_ms = page.evaluate("performance.now()")
    page.mouse.move(x, y)
    page.mouse.down()
    step = 0
    while page.evaluate("performance.now()") - start_ms < SECONDS * 1000:
        for _ in range(5):
            step += 1
            page.mouse.move(x + 40 * np.sin(step / 12), y + 40 - 40 * np.cos(step / 12))
    page.mouse.up()
    page.keyboard.press("Escape")


def draw_circles(widget: Widget) -> None:
    """Draws a line in circles."""
    circle(widget, RADIUS)


WAYS: dict[str, Callable[[Widget], None]] = {
    "brush": draw_circles,
    "eraser": draw_circles,
    "lasso": draw_circles,
    "outline": drag_corner,
}


def measure(lab: Lab, page: Page) -> list[str]:
    """Returns the rows of the table."""
    cell = CELL.replace("{side}", str(SIDE)).replace("{count}", str(COUNT))
    notebook = Notebook(lab, page, "strokes", [cell])
    notebook.run_all()
    widget = notebook.widget().ready()
    widget.wait(f"s.objects === {COUNT}")
    widget.root.scroll_into_view_if_needed()
    rows = []
    for tool, act in WAYS.items():
        begin(widget, tool)
        notebook.wait_for_frames()
        page.evaluate(RECORD)
        act(widget)
        times = np.diff(np.array(page.evaluate("(window.isRecording = false, window.frameTimes)")))
        widget.wait("s.pending === 0")
        rows.append(f"| {tool} | {np.median(times):.1f} ms | {np.percentile(times, 95):.1f} ms | {len(times)} |")
    notebook.shut_down()
    return rows


def main() -> str:
    """Returns the report on frames while a mask is corrected."""
    folder = Path(tempfile.mkdtemp())
    lab = Lab(folder)
    lines = [
        "### Frames while a mask is corrected (JupyterLab, Chromium without a GPU)",
        "",
        f"A photo of {SIDE} x {SIDE * 3 // 4} with {COUNT} objects. "
        f"Load of the machine at the beginning: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.",
        "",
        "| tool | p50 | p95 | frames |",
        "|---|---|---|---|",
    ]
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
            lines += measure(lab, browser.new_page(viewport={"width": 1280, "height": 900}))
            browser.close()
    finally:
        lab.close()
        shutil.rmtree(folder, ignore_errors=True)
    return "\n".join(lines) + "\n"
