"""Endpoint: HTTP calls to one server with its bearer key; each failure becomes one of our errors, with a remedy.

Owns the address, the key, timeouts, retries, and what an error status means. It does not know what a request or a
response says: that is ``segmenters``, the only caller.
"""

from __future__ import annotations

import ipaddress
import os
import time
import warnings
import weakref
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx

from samwidget.errors import (
    EndpointError,
    FormatError,
    ImageError,
    LimitError,
    ModelError,
    PromptError,
    SamWidgetError,
    SamWidgetWarning,
)

KEY_VARIABLE = "SAMWIDGET_KEY"
"""Name of the environment variable with the bearer key, for clients and for servers."""
_CONNECT_TIMEOUT_S = 10.0
_RETRY_PAUSE_MIN_S, _RETRY_PAUSE_MAX_S = 0.05, 5.0
_SCORE_PATH = "/score"
# Error responses of ``samwidget serve`` that blame the request are raised here as the same class. All others, its own
# failures (5xx) among them, are an EndpointError.
_ERROR_CLASSES: dict[str, type[SamWidgetError]] = {
    error_class.code: error_class for error_class in (FormatError, ImageError, LimitError, ModelError, PromptError)
}


class Endpoint:
    """One server.

    Args:
        url: its address, with or without ``/score`` at the end.
        key: sent as a bearer token. None takes the environment variable SAMWIDGET_KEY, if it is set.
        timeout_s: for one call, including retries while the server is busy.

    Attributes:
        base: the address without ``/score``.
        host: host and port, for messages.

    Raises:
        EndpointError: ``url`` is not an http(s) address.
    """

    def __init__(self, url: str, key: str | None, timeout_s: float) -> None:
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise EndpointError(f"{url!r} is not the address of a server", hint="give http://host:port or https://host")
        self.base = url.strip().rstrip("/").removesuffix(_SCORE_PATH)
        self.host = parts.netloc.rpartition("@")[2]
        self._timeout_s = timeout_s
        key = os.environ.get(KEY_VARIABLE) if key is None else key
        is_local = is_loopback(parts.hostname)
        if key and parts.scheme == "http" and not is_local:
            warnings.warn(
                f"the key is sent to {self.host} without encryption: use https, or an SSH tunnel",
                SamWidgetWarning,
                stacklevel=4,  # the caller of SamPredictor.from_endpoint
            )
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            trust_env=not is_local,  # a proxy has another loopback
            timeout=httpx.Timeout(timeout_s, connect=min(_CONNECT_TIMEOUT_S, timeout_s)),
        )
        weakref.finalize(self, self._client.close)  # nobody closes a predictor, so its connections are closed here

    def get(self, path: str) -> httpx.Response:
        """The response to GET, whatever its status."""
        return self._send("GET", path)

    def put(self, path: str, content: bytes) -> httpx.Response:
        """The response to PUT with these bytes; raises ``error_of`` it where the server refuses."""
        return self._accepted(self._send("PUT", path, content=content))

    def post(self, path: str, json: Mapping[str, object], *, allowed_status: int | None = None) -> httpx.Response:
        """The response to POST with this JSON; raises ``error_of`` it where the server refuses.

        Args:
            path: below ``base``.
            json: the body.
            allowed_status: an error status that is returned like a success.
        """
        response = self._send("POST", path, json=json)
        return response if response.status_code == allowed_status else self._accepted(response)

    def score(self, request: Mapping[str, object]) -> httpx.Response:
        """The response to a documented request; raises as ``post``."""
        return self.post(_SCORE_PATH, request)

    def error_of(self, response: httpx.Response) -> SamWidgetError:
        """The error that a response with an error status stands for."""
        status = response.status_code
        if status in (401, 403):
            return EndpointError(
                f"{self.host} refuses the key",
                hint=f"give key=..., or set {KEY_VARIABLE}; `samwidget serve` prints its key when it starts",
            )
        body = _error_body(response)
        error_class = _ERROR_CLASSES.get(body.code)
        if error_class is not None:
            return error_class(f"{self.host}: {body.message}", hint=body.hint)
        reason = body.message or f"{status} {response.reason_phrase}"
        return EndpointError(f"{self.host} reports an error ({reason})", hint=body.hint or "see the server's log")

    def _accepted(self, response: httpx.Response) -> httpx.Response:
        if not response.is_success:
            raise self.error_of(response)
        return response

    def _send(
        self, method: str, path: str, *, content: bytes | None = None, json: Mapping[str, object] | None = None
    ) -> httpx.Response:
        """The response to one request, which is repeated while the server is busy and ``timeout_s`` allows."""
        # httpx's own retries are for connecting only, and retry packages count attempts; here the time is what counts.
        deadline = time.monotonic() + self._timeout_s
        while True:
            response = self._send_once(method, path, content, json)
            pause_s = _retry_pause_s(response)
            if response.status_code != 503 or time.monotonic() + pause_s > deadline:
                return response
            time.sleep(pause_s)

    def _send_once(
        self, method: str, path: str, content: bytes | None, json: Mapping[str, object] | None
    ) -> httpx.Response:
        try:
            try:
                return self._client.request(method, self.base + path, content=content, json=json)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                # A server may close an idle connection just when it is used again. Every call here may be repeated.
                return self._client.request(method, self.base + path, content=content, json=json)
        except httpx.TimeoutException as error:
            raise EndpointError(
                f"{self.host} does not answer within {self._timeout_s:g} s",
                hint="give a longer timeout_s, or try again",
            ) from error
        except httpx.HTTPError as error:
            raise EndpointError(f"{self.host} cannot be reached", hint=f"is it running? {error}") from error


class _ErrorBody(NamedTuple):
    """The body of an error response; each text is empty where the server sends none."""

    code: str
    message: str
    hint: str


def _error_body(response: httpx.Response) -> _ErrorBody:
    try:
        error = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        error = None
    if isinstance(error, str):
        return _ErrorBody("", error, "")
    if not isinstance(error, dict):
        return _ErrorBody("", "", "")
    return _ErrorBody(*(str(error.get(name) or "") for name in _ErrorBody._fields))


def _retry_pause_s(response: httpx.Response) -> float:
    """Seconds until the next attempt: the header Retry-After, within our own bounds."""
    try:
        pause_s = float(response.headers.get("retry-after", "1"))
    except ValueError:  # a date, which is allowed and rare
        return _RETRY_PAUSE_MAX_S
    return min(max(pause_s, _RETRY_PAUSE_MIN_S), _RETRY_PAUSE_MAX_S)


def is_loopback(host: str) -> bool:
    """Whether a host name or IP address is one that only this machine can reach."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
