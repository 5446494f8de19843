"""Server: a socket, and uvicorn that answers requests there until the process is told to stop.

On SIGTERM or Ctrl-C it takes no new connections, answers waiting requests with 503, finishes those that run, and ends.
The command line calls it. What is answered is in ``app``.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from samwidget.errors import SamWidgetError
from samwidget.serving.http.admission import Admission
from samwidget.serving.http.app import make_app
from samwidget.serving.http.service import Service

# uvicorn itself answers 503 where more connections are open: each costs a file handle and some memory.
_CONNECTIONS_MAX = 1000


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one.

    Raises:
        SamWidgetError: another program listens there, or the host is not an address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_CONNECTIONS_MAX)
    except OSError as error:
        raise SamWidgetError(
            f"cannot listen at {host}, port {port}", hint=f"{error.strerror or error}; choose another with --port"
        ) from error


def run_server(service: Service, listener: socket.socket, on_ready: Callable[[], None] = lambda: None) -> None:
    """Answers requests until the process is told to stop.

    Args:
        service: the parts of the server.
        listener: the socket where it listens.
        on_ready: called when the server is ready for requests.
    """
    config = uvicorn.Config(
        make_app(service),
        http="h11",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS_MAX,
    )
    _Server(config, service.admission, on_ready).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Refuses waiting requests when it is told to stop; uvicorn itself then waits for the requests that run."""

    def __init__(self, config: uvicorn.Config, admission: Admission, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._admission = admission
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self._on_ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        # A signal handler may interrupt the event loop anywhere, also inside Admission.
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._admission.close)
