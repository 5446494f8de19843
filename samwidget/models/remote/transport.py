"""Transport: HTTP exchanges that end at their deadline and at a number of bytes, whatever the other side does.

Owns the connections and the event loop behind them. What a request or an error means is in ``client``, the only caller.

A timeout of httpx is for one step, such as the next piece of a response: a server that sends a byte now and then can go
on for ever. On an event loop the whole exchange has one deadline, so all exchanges of a process run on one loop, in a
thread of its own.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
import weakref
from collections.abc import Coroutine, Mapping
from typing import Any, NamedTuple, TypeVar

import httpx

from samwidget.core import held_interrupts

T = TypeVar("T")
_CONNECT_TIMEOUT_S = 10.0
# For what is left to do after a deadline: to close the connection.
_CLOSE_S = 2.0


class TooLongError(Exception):
    """A response has more bytes than the caller takes."""


class Response(NamedTuple):
    """A complete response.

    Attributes:
        status: the HTTP status.
        reason: the text behind the status.
        headers: by name; case does not matter.
        content: the body.
    """

    status: int
    reason: str
    headers: Mapping[str, str]
    content: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300


class Transport:
    """The connections to one server.

    Args:
        headers: sent with each request.
        trust_env: whether the proxies of the environment are used.
    """

    def __init__(self, headers: Mapping[str, bytes], *, trust_env: bool) -> None:
        self._headers = {name.encode(): value for name, value in headers.items()}
        self._trust_env = trust_env
        # One value, so that no thread sees the client of one loop with another loop: after a fork that would be the
        # parent's client, with the parent's connections.
        self._client_and_loop: tuple[httpx.AsyncClient, asyncio.AbstractEventLoop] | None = None

    def exchange(self, method: str, url: str, *, deadline: float, bytes_max: int, content: bytes = b"") -> Response:
        """The response to one request.

        Args:
            method: of the request.
            url: of the request.
            deadline: in the time of ``time.monotonic()``; for everything from the look-up of the name to the last byte.
            bytes_max: bytes of the body at most, unpacked.
            content: the body of the request, JSON or an image.

        Raises:
            TimeoutError: the deadline has passed.
            TooLongError: the body is longer.
            httpx.HTTPError: the server cannot be reached, or does not speak HTTP. Others may come from its libraries.
        """
        loop = _loop()
        client = self._client_on(loop)
        seconds = deadline - time.monotonic()
        return _run(asyncio.wait_for(_exchange(client, method, url, content, bytes_max), seconds), loop, seconds)

    def _client_on(self, loop: asyncio.AbstractEventLoop) -> httpx.AsyncClient:
        """The client; a new one after a fork, where the loop of the parent does not run."""
        if self._client_and_loop is None or self._client_and_loop[1] is not loop:
            client = httpx.AsyncClient(
                headers=self._headers,
                trust_env=self._trust_env,
                timeout=httpx.Timeout(None, connect=_CONNECT_TIMEOUT_S),
            )
            # Two threads may come here at once. Then each has a client, and the next call takes the later one.
            self._client_and_loop = client, loop
            weakref.finalize(self, _close, client, loop)  # nobody closes a predictor
            return client
        return self._client_and_loop[0]


async def _exchange(client: httpx.AsyncClient, method: str, url: str, content: bytes, bytes_max: int) -> Response:
    async with client.stream(method, url, content=content) as response:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > bytes_max:
                raise TooLongError
        return Response(response.status_code, response.reason_phrase, response.headers, bytes(body))


def _run(work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop, seconds: float) -> T:
    """What the coroutine returns on a loop of another thread; TimeoutError where it does not end after all."""
    with held_interrupts(holds_all=True) as interrupts:
        future = asyncio.run_coroutine_threadsafe(work, loop)
        try:
            if not interrupts.wait_for(future, max(0.0, seconds) + _CLOSE_S):
                raise TimeoutError
            return future.result()
        except asyncio.TimeoutError as error:  # the class of its own in Python 3.10
            raise TimeoutError from error
        finally:
            future.cancel()  # after Ctrl-C


def _close(client: httpx.AsyncClient, loop: asyncio.AbstractEventLoop) -> None:
    # In a forked process the loop of the parent says that it runs, but no thread runs it.
    if loop is _loops.get(os.getpid()) and loop.is_running():
        asyncio.run_coroutine_threadsafe(client.aclose(), loop)


_loops: dict[int, asyncio.AbstractEventLoop] = {}
"""The loop by the id of its process: a forked process has none of its parent's threads, so it needs its own."""


def _loop() -> asyncio.AbstractEventLoop:
    """The event loop of this process, in a thread that does not keep the process alive."""
    process_id = os.getpid()
    if process_id not in _loops:
        with held_interrupts(holds_all=True):
            new = asyncio.new_event_loop()
            # No lock: a fork while another thread held it would lock the forked process for ever.
            if _loops.setdefault(process_id, new) is new:
                threading.Thread(target=new.run_forever, name="samwidget-endpoint", daemon=True).start()
            else:  # another thread came first
                new.close()
    return _loops[process_id]
