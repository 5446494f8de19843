"""Body: reads the bodies of requests within their limits, and stops work whose client disconnects.

Owns what happens between one client and one route: the upload, the deadline of the response, the disconnect, and the
drain of bodies that are refused. The values of the limits are in ``serving.limits``; the routes call this file.

A request is admitted to the queue when its body is there, so slow uploads take no place in it. The memory of all bodies
that are arriving is bounded here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from samwidget.errors import FormatError, LimitError
from samwidget.serving.http.errors import BusyError
from samwidget.serving.limits import Limits

T = TypeVar("T")
_DRAIN_S = 2.0
# So many bodies of the largest size may be arriving at the same time, or more of smaller ones.
_BODIES = 16
_RETRY_AFTER_S = 5


class Uploads:
    """The bodies that are arriving. Where they take too much memory, the one that began first is refused.

    Args:
        limits: ``body_bytes`` and ``upload_s`` are used.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._bytes: dict[asyncio.Task[bytes], int] = {}  # that have arrived, in the order of the beginnings

    def __len__(self) -> int:
        return len(self._bytes)

    async def read(self, request: Request) -> bytes:
        """The body of a request. No more of it than ``body_bytes`` is ever held in memory.

        Raises:
            FormatError: the body is compressed.
            LimitError: the body has more bytes than allowed, or took longer than ``upload_s`` to arrive.
            BusyError: too many bytes of other bodies are arriving.
            ClientDisconnect: the client disconnected.
        """
        reading = asyncio.ensure_future(self._read(request))
        self._bytes[reading] = 0
        try:
            await asyncio.wait({reading}, timeout=self._limits.upload_s)
            if reading.cancelled():
                raise BusyError("too many requests are arriving", retry_after_s=_RETRY_AFTER_S)
            if reading.done():
                return reading.result()
            raise LimitError(
                f"the request did not arrive within {self._limits.upload_s:g} s",
                hint="send less, use a faster connection, or start the server with more --upload-seconds",
                limit="upload_s",
                maximum=self._limits.upload_s,
            )
        finally:
            self._bytes.pop(reading, None)
            reading.cancel()

    async def _read(self, request: Request) -> bytes:
        # Before the first byte is asked for: with "Expect: 100-continue" the client then gets the refusal in place of
        # a go-ahead. The bytes are counted too, since a body in chunks has no length.
        encoding = request.headers.get("content-encoding", "identity")
        if encoding.strip().lower() != "identity":
            raise FormatError(f"the body has the encoding {encoding}", hint="send it without Content-Encoding")
        length = request.headers.get("content-length", "")
        self._limits.check_body(int(length) if length.isdecimal() else 0)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            self._limits.check_body(len(body))
            self._make_room(len(body))
        return bytes(body)

    def _make_room(self, byte_count: int) -> None:
        """Notes the bytes of the body that is being read, and refuses others, or this one, where there are too many."""
        task = asyncio.current_task()
        if task in self._bytes:
            self._bytes[task] = byte_count
        while sum(self._bytes.values()) > _BODIES * self._limits.body_bytes:
            first = next(iter(self._bytes))
            del self._bytes[first]
            first.cancel()


async def run_while_connected(request: Request, work: Awaitable[T], limits: Limits) -> T:
    """What ``work`` returns; cancels it after ``limits.timeout_s``, or when the client disconnects.

    The body of the request must have been read.

    Raises:
        LimitError: the work took too long.
        ClientDisconnect: the client disconnected.
    """
    result, disconnect = asyncio.ensure_future(work), asyncio.ensure_future(_wait_for_disconnect(request))
    try:
        await asyncio.wait({result, disconnect}, timeout=limits.timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if result.done():
            return result.result()
        if disconnect.done():
            raise ClientDisconnect
        raise LimitError(
            f"the answer took longer than {limits.timeout_s:g} s",
            hint="ask for less, or start the server with a longer request_timeout_ms",
            limit="timeout_s",
            maximum=limits.timeout_s,
        )
    finally:
        disconnect.cancel()
        result.cancel()


class DrainMiddleware:
    """ASGI middleware that reads and drops the rest of a refused body before the response goes out.

    Otherwise uvicorn closes the connection while the client is still sending, and the client sees a broken pipe
    instead of the error. It reads for at most two seconds.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request, as the ASGI specification describes it."""
        is_sending = _has_body(scope)

        async def watched_receive() -> Message:
            nonlocal is_sending
            message = await receive()
            is_sending = is_sending and bool(message.get("more_body"))
            return message

        async def delayed_send(message: Message) -> None:
            if is_sending and message["type"] == "http.response.start" and message["status"] >= 400:
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(drain(), _DRAIN_S)
            await send(message)

        async def drain() -> None:
            while is_sending:
                await watched_receive()

        await self._app(scope, watched_receive, delayed_send)


def _has_body(scope: Scope) -> bool:
    """Whether a client sends a body without being asked for it."""
    if scope["type"] != "http":
        return False
    headers = dict(scope["headers"])
    if b"expect" in headers:  # with "Expect: 100-continue" a client waits for a go-ahead, which a refusal is not
        return False
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers


async def _wait_for_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
