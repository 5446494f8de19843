"""Key: who may ask. A bearer token, compared in constant time; or none, and then only for programs on this machine."""

from __future__ import annotations

import hmac
import ipaddress
import os
import secrets
from collections.abc import Iterable
from urllib.parse import urlsplit

from samwidget.errors import SamWidgetError

VARIABLE = "SAMWIDGET_KEY"
_CHARACTERS_MIN = 16


class AccessError(SamWidgetError):
    """Whoever asks may not."""

    code = "key"

    def __init__(self, message: str, *, hint: str = "", status: int = 401) -> None:
        super().__init__(message, hint=hint)
        self.status = status


def choose_key(host: str, *, no_key: bool, open_to_anyone: bool) -> tuple[str | None, bool]:
    """The key that a server asks for, and whether it was made now; None where it asks for none.

    Args:
        host: where the server listens.
        no_key: ask for no key.
        open_to_anyone: confirms ``no_key`` where other machines reach the server.

    Raises:
        SamWidgetError: no key on an address that others reach, unconfirmed; or a key that is easily guessed.
    """
    if no_key:
        if not is_loopback(host) and not open_to_anyone:
            raise SamWidgetError(
                f"--no-key together with --host {host} lets anyone use this machine",
                hint="leave out --no-key, or add --open-to-anyone if that is meant",
            )
        return None, False
    given = os.environ.get(VARIABLE, "")
    if not given:
        return secrets.token_urlsafe(32), True
    if len(given) < _CHARACTERS_MIN:
        raise SamWidgetError(
            f"the key in {VARIABLE} has {len(given)} characters", hint=f"give at least {_CHARACTERS_MIN}, or unset it"
        )
    return given, False


class Door:
    """Lets requests in that may.

    Args:
        key: what they have to carry; None lets in whatever no web page can send.
        own_hosts: without a key, the names under which programs on this machine reach the server; None for any.
    """

    def __init__(self, key: str | None, own_hosts: frozenset[str] | None = frozenset({"localhost"})) -> None:
        self._key = None if key is None else key.encode()
        self._own_hosts = own_hosts

    def check(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Raises AccessError where the request may not come in.

        Args:
            headers: names in lower case, as ASGI has them.
        """
        values = dict(headers)
        if self._key is not None:
            scheme, _, token = values.get(b"authorization", b"").partition(b" ")
            is_right = hmac.compare_digest(token.strip(), self._key)
            if scheme.lower() != b"bearer" or not is_right:
                raise AccessError("a key is needed", hint="send the header Authorization: Bearer KEY")
            return
        # Without a key, a page in a browser on this machine must not get in: it names where it comes from, or, after it
        # had its own name point here, asks for a host that is not ours.
        if b"origin" in values:
            raise AccessError("web pages may not ask here", hint="start the server with a key", status=403)
        host = urlsplit("//" + values.get(b"host", b"").decode("latin-1")).hostname or ""
        if self._own_hosts is not None and host not in self._own_hosts and not is_loopback(host):
            raise AccessError(f"this server is not {host}", hint="start it with a key", status=403)


def is_loopback(host: str) -> bool:
    """Whether a name or address means this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
