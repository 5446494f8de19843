"""Routes for ``SamPredictor.from_endpoint``: an image comes once, by its hash; questions about it are small.

The server may forget an image at any time and says so; the client then sends it again. What crosses is
``formats.remote``.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Path, Request, Response

from samwidget.errors import FormatError
from samwidget.models import Embedding
from samwidget.models.remote import read_question, write_answer
from samwidget.predict import SamPredictor
from samwidget.serving.http.admission import Stop
from samwidget.serving.http.body import read_body, while_wanted
from samwidget.serving.http.errors import OtherNetworkError, UnknownImageError
from samwidget.serving.http.service import Service

Hash = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the image file, in hex")]


def native_routes(service: Service) -> APIRouter:
    """The routes below ``/images``."""
    routes = APIRouter(tags=["remote network"])

    @routes.get("/images/{sha256}")
    async def look(sha256: Hash) -> dict[str, Any]:
        """Whether the server has an image: its frame and the network's signature, or 404."""
        return _frame_json(_known(service, sha256))

    @routes.put("/images/{sha256}", openapi_extra=_body("application/octet-stream", "The image file."))
    async def upload(request: Request, sha256: Hash) -> dict[str, Any]:
        """Sends an image, and has it encoded."""
        with service.queue.place():
            data = await read_body(request, service.limits)

            def work(predictor: SamPredictor, stop: Stop) -> Embedding:
                if hashlib.sha256(data).hexdigest() != sha256:
                    raise FormatError("the image has another SHA-256 than its address", hint="send it again")
                service.limits.check_image(data)
                stop.check()
                return predictor.embed(data)

            embedding = await while_wanted(request, service.queue.run(work), service.limits)
            service.images.put(sha256, embedding)
            return _frame_json(embedding)

    @routes.post(
        "/images/{sha256}/masks",
        response_class=Response,
        responses={200: {"content": {"application/octet-stream": {}}, "description": "safetensors: logits, scores"}},
        openapi_extra=_body("application/json", "prompts, multimask_output, signature"),
    )
    async def ask(request: Request, sha256: Hash) -> Response:
        """Low-res logits and scores for prompts about an image that was sent."""
        with service.queue.place():
            body = await read_body(request, service.limits)
            embedding = _known(service, sha256)
            answer = await while_wanted(request, _answer(service, embedding, body), service.limits)
            return Response(answer, media_type="application/octet-stream")

    return routes


async def _answer(service: Service, embedding: Embedding, body: bytes) -> bytes:
    prompts, several, signature = await asyncio.to_thread(_question, body)
    service.limits.check_prompts(prompts)
    if signature not in ("", embedding.signature):
        raise OtherNetworkError(f"this server runs {embedding.signature!r}", hint="make the predictor again")
    if not prompts:
        raise FormatError("the question has no prompts", hint="ask at least one")

    def work(predictor: SamPredictor, stop: Stop) -> bytes:
        stop.check()
        answers = predictor.predict_many(prompts, embedding, several)
        return write_answer(np.stack([each.logits for each in answers]), np.stack([each.scores for each in answers]))

    return await service.queue.run(work)


def _question(body: bytes) -> Any:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise FormatError("the question is not JSON", hint=str(error)) from error
    return read_question(value)


def _known(service: Service, sha256: str) -> Embedding:
    embedding = service.images.get(sha256)
    if embedding is None:
        raise UnknownImageError("the server does not have this image", hint=f"PUT /images/{sha256}, then ask again")
    return embedding


def _frame_json(embedding: Embedding) -> dict[str, Any]:
    return {"frame": embedding.frame.to_json(), "signature": embedding.signature}


def _body(media_type: str, description: str) -> dict[str, Any]:
    return {"requestBody": {"required": True, "description": description, "content": {media_type: {}}}}
