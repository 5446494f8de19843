"""A page in Chromium, from a plain web server and from a file: clicked, searched and exported without a kernel."""

import functools
import http.server
import io
import json
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from samwidget.core import iou
from samwidget.formats.coco import decode_rle
from samwidget.predict import SamPredictor

pytestmark = pytest.mark.browser

ARTIFACTS = Path(__file__).parents[1] / "artifacts"
TIMEOUT_S = 120
CUP = (280, 120)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def addresses(pages):
    """Of the folder on a web server, and of the file on the disk."""
    handler = functools.partial(QuietHandler, directory=pages / "folder")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {"folder": f"http://127.0.0.1:{server.server_port}/", "file": (pages / "coffee.html").as_uri()}
    server.shutdown()
    server.server_close()


class OpenedPage:
    def __init__(self, context, address):
        context.add_init_script("globalThis.samwidgetReportsState = true")
        self.page, self.asked, self.errors = context.new_page(), [], []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(address)
        self.root = self.page.locator(".samwidget")
        self.wait(phase="ready")

    def state(self):
        self.root.wait_for(timeout=TIMEOUT_S * 1000)
        return json.loads(self.root.get_attribute("data-sw-state") or "{}")

    def wait(self, **expected):
        """Waits until the state of the view has these values and nothing is pending."""
        expected = {"pending": 0, **expected}
        end = time.monotonic() + TIMEOUT_S
        while any(self.state().get(name) != value for name, value in expected.items()):
            assert time.monotonic() < end, (expected, self.state())
            self.page.wait_for_timeout(50)

    def wait_for_search(self, phase):
        end = time.monotonic() + TIMEOUT_S
        while self.state()["everything"]["phase"] != phase:
            assert time.monotonic() < end, self.state()
            self.page.wait_for_timeout(20)

    def click(self, x, y):
        """Clicks on a pixel of the image."""
        client = self.state()["client"]
        self.page.mouse.click(client["x"] + x * client["scale"], client["y"] + y * client["scale"])

    def export(self, name):
        """The bytes of the file that the browser saves."""
        self.page.locator('[data-sw="export"]').click()
        with self.page.expect_download() as download:
            self.page.locator(f'[data-sw="export-{name}"]').click()
        return Path(download.value.path()).read_bytes()


@pytest.fixture(params=["folder", "file"])
def opened(request, addresses, chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    opened = OpenedPage(context, addresses[request.param])
    yield opened
    ARTIFACTS.mkdir(exist_ok=True)
    opened.page.screenshot(path=ARTIFACTS / f"page-{request.param}.png")
    assert not opened.errors
    own = addresses["folder"] if request.param == "folder" else "file:"
    assert [url for url in opened.asked if not url.startswith((own, "blob:", "data:"))] == []
    context.close()


def test_clicks_in_a_page_make_the_masks_of_python(opened, photo):
    opened.click(*CUP)
    opened.wait(objects=1)
    opened.page.keyboard.press("Enter")
    opened.wait(active=None)
    opened.click(520, 60)
    opened.wait(objects=2)
    coco = json.loads(opened.export("coco"))
    predictor = SamPredictor.from_pretrained(None, threads=1)
    predictor.set_image(photo)
    for entry, point in zip(coco["annotations"], (CUP, (520, 60)), strict=True):
        masks, scores, _ = predictor.predict(np.array([point]), np.array([1]))
        assert iou(decode_rle(entry["segmentation"]), masks[scores.argmax()]) > 0.98  # the pointer is at whole pixels
        assert entry["score"] == pytest.approx(scores.max(), abs=0.02)
    archive = zipfile.ZipFile(io.BytesIO(opened.export("label_map")))
    label_map = np.asarray(Image.open(archive.open("coffee.png")))
    assert label_map.shape == photo.shape[:2]
    assert set(np.unique(label_map)) == {0, 1, 2}
    assert archive.read("coffee.csv").decode().splitlines()[1].startswith("1,object 1,")
    opened.page.keyboard.press("Control+z")
    opened.wait(objects=1)


def test_what_a_page_cannot_do_is_not_offered(addresses, chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, color_scheme="dark")
    opened = OpenedPage(context, addresses["folder"])
    assert opened.page.locator('[data-sw="tool-include"]').is_visible()
    assert opened.page.locator('[data-sw="tool-brush"]').count() == 0
    opened.click(*CUP)
    opened.wait(objects=1)
    opened.page.screenshot(path=ARTIFACTS / "page-dark.png")
    assert not opened.page.locator(".sw-mend").is_visible()
    opened.page.locator('[data-sw="everything"]').click()
    opened.wait_for_search("running")
    opened.page.keyboard.press("Escape")
    opened.wait_for_search("cancelled")
    context.close()
