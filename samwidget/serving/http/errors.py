"""Errors of the server, and how it answers any error: a status and ``{"error": {"code", "message", "hint"}}``.

Owns the status of every error, and the errors that only a server has. ``app`` installs the handlers with
``add_error_handlers``. The Azure ML entry script calls ``status_of`` and ``error_json`` where FastAPI is not installed,
so only ``add_error_handlers`` imports it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from samwidget.errors import ClosedError, LimitError, ModelError, SamWidgetError
from samwidget.serving.decoding import DecoderError

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response

log = logging.getLogger(__name__)

CLIENT_GONE = 499
"""Status of a request whose client disconnected before the response, as nginx logs it. No client receives it."""

_SEE_LOG = "the server's log says why"
_TIME_LIMITS = ("timeout_s", "upload_s")
# An error quotes what the client sent, which may be megabytes.
_CHARACTERS_MAX = 400


class AccessError(SamWidgetError):
    """The request has no right key, or comes from where the server accepts none.

    Args:
        message: what is wrong.
        hint: how to mend it.
        status: 401 where a key is missing or wrong, 403 where a key would not help.
    """

    code = "key"

    def __init__(self, message: str, *, hint: str, status: int = 401) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class BusyError(SamWidgetError):
    """Too many requests at once, or the server is stopping.

    Args:
        message: why the server does not take the request.
        retry_after_s: seconds after which the client should try again; sent as ``Retry-After``.
    """

    code = "busy"

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message, hint=f"try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class UnknownImageError(SamWidgetError):
    """The server does not have this image, or does not have it any more."""

    code = "image-unknown"


class OtherModelError(SamWidgetError):
    """The request names another model than the one that the server runs."""

    code = "network-changed"


def status_of(error: SamWidgetError) -> int:
    """The HTTP status that an error is answered with."""
    match error:
        case AccessError():
            return error.status
        case LimitError():
            return 408 if error.limit in _TIME_LIMITS else 413
        case UnknownImageError():
            return 404
        case OtherModelError():
            return 409
        case BusyError() | ClosedError():
            return 503
        case ModelError() | DecoderError():
            return 500
    return 400


def error_json(error: SamWidgetError) -> dict[str, dict[str, object]]:
    """The JSON body that an error is answered with.

    The hint of a ModelError may quote file paths of the server, so clients do not see it: the handler logs it instead.
    """
    hint = _SEE_LOG if isinstance(error, ModelError) else error.hint
    body = _body(error.code, error.message, hint)
    if isinstance(error, LimitError):
        body["error"]["limit"] = {error.limit: error.maximum}
    return body


def add_error_handlers(app: FastAPI) -> None:
    """Makes an application answer every error, those of the framework and bugs included, with the same JSON."""
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException
    from starlette.requests import ClientDisconnect
    from starlette.responses import JSONResponse, Response

    @app.exception_handler(SamWidgetError)
    async def handle_own_error(_: Request, error: SamWidgetError) -> Response:
        if isinstance(error, ModelError | DecoderError):
            log.error("%s", error, exc_info=error)
        return JSONResponse(error_json(error), status_of(error), _headers_of(error))

    @app.exception_handler(HTTPException)
    async def handle_framework_error(_: Request, error: HTTPException) -> Response:
        hint = "POST a request to /score; /docs has all routes" if error.status_code in (404, 405) else ""
        return JSONResponse(_body("http", str(error.detail), hint), error.status_code, error.headers)

    @app.exception_handler(RequestValidationError)
    async def handle_wrong_argument(_: Request, error: RequestValidationError) -> Response:
        messages = [f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.errors()]
        return JSONResponse(_body("format", "; ".join(messages)), 400)

    @app.exception_handler(ClientDisconnect)
    async def handle_disconnect(_: Request, error: ClientDisconnect) -> Response:
        return Response(status_code=CLIENT_GONE)

    @app.exception_handler(Exception)
    async def handle_bug(_: Request, error: Exception) -> Response:
        # Starlette raises the error again after this response, and uvicorn logs it.
        return JSONResponse(_body("error", "the server failed; its log says why"), 500)


def _headers_of(error: SamWidgetError) -> Mapping[str, str]:
    match error:
        case BusyError():
            return {"Retry-After": str(error.retry_after_s)}
        case AccessError(status=401):
            return {"WWW-Authenticate": "Bearer"}
    return {}


def _body(code: str, message: str, hint: str = "") -> dict[str, dict[str, object]]:
    return {"error": {"code": code, "message": _short(message), "hint": _short(hint)}}


def _short(text: str) -> str:
    """The beginning of a text, which UTF-8 can hold: JSON may bring half a surrogate pair."""
    clipped = text if len(text) <= _CHARACTERS_MAX else text[: _CHARACTERS_MAX - 1] + "…"
    return clipped.encode("utf-8", "backslashreplace").decode("utf-8")
