"""Hours of use in a real JupyterLab in Chromium, at a person's pace: is the memory of kernel and page flat?

Every minute is one round of use: a cell shows a photo, the user clicks, names, undoes, searches, zooms. Each round ends
as it began, so the figures at the ends of the rounds can be compared. One widget stays open from the first to the last
round. ``rounds`` says what the user does, and ``__main__`` calls ``main``.

A page never unloads a module, JupyterLab keeps something of each output and the state of each closed widget, and the
developer tools that drive the page keep its pictures and a record of each request, 31 a minute where nobody does
anything. So each round, which runs the cell again, and each minute costs memory with any widget. A control measures how
much, with a widget that does nothing; what is left after it must be flat.
"""

# ruff: noqa: T201

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections import Counter
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
import psutil
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

import samwidget
from tests.browser.lab import CHROMIUM_FLAGS, Lab, Notebook
from tests.reliability.allocators import Allocators
from tests.reliability.rounds import CELLS, CONTROL_CELLS, PHOTOS, User, run_again

ROUND_S = 60.0
CONTROL_WARM_UP, CONTROL_RERUNS = 10, 40
CONTROL_SETTLE_MIN, CONTROL_IDLE_MIN = 2, 5
COUNT_ERRORS = """
window.errorTexts = [];
for (const name of ["error", "unhandledrejection"])
  window.addEventListener(name, (event) => window.errorTexts.push(String(event.message ?? event.reason)));
const plain = console.error;
console.error = (...values) => {
  window.errorTexts.push(values.map(String).join(" ").slice(0, 300));
  plain(...values);
};
"""
# JupyterLab loads its icon anew whenever the kernel begins to work, and the developer tools that drive the page keep
# something of each load, 45 times a round. Without the icon's links it loads none.
NO_ICON = """
addEventListener("DOMContentLoaded", () => {
  for (const link of document.querySelectorAll("link.favicon")) link.remove();
});
"""


@dataclass(frozen=True)
class Sample:
    """What was measured at the end of a round.

    Attributes:
        minute: since the start.
        kernel_mb: resident memory of the kernel.
        page_mb: resident memory of the page's process without the browser's caches.
        holes_mb: of it free, in blocks that Chromium keeps for the few objects of the DOM in them.
        native_mb: memory of the page's objects outside the JavaScript heap.
        heap_mb: JavaScript heap after a collection.
        nodes: of the DOM, also those outside the page.
        listeners: of events.
        click_ms: median from click to drawn mask in this round.
        clicks: how many were measured.
        errors: in the console, in banners and in the log so far.
    """

    minute: float
    kernel_mb: float
    page_mb: float
    holes_mb: float
    native_mb: float
    heap_mb: float
    nodes: float
    listeners: float
    click_ms: float
    clicks: int
    errors: int

    @property
    def filled_mb(self) -> float:
        """Resident memory of the page's process without the holes."""
        return self.page_mb - self.holes_mb


@dataclass(frozen=True)
class Control:
    """Growth of a page whose widget does nothing, by the names of ``Sample``.

    Attributes:
        a_rerun: with each rerun of its cell.
        a_minute: with each minute in which nobody does anything.
    """

    a_rerun: dict[str, float]
    a_minute: dict[str, float]

    def an_hour(self, name: str, reruns: float) -> float:
        """Returns the growth of this figure in an hour with so many reruns."""
        return self.a_rerun.get(name, 0.0) * reruns + self.a_minute.get(name, 0.0) * 60


# Growth an hour that would matter to nobody: less than this is flat. JupyterLab keeps 1 MB of key events, and a widget
# that stays open fills its store of 256 masks that nothing names any more, 5 MB.
TOLERATED = {
    "kernel_mb": 4.0,
    "filled_mb": 8.0,
    "native_mb": 6.0,
    "heap_mb": 2.0,
    "nodes": 60.0,
    "listeners": 30.0,
}


