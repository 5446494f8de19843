"""The HTTP face of a service: the documented ``/score``, health, metrics and a page about it all. FastAPI is here.

Each route reads a request and hands it on. What is answered is ``scoring``; everything that keeps strangers and crowds
from doing harm has a file of its own beside this one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse

from samwidget import __version__
from samwidget.errors import ModelError
from samwidget.formats.azure_ml import RequestRow, Style, load_schema, parse_request
from samwidget.predict import SamPredictor
from samwidget.serving.http.admission import Stop
from samwidget.serving.http.body import Farewell, read_body, while_wanted
from samwidget.serving.http.handlers import answer_problems
from samwidget.serving.http.image_routes import native_routes
from samwidget.serving.http.metrics import Counted
from samwidget.serving.http.page import page_of
from samwidget.serving.http.service import Service
from samwidget.serving.limits import Limits
from samwidget.serving.scoring import naming_row, score_rows


def make_app(service: Service) -> FastAPI:
    """The ASGI application of a service."""
    app = FastAPI(
        title="samwidget",
        version=__version__,
        description="Masks from points and boxes: the documented request and response of mask-generation models.",
        docs_url=None,  # FastAPI's own pages load scripts from the web
        redoc_url=None,
        middleware=[Middleware(Counted, metrics=service.metrics), Middleware(Farewell)],
    )
    answer_problems(app)

    async def let_in(request: Request) -> None:
        service.door.check(request.scope["headers"])

    app.include_router(_open_routes(app, service))
    app.include_router(_routes(service), dependencies=[Depends(let_in)])
    app.include_router(native_routes(service), dependencies=[Depends(let_in)])
    return app


def _open_routes(app: FastAPI, service: Service) -> APIRouter:
    """What needs no key: it says nothing about anyone's images."""
    routes = APIRouter(tags=["health"])

    @routes.get("/", response_class=PlainTextResponse)
    async def liveness() -> Response:
        """200 while the server is well, 503 where a request has held the network for too long."""
        return PlainTextResponse("Healthy" if service.is_healthy else "Stuck", 200 if service.is_healthy else 503)

    @routes.get("/health")
    async def health() -> Response:
        """The same with how many requests are here, and how many of them are answered right now."""
        queue = service.queue
        told = {
            "status": "healthy" if service.is_healthy else "stuck",
            "inside": queue.inside,
            "running": queue.running,
        }
        return JSONResponse(told, 200 if service.is_healthy else 503)

    @routes.get("/docs", response_class=HTMLResponse)
    async def docs() -> Response:
        """This page."""
        return HTMLResponse(page_of(app.openapi()))

    return routes


def _routes(service: Service) -> APIRouter:
    routes = APIRouter(tags=["score"])

    @routes.post("/score", response_class=Response, responses=_SCORE_RESPONSES, openapi_extra=_SCORE_REQUEST)
    async def score(request: Request, style: Style = "service") -> Response:
        """Answers the documented request: as deployed endpoints do, or with ?style=card as the model card has it."""
        with service.queue.place():
            body = await read_body(request, service.limits)
            answer = await while_wanted(request, _score(service, body, style), service.limits)
            return Response(answer, media_type="application/json")

    @routes.get("/models")
    async def models() -> list[dict[str, Any]]:
        """The network that answers."""
        predictor = service.predictors[0]
        return [
            {
                "name": predictor.name,
                "signature": predictor.signature,
                "device": str(predictor.device),
                "everything_defaults": predictor.everything_defaults._asdict(),
            }
        ]

    @routes.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Counts in Prometheus' text format."""
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return routes


async def _score(service: Service, body: bytes, style: Style) -> bytes:
    # A large body takes a while to parse: not on the event loop, and not in a turn at the network.
    rows = await asyncio.to_thread(_checked_rows, body, service.limits)
    rows = await _with_images(rows, service)

    def work(predictor: SamPredictor, stop: Stop) -> bytes:
        response = score_rows(rows, predictor, style, checkpoint=stop.check)
        try:
            return json.dumps(response, allow_nan=False).encode()
        except ValueError as error:
            raise ModelError(f"{predictor.name} gives scores that are no numbers") from error

    return await service.queue.run(work)


def _checked_rows(body: bytes, limits: Limits) -> list[RequestRow]:
    rows = parse_request(body)
    limits.check_rows(rows)
    return rows


async def _with_images(rows: Sequence[RequestRow], service: Service) -> list[RequestRow]:
    """The rows with the images that they name by address; all of them together are as large as a body may be."""
    fetched: dict[str, bytes] = {}
    budget = service.limits.body_bytes
    for number, row in enumerate(rows):
        if isinstance(row.image, str) and row.image not in fetched:
            with naming_row(number):
                data = await service.addresses.fetch(row.image, budget)
                service.limits.check_image(data)
            budget -= len(data)
            fetched[row.image] = data
    return [replace(row, image=fetched[row.image]) if isinstance(row.image, str) else row for row in rows]


def _schema(name: str) -> dict[str, Any]:
    # With a name of its own, a schema's inner references stay inside it.
    return {"$id": f"urn:samwidget:{name}", **load_schema(name)}


_SCORE_REQUEST = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": _schema("azure_ml_request")}}}
}
_SCORE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One entry per row.",
        "content": {"application/json": {"schema": _schema("azure_ml_response_service")}},
    },
    400: {"description": "A request that cannot be read, an image or a prompt that is none."},
    401: {"description": "No key, or not the right one."},
    408: {"description": "Too slow: the body did not come, or the answer takes too long."},
    413: {"description": "More than a limit allows; the answer names it."},
    503: {"description": "Too many at once; Retry-After says when to ask again."},
}
