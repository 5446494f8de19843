"""App: the ASGI application of a server, its middleware and its small routes. FastAPI and starlette.

Owns ``/``, ``/health``, ``/docs``, ``/models`` and ``/metrics``, and which routes need the key. ``/score`` is in
``score_route``, ``/images`` in ``image_routes``. ``server`` runs the application.
"""

from __future__ import annotations

from fastapi import APIRouter, Depends, FastAPI, Response
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse

from samwidget import __version__
from samwidget.serving.http.body import DrainMiddleware
from samwidget.serving.http.docs_page import render_docs_page
from samwidget.serving.http.errors import add_error_handlers
from samwidget.serving.http.head import HeadMiddleware
from samwidget.serving.http.image_routes import image_routes
from samwidget.serving.http.metrics import MetricsMiddleware
from samwidget.serving.http.score_route import score_route
from samwidget.serving.http.service import Service


def make_app(service: Service) -> FastAPI:
    """The ASGI application that answers with a service."""
    app = FastAPI(
        title="samwidget",
        version=__version__,
        description="Masks from points and boxes: the documented request and response of mask-generation models.",
        docs_url=None,  # FastAPI's own pages load scripts from the web
        redoc_url=None,
        middleware=[
            Middleware(MetricsMiddleware, metrics=service.metrics),
            Middleware(DrainMiddleware),
            Middleware(HeadMiddleware),
        ],
    )
    add_error_handlers(app)
    app.include_router(_open_routes(app, service))
    for routes in (score_route(service), _information_routes(service), image_routes(service)):
        app.include_router(routes, dependencies=[Depends(service.access)])
    return app


def _open_routes(app: FastAPI, service: Service) -> APIRouter:
    """Routes without a key: they say nothing about anyone's images."""
    routes = APIRouter(tags=["health"])

    # Some probes send HEAD.
    @routes.head("/", include_in_schema=False)
    @routes.get("/", response_class=PlainTextResponse)
    async def liveness() -> Response:
        """200 while the server is healthy, 503 where a request has used the network for too long."""
        return PlainTextResponse("Healthy" if service.is_healthy else "Stuck", 200 if service.is_healthy else 503)

    @routes.head("/health", include_in_schema=False)
    @routes.get("/health")
    async def health() -> Response:
        """The same as JSON, with the number of requests in the server, and how many of them run."""
        state = {
            "status": "healthy" if service.is_healthy else "stuck",
            "inside": service.inside,
            "running": service.admission.running,
        }
        return JSONResponse(state, 200 if service.is_healthy else 503)

    @routes.get("/docs", response_class=HTMLResponse)
    async def docs() -> Response:
        """This page."""
        return HTMLResponse(render_docs_page(app.openapi()))

    return routes


def _information_routes(service: Service) -> APIRouter:
    """Routes with a key that use no network."""
    routes = APIRouter(tags=["score"])

    @routes.get("/models")
    async def models() -> list[dict[str, object]]:
        """The model that answers: its name, signature, device and thresholds."""
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
        """Metrics in Prometheus' text format."""
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return routes
