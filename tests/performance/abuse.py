"""Clients that harm a server, for ``load``: each sends something harmful, and checks that it is refused.

A function gets the server's host and port and the lines of a head with the key. It returns the outcome for the report;
an outcome that begins with WRONG fails the run.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from samwidget.formats.azure_ml.messages import build_request
from tests.serving.image_files import slow_jpeg

Address = tuple[str, int]
BUSY = 503
_SLOW_IMAGE = json.dumps(build_request(slow_jpeg(), points=[[5, 9]])).encode()
_ROW = b'["a", "[[1,2]]", "", "", true]'
_TINY_ROWS = b'{"columns": ["image"], "data": [' + b",".join([_ROW] * 150_000) + b"]}"
_OBJECTS = b'{"columns": ["image"], "data": [' + b",".join([b"{}"] * 1_500_000) + b"]}"
_NAMES = json.dumps({"columns": ["a" * 4_000_000], "data": []}).encode()
_NO_HOST = (
    json.dumps(build_request(["http://[/a.png"], points=[[[5, 9]]])).replace("http://[", "http://\\ud800").encode()
)


async def slow_image(address: Address, head: str) -> str:
    """Sends an image that takes minutes to decode."""
    return await _post(address, head, _SLOW_IMAGE, 413)


async def tiny_rows(address: Address, head: str) -> str:
    """Sends 150,000 rows."""
    return await _post(address, head, _TINY_ROWS, 413)


async def many_objects(address: Address, head: str) -> str:
    """Sends 1,500,000 empty objects."""
    return await _post(address, head, _OBJECTS, 413)


async def long_names(address: Address, head: str) -> str:
    """Sends a column name of 4 MB."""
    return await _post(address, head, _NAMES, 413)


async def no_host(address: Address, head: str) -> str:
    """Sends the address of an image with half a surrogate pair in it."""
    return await _post(address, head, _NO_HOST, 400)


async def broken_host(address: Address, head: str) -> str:
    """Sends a header ``Host`` that is none."""
    return await _outcome(address, b"GET /docs HTTP/1.1\r\nHost: [\r\n\r\n", 400)


async def expects(address: Address, head: str) -> str:
    """Waits for a go-ahead for a body that is too large."""
    return await _outcome(
        address,
        f"POST /score HTTP/1.1\r\n{head}Content-Length: 1000000000\r\nExpect: 100-continue\r\n\r\n".encode(),
        413,
    )


async def silent(address: Address, head: str) -> str:
    """Connects, and says nothing for five seconds."""
    return await _wait(address, b"")


async def half_head(address: Address, head: str) -> str:
    """Sends half a head."""
    return await _wait(address, b"POST /score HTTP/1.1\r\n")


async def never_reads(address: Address, head: str) -> str:
    """Asks many times, and reads nothing for five seconds."""
    return await _wait(address, b"GET /openapi.json HTTP/1.1\r\nHost: here\r\n\r\n" * 500)


KINDS: dict[str, Callable[[Address, str], Awaitable[str]]] = {
    "slow image": slow_image,
    "tiny rows": tiny_rows,
    "objects": many_objects,
    "long names": long_names,
    "image address": no_host,
    "host": broken_host,
    "100-continue": expects,
    "silent": silent,
    "half a head": half_head,
    "never reads": never_reads,
}


async def _post(address: Address, head: str, body: bytes, status: int) -> str:
    sent = f"POST /score HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
    return await _outcome(address, sent, status)


async def _outcome(address: Address, sent: bytes, status: int) -> str:
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(sent)
        line = await asyncio.wait_for(reader.readline(), 90)
        received = int(line.split()[1]) if line else 0
        return "refused" if received in (status, BUSY) else f"WRONG ({received})"
    except ConnectionError:
        return "WRONG (reset)"
    finally:
        writer.close()


async def _wait(address: Address, sent: bytes) -> str:
    _, writer = await asyncio.open_connection(*address)
    try:
        writer.write(sent)
        await asyncio.sleep(5)
    finally:
        writer.transport.abort()
    return "left"
