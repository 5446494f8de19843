"""Endpoint: calls to one server, with its key; whatever goes wrong becomes an error of ours that says what to do.

Owns addresses, patience and the reading of refusals. What is asked, and what an answer means, is ``remote``.
"""

from __future__ import annotations

import ipaddress
import os
import time
import warnings
import weakref
from typing import Any
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
_CONNECT_TIMEOUT_S = 10.0
_LONGEST_PAUSE_S = 5.0
_SCORE = "/score"
# Refusals that a server words as we do come back as what they are; its 5xx codes say that it failed, not the caller.
_KINDS: dict[str, type[SamWidgetError]] = {
    kind.code: kind for kind in (FormatError, ImageError, LimitError, ModelError, PromptError)
}


class Endpoint:
    """One server.

    Args:
        url: its address, with or without ``/score`` at its end.
        key: sent as a bearer token; None takes the environment variable SAMWIDGET_KEY, where there is one.
        timeout_s: for one call, the waiting for a busy server included.

    Raises:
        EndpointError: not an http(s) address.
    """

    def __init__(self, url: str, key: str | None, timeout_s: float) -> None:
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise EndpointError(f"{url!r} is no address of a server", hint="give http://host:port or https://host")
        plain = url.strip().rstrip("/")
        self.base = plain.removesuffix(_SCORE)
        self.host = parts.netloc.rpartition("@")[2]
        self._timeout_s = timeout_s
        key = os.environ.get(KEY_VARIABLE) if key is None else key
        is_here = _is_this_machine(parts.hostname)
        if key and parts.scheme == "http" and not is_here:
            warnings.warn(
                f"the key goes to {self.host} in clear: use https, or an SSH tunnel", SamWidgetWarning, stacklevel=4
            )
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            trust_env=not is_here,  # a proxy's loopback is another one
            timeout=httpx.Timeout(timeout_s, connect=min(_CONNECT_TIMEOUT_S, timeout_s)),
        )
        weakref.finalize(self, self._client.close)  # its connections go with whoever asks

    def get(self, path: str) -> httpx.Response:
        """The answer to GET, whatever its status."""
        return self._send("GET", path)

    def put(self, path: str, content: bytes) -> httpx.Response:
        """The answer to PUT with these bytes; refusals raise."""
        return self._accepted(self._send("PUT", path, content=content))

    def post(self, path: str, json: Any, *, lets_pass: int | None = None) -> httpx.Response:
        """The answer to POST with this JSON; refusals raise, but for the status ``lets_pass``."""
        response = self._send("POST", path, json=json)
        return response if response.status_code == lets_pass else self._accepted(response)

    def score(self, request: Any) -> httpx.Response:
        """The answer to a documented request; refusals raise."""
        return self.post(_SCORE, request)

    def refusal(self, response: httpx.Response) -> SamWidgetError:
        """What a status other than success means, as an error of ours."""
        status = response.status_code
        if status in (401, 403):
            return EndpointError(
                f"{self.host} refuses the key", hint=f"give key=..., or set {KEY_VARIABLE}; the server printed it"
            )
        said = _worded(response)
        kind = _KINDS.get(said["code"])
        if kind is not None:
            return kind(f"{self.host}: {said['message']}", hint=said["hint"])
        reason = said["message"] or f"{status} {response.reason_phrase}"
        return EndpointError(f"{self.host} answers {reason}", hint=said["hint"] or "look into the server's log")

    def _accepted(self, response: httpx.Response) -> httpx.Response:
        if not response.is_success:
            raise self.refusal(response)
        return response

    def _send(self, method: str, path: str, **body: Any) -> httpx.Response:
        """One call; where the server is busy it is made again, as the server asks, until the time is up."""
        deadline = time.monotonic() + self._timeout_s
        while True:
            response = self._send_once(method, path, **body)
            pause_s = _pause_s(response)
            if response.status_code != 503 or time.monotonic() + pause_s > deadline:
                return response
            time.sleep(pause_s)

    def _send_once(self, method: str, path: str, **body: Any) -> httpx.Response:
        try:
            try:
                return self._client.request(method, self.base + path, **body)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                # A server may close an idle connection in the moment it is used again; all calls may be repeated.
                return self._client.request(method, self.base + path, **body)
        except httpx.TimeoutException as error:
            raise EndpointError(
                f"{self.host} does not answer within {self._timeout_s:g} s",
                hint="give a longer timeout_s, or try again",
            ) from error
        except httpx.HTTPError as error:
            raise EndpointError(f"{self.host} cannot be reached", hint=f"is it running? {error}") from error


def _worded(response: httpx.Response) -> dict[str, str]:
    """``code``, ``message`` and ``hint`` of a refusal; each empty where the server words it otherwise."""
    try:
        said = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        said = None
    said = said if isinstance(said, dict) else {"message": said if isinstance(said, str) else ""}
    return {name: str(said.get(name) or "") for name in ("code", "message", "hint")}


def _pause_s(response: httpx.Response) -> float:
    try:
        return min(max(float(response.headers.get("retry-after", "1")), 0.05), _LONGEST_PAUSE_S)
    except ValueError:  # a date, which is allowed and rare
        return _LONGEST_PAUSE_S


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