class Meter:
    """Reads memory and errors of one page and its kernel.

    Args:
        browser: the browser of the page.
        notebook: the page, its kernel and its server.
    """

    def __init__(self, browser: Browser, notebook: Notebook) -> None:
        self._notebook = notebook
        self._page = notebook.page
        self._devtools = self._page.context.new_cdp_session(self._page)
        self._devtools.send("Performance.enable")
        self.kernel = psutil.Process(int(notebook.python("__import__('os').getpid()")))
        processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
        renderers = [psutil.Process(item["id"]) for item in processes if item["type"] == "renderer"]
        self.renderer = max(renderers, key=lambda process: process.memory_info().rss)
        self._allocators = Allocators(browser, self._page, self.renderer.pid)
        self.errors: Counter[str] = Counter()

    def sample(self, minute: float, waits_ms: list[float]) -> Sample:
        """Returns the figures now, after a collection of the page's garbage."""
        # Chromium keeps copies of drawn canvases, up to hundreds of MB, until the machine runs short of memory.
        self._devtools.send("Memory.simulatePressureNotification", {"level": "critical"})
        self._page.wait_for_timeout(500)
        for _ in range(2):
            self._devtools.send("HeapProfiler.collectGarbage")
        native_mb, holes_mb = self._allocators.read()
        metrics = {item["name"]: item["value"] for item in self._devtools.send("Performance.getMetrics")["metrics"]}
        self.errors.update(self._page.evaluate("window.errorTexts.splice(0)"))
        banners = self._page.locator('.samwidget [data-sw="error"]:visible').all_inner_texts()
        self.errors.update(f"banner: {text}" for text in banners)
        return Sample(
            minute,
            self.kernel.memory_info().rss / 2**20,
            self.renderer.memory_info().rss / 2**20,
            holes_mb,
            native_mb,
            metrics["JSHeapUsedSize"] / 2**20,
            metrics["Nodes"],
            metrics["JSEventListeners"],
            float(np.median(waits_ms)) if waits_ms else float("nan"),
            len(waits_ms),
            self.errors.total(),
        )

    def busy_s(self) -> float:
        """Returns the processor time that kernel and page have taken."""
        return sum(sum(process.cpu_times()[:2]) for process in (self.kernel, self.renderer))


