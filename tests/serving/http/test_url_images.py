"""Images by URL: only from listed hosts, never from a private network, whatever a name or a redirect says."""

import asyncio
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samwidget.errors import FormatError, ImageError
from samwidget.serving.http.url_images import ImageFetcher, is_public


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "2a00:1450::1", "240e::1"]
)
def test_public_addresses(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",  # where clouds keep their credentials
        "100.64.0.1",
        "192.0.2.1",
        "224.0.0.1",
        "255.255.255.255",
        "192.88.99.1",
        "192.0.0.9",
        "::1",
        "::",
        "::127.0.0.1",
        "::8.8.8.8",
        "fec0::1",
        "5f00::1",
        "100::1",
        "2001:db8::1",
        "3fff::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)
def test_addresses_that_are_not_public(address):
    assert not is_public(address)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append((self.headers["Host"], self.path))
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
            return
        body = {"/photo": b"photo", "/large": b"x" * 100}.get(self.path)
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_):
        """Keeps the test's output clean."""


@contextmanager
def listening():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def web():
    with listening() as server:
        yield server


class Names:
    """A name server: the answers to a name come one after the other, the last one for ever."""

    def __init__(self, **answers):
        self.answers = {name.replace("_", "."): list(addresses) for name, addresses in answers.items()}
        self.asked = []

    async def __call__(self, host, port):
        self.asked.append(host)
        if host not in self.answers:
            raise OSError("no such name")
        addresses = self.answers[host]
        return [addresses.pop(0) if len(addresses) > 1 else addresses[0]]


def fetch(url, web, *hosts, names=None, is_allowed=lambda address: address == "127.0.0.1", bytes_max=50):
    """Fetches with ``{port}`` in URL and hosts for the port of the test's own server, which stands for the internet."""
    port = str(web.server_port)
    fetcher = ImageFetcher(
        [host.replace("{port}", port) for host in hosts],
        timeout_s=5,
        resolve=names or Names(photos_test=["127.0.0.1"]),
        is_allowed=is_allowed,
    )
    return asyncio.run(fetcher.fetch(url.replace("{port}", port), bytes_max))


def test_an_image_from_a_listed_host(web):
    assert fetch("http://photos.test:{port}/photo", web, "photos.test:{port}") == b"photo"
    assert web.asked[-1] == (f"photos.test:{web.server_port}", "/photo")


@pytest.mark.parametrize("host", ["*.photos.test:{port}", "*.test:{port}"])
def test_a_star_allows_all_names_below(web, host):
    names = Names(a_photos_test=["127.0.0.1"])
    assert fetch("http://a.photos.test:{port}/photo", web, host, names=names) == b"photo"


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("http://photos.test:{port}/photo", ()),
        ("http://photos.test:{port}/photo", ("photos.test",)),  # the port is not listed
        ("http://photos.test/photo", ("photos.test:{port}",)),
        ("http://photos.test:{port}/photo", ("*.photos.test:{port}",)),
        ("http://evilphotos.test:{port}/photo", ("photos.test:{port}", "*.photos.test:{port}")),
        ("http://photos.test.evil:{port}/photo", ("photos.test:{port}", "*.photos.test:{port}")),
        ("http://127.0.0.1:{port}/photo", ("photos.test:{port}",)),
    ],
)
def test_other_hosts_are_not_even_looked_up(web, url, hosts):
    names = Names(photos_test=["127.0.0.1"])
    with pytest.raises(ImageError, match="is not on this server's list"):
        fetch(url, web, *hosts, names=names)
    assert not names.asked


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://photos.test/a", "http://", "http://me@photos.test/a", "http://photos.test:x/a"]
)
def test_invalid_urls(web, url):
    with pytest.raises(ImageError, match="is not a valid URL"):
        fetch(url, web, "photos.test")


