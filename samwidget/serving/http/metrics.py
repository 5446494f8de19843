"""Metrics: what the server counts, for Prometheus.

Owns the names and labels of the metrics, which docs/serving.md lists: dashboards depend on them. ``app`` installs
``MetricsMiddleware``, and its route ``/metrics`` answers with ``Metrics.text``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from samwidget.predict import SamPredictor
from samwidget.serving.http.errors import CLIENT_GONE

_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_METHODS = ("GET", "HEAD", "POST", "PUT")
_OTHER = "other"


class Metrics:
    """The metrics of one server. They are in a registry of their own, so two servers in one process do not mix.

    Args:
        inside: the number of requests in the server.
        running: the number of requests that use a network.
        predictors: whose encoder runs are counted.
    """

    def __init__(
        self, inside: Callable[[], int], running: Callable[[], int], predictors: Sequence[SamPredictor]
    ) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "samwidget_requests", "Answered requests", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "samwidget_request_seconds",
            "From the first byte of a request to the last of its answer",
            ["route"],
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        for name, text, value in (
            ("samwidget_requests_inside", "Requests that are read, wait or run", inside),
            ("samwidget_networks_running", "Requests that use a network now", running),
            ("samwidget_encodes", "Runs of the image encoder", lambda: sum(p.encodes for p in predictors)),
        ):
            Gauge(name, text, registry=self._registry).set_function(value)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts one answered request and its seconds."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)


class MetricsMiddleware:
    """ASGI middleware that counts requests.

    The label is the route, not the path, and ``other`` for unknown routes and methods: otherwise clients could fill
    the memory with labels.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request, as the ASGI specification describes it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), CLIENT_GONE

        async def watched_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        except Exception:
            status = 500  # a bug: Starlette answers it outside of this middleware
            raise
        finally:
            route = getattr(scope.get("route"), "path", _OTHER)
            method = scope["method"] if scope["method"] in _METHODS else _OTHER
            self._metrics.count(method, route, status, time.perf_counter() - start)
