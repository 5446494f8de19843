"""Endpoint: HTTP calls to one server with its bearer key; each failure becomes one of our errors, with a remedy.

Owns the address, the key, the deadline of a call, retries, and what an error status means. It does not know what a
request or a response says: that is ``segmenters``, the only caller. ``transport`` holds the connections.
"""

from __future__ import annotations

import ipaddress
import math
import os
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from json import dumps as dump_json
from json import loads as load_json
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

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
from samwidget.models.remote.transport import Response, TooLongError, Transport

BUSY = (429, 503)
"""What a busy server answers: ours 503, others also 429 (RFC 6585)."""
KEY_VARIABLE = "SAMWIDGET_KEY"
"""Name of the environment variable with the bearer key, for clients and for servers."""
_SMALL = 1024 * 1024  # bytes of a response without masks
_CHARACTERS_MAX = 400
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
        timeout_s: for one ``Call``, all of its requests and their retries together.

    Attributes:
        base: the address without ``/score``.
        host: host and port, for messages.

    Raises:
        EndpointError: ``url`` is not an http(s) address, or the key cannot be sent.
    """

    def __init__(self, url: str, key: str | None, timeout_s: float) -> None:
        self.base = url.strip().rstrip("/").removesuffix(_SCORE_PATH)
        parts = _parts_of(self.base)
        self.host = parts.netloc.rpartition("@")[2]
        self.timeout_s = timeout_s
        key = (os.environ.get(KEY_VARIABLE, "") if key is None else key).strip()
        if not key.isprintable():
            raise EndpointError("the key has a character that no header can hold", hint="give the key on one line")
        is_local = is_loopback(parts.hostname or "")
        if key and parts.scheme == "http" and not is_local:
            warnings.warn(
                f"the key is sent to {self.host} without encryption: use https, or an SSH tunnel",
                SamWidgetWarning,
                stacklevel=4,  # the caller of SamPredictor.from_endpoint
            )
        self.transport = Transport(
            {"Authorization": b"Bearer " + key.encode()} if key else {},
            trust_env=not is_local,  # a proxy has another loopback
        )

    def call(self) -> Call:
        """A call, whose time begins now."""
        return Call(self, time.monotonic() + self.timeout_s)

    def error_of(self, response: Response) -> SamWidgetError:
        """The error that a response with an error status stands for."""
        if response.status in (401, 403):
            return EndpointError(
                f"{self.host} refuses the key",
                hint=f"give key=..., or set {KEY_VARIABLE}; `samwidget serve` prints its key when it starts",
            )
        body = _error_body(response)
        error_class = _ERROR_CLASSES.get(body.code)
        if error_class is not None:
            return error_class(f"{self.host}: {body.message}", hint=body.hint)
        reason = body.message or f"{response.status} {response.reason}"
        return EndpointError(f"{self.host} reports an error ({reason})", hint=body.hint or "see the server's log")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Raises EndpointError in place of whatever the block raises: it reads what a server sent."""
        try:
            yield
        except EndpointError:
            raise
        except Exception as error:
            raise EndpointError(
                f"the response of {self.host} cannot be read", hint=_short(str(error) or type(error).__name__)
            ) from error


