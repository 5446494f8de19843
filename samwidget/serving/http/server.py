"""Server: a socket, and uvicorn that answers requests there until the process is told to stop.

On SIGTERM or Ctrl-C it takes no new connections, answers waiting requests with 503, finishes those that run, and ends:
within the grace period, whatever clients do. The command line calls it. What is answered is in ``app``; the limits of
connections are in ``connection``.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import cast

import uvicorn

from samwidget.errors import SamWidgetError
from samwidget.serving.http.admission import Admission
from samwidget.serving.http.app import make_app
from samwidget.serving.http.connection import Connection, Connections
from samwidget.serving.http.service import Service

_BACKLOG = 1000
# As long as Kubernetes and docker compose wait for a process before they kill it, at most.
_GRACE_S = 30


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one.

    Raises:
        SamWidgetError: another program listens there, or the host is not an address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise SamWidgetError(
            f"cannot listen at {host}, port {port}", hint=f"{error.strerror or error}; choose another with --port"
        ) from error


def run_server(
    service: Service,
    listener: socket.socket,
    on_ready: Callable[[], None] = lambda: None,
    *,
    connections: Connections | None = None,
    grace_s: int = _GRACE_S,
) -> None:
    """Answers requests until the process is told to stop.

    Args:
        service: the parts of the server.
        listener: the socket where it listens.
        on_ready: called when the server is ready for requests.
        connections: the limits of connections; None takes the defaults, with twice ``upload_s`` for a body.
        grace_s: seconds to finish requests, from the signal to the end.
    """
    connections = connections or Connections(body_s=2 * service.limits.upload_s)
    config = uvicorn.Config(
        make_app(service),
        http=cast(type[asyncio.Protocol], partial(Connection, connections)),  # uvicorn only calls it
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=grace_s,
    )
    service.decoders.start()
    try:
        _Server(config, service.admission, connections, on_ready).run(sockets=[listener])
    finally:
        service.decoders.close()


class _Server(uvicorn.Server):
    """Refuses waiting requests when it is told to stop; uvicorn itself then waits for the requests that run."""

    def __init__(
        self, config: uvicorn.Config, admission: Admission, connections: Connections, on_ready: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._connections = connections
        self._loop: asyncio.AbstractEventLoop | None = None
        self._admission = admission
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self._watching = self._loop.create_task(self._connections.watch())
        self._on_ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        # A signal handler may interrupt the event loop anywhere, also inside Admission.
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._admission.close)
