"""Head: refuses a request whose header ``Host`` is no host, before anything reads it.

Frameworks make addresses of the header, in redirects and in the OpenAPI document, and fail where it is none. ``app``
installs the middleware. All else in a head is checked by h11, and by the route or the access check that reads it.
"""

from __future__ import annotations

import re

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from samwidget.errors import FormatError
from samwidget.serving.http.errors import error_json, status_of

# A name, an IPv4 address, or an IPv6 address in brackets; and a port. Old clients send no name.
_HOST = re.compile(rb"([A-Za-z0-9._-]{0,255}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{0,5})?")


class HeadMiddleware:
    """ASGI middleware that answers requests with a broken ``Host`` itself, with status 400."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request, as the ASGI specification describes it."""
        hosts = [value for name, value in scope.get("headers", ()) if name == b"host"]
        if all(_HOST.fullmatch(host) for host in hosts):
            await self._app(scope, receive, send)
            return
        error = FormatError("the header Host is not a host", hint="send the name or address of this server")
        await JSONResponse(error_json(error), status_of(error))(scope, receive, send)
