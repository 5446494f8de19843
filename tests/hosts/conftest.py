"""Opens a host in Chromium: a program that shows the widget, on the loopback address, with no other traffic.

The browser prefers dark pages, so that a widget that asks the system and not its host has the wrong colours.
"""

from __future__ import annotations

import io
import re
import shutil
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.browser.lab import PATIENCE_S, REPORT_STATE, Widget
from tests.browser.pixels import stage_pixels
from tests.hosts.server import Server

ROOT = Path(__file__).parents[2]
ARTIFACTS = ROOT / "tests/artifacts"
CUP = (290, 110)
AREA = re.compile(r": (\d+) px")


class HostPage:
    """A page of a host, and what it asked of other machines."""

    def __init__(self, page: Page, name: str) -> None:
        self.page = page
        self._name = name
        self.outside: list[str] = []
        self.stand_ins: dict[str, Path] = {}
        """Files for addresses that contain a text; other requests to other machines fail."""
        page.set_default_timeout(PATIENCE_S * 1000)
        page.add_init_script(REPORT_STATE)
        page.route("**/*", self._serve)
        page.on("websocket", lambda socket: self._note(socket.url))

    def _note(self, url: str) -> bool:
        parts = urlsplit(url)
        is_outside = parts.scheme in {"http", "https", "ws", "wss"} and parts.hostname not in {"127.0.0.1", "localhost"}
        if is_outside:
            self.outside.append(url)
        return is_outside

    def _serve(self, route: Route) -> None:
        if not self._note(route.request.url):
            route.continue_()
            return
        files = [file for text, file in self.stand_ins.items() if text in route.request.url]
        if files:
            route.fulfill(path=files[0], headers={"Access-Control-Allow-Origin": "*"})
        else:
            route.abort()

    def take_picture(self) -> None:
        """Keeps the first picture of the page among the artifacts."""
        if self._name:
            ARTIFACTS.mkdir(exist_ok=True)
            self.page.screenshot(path=ARTIFACTS / f"host-{self._name}.png", full_page=True)
            self._name = ""

    def wait_for_frames(self) -> None:
        """Waits until the browser has drawn what came of the input so far."""
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def widget(self) -> Widget:
        """The first widget, once its image is encoded."""
        return Widget(self, self.page.locator(".samwidget").first).ready()

    def areas(self, count: int) -> list[int]:
        """Waits until the application shows so many objects of Python; returns the area of each."""
        text = self.page.get_by_text(re.compile(rf"\b{count} objects")).last
        text.wait_for()
        return [int(area) for area in AREA.findall(text.inner_text())]


@pytest.fixture
def open_host(chromium, tmp_path, request):
    """A function that starts a host in a folder with these files and the photo, and opens its page."""
    shutil.copy(ROOT / "notebooks/photos/coffee.jpg", tmp_path)
    name = request.node.name.removeprefix("test_")
    with ExitStack() as opened:

        def open_host(arguments, files, path="/", stand_ins=None):
            for file, text in files.items():
                (tmp_path / file).write_text(text)
            server = opened.enter_context(Server(tmp_path, arguments, path))
            context = opened.enter_context(
                chromium.new_context(viewport={"width": 1100, "height": 900}, color_scheme="dark")
            )
            host = HostPage(context.new_page(), name)
            host.stand_ins = stand_ins or {}
            opened.callback(host.take_picture)  # of what went wrong
            host.page.goto(server.url)
            return host

        yield open_host


def click_the_cup(host: HostPage) -> None:
    """Clicks the photo: Python has the object, and the screen shows its mask."""
    widget = host.widget()
    assert host.areas(0) == []
    before = stage_pixels(widget)
    widget.click(*CUP)
    (area,) = host.areas(1)
    widget.leave()
    host.take_picture()
    # Without the border, where the focus is shown.
    changed = (np.abs(stage_pixels(widget).astype(int) - before).max(axis=2) > 12)[8:-8, 8:-8]
    assert changed.sum() / widget.state()["stage"]["scale"] ** 2 == pytest.approx(area, rel=0.15)
    expect(widget.root).to_have_attribute("data-theme", theme_of(host.page))


def theme_of(page: Page) -> str:
    """Whether the page is light or dark at its lower left corner."""
    pixels = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("L"))
    return "light" if pixels[-3, 3] > 127 else "dark"
