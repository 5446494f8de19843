"""Access: who may send requests. A bearer key, or no key for programs on this machine only.

Owns the choice of the key when the server starts, and the check of each request. A check is a FastAPI dependency: it
runs before a route reads the request's body. How much a request may ask is in ``serving.limits``.
"""

# No postponed annotations here: FastAPI cannot resolve the ones of a ``__call__`` method.

import hmac
import os
import secrets
from urllib.parse import urlsplit

from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection

from samwidget.errors import SamWidgetError
from samwidget.models.remote import KEY_VARIABLE, is_loopback
from samwidget.serving.http.errors import AccessError

_CHARACTERS_MIN = 16


def choose_key(host: str, *, no_key: bool, open_to_anyone: bool) -> tuple[str | None, bool]:
    """The key that a server asks for, and whether it is a new one; None where it asks for no key.

    Args:
        host: the address where the server listens.
        no_key: ask for no key.
        open_to_anyone: confirms ``no_key`` where other machines can reach the server.

    Raises:
        SamWidgetError: ``no_key`` without confirmation on an address that other machines can reach; or a key in the
            environment variable SAMWIDGET_KEY that is too short or has control characters.
    """
    if no_key:
        if not is_loopback(host) and not open_to_anyone:
            raise SamWidgetError(
                f"--no-key together with --host {host} lets anyone use this machine",
                hint="leave out --no-key, or add --open-to-anyone if that is meant",
            )
        return None, False
    key = os.environ.get(KEY_VARIABLE, "").strip()  # a key that is read from a file often ends in a newline
    if not key:
        return secrets.token_urlsafe(32), True
    if not key.isprintable():
        raise SamWidgetError(
            f"the key in {KEY_VARIABLE} has a character that no header can hold",
            hint="set one of letters and digits on one line, or unset the variable",
        )
    if len(key) < _CHARACTERS_MIN:
        raise SamWidgetError(
            f"the key in {KEY_VARIABLE} has {len(key)} characters",
            hint=f"set one of at least {_CHARACTERS_MIN} characters, or unset the variable",
        )
    return key, False


class BearerKey(HTTPBearer):
    """Checks the bearer key of each request, in constant time. FastAPI lists the scheme in the OpenAPI document.

    Args:
        key: the key that requests have to carry.
    """

    def __init__(self, key: str) -> None:
        super().__init__(
            scheme_name="key",
            description=f"The key in {KEY_VARIABLE} of the server, or the one that it printed at its start.",
            auto_error=False,  # its own error is not JSON of our form
        )
        self._key = key.encode()

    async def __call__(self, request: HTTPConnection) -> HTTPAuthorizationCredentials:
        """The credentials of a request; raises AccessError where the key is missing or wrong."""
        credentials = await super().__call__(request)
        # Latin-1 gives back the bytes that were sent; compare_digest takes no text beyond ASCII.
        key = b"" if credentials is None else credentials.credentials.encode("latin-1").strip()
        if credentials is None or not hmac.compare_digest(key, self._key):
            raise AccessError("the key is missing or wrong", hint="send the header Authorization: Bearer KEY")
        return credentials


class NoKey:
    """Accepts requests without a key, but none that a web page sent.

    A page in a browser on this machine could otherwise use the server. Browsers name the page's origin in a header.
    A page that points its own host name at this machine (DNS rebinding) asks for a host name that is not the server's.

    Args:
        own_hosts: host names, besides loopback addresses, under which programs reach the server; None accepts any name.
    """

    def __init__(self, own_hosts: frozenset[str] | None = frozenset({"localhost"})) -> None:
        self._own_hosts = own_hosts

    async def __call__(self, request: HTTPConnection) -> None:
        """Raises AccessError where a web page sent the request."""
        if "origin" in request.headers:
            raise AccessError("web pages may not use this server", hint="start it with a key", status=403)
        host = _host_of(request)
        if self._own_hosts is not None and host not in self._own_hosts and not is_loopback(host):
            raise AccessError(f"this server is not called {host!r}", hint="start it with a key", status=403)


Access = BearerKey | NoKey


def _host_of(request: HTTPConnection) -> str:
    """The name in the header ``Host`` in lower case, without the port; empty where there is none."""
    try:
        return urlsplit("//" + request.headers.get("host", "")).hostname or ""
    except ValueError:  # a broken IPv6 address
        return ""
