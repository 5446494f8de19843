"""Frames a second while a photo with many objects moves, in a real JupyterLab in Chromium on this machine."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from tests.browser.lab import CHROMIUM_FLAGS, Lab, Notebook, Widget

# Wavy blobs side by side, as a search in a crowded photo finds them; `side` is that of the photo's longer edge.
CELL = """
import numpy as np
from samwidget import SamWidget

def photo_and_labels(side, count):
    width, height = side, side * 3 // 4
    y, x = np.mgrid[:height, :width].astype(np.float32)
    photo = np.stack([x % 251, y % 241, (x + y) % 239], axis=-1).astype(np.uint8)
    columns = max(1, round((count * 4 / 3) ** 0.5))
    rows = max(1, -(-count // columns))
    row, column = (y * rows // height).astype(int), (x * columns // width).astype(int)
    dy, dx = y - (row + 0.5) * height / rows, x - (column + 0.5) * width / columns
    number = row * columns + column
    angle, room = np.arctan2(dy, dx), min(height / rows, width / columns) / 2
    inside = np.hypot(dx, dy) < room * (0.8 + 0.15 * np.sin((5 + number % 7) * angle + number))
    return photo, np.where(inside & (number < count), number + 1, 0)

photo, labels = photo_and_labels({side}, {count})
w = SamWidget(photo, classes=["small", "medium", "large"], hover=False)
w.add_masks(labels, class_names=[w.classes[i % 3] for i in range({count})])
w
"""
# The times of the frames that show the photo elsewhere than the frame before.
RECORD = """
window.frameTimes = [];
window.isRecording = true;
let before = "";
const record = (now) => {
  const state = document.querySelector(".samwidget").getAttribute("data-sw-state");
  if (state !== before) window.frameTimes.push(now);
  before = state;
  if (window.isRecording) requestAnimationFrame(record);
};
requestAnimationFrame(record); 0
"""
COUNTS = (0, 100, 500)
SIDES = (1000, 4000)
SECONDS = 4.0
# Of the circles, CSS pixels.
RADII = (40, 120)
ZOOM = 3


def intervals(page: Page, act) -> np.ndarray:
    """Returns the milliseconds between frames that move the photo, while ``act()`` moves the pointer."""
    page.evaluate(RECORD)
    act()
    times = page.evaluate("(window.isRecording = false, window.frameTimes)")
    return np.diff(np.array(times))


def circle(widget: Widget, radius: float, seconds: float = SECONDS) -> None:
    """Drags the photo in circles for some seconds, with about a hundred moves of the pointer a second."""
    box = widget.part("stage").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page = widget.page
    start_ms = page.evaluate("performance.now()")
    page.mouse.move(*middle)
    page.mouse.down()
    step = 0
    while page.evaluate("performance.now()") - start_ms < seconds * 1000:
        for _ in range(5):
            step += 1
            angle = step / 12
            page.mouse.move(middle[0] + radius * np.sin(angle), middle[1] + radius * (np.cos(angle) - 1))
    page.mouse.up()


def measure(lab: Lab, page: Page, side: int, count: int) -> str:
    """Returns the row of a table for one photo."""
    notebook = Notebook(
        lab, page, f"panning-{side}-{count}", [CELL.replace("{side}", str(side)).replace("{count}", str(count))]
    )
    notebook.run_all()
    widget = notebook.widget().ready()
    widget.wait(f"s.objects === {count}")
    widget.root.scroll_into_view_if_needed()
    notebook.python("setattr(w, 'tool', 'pan')")
    widget.wait("s.tool === 'pan'")
    page.mouse.move(*widget.at(side / 2, side * 3 / 8))
    cells = []
    for radius in RADII:  # the whole photo in sight, which moves little, then a part of it
        circle(widget, radius, 0.5)
        notebook.wait_for_frames()
        times = intervals(page, lambda radius=radius: circle(widget, radius))
        cells.append(f"{1000 * len(times) / times.sum():.0f} | {np.percentile(times, 95):.0f} ms")
        page.mouse.move(*widget.at(side / 2, side * 3 / 8))
        page.keyboard.down("Control")
        page.mouse.wheel(0, -1000 * np.log(ZOOM) / 1.6)
        page.keyboard.up("Control")
        notebook.wait_for_frames()
    notebook.shut_down()
    return f"| {side} x {side * 3 // 4} | {count} | {' | '.join(cells)} |"


def main() -> str:
    """Returns the report on frames while panning."""
    folder = Path(tempfile.mkdtemp())
    lab = Lab(folder)
    lines = [
        "### Frames while panning (JupyterLab, Chromium without a GPU)",
        "",
        f"Load of the machine at the beginning: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores. "
        "Frames a second, and the time that 95 % of them took at most.",
        "",
        f"| photo | objects | whole in sight | p95 | {ZOOM} times larger | p95 |",
        "|---|---|---|---|---|---|",
    ]
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
            for side in SIDES:
                for count in COUNTS:
                    page = browser.new_page(viewport={"width": 1280, "height": 900})
                    lines.append(measure(lab, page, side, count))
                    page.close()
            browser.close()
    finally:
        lab.close()
        shutil.rmtree(folder, ignore_errors=True)
    return "\n".join(lines) + "\n"
