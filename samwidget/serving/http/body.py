"""Visitor: an HTTP request as a stream. Reads its body within limits, and notices when whoever sent it has gone."""

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
# A refused client may still be sending, and would miss the answer if the connection closed under it.
_FAREWELL_S = 2.0


async def read_body(request: Request, limits: Limits) -> bytes:
    """The body of a request, which is never held beyond its limit.

    Raises:
        LimitError: more bytes than allowed, whatever the header says, or slower than allowed.
        ClientDisconnect: the client went.
    """
    try:
        return await asyncio.wait_for(_read_body(request, limits), limits.upload_s)
    except asyncio.TimeoutError as error:
        raise LimitError(
            f"the request did not arrive within {limits.upload_s:g} s",
            hint="send less, or on a faster line",
            limit="upload_s",
            maximum=limits.upload_s,
        ) from error


async def while_wanted(request: Request, work: Awaitable[T], limits: Limits) -> T:
    """What ``work`` returns, if it does so in time and while the client is there. The body must have been read.

    Raises:
        LimitError: it took longer than allowed.
        ClientDisconnect: the client went.
    """
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_until_gone(request))
    try:
        await asyncio.wait({working, leaving}, timeout=limits.timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        if leaving.done():
            raise ClientDisconnect
        raise LimitError(
            f"the answer took longer than {limits.timeout_s:g} s",
            hint="ask for less, or start the server with a longer request_timeout_ms",
            limit="timeout_s",
            maximum=limits.timeout_s,
        )
    finally:
        leaving.cancel()
        working.cancel()


class Farewell:
    """ASGI middleware: takes in what a refused client is still sending, and drops it, before the answer goes out.

    Without it the connection closes under the client, which then sees a broken pipe and not the reason.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        headers = dict(scope.get("headers", ()))
        # Whoever expects a go-ahead has sent no body yet, and sends none after a refusal.
        is_sending = headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers
        is_sending = is_sending and scope["type"] == "http" and b"expect" not in headers

        async def noting_receive() -> Message:
            nonlocal is_sending
            message = await receive()
            is_sending = is_sending and bool(message.get("more_body"))
            return message

        async def patient_send(message: Message) -> None:
            if is_sending and message["type"] == "http.response.start" and message["status"] >= 400:
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(drop(), _FAREWELL_S)
            await send(message)

        async def drop() -> None:
            while is_sending:
                await noting_receive()

        await self._app(scope, noting_receive, patient_send)


async def _read_body(request: Request, limits: Limits) -> bytes:
    with contextlib.suppress(ValueError):  # a length that is no number is no reason to refuse: bytes are counted
        limits.check_body(int(request.headers.get("content-length", "0")))
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        limits.check_body(len(body))
    return bytes(body)


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
