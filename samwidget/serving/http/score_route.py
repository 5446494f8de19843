"""The route ``/score``: the documented request over HTTP.

Owns the steps from the body of a request to its response, and what the OpenAPI document says of both. The predictions
are made by ``serving.scoring``; limits, queue and URLs have files of their own. ``app`` includes the route.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace

from fastapi import APIRouter, Request, Response

from samwidget.errors import ModelError
from samwidget.formats.azure_ml import RequestRow, Style, load_schema, parse_request
from samwidget.predict import SamPredictor
from samwidget.serving.http.admission import Cancellation
from samwidget.serving.http.body import read_body, run_while_connected
from samwidget.serving.http.service import Service
from samwidget.serving.limits import Limits
from samwidget.serving.scoring import row_named_in_errors, score_rows


def score_route(service: Service) -> APIRouter:
    """The route ``POST /score``."""
    routes = APIRouter(tags=["score"])

    @routes.post("/score", response_class=Response, responses=_RESPONSES, openapi_extra=_REQUEST_BODY)
    async def score(request: Request, style: Style = "service") -> Response:
        """Answers the documented request: as deployed endpoints do, or with ?style=card as the model card has it."""
        with service.admission.admit():
            body = await read_body(request, service.limits)
            response = await run_while_connected(request, _score(service, body, style), service.limits)
            return Response(response, media_type="application/json")

    return routes


async def _score(service: Service, body: bytes, style: Style) -> bytes:
    """The JSON of the response to a request's body."""
    # A large body takes a while to parse: not on the event loop, and not while it holds a predictor.
    rows = await asyncio.to_thread(_checked_rows, body, service.limits)
    rows = await _with_images(rows, service)

    def work(predictor: SamPredictor, cancellation: Cancellation) -> bytes:
        response = score_rows(rows, predictor, style, checkpoint=cancellation.check)
        try:
            return json.dumps(response, allow_nan=False).encode()
        except ValueError as error:
            raise ModelError(f"{predictor.name} gives scores that are not numbers") from error

    return await service.admission.run(work)


def _checked_rows(body: bytes, limits: Limits) -> list[RequestRow]:
    rows = parse_request(body)
    limits.check_rows(rows)
    return rows


async def _with_images(rows: Sequence[RequestRow], service: Service) -> list[RequestRow]:
    """The rows, with the bytes of each image in place of its URL; all images together are no larger than a body."""
    images: dict[str, bytes] = {}
    bytes_left = service.limits.body_bytes
    for number, row in enumerate(rows):
        if isinstance(row.image, str) and row.image not in images:
            with row_named_in_errors(number):
                data = await service.image_fetcher.fetch(row.image, bytes_left)
                service.limits.check_image(data)
            bytes_left -= len(data)
            images[row.image] = data
    return [replace(row, image=images[row.image]) if isinstance(row.image, str) else row for row in rows]


def _schema(name: str) -> dict[str, object]:
    # With an id of its own, the references inside a schema stay inside it.
    return {"$id": f"urn:samwidget:{name}", **load_schema(name)}


_REQUEST_BODY: dict[str, object] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": _schema("azure_ml_request")}}}
}
_RESPONSES: dict[int | str, dict[str, object]] = {
    200: {
        "description": "One entry per row.",
        "content": {"application/json": {"schema": _schema("azure_ml_response_service")}},
    },
    400: {"description": "The request, an image or a prompt cannot be read."},
    401: {"description": "The key is missing or wrong."},
    408: {"description": "The body arrived too slowly, or the answer took too long."},
    413: {"description": "The request is above a limit; the answer names it."},
    503: {"description": "Too many requests at once; Retry-After says when to try again."},
}
