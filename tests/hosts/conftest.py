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

from tests.browser.lab import REPORT_STATE, Widget
from tests.browser.pixels import drawn_mask
from tests.hosts.server import Server

ROOT = Path(__file__).parents[2]
ARTIFACTS = ROOT / "tests/artifacts"
CUP = (290, 110)
IMAGE_HW = (400, 600)
PYTHON_SAYS = re.compile(r"Python has (\d+) objects((?: #[0-9a-f]{6} \d+)*)")
"""What every application shows: the number of objects, and colour and area of each, as Python has them."""


class HostPage:
    """A page of a host, and what it asked of other machines."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.outside: list[str] = []
        self.stand_ins: dict[str, Path] = {}
        """Files for addresses that contain a text; other requests to other machines fail."""
        page.add_init_script(REPORT_STATE)
        page.route("**/*", self._serve)
        page.on("websocket", lambda socket: self._note(socket.url))

    def _note(self, url: str) -> bool:
        parts = urlsplit(url)
        is_outside = parts.scheme in {"http", "https", "ws", "wss"} and parts.hostname != "127.0.0.1"
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

    def wait_for_frames(self) -> None:
        """Waits until the browser has drawn what came of the input so far."""
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def widget(self) -> Widget:
        """The first widget, once its image is encoded."""
        return Widget(self, self.page.locator(".samwidget").first).ready()

    def python_says(self, count: int) -> list[tuple[str, int]]:
        """Waits until Python says that it has so many objects; returns colour and area of each."""
        text = self.page.get_by_text(re.compile(f"Python has {count} objects")).last
        text.wait_for(timeout=30_000)
        words = PYTHON_SAYS.search(text.inner_text())[2].split()
        return [(colour, int(area)) for colour, area in zip(words[::2], words[1::2], strict=True)]


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
            host = HostPage(context.new_page())
            host.stand_ins = stand_ins or {}
            opened.callback(lambda: host.page.screenshot(path=ARTIFACTS / f"host-{name}.png", full_page=True))
            host.page.goto(server.url)
            return host

        ARTIFACTS.mkdir(exist_ok=True)
        yield open_host


def click_the_cup(host: HostPage) -> None:
    """Clicks the photo: Python has the object, and the screen shows its mask; the application has opacity 1."""
    widget = host.widget()
    assert host.python_says(0) == []
    widget.click(*CUP)
    ((colour, area),) = host.python_says(1)
    widget.leave()
    drawn = drawn_mask(widget, IMAGE_HW, colour)
    assert abs(int(drawn.sum()) - area) < 0.1 * area
    assert drawn[CUP[1] + 30, CUP[0]]
    expect(widget.root).to_have_attribute("data-theme", theme_of(host.page))


def theme_of(page: Page) -> str:
    """Whether the page is light or dark at its lower left corner."""
    pixels = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("L"))
    return "light" if pixels[-3, 3] > 127 else "dark"
