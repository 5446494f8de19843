"""Metrics: what the server counts, for Prometheus. Owns their names, which docs/serving.md lists."""

from __future__ import annotations

import time
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from samwidget.predict import SamPredictor
from samwidget.serving.http.admission import Queue

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_METHODS = ("GET", "HEAD", "POST", "PUT")
# What nginx calls a client that left before its answer; no client ever sees it.
CLIENT_GONE = 499


class Metrics:
    """Counts of one server; two servers in one process do not meet.

    Args:
        queue: whose length is shown.
        predictors: whose encoder runs are shown.
    """

    def __init__(self, queue: Queue, predictors: Sequence[SamPredictor]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "samwidget_requests", "Answered requests", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "samwidget_request_seconds",
            "From the first byte of a request to the last of its answer",
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        for name, text, value in (
            ("samwidget_requests_inside", "Requests that are read, wait or run", lambda: queue.inside),
            ("samwidget_networks_running", "Turns at a network that are taken", lambda: queue.running),
            ("samwidget_encodes", "Runs of the image encoder", lambda: sum(each.encodes for each in predictors)),
        ):
            Gauge(name, text, registry=self._registry).set_function(value)

    def text(self) -> bytes:
        """The counts in Prometheus' text format."""
        return generate_latest(self._registry)

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts one answered request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)


class Counted:
    """ASGI middleware that counts requests by route, not by path: strangers cannot make up labels."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), CLIENT_GONE

        async def noting_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting_send)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.count(method, route, status, time.perf_counter() - start)