def test_a_listed_name_in_a_private_network(web):
    asked = len(web.asked)
    with pytest.raises(ImageError, match="a network that is not public"):
        fetch("http://photos.test:{port}/photo", web, "photos.test:{port}", is_allowed=is_public)
    assert len(web.asked) == asked


def test_all_addresses_of_a_name_are_checked():
    async def resolve(host, port):
        return ["93.184.215.14", "10.0.0.1"]

    with pytest.raises(ImageError, match="not public"):
        asyncio.run(ImageFetcher(["photos.test"], resolve=resolve).fetch("http://photos.test/a", 9))


def test_the_connection_goes_to_the_address_that_was_checked(web):
    """A name that answers with a good address first and with another then is asked once."""
    names = Names(photos_test=["127.0.0.1", "127.0.0.2"])
    fetch("http://photos.test:{port}/photo", web, "photos.test:{port}", names=names)
    assert names.asked == ["photos.test"]
    with pytest.raises(ImageError, match="not public"):
        fetch("http://photos.test:{port}/photo", web, "photos.test:{port}", names=names)


def test_a_redirect_to_a_listed_host_is_followed(web):
    url = "http://photos.test:{port}/to//photo"
    assert fetch(url, web, "photos.test:{port}") == b"photo"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("http://inside.test:{port}/photo", "not public"),
        ("http://other.test:{port}/photo", "is not on this server's list"),
        ("http://127.0.0.1:{port}/photo", "is not on this server's list"),
        ("file:///etc/passwd", "is not a valid URL"),
        ("/to//to//to//to//to//to//to//photo", "is redirected too often"),
        ("http://[", "cannot be fetched|is not a valid URL"),
        ("http://photos.test:{port}/%zz\\", "answers 404"),
        ("http://photos.test:99999/", "is not a valid URL"),
    ],
)
def test_a_redirect_is_checked_like_the_first_address(web, target, message):
    names = Names(photos_test=["127.0.0.1"], inside_test=["10.0.0.1"], other_test=["127.0.0.1"])
    url = f"http://photos.test:{{port}}/to/{target}"
    with pytest.raises(ImageError, match=message):
        fetch(url, web, "photos.test:{port}", "inside.test:{port}", names=names)


@pytest.mark.parametrize(
    ("path", "message"),
    [("/large", "is larger than 50 bytes"), ("/none", "answers 404")],
)
def test_responses_that_are_refused(web, path, message):
    with pytest.raises(ImageError, match=message):
        fetch(f"http://photos.test:{{port}}{path}", web, "photos.test:{port}")


def test_a_name_that_is_not_known(web):
    with pytest.raises(ImageError, match="has an unknown host"):
        fetch("http://none.test:{port}/photo", web, "*.test:{port}")


def test_a_port_where_nothing_listens():
    fetcher = ImageFetcher(["photos.test:1"], resolve=Names(photos_test=["127.0.0.1"]), is_allowed=lambda _: True)
    with pytest.raises(ImageError, match="cannot be fetched"):
        asyncio.run(fetcher.fetch("http://photos.test:1/a", 9))


@pytest.mark.parametrize("host", ["", "http://photos.test", "photos.*", "*", "a/b"])
def test_hosts_that_cannot_be_listed(host):
    with pytest.raises(FormatError, match="is not a host"):
        ImageFetcher([host])


@pytest.mark.parametrize("url", ["http://\ud800.test/a", "http://photos.test/\ud800", "http://[", "http://a\x00.test/"])
def test_addresses_that_no_server_can_have(web, url):
    with pytest.raises(ImageError):
        fetch(url, web, "photos.test", "*.test", "\ud800.test", "a\x00.test")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30), st.sampled_from(["http://", "https://", "http://photos.test", "http://[", ""]))
def test_whatever_the_address_is_the_error_is_ours(text, start):
    async def resolve(host, port):
        return ["10.0.0.1"]

    with pytest.raises(ImageError):
        asyncio.run(ImageFetcher(["photos.test", "*.test"], resolve=resolve).fetch(start + text, 9))