def slope_an_hour(minutes: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """Returns the growth an hour by least squares, and its standard error."""
    hours = (minutes - minutes.mean()) / 60
    slope = float(hours @ values / (hours @ hours))
    rest = values - values.mean() - slope * hours
    return slope, float(np.sqrt(rest @ rest / (len(values) - 2) / (hours @ hours)))


def verdict(samples: list[Sample], control: Control) -> tuple[str, bool]:
    """Returns lines about the second half of the samples, and whether it is flat without the control's growth."""
    half = samples[len(samples) // 2 :]
    if len(half) < 4:
        return "too short to judge", True
    minutes = np.array([sample.minute for sample in half])
    rounds_an_hour = 60 * (len(half) - 1) / (minutes[-1] - minutes[0])
    lines, is_flat = [f"growth an hour in the last {len(half)} rounds, and of it the control's:"], True
    for name, tolerated in TOLERATED.items():
        slope, error = slope_an_hour(minutes, np.array([getattr(sample, name) for sample in half]))
        other = control.an_hour(name, rounds_an_hour)
        grows = slope - other - 2 * error > tolerated
        is_flat = is_flat and not grows
        lines.append(f"  {name:10} {slope:+8.2f} +- {2 * error:.2f}  {other:+8.2f} {'GROWS' if grows else 'flat'}")
    return "\n".join(lines), is_flat


def measure_control(browser: Browser, context: BrowserContext, lab: Lab) -> Control:
    """Returns the growth of a page whose widget does nothing: its cell is run again and again, then the page rests."""
    page = context.new_page()
    notebook = Notebook(lab, page, "control", CONTROL_CELLS)
    notebook.run_all()
    meter, samples = Meter(browser, notebook), list[Sample]()
    for number in range(CONTROL_WARM_UP + CONTROL_RERUNS + 1):
        if number >= CONTROL_WARM_UP and (number - CONTROL_WARM_UP) % CONTROL_RERUNS == 0:
            samples.append(meter.sample(0, []))
        run_again(notebook)
        page.get_by_text(f"turn {number + 2};").nth(1).wait_for()
    page.wait_for_timeout(CONTROL_SETTLE_MIN * 60_000)  # a page that rests frees some of what its reruns left
    samples.append(meter.sample(0, []))
    page.wait_for_timeout(CONTROL_IDLE_MIN * 60_000)
    samples.append(meter.sample(0, []))
    page.close()
    lab.shut_down(notebook.name)
    names = ("page_mb", "holes_mb", "filled_mb", "native_mb", "heap_mb", "nodes", "listeners")
    before, after, resting, rested = ({name: getattr(sample, name) for name in names} for sample in samples)
    return Control(
        {name: (after[name] - before[name]) / CONTROL_RERUNS for name in names},
        {name: (rested[name] - resting[name]) / CONTROL_IDLE_MIN for name in names},
    )


def _row(values: list[str]) -> str:
    return "".join(f"{value:>10}" for value in values)


def use(browser: Browser, page: Page, lab: Lab, minutes: int, control: Control) -> int:
    """Uses the widget for so many minutes and prints the table; returns the exit status."""
    notebook = Notebook(lab, page, "soak", CELLS)
    meter, user, samples = Meter(browser, notebook), User(notebook), list[Sample]()
    user.open()
    here = Path(samwidget.__file__).parent
    assert notebook.python("samwidget.__file__") == samwidget.__file__, "the kernel uses another samwidget"
    bundle = (here / "static/widget.js").read_bytes()
    assert notebook.python("len(w._esm.encode())") == len(bundle), "the page uses another bundle"
    print(f"samwidget {samwidget.__version__}, bundle {hashlib.sha256(bundle).hexdigest()[:12]}")
    print(_row([item.name for item in fields(Sample)]), flush=True)
    start, busy_s = time.monotonic(), meter.busy_s()
    while (begin := time.monotonic()) < start + minutes * 60:
        user.waits_ms.clear()
        user.round(len(samples))
        page.wait_for_timeout(max(0.0, begin + ROUND_S - time.monotonic()) * 1000)
        samples.append(meter.sample((time.monotonic() - start) / 60, user.waits_ms))
        print(_row([f"{value:.1f}" if isinstance(value, float) else str(value) for value in astuple(samples[-1])]))
        print(end="", flush=True)
    took_s = time.monotonic() - start
    print(f"kernel and page took {(meter.busy_s() - busy_s) / took_s:.0%} of one core; {user.counts.total()} actions:")
    print("  " + ", ".join(f"{count} {name}" for name, count in user.counts.most_common()))
    meter.errors["Traceback in the server's log"] += (lab.folder / "lab.log").read_text().count("Traceback")
    for text, count in (+meter.errors).most_common(20):
        print(f"  {count} x {text}")
    lines, is_flat = verdict(samples, control)
    print(lines)
    return 0 if is_flat and not +meter.errors else 1


def main(minutes: int) -> int:
    """Uses the widget for so many minutes; returns 0 where memory is flat and nothing failed."""
    folder = Path(tempfile.mkdtemp())
    for photo in PHOTOS:
        shutil.copy(photo, folder)
    lab = Lab(folder)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
            context = browser.new_context(viewport={"width": 1280, "height": 1700})
            context.add_init_script(COUNT_ERRORS)
            context.add_init_script(NO_ICON)
            control = measure_control(browser, context, lab)
            for unit, growth in (("rerun", control.a_rerun), ("minute", control.a_minute)):
                figures = ", ".join(f"{name} {value:+.3f}" for name, value in growth.items())
                print(f"control, growth a {unit}: {figures}", flush=True)
            page = context.new_page()
            try:
                return use(browser, page, lab, minutes, control)
            except BaseException:
                page.screenshot(path=folder / "failed.png")
                print(f"see {folder}/failed.png")
                raise
            finally:
                browser.close()
    finally:
        lab.close()
