"""Routes for ``SamPredictor.from_endpoint``: a client sends an image once, and then small requests about it.

Owns the routes below ``/images``, where an image is named by the SHA-256 of its file. The server may forget an image at
any time; it then answers 404, and the client sends the image again. What crosses the wire is ``models.remote``.
``app`` includes the routes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Path, Request, Response

from samwidget.core import Prompt
from samwidget.errors import FormatError
from samwidget.models import Embedding
from samwidget.models.remote import read_request, write_response
from samwidget.predict import SamPredictor
from samwidget.serving.http.admission import Cancellation
from samwidget.serving.http.body import run_while_connected
from samwidget.serving.http.errors import OtherModelError, UnknownImageError
from samwidget.serving.http.service import Service
from samwidget.serving.limits import Limits
from samwidget.serving.reading import only_own_errors, read_json

Sha256 = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the image file, in hex")]


def image_routes(service: Service) -> APIRouter:
    """The routes below ``/images``."""
    routes = APIRouter(tags=["remote network"])

    # Operation ids are names for client generators: they stay as version 0.1.0 had them.
    @routes.get("/images/{sha256}", operation_id="look_images__sha256__get")
    async def get_image(sha256: Sha256) -> dict[str, object]:
        """The image's frame and the model's signature; 404 where the server does not have the image."""
        return _frame_json(_embedding(service, sha256))

    @routes.put("/images/{sha256}", openapi_extra=_request_body("application/octet-stream", "The image file."))
    async def upload(request: Request, sha256: Sha256) -> dict[str, object]:
        """Sends an image, which the server encodes."""
        data = await service.read_body(request)
        with service.admission.admit():
            embedding = await run_while_connected(request, _embed(service, data, sha256), service.limits)
            service.embeddings.put(sha256, embedding)
            return _frame_json(embedding)

    @routes.post(
        "/images/{sha256}/masks",
        operation_id="ask_images__sha256__masks_post",
        response_class=Response,
        responses={200: {"content": {"application/octet-stream": {}}, "description": "safetensors: logits, scores"}},
        openapi_extra=_request_body("application/json", "prompts, multimask_output, signature"),
    )
    async def predict(request: Request, sha256: Sha256) -> Response:
        """Low-res logits and scores for prompts about an image that the server has."""
        body = await service.read_body(request)
        with service.admission.admit():
            embedding = _embedding(service, sha256)
            response = await run_while_connected(request, _predict(service, embedding, body), service.limits)
            return Response(response, media_type="application/octet-stream")

    return routes


async def _embed(service: Service, data: bytes, sha256: str) -> Embedding:
    """The embedding of an image file."""
    if await service.parse(_sha256_of, data) != sha256:
        raise FormatError("the image has another SHA-256 than the URL says", hint="send it again")
    async with service.admission.prepare() as wait_s:
        pixels = await service.decode(data)

        def work(predictor: SamPredictor, cancellation: Cancellation) -> Embedding:
            cancellation.check()
            return predictor.embed(pixels)

        return await service.admission.run(work, wait_s)


async def _predict(service: Service, embedding: Embedding, body: bytes) -> bytes:
    """The safetensors of the response to a request's body."""
    prompts, multimask_output, signature = await service.parse(_parse, body, service.limits)
    service.limits.check_prompts(prompts)
    if signature not in ("", embedding.signature):
        raise OtherModelError(f"this server runs {embedding.signature!r}", hint="make the predictor again")
    if not prompts:
        raise FormatError("the request has no prompts", hint="send at least one")

    def work(predictor: SamPredictor, cancellation: Cancellation) -> bytes:
        cancellation.check()
        predictions = predictor.predict_many(prompts, embedding, multimask_output)
        return write_response(
            np.stack([masks.logits for masks in predictions]), np.stack([masks.scores for masks in predictions])
        )

    return await service.admission.run(work)


def _parse(body: bytes, limits: Limits) -> tuple[Sequence[Prompt], bool, str]:
    """Prompts, ``multimask_output`` and the signature that the client expects."""
    with only_own_errors("the request"):
        return read_request(read_json(body, limits))


def _sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _embedding(service: Service, sha256: str) -> Embedding:
    embedding = service.embeddings.get(sha256)
    if embedding is None:
        raise UnknownImageError("the server does not have this image", hint=f"PUT /images/{sha256}, then ask again")
    return embedding


def _frame_json(embedding: Embedding) -> dict[str, object]:
    return {"frame": embedding.frame.to_json(), "signature": embedding.signature}


def _request_body(media_type: str, description: str) -> dict[str, object]:
    return {"requestBody": {"required": True, "description": description, "content": {media_type: {}}}}
