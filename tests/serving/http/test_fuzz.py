"""Requests that nobody thought of: the response is right, or an error of ours that is short; never status 500."""

import asyncio
import base64
import hashlib
import json

import h11
import httpx
import pytest
import uvicorn
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from samwidget.formats.azure_ml.messages import COLUMNS
from samwidget.serving.http.app import make_app
from samwidget.serving.http.connection import Connection, Connections
from tests.serving.http.test_app import make_service
from tests.serving.image_files import encoded, png_of_claimed_size

PHOTO = encoded("PNG", (30, 40))
SHA256 = hashlib.sha256(PHOTO).hexdigest()
FEW = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def service():
    made = make_service()
    yield made
    made.decoders.close()


def send(service, method, path, content):
    """The response of a new application, after the image was sent to it."""

    async def send_it():
        transport = httpx.ASGITransport(make_app(service), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            if path.endswith("/masks"):
                await client.put(f"/images/{SHA256}", content=PHOTO)
            return await client.request(method, path, content=content)

    return asyncio.run(send_it())


def check(response):
    assert response.status_code in (200, 400, 404, 405, 409, 413)
    if response.status_code != 200:
        assert response.json()["error"]["message"]
        assert len(response.content) < 3000


NUMBERS = st.integers() | st.floats() | st.sampled_from([0, 1, -1, -10, 39, 40, 1e300, 2**63, 10**400])
TEXTS = st.text(max_size=20) | st.sampled_from(
    ["", "null", "NoneType", "[[1,2]]", "[[[1,2]],]", "False", "\ud800", "é"]
)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=20,
)
NESTED = st.recursive(NUMBERS, lambda inner: st.lists(inner, min_size=1, max_size=3), max_leaves=10)
IMAGES = st.sampled_from([PHOTO, PHOTO[:60], encoded("JPEG"), png_of_claimed_size(9000, 9000), b"", b"text"]).map(
    lambda data: base64.b64encode(data).decode()
) | st.sampled_from(["http://photos.test/a", "http://[", "http://\ud800", "data:,", "image1"])
CELLS = st.tuples(IMAGES, *[NESTED.map(str) | NESTED | TEXTS] * 3, st.booleans() | JSON).map(list)
TABLES = st.fixed_dictionaries(
    {
        "columns": st.just(list(COLUMNS)) | st.permutations(COLUMNS) | st.lists(TEXTS | JSON, max_size=6),
        "data": st.lists(CELLS | JSON, max_size=3) | JSON,
    },
    optional={"index": JSON, "params": JSON},
)


@FEW
@given(TABLES | JSON, st.booleans(), st.sampled_from(["service", "card"]))
@example({"columns": ["a" * 100_000], "data": []}, True, "service")
def test_tables(service, table, is_wrapped, style):
    body = json.dumps({"input_data": table} if is_wrapped else table)
    check(send(service, "POST", f"/score?style={style}", body))


@FEW
@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b'{"columns": ["image"], "data": [[', b"[" * 1000, b"\xef\xbb\xbf{}"]),
)
def test_bytes(service, tail, head):
    check(send(service, "POST", "/score", head + tail))


PROMPTS = st.fixed_dictionaries(
    {},
    optional={
        "points": NESTED | JSON,
        "labels": st.lists(st.integers(-11, 2), max_size=3) | JSON,
        "box": st.lists(NUMBERS, max_size=5) | JSON,
        "level": JSON,
        "mask": st.fixed_dictionaries({"hw": JSON, "float32": TEXTS | st.just("AAAAAA==")}) | JSON,
    },
)


@FEW
@given(
    st.fixed_dictionaries(
        {"prompts": st.lists(PROMPTS, max_size=3) | JSON}, optional={"multimask_output": JSON, "signature": JSON}
    )
    | JSON
)
def test_prompts(service, request_value):
    check(send(service, "POST", f"/images/{SHA256}/masks", json.dumps(request_value)))


@FEW
@given(st.binary(max_size=300), st.integers(0, len(PHOTO)))
def test_image_files(service, data, position):
    for content in (data, PHOTO[:position] + data, PHOTO[:position] + data + PHOTO[position + len(data) :]):
        check(send(service, "PUT", f"/images/{hashlib.sha256(content).hexdigest()}", content))


class FakeTransport(asyncio.Transport):
    """Keeps what is written, until it is closed."""

    def __init__(self):
        super().__init__()
        self.sent = b""
        self.is_closed = False

    def write(self, data):
        self.sent += data

    def close(self):
        self.is_closed = True

    abort = close

    def is_closing(self):
        return self.is_closed

    def get_write_buffer_size(self):
        return 0

    def pause_reading(self):
        """Nothing more comes."""

    resume_reading = pause_reading

    def get_extra_info(self, name, default=None):
        return self if name == "socket" else default

    def setsockopt(self, *_):
        """Stands for the socket's."""

    def getsockname(self):
        return ("127.0.0.1", 1)

    getpeername = getsockname


HEADS = st.lists(
    st.binary(min_size=1, max_size=30)
    | st.sampled_from(
        [
            b"GET / HTTP/1.1\r\n",
            b"POST /score HTTP/1.1\r\n",
            b"GET \xff HTTP/9.9\r\n",
            b"Host: [\r\n",
            b"Host: here\r\n",
            b"Content-Length: 1\r\n",
            b"Content-Length: -1\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"Expect: 100-continue\r\n",
            b"Connection: upgrade\r\nUpgrade: websocket\r\n",
            b"X: " + b"x" * 70_000,
            b"\r\n",
        ]
    ),
    max_size=8,
)


def connection_config(service):
    """The settings of connections to an app of ``service``."""
    config = uvicorn.Config(make_app(service), lifespan="off", log_level="critical")
    config.load()
    return config


async def check_bytes(config, pieces):
    """Receives ``pieces`` on a connection: nothing is raised into the event loop, and no response has status 500."""
    errors = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    connections, transport = Connections(), FakeTransport()
    opened = Connection(connections, config=config, server_state=uvicorn.server.ServerState(), app_state={})
    opened.connection_made(transport)
    for piece in pieces:
        if not transport.is_closed:
            opened.data_received(piece)
            await asyncio.sleep(0)
    opened.connection_lost(None)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait({task}, timeout=60)
    assert not errors, errors
    assert not connections._open
    assert not transport.sent or transport.sent.startswith(b"HTTP/1.1 ")
    assert b"HTTP/1.1 5" not in transport.sent


@FEW
@given(HEADS)
def test_heads(service, pieces):
    asyncio.run(check_bytes(connection_config(service), pieces))


def test_h11_limits_the_length_of_a_head():
    """The limit that ``Connection`` relies on."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(b"GET / HTTP/1.1\r\nX: " + b"x" * 200_000)
    with pytest.raises(h11.RemoteProtocolError):
        connection.next_event()
