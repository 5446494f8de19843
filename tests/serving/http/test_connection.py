"""Clients that send nothing, half of something, or never read: they are closed, and nobody else notices."""

import asyncio
import json
import signal
import socket
import time
from contextlib import ExitStack, asynccontextmanager
from functools import partial

import h11
import pytest
import uvicorn

from samwidget.serving.http.connection import Connection, Connections
from tests.serving.http.test_server import KEY, REQUEST, connection, gated, status_on, until, whole_request

LARGE = b"x" * 16_000_000  # more than the kernel keeps for a client that does not read


async def app(scope, receive, send):
    """Sends a large body to GET, a small one to others."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": LARGE if scope["method"] == "GET" else b"x"})


class SilentConnection:
    """What ``Connections`` asks of a connection on which nothing came."""

    has_whole_request = has_request = False
    unread_bytes = 0

    def __init__(self, peer, since):
        self.peer, self.since = peer, since

    def abort(self):
        """Nothing is open."""


@asynccontextmanager
async def listening(connections):
    """The address of an event loop's own server, whose connections the test looks at."""
    config = uvicorn.Config(app, lifespan="off", log_level="critical")
    config.load()
    state = uvicorn.server.ServerState()
    make = partial(Connection, connections, config=config, server_state=state, app_state={})
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()
    server.close()
    for open_connection in list(connections._open):
        open_connection.abort()
    await asyncio.sleep(0)


