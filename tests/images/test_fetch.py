"""Images from the web, from a server in this process."""

import io
import time
from http.server import BaseHTTPRequestHandler

import numpy as np
import pytest
from PIL import Image

from samwidget.errors import ImageError
from samwidget.images.fetch import fetch
from samwidget.images.load import load_rgb
from tests.images.image_files import listening

PICTURE = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


def png():
    buffer = io.BytesIO()
    Image.fromarray(PICTURE).save(buffer, "PNG")
    return buffer.getvalue()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        match self.path:
            case "/photo.png":
                self._respond(200, "image/png", png())
            case "/moved":
                self.send_response(302)
                self.send_header("Location", "/photo.png")
                self.end_headers()
            case "/page":
                self._respond(200, "text/html; charset=utf-8", b"<html></html>")
            case "/text":
                self._respond(200, "application/octet-stream", b"no image at all")
            case "/silent":
                time.sleep(60)  # nobody waits for this thread
            case "/drip":
                self.send_response(200)
                self.end_headers()
                for _ in range(1200):  # a minute, unless the client gives up
                    self.wfile.write(b"x")
                    self.wfile.flush()
                    time.sleep(0.05)
            case _:
                self._respond(404, "text/html", b"<html>not here</html>")

    def _respond(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle(self):
        try:
            super().handle()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client gave up, as it should

    def log_message(self, *_):
        """Keeps the test's output clean."""


@pytest.fixture(scope="module")
def address():
    with pytest.MonkeyPatch.context() as patch, listening(Handler) as url:
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield url


@pytest.mark.parametrize("path", ["/photo.png", "/moved"])
def test_an_image(address, path):
    np.testing.assert_array_equal(load_rgb(address + path), PICTURE)


@pytest.mark.parametrize(
    ("path", "message"),
    [("/missing", "returned status 404 Not Found"), ("/page", "is a web page"), ("/text", "is not an image")],
)
def test_responses_that_are_no_image(address, path, message):
    with pytest.raises(ImageError, match=message) as caught:
        load_rgb(address + path)
    assert address + path in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(("path", "message"), [("/silent", "in time"), ("/drip", "took longer than 0.3 s")])
def test_slow_servers(address, path, message):
    started = time.monotonic()
    with pytest.raises(ImageError, match=message):
        fetch(address + path, timeout_s=0.3)
    assert time.monotonic() - started < 30  # and not a minute


def test_large_responses_are_not_read_to_their_end(address):
    with pytest.raises(ImageError, match="larger than 10 bytes"):
        fetch(address + "/photo.png", bytes_max=10)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/photo.png", "http://", "http://[::1/a.png"])
def test_addresses_that_lead_nowhere(url, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(ImageError, match="cannot be fetched"):
        load_rgb(url)
