"""Connection: one client's connection, with deadlines for what no route sees: heads, ends of bodies, unread responses.

Owns how many connections there may be, in all and from one peer, and which of them are closed. HTTP itself is
uvicorn's; ``server`` installs the class. The deadline of a body and of a response's computation are in ``body``.

Where there are too many connections, the one that has been without a whole request for longest is closed, not the
newest: a program that opens connections and sends nothing, or little, shuts nobody out.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from dataclasses import dataclass, field
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

log = logging.getLogger(__name__)

_SWEEP_S = 0.5


@dataclass
class Connections:
    """All connections of one server.

    Attributes:
        maximum: connections at most.
        per_peer: connections at most from one IP address. A proxy is one peer, too.
        head_s: seconds from the first byte of a head, or from the connection, to the end of the head.
        body_s: seconds from the end of a head to the end of the body. The routes refuse a body earlier and with a
            message; this is for routes that read none.
        response_s: seconds that a client may take to read a response, besides those of ``response_rate``.
        response_rate: bytes that give a client one second more when it has read them: one that reads slowly but all the
            time is not closed, and one that reads next to nothing is.
        unread_bytes: bytes of all responses that wait for their clients; above this, the one that has waited longest is
            dropped.
    """

    maximum: int = 1000
    per_peer: int = 256
    head_s: float = 10.0
    body_s: float = 60.0
    response_s: float = 60.0
    response_rate: float = 32 * 1024
    unread_bytes: int = 256 * 1024 * 1024
    _open: dict[Connection, None] = field(default_factory=dict)  # in the order in which they were opened

    def add(self, connection: Connection) -> None:
        """Counts a connection; closes another one, or this one, where there are too many."""
        self._open[connection] = None
        self._make_room([other for other in self._open if other.peer == connection.peer], self.per_peer, connection)
        self._make_room(list(self._open), self.maximum, connection)

    def _make_room(self, crowd: list[Connection], maximum: int, newest: Connection) -> None:
        """Closes one of too many connections: the newest only if all others have a whole request."""
        if len(crowd) > maximum:
            idle = [other for other in crowd if not other.has_whole_request and other is not newest]
            victim = min(idle, key=_usefulness, default=newest)
            victim.abort()
            self.remove(victim)  # now: asyncio tells of its end later, and more connections may come before

    def remove(self, connection: Connection) -> None:
        """No longer counts a connection."""
        self._open.pop(connection, None)

    def close_late(self) -> None:
        """Closes the connections whose client has missed a deadline, and those that keep too many bytes waiting."""
        now = time.monotonic()
        for connection in list(self._open):
            if connection.is_late(now, self):
                connection.abort()
        unread = sorted((c for c in self._open if c.unread_since is not None), key=lambda c: c.unread_since or now)
        byte_count = sum(connection.unread_bytes for connection in unread)
        while byte_count > self.unread_bytes:
            byte_count -= unread[0].unread_bytes
            unread.pop(0).abort()

    async def watch(self) -> None:
        """Calls ``close_late`` all the time."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            self.close_late()


class Connection(H11Protocol):
    """One connection.

    Args:
        connections: counts it.
        arguments: those of uvicorn's class.

    Attributes:
        peer: the client's IP address.
        since: ``time.monotonic()`` when the client began what it does: a head, a body, or waiting for the response.
        unread_since: ``time.monotonic()`` when bytes of a response began to wait for the client; None where none wait.
    """

    def __init__(self, connections: Connections, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.peer = ""
        self.since = time.monotonic()
        self._state: object = None
        self.unread_since: float | None = None
        self._unread_before = 0
        self._read_bytes = 0
        self._connections = connections

    @property
    def has_request(self) -> bool:
        """Whether the head of a request has come, and its response is not complete."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def has_whole_request(self) -> bool:
        """Whether a request has come with its body, and its response is not complete."""
        return self.has_request and self.conn.their_state is not h11.SEND_BODY

    @property
    def unread_bytes(self) -> int:
        """Bytes of a response that wait until the client reads."""
        return self.transport.get_write_buffer_size()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Takes a new connection, as asyncio calls it."""
        super().connection_made(transport)
        self.peer = str((transport.get_extra_info("peername") or ("",))[0])
        # Without this the kernel keeps the end of a response back until the client has confirmed its beginning.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the connection, as asyncio calls it."""
        self._connections.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Takes bytes, as asyncio calls it. Whatever they are, no exception leaves this method."""
        before = self.cycle
        try:
            super().data_received(data)
            if self.cycle is not before:  # another request: its time begins now, not when the one before began
                self.since = time.monotonic()
        except Exception as error:  # bytes that neither h11 nor uvicorn foresaw
            log.warning("a head cannot be read", exc_info=error)
            self.abort()

    def abort(self) -> None:
        """Closes the connection at once; what the client has not read is dropped."""
        self.transport.abort()

    def is_late(self, now: float, limits: Connections) -> bool:
        """Whether the client has missed a deadline."""
        unread_bytes = self.unread_bytes
        if unread_bytes:
            if self.unread_since is None:
                self.unread_since, self._read_bytes = now, 0
            else:
                self._read_bytes += max(0, self._unread_before - unread_bytes)
            self.since, self._unread_before = now, unread_bytes
            return now - self.unread_since > limits.response_s + self._read_bytes / limits.response_rate
        self.unread_since = None
        state = (self.has_request, self.conn.their_state)
        if state != self._state:
            self._state, self.since = state, now
        if self.conn.their_state is h11.IDLE:  # uvicorn closes an idle connection earlier, unless a byte has come
            return not self.has_request and now - self.since > limits.head_s
        return self.conn.their_state is h11.SEND_BODY and now - self.since > limits.body_s


def _usefulness(connection: Connection) -> tuple[bool, bool, float]:
    """Sorts connections by what is lost when they are closed: silence, then half a request, then an unread response."""
    return connection.unread_bytes > 0, connection.has_request, connection.since