async def reached(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "the state was not reached in time"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def connected(connections, sent):
    """The server's side of a new connection on which bytes were sent."""
    async with listening(connections) as address:
        _, writer = await asyncio.open_connection(*address)
        writer.write(sent)
        await reached(lambda: connections._open)
        (opened,) = connections._open
        yield opened
        writer.close()


HEAD = b"GET / HTTP/1.1\r\nHost: here\r\n"
HALF_BODY = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\nhalf"


@pytest.mark.parametrize(
    ("sent", "state", "late_after"),
    [
        (b"", h11.IDLE, 10),
        (HEAD, h11.IDLE, 10),
        (HALF_BODY, h11.SEND_BODY, 60),
    ],
    ids=["silence", "half a head", "half a body"],
)
def test_what_a_client_begins_it_has_to_end(sent, state, late_after):
    connections = Connections(response_s=1000)

    async def look():
        async with connected(connections, sent) as opened:
            await reached(lambda: opened.conn.their_state is state)
            now = time.monotonic()
            assert not opened.is_late(now, connections)
            assert not opened.is_late(now + late_after - 1, connections)
            assert opened.is_late(now + late_after + 1, connections)

    asyncio.run(look())


def test_a_client_has_to_read():
    connections = Connections()

    async def look():
        async with connected(connections, HEAD + b"\r\n") as opened:
            await reached(lambda: opened.unread_bytes)
            now = time.monotonic()
            assert not opened.is_late(now, connections)
            assert not opened.is_late(now + 59, connections)
            assert opened.is_late(now + 61, connections)

    asyncio.run(look())


def test_a_client_that_reads_slowly_but_all_the_time_is_not_late():
    """16 MB at 32 KiB/s are 488 s, besides the 60 s of everybody."""
    connections = Connections()

    async def look():
        async with listening(connections) as address:
            reader, writer = await asyncio.open_connection(*address)
            writer.write(HEAD + b"\r\n")
            await reached(lambda: connections._open)
            (opened,) = connections._open
            await reached(lambda: opened.unread_bytes)
            now = time.monotonic()
            assert not opened.is_late(now, connections)
            assert opened.is_late(now + 61, connections)
            before = opened.unread_bytes
            await reader.readexactly(len(LARGE) // 2)
            await reached(lambda: opened.unread_bytes <= before - 4_000_000)
            assert not opened.is_late(now + 180, connections)
            assert opened.is_late(now + 600, connections)
            writer.close()

    asyncio.run(look())


def test_a_request_that_is_computed_is_not_late():
    connections = Connections()

    async def slow_app(scope, receive, send):
        await asyncio.sleep(1000)

    async def look():
        async with connected(connections, b"") as opened:
            opened.app = slow_app
            opened.data_received(HEAD + b"\r\n")
            await asyncio.sleep(0)
            assert opened.has_request
            for later in (0, 1000, 2000):
                assert not opened.is_late(time.monotonic() + later, connections)

    asyncio.run(look())


def test_responses_that_nobody_reads_are_limited_together():
    connections = Connections()

    async def look():
        async with listening(connections) as address:
            writers = []
            for count in (1, 2, 3):
                writers.append((await asyncio.open_connection(*address))[1])
                writers[-1].write(HEAD + b"\r\n")
                await reached(lambda count=count: sum(c.unread_bytes > 0 for c in connections._open) == count)
                connections.close_late()
            _, *others = connections._open
            connections.unread_bytes = sum(opened.unread_bytes for opened in others)
            connections.close_late()
            await reached(lambda: list(connections._open) == others)

    asyncio.run(look())


def test_small_responses_are_sent_at_once():
    connections = Connections()

    async def look():
        async with connected(connections, b"") as opened:
            sock = opened.transport.get_extra_info("socket")
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    asyncio.run(look())


def clients(connections):
    return [opened.client for opened in connections._open]


@pytest.mark.parametrize("limit", ["per_peer", "maximum"])
def test_the_connection_that_is_silent_for_longest_makes_room(limit):
    connections = Connections(**{limit: 3})

    async def look():
        async with listening(connections) as address:
            writers = []
            for _ in range(5):
                writers.append((await asyncio.open_connection(*address))[1])
                names = [writer.get_extra_info("sockname") for writer in writers]
                await reached(lambda newest=names[-1]: newest in clients(connections))
            await reached(lambda: clients(connections) == names[2:])

    asyncio.run(look())


def test_one_connection_too_many_closes_one():
    """Of those of its address, where both limits are reached: the others then fit."""

    connections = Connections(per_peer=2, maximum=3)
    for since, peer in enumerate(["stranger", "here", "here", "here"]):
        connections.add(SilentConnection(peer, since))
    assert [each.since for each in connections._open] == [0, 2, 3]


def test_half_a_request_makes_room_where_nobody_is_silent():
    connections = Connections(per_peer=2)

    async def reads_on(scope, receive, send):
        while (await receive())["type"] != "http.disconnect":
            pass

    async def look():
        async with listening(connections) as address:
            names = []
            for sent in (HALF_BODY, HALF_BODY, b""):
                _, writer = await asyncio.open_connection(*address)
                names.append(writer.get_extra_info("sockname"))
                await reached(lambda: names[-1] in clients(connections))
                newest = next(opened for opened in connections._open if opened.client == names[-1])
                newest.app = reads_on
                writer.write(sent)
                await reached(lambda opened=newest, sent=sent: opened.has_request or not sent)
            await reached(lambda: clients(connections) == names[1:])

    asyncio.run(look())


def test_bytes_that_nobody_foresaw_end_their_connection_alone(monkeypatch, caplog):
    connections = Connections()

    async def look():
        async with connected(connections, b"") as opened:
            monkeypatch.setattr(opened, "handle_events", lambda: 1 / 0)
            opened.data_received(b"x")
            await reached(lambda: not connections._open)

    asyncio.run(look())
    assert "a head cannot be read" in caplog.text


# A real server.


def is_closed(sock):
    """Whether the server has closed a connection, or aborts it now."""
    sock.settimeout(0.01)
    try:
        while sock.recv(1 << 20):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def send_for_ever(sock, data):
    """True when the server takes no more, False when it has closed the connection."""
    try:
        while True:
            sock.sendall(data)
    except TimeoutError:
        return True
    except OSError:
        return False


def test_silent_clients_shut_nobody_out(tmp_path_factory):
    with gated(tmp_path_factory, connections={"head_s": 1, "per_peer": 20}) as server, ExitStack() as stack:
        host, port = server.url.removeprefix("http://").split(":")
        silent = [stack.enter_context(socket.create_connection((host, int(port)))) for _ in range(100)]
        halves = [stack.enter_context(connection(server, "POST /score HTTP/1.1")) for _ in range(5)]
        assert server.client.post("/score", json=REQUEST).status_code == 200
        for sock in silent + halves:
            until(lambda sock=sock: is_closed(sock))


def test_a_client_that_never_reads_is_closed(tmp_path_factory):
    with gated(tmp_path_factory, connections={"response_s": 0.5}) as server:
        head = f"Host: here\r\nAuthorization: Bearer {KEY}\r\n\r\n"
        many = (f"GET /openapi.json HTTP/1.1\r\n{head}" * 2000).encode()
        with connection(server, "GET / HTTP/1.1", b"\r\n") as sock:
            sock.settimeout(30)
            assert not send_for_ever(sock, many)
        assert server.client.post("/score", json=REQUEST).status_code == 200


def test_a_stop_ends_whatever_clients_do(tmp_path_factory):
    with gated(tmp_path_factory, grace_s=2, connections={"response_s": 1000}) as server, ExitStack() as stack:
        server.gate.touch()
        stack.enter_context(whole_request(server))  # the network never ends
        until(lambda: server.client.get("/health").json()["running"] == 1)
        host, port = server.url.removeprefix("http://").split(":")
        stack.enter_context(socket.create_connection((host, int(port))))
        stack.enter_context(connection(server, "POST /score HTTP/1.1"))
        stack.enter_context(connection(server, "POST /score HTTP/1.1", b"Content-Length: 1000\r\n\r\nhalf"))
        never_reads = stack.enter_context(connection(server, "GET / HTTP/1.1", b"\r\n"))
        never_reads.settimeout(1)
        assert send_for_ever(never_reads, b"GET /openapi.json HTTP/1.1\r\nHost: here\r\n\r\n" * 1000)
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(60)


def test_requests_go_on_while_a_slow_image_is_decoded(tmp_path_factory):
    """The image is refused after its time, and the network is free for others all the time."""
    from samwidget.formats.azure_ml.messages import build_request
    from tests.serving.image_files import slow_jpeg

    with gated(tmp_path_factory, decode_s=3, pixels=20_000_000) as server:
        body = json.dumps(build_request(slow_jpeg(), points=[[5, 9]])).encode()
        head = f"Content-Length: {len(body)}\r\n\r\n".encode()
        with connection(server, "POST /score HTTP/1.1", head + body) as slow:
            until(lambda: server.client.get("/health").json()["inside"] == 1)
            assert server.client.post("/score", json=REQUEST).status_code == 200
            assert server.client.get("/health").json()["running"] == 0
            assert status_on(slow) == 413
        assert server.client.post("/score", json=REQUEST).status_code == 200


def test_the_time_of_a_request_begins_with_it():
    """Not with an earlier one on the same connection, or a client that never pauses would be taken for a slow one."""
    connections, request = Connections(), b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 0\r\n\r\n"

    async def look():
        async with connected(connections, request) as opened:
            await reached(lambda: opened.cycle is not None and opened.cycle.response_complete)
            opened.is_late(time.monotonic(), connections)
            opened.since -= 1000
            opened.data_received(request)
            await reached(lambda: opened.cycle.response_complete)
            assert not opened.is_late(time.monotonic(), connections)

    asyncio.run(look())


def test_a_burst_of_connections_stays_within_the_limit():
    connections = Connections(per_peer=3)

    async def look():
        async with listening(connections) as address:
            opened = await asyncio.gather(*(asyncio.open_connection(*address) for _ in range(30)))
            await asyncio.sleep(0.1)
            assert len(connections._open) == 3
            for _, writer in opened:
                writer.close()

    asyncio.run(look())
