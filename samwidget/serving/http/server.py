"""Server: a service from settings, listening until it is told to stop. uvicorn is here.

On SIGTERM or Ctrl-C it refuses new connections, sends waiting requests away with 503, finishes what runs, and ends.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from types import FrameType

import uvicorn

from samwidget.errors import SamWidgetError
from samwidget.formats.azure_ml import Deployment
from samwidget.predict import SamPredictor
from samwidget.serving.http.admission import Queue
from samwidget.serving.http.app import make_app
from samwidget.serving.http.auth import Door
from samwidget.serving.http.service import Service
from samwidget.serving.http.url_images import Addresses
from samwidget.serving.limits import Limits

# More open connections than this are answered 503 by uvicorn itself; each costs a file and some memory.
_CONNECTIONS_MAX = 1000
_WAIT_S = 30.0
_STUCK_S = 300.0


def open_service(
    load: Callable[[], SamPredictor],
    deployment: Deployment,
    *,
    key: str | None,
    own_hosts: Iterable[str] | None = ("localhost",),
    waiting_max: int = 32,
    limits: Limits | None = None,
    image_hosts: Iterable[str] = (),
) -> Service:
    """The service that a deployment describes, its networks loaded.

    Args:
        load: makes one copy of the network.
        deployment: what the file says; what it leaves open is as in docs/serving.md.
        key: as ``Door``.
        own_hosts: as ``Door``.
        waiting_max: as ``Queue``.
        limits: of one request.
        image_hosts: as ``Addresses``.
    """
    predictors = [load() for _ in range(deployment.instance_count or 1)]
    queue = Queue(
        predictors,
        at_once=deployment.max_concurrent_requests_per_instance or 1,
        waiting_max=waiting_max,
        wait_s=(deployment.max_queue_wait_ms or _WAIT_S * 1000) / 1000,
    )
    period_s, failures = deployment.probe_period_s, deployment.probe_failure_threshold
    return Service(
        predictors,
        queue,
        Door(key, None if own_hosts is None else frozenset(own_hosts)),
        limits or Limits(),
        Addresses(image_hosts),
        # The platform's defaults where the file gives one of the two: every 10 s, 30 times.
        _STUCK_S if period_s is None and failures is None else (period_s or 10) * (failures or 30),
    )


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one.

    Raises:
        SamWidgetError: the address is taken or not one of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_CONNECTIONS_MAX)
    except OSError as error:
        raise SamWidgetError(
            f"cannot listen at {host}, port {port}", hint=f"{error.strerror or error}; choose another with --port"
        ) from error


def serve(service: Service, listener: socket.socket, on_ready: Callable[[], None] = lambda: None) -> None:
    """Answers requests until the process is told to stop.

    Args:
        service: what answers.
        listener: where it listens.
        on_ready: called once requests are answered.
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
    _Server(config, service.queue, on_ready).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Empties the queue when it is told to stop; uvicorn waits for the requests that then remain."""

    def __init__(self, config: uvicorn.Config, queue: Queue, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue = queue
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self._on_ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        # A signal may arrive between any two steps of the loop, also in the middle of the queue's own.
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._queue.close)
