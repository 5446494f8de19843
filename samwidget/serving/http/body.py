"""Body: reads the body of a request within its limits, and stops work whose client disconnects.

Owns what happens between one client and one route: the upload, the deadline of the response, the disconnect, and the
drain of bodies that are refused. The values of the limits are in ``serving.limits``; the routes call this file.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from samwidget.errors import LimitError
from samwidget.serving.limits import Limits

T = TypeVar("T")
_DRAIN_S = 2.0


async def read_body(request: Request, limits: Limits) -> bytes:
    """The body of a request. No more of it than ``limits.body_bytes`` is ever held in memory.

    Raises:
        LimitError: the body has more bytes than allowed, or took longer than ``limits.upload_s`` to arrive.
        ClientDisconnect: the client disconnected.
    """
    try:
        return await asyncio.wait_for(_read_body(request, limits), limits.upload_s)
    except asyncio.TimeoutError as error:
        raise LimitError(
            f"the request did not arrive within {limits.upload_s:g} s",
            hint="send less, or use a faster connection",
            limit="upload_s",
            maximum=limits.upload_s,
        ) from error


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


async def _read_body(request: Request, limits: Limits) -> bytes:
    # Before the first byte is asked for: with "Expect: 100-continue" the client then gets the refusal in place of a
    # go-ahead. The bytes are counted too, since a body in chunks has no length.
    length = request.headers.get("content-length", "")
    limits.check_body(int(length) if length.isdecimal() else 0)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        limits.check_body(len(body))
    return bytes(body)


async def _wait_for_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