class Call:
    """Some requests to one server that have one deadline together.

    Args:
        endpoint: the server.
        deadline: in the time of ``time.monotonic()``.
    """

    def __init__(self, endpoint: Endpoint, deadline: float) -> None:
        self._endpoint = endpoint
        self._deadline = deadline

    def get(self, path: str) -> Response:
        """The response to GET, whatever its status."""
        return self._send("GET", path)

    def put(self, path: str, content: bytes) -> Response:
        """The response to PUT with these bytes; raises ``error_of`` it where the server refuses."""
        return self._accepted(self._send("PUT", path, content))

    def post(
        self, path: str, json: Mapping[str, object], *, bytes_max: int, allowed_status: int | None = None
    ) -> Response:
        """The response to POST with this JSON; raises ``error_of`` it where the server refuses.

        Args:
            path: below the endpoint's ``base``.
            json: the body.
            bytes_max: bytes of the response at most.
            allowed_status: an error status that is returned like a success.
        """
        response = self._send("POST", path, dump_json(json).encode(), bytes_max)
        return response if response.status == allowed_status else self._accepted(response)

    def score(self, request: Mapping[str, object], *, bytes_max: int) -> Response:
        """The response to a documented request; raises as ``post``."""
        return self.post(_SCORE_PATH, request, bytes_max=bytes_max)

    def _accepted(self, response: Response) -> Response:
        if not response.is_success:
            raise self._endpoint.error_of(response)
        return response

    def _send(self, method: str, path: str, content: bytes = b"", bytes_max: int = _SMALL) -> Response:
        """The response to one request, which is repeated while the server is busy and the deadline allows."""
        # httpx's own retries are for connecting only, and retry packages count attempts; here the time is what counts.
        while True:
            response = self._send_once(method, path, content, max(bytes_max, _SMALL))
            pause_s = _retry_pause_s(response)
            if response.status not in BUSY or time.monotonic() + pause_s > self._deadline:
                return response
            time.sleep(pause_s)

    def _send_once(self, method: str, path: str, content: bytes, bytes_max: int) -> Response:
        host, timeout_s = self._endpoint.host, self._endpoint.timeout_s
        exchange = partial(
            self._endpoint.transport.exchange,
            method,
            self._endpoint.base + path,
            deadline=self._deadline,
            bytes_max=bytes_max,
            content=content,
        )
        try:
            try:
                return exchange()
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                # A server may close an idle connection just when it is used again. Every call here may be repeated.
                return exchange()
        except (TimeoutError, httpx.TimeoutException) as error:
            raise EndpointError(
                f"{host} does not answer within {timeout_s:g} s", hint="give a longer timeout_s, or try again"
            ) from error
        except TooLongError as error:
            raise EndpointError(
                f"{host} sends more than {bytes_max} bytes", hint="is this the address of a mask-generation model?"
            ) from error
        except Exception as error:  # httpx lets errors of its libraries out, such as those of a broken body
            raise EndpointError(f"{host} cannot be reached", hint=f"is it running? {_short(str(error))}") from error


def _parts_of(url: str) -> SplitResult:
    """The parts of an http(s) address; raises EndpointError for any other text."""
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        is_address = False
    if not is_address:
        raise EndpointError(
            f"{_short(url)!r} is not the address of a server", hint="give http://host:port or https://host"
        )
    return parts


class _ErrorBody(NamedTuple):
    """The body of an error response; each text is empty where the server sends none."""

    code: str
    message: str
    hint: str


def _error_body(response: Response) -> _ErrorBody:
    try:
        error = load_json(response.content)["error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        error = None
    if isinstance(error, str):
        return _ErrorBody("", _short(error), "")
    if not isinstance(error, dict):
        return _ErrorBody("", "", "")
    return _ErrorBody(*(_short(str(error.get(name) or "")) for name in _ErrorBody._fields))


def _retry_pause_s(response: Response) -> float:
    """Seconds until the next attempt: the header Retry-After, within our own bounds."""
    try:
        pause_s = float(response.headers.get("retry-after", "1"))
    except ValueError:  # a date, which is allowed and rare
        pause_s = math.nan
    return min(max(pause_s, _RETRY_PAUSE_MIN_S), _RETRY_PAUSE_MAX_S) if math.isfinite(pause_s) else _RETRY_PAUSE_MAX_S


def _short(text: str) -> str:
    """The beginning of what a server or a user wrote, which may be megabytes."""
    return text[:_CHARACTERS_MAX]


def is_loopback(host: str) -> bool:
    """Whether a host name or IP address is one that only this machine can reach."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
