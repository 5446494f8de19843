"""Threads and forks: each process has one loop, and no thread gets the client of another loop."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from samwidget.models.remote import transport
from samwidget.models.remote.transport import Transport
from tests.ctrl_c import every_step, needs_ctrl_c
from tests.new_thread import in_new_thread


@pytest.fixture
def slow_start(monkeypatch):
    """Loops and clients that take a moment to make, in which other threads run."""
    monkeypatch.setattr(transport, "_loops", {})
    new_loop, plain_client = asyncio.new_event_loop, httpx.AsyncClient

    def slow_loop():
        time.sleep(0.02)
        return new_loop()

    def slow_client(**options):
        time.sleep(0.02)
        return plain_client(**options)

    monkeypatch.setattr(transport.asyncio, "new_event_loop", slow_loop)
    monkeypatch.setattr(transport.httpx, "AsyncClient", slow_client)
    yield
    for loop in transport._loops.values():
        loop.call_soon_threadsafe(loop.stop)


def at_once(count, function):
    barrier = threading.Barrier(count)

    def work(_):
        barrier.wait()
        return function()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


def test_threads_that_come_at_once_share_one_loop(slow_start):
    assert len(set(at_once(8, transport._loop))) == 1


def test_no_thread_gets_a_client_of_another_loop(slow_start):
    connections = Transport({}, trust_env=False)
    loop_of_parent, loop = asyncio.new_event_loop(), transport._loop()
    parents = connections._client_on(loop_of_parent)
    # As after a fork, where the loop is another one.
    assert parents not in at_once(8, lambda: connections._client_on(loop))
    loop_of_parent.close()


PROGRAM = """
import os, threading, time, warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from samwidget.models.remote.transport import Transport
from tests.ctrl_c import every_step
from tests.new_thread import in_new_thread
warnings.simplefilter("error")
warnings.filterwarnings("ignore", message=".*fork")

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"
connections = Transport({}, trust_env=False)

def echo(text):
    return connections.exchange("POST", url, deadline=time.monotonic() + 20, bytes_max=100, content=text).content

assert echo(b"before") == b"before"
child = os.fork()
if child == 0:
    assert all(echo(b"child %d" % n) == b"child %d" % n for n in range(20))
    del connections
    os._exit(0)
assert all(echo(b"parent %d" % n) == b"parent %d" % n for n in range(20))
assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_has_connections_of_its_own():
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    assert not ended.stderr


async def _immediately():
    return "answer"


@needs_ctrl_c
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Ctrl-C while a weak reference ends
@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")  # Ctrl-C before it is handed over
def test_ctrl_c_at_any_step_leaves_the_loop_usable(monkeypatch):
    """All exchanges of a process share the loop: a lock that stays held would end them all."""

    def exchange(first=True):
        if first:
            transport._loops.clear()
        return transport._run(_immediately(), transport._loop(), 5)

    monkeypatch.setattr(transport, "_loops", {})
    for _ in every_step(exchange, stride=3):
        assert in_new_thread(lambda: exchange(first=False)) == "answer"
        loop = transport._loop()
        loop.call_soon_threadsafe(loop.stop)
