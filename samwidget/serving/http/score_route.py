"""The route ``/score``: the documented request over HTTP.

Owns the steps from the body of a request to its response, and what the OpenAPI document says of both. The predictions
are made by ``serving.scoring``; limits, queue and URLs have files of their own. ``app`` includes the route.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from fastapi import APIRouter, Request, Response

from samwidget.formats.azure_ml import RequestRow, Style, exif_of, load_schema
from samwidget.predict import SamPredictor
from samwidget.serving.http.admission import Cancellation
from samwidget.serving.http.body import run_while_connected
from samwidget.serving.http.service import Service
from samwidget.serving.reading import read_rows
from samwidget.serving.scoring import group_by_image, row_named_in_errors, score_rows


def score_route(service: Service) -> APIRouter:
    """The route ``POST /score``."""
    routes = APIRouter(tags=["score"])

    @routes.post("/score", response_class=Response, responses=_RESPONSES, openapi_extra=_REQUEST_BODY)
    async def score(request: Request, style: Style = "service") -> Response:
        """Answers the documented request: as deployed endpoints do, or with ?style=card as the model card has it."""
        body = await service.read_body(request)
        with service.admission.admit():
            response = await run_while_connected(request, _score(service, body, style), service.limits)
            return Response(response, media_type="application/json")

    return routes


async def _score(service: Service, body: bytes, style: Style) -> bytes:
    """The JSON of the response to a request's body."""
    # A large body takes a while to parse: not on the event loop, and not while it holds a predictor.
    rows = await service.parse(read_rows, body, service.limits, style)
    rows = await _with_images(rows, service)
    entries: dict[int, bytes] = {}
    for group in group_by_image(rows):  # one turn for each image: memory for the pixels of one
        entries.update(zip(group, await _score_image(service, rows, group, style), strict=True))
    return b"[" + b",".join(entries[number] for number in range(len(rows))) + b"]"


async def _score_image(service: Service, rows: Sequence[RequestRow], group: Sequence[int], style: Style) -> list[bytes]:
    """The JSON of the entries of a group of rows about one image."""
    async with service.admission.prepare() as wait_s:
        with row_named_in_errors(group[0]):
            pixels = await service.decode(rows[group[0]].image, exif_of(style))

        def work(predictor: SamPredictor, cancellation: Cancellation) -> list[bytes]:
            response = score_rows(
                [rows[number] for number in group],
                predictor,
                style,
                checkpoint=cancellation.check,
                read_image=lambda _: pixels,
                row_numbers=group,
            )
            return [json.dumps(entry).encode() for entry in response]

        return await service.admission.run(work, wait_s)


async def _with_images(rows: Sequence[RequestRow], service: Service) -> list[RequestRow]:
    """The rows, with the bytes of each image in place of its URL; all images together are no larger than a body."""
    images: dict[str, bytes] = {}
    bytes_left = service.limits.body_bytes
    for number, row in enumerate(rows):
        if isinstance(row.image, str) and row.image not in images:
            with row_named_in_errors(number):
                images[row.image] = await service.image_fetcher.fetch(row.image, bytes_left)
            bytes_left -= len(images[row.image])
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
