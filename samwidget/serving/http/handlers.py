"""Handlers: whatever a route raises is answered as ``problems`` words it."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from samwidget.errors import SamWidgetError
from samwidget.serving.http.admission import BusyError
from samwidget.serving.http.auth import AccessError
from samwidget.serving.http.errors import problem_json, status_of
from samwidget.serving.http.metrics import CLIENT_GONE


def answer_problems(app: FastAPI) -> None:
    """Has every problem of the app answered in this form."""

    @app.exception_handler(SamWidgetError)
    async def ours(_: Request, error: SamWidgetError) -> Response:
        headers: dict[str, str] = {}
        if isinstance(error, BusyError):
            headers["Retry-After"] = str(error.retry_after_s)
        if isinstance(error, AccessError) and error.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return JSONResponse(problem_json(error), status_of(error), headers)

    @app.exception_handler(HTTPException)
    async def framework(_: Request, error: HTTPException) -> Response:
        return _plain(error.status_code, "http", str(error.detail), error.headers)

    @app.exception_handler(RequestValidationError)
    async def arguments(_: Request, error: RequestValidationError) -> Response:
        told = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        return _plain(400, "format", told)

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, error: ClientDisconnect) -> Response:
        return Response(status_code=CLIENT_GONE)

    @app.exception_handler(Exception)
    async def bug(_: Request, error: Exception) -> Response:
        return _plain(500, "error", "the server failed; its log says why")


def _plain(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": {"code": code, "message": message, "hint": ""}}, status, headers)
