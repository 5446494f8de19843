"""Scenes with a real server on the loopback address: clients that harm it, and decoders that are killed.

Acknowledged is a response with status 200: the same request later has the same response, and an image that was sent
need not be sent again. After each fault another client gets both.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import struct
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import httpx
import psutil

from samwidget.core import make_prompt
from samwidget.formats.azure_ml.messages import build_request
from samwidget.models.remote.wire import write_request
from tests.drawn_photo import drawn_photo
from tests.reliability.garbage import any_value, as_json
from tests.serving.image_files import encoded, slow_jpeg
from tests.serving.processes import Server, running
from tests.serving.test_decoding import is_decoder

KEY = "a key of enough letters"
_PATIENCE_S = 30.0
_SLOW_CLIENTS = 60
_REQUESTS = [
    build_request(drawn_photo(30, 40, seed), points=[[[5 + seed, 9]]], multimask_output=seed % 2 == 0)
    for seed in range(4)
]
_IMAGES = [encoded("PNG", (30, 40 + seed)) for seed in range(4)]
_PROMPTS = write_request([make_prompt([[5, 9]])], True, "")
_SLOW_IMAGE = json.dumps(build_request(slow_jpeg((600, 800), 1500), points=[[5, 9]])).encode()


class _ServerScene:
    def __init__(self, server: Server, inject: Callable[[_ServerScene, Random], str]) -> None:
        self.url = server.wait_for(r"listening at (\S+)")[1]
        self.process = psutil.Process(server.process.pid)
        self._inject = inject
        self.acknowledged = 0
        self.slow_clients: deque[socket.socket] = deque()
        headers = {"Authorization": f"Bearer {KEY}"}
        self.client = httpx.Client(base_url=self.url, headers=headers, timeout=_PATIENCE_S, trust_env=False)
        self._responses = [self.post("/score", request) for request in _REQUESTS]
        self._masks = [self._masks_of(data) for data in _IMAGES]

    def fault(self, rng: Random) -> str:
        kind = self._inject(self, rng)
        number = rng.randrange(len(_REQUESTS))
        assert self.post("/score", _REQUESTS[number]) == self._responses[number]
        path = f"/images/{hashlib.sha256(_IMAGES[number]).hexdigest()}/masks"
        assert self.post(path, _PROMPTS) == self._masks[number]
        self.acknowledged += 2
        return kind

    def post(self, path: str, value: Any) -> bytes:
        """Returns the response to a good request, which is repeated while the server is busy."""
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            response = self._post_once(path, value)
            if response is not None and response.status_code == 200:
                return response.content
            assert response is None or response.status_code == 503, (response.status_code, response.text[:300])
            assert time.monotonic() < deadline, "the server is busy for ever"
            time.sleep(0.05)

    def _post_once(self, path: str, value: Any) -> httpx.Response | None:
        try:
            return self.client.post(path, json=value)
        except httpx.RemoteProtocolError:  # an idle connection was closed just before it was used again
            return None

    def _masks_of(self, data: bytes) -> bytes:
        sha256 = hashlib.sha256(data).hexdigest()
        self.client.put(f"/images/{sha256}", content=data).raise_for_status()
        return self.post(f"/images/{sha256}/masks", _PROMPTS)

    def connect(self, *pieces: bytes) -> socket.socket:
        """Returns a connection on which these bytes were sent, as far as the server takes them."""
        host, _, port = self.url.removeprefix("http://").partition(":")
        sock = socket.create_connection((host, int(port)), timeout=5)
        sock.setblocking(False)
        for piece in pieces:
            with contextlib.suppress(OSError):
                sock.send(piece)
        self.slow_clients.append(sock)
        if len(self.slow_clients) > _SLOW_CLIENTS:
            self.slow_clients.popleft().close()
        return sock

    def drip(self) -> None:
        """Lets each slow client send and read a byte."""
        for sock in self.slow_clients:
            with contextlib.suppress(OSError):
                sock.send(b"x")
            with contextlib.suppress(OSError):
                sock.recv(1)

    def close(self) -> None:
        self.client.close()
        for sock in self.slow_clients:
            sock.close()


@contextmanager
def _scene(inject: Callable[[_ServerScene, Random], str]) -> Iterator[_ServerScene]:
    with tempfile.TemporaryDirectory() as name:
        settings = {
            "gate": str(Path(name) / "shut"),
            "key": KEY,
            "upload_s": 5,
            "decode_s": 1,
            "embeddings_bytes_max": 100_000_000,
            "connections": {"head_s": 2, "body_s": 5, "response_s": 3, "per_peer": 50},
        }
        with running(["tests.serving.http.gated_server", json.dumps(settings)]) as server:
            scene = _ServerScene(server, inject)
            try:
                yield scene
            finally:
                scene.close()
            assert not any("Traceback" in line for line in server.lines), "".join(server.lines)[-3000:]


_HEAD = f"POST /score HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {KEY}\r\n".encode()
_ASK = f"GET /openapi.json HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode()


def clients() -> Any:
    """Clients that say nothing, half of something, or a byte now and then, never read, or leave in between."""

    def post(body: bytes) -> bytes:
        return _HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body

    def silent(scene: _ServerScene, rng: Random) -> None:
        scene.connect()

    def half_head(scene: _ServerScene, rng: Random) -> None:
        scene.connect(_HEAD[: rng.randrange(1, len(_HEAD))])

    def half_body(scene: _ServerScene, rng: Random) -> None:
        scene.connect(_HEAD + b"Content-Length: 100000\r\n\r\n" + b"[" * rng.randrange(9))

    def never_reads(scene: _ServerScene, rng: Random) -> None:
        scene.connect(*[_ASK * 20] * rng.randrange(1, 10))

    def garbage(scene: _ServerScene, rng: Random) -> None:
        scene.connect(rng.randbytes(rng.randrange(1, 3000)))

    def garbage_body(scene: _ServerScene, rng: Random) -> None:
        scene.connect(post(as_json(any_value(rng)).encode()))

    def leaves(scene: _ServerScene, rng: Random) -> None:
        sock = scene.connect(post(json.dumps(rng.choice(_REQUESTS)).encode()))
        time.sleep(rng.uniform(0, 0.02))
        if rng.random() < 0.5:  # with a reset
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        scene.slow_clients.remove(sock)

    def slow_image(scene: _ServerScene, rng: Random) -> None:
        scene.connect(post(_SLOW_IMAGE))

    kinds = [silent, half_head, half_body, half_body, never_reads, garbage, garbage_body, leaves]

    def inject(scene: _ServerScene, rng: Random) -> str:
        kind = slow_image if rng.random() < 0.01 else rng.choice(kinds)
        kind(scene, rng)
        scene.drip()
        return kind.__name__.replace("_", " ")

    return _scene(inject)


def decoders() -> Any:
    """Processes that decode images are killed while images are decoded."""

    def inject(scene: _ServerScene, rng: Random) -> str:
        data = encoded("PNG", (rng.randrange(400, 900), 700))
        statuses: list[int] = []

        def send() -> None:
            url = f"{scene.url}/images/{hashlib.sha256(data).hexdigest()}"
            response = httpx.put(url, content=data, headers=scene.client.headers, timeout=_PATIENCE_S, trust_env=False)
            statuses.append(response.status_code)

        sending = threading.Thread(target=send)
        sending.start()
        time.sleep(rng.uniform(0, 0.06))
        is_killed = False
        for child in filter(is_decoder, scene.process.children()):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
                is_killed = True
        sending.join()
        assert statuses in ([200], [503]), statuses  # the image is good: it gets another process
        return "killed" if is_killed else "none to kill"

    return _scene(inject)
