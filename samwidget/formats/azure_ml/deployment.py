"""Deployment: the YAML of an Azure ML online deployment, as far as it says something to a server on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from samwidget.errors import FormatError

_REQUESTS = "request_settings"
_PROBE = "liveness_probe"
_IN_A_WORKSPACE = "azureml:"


@dataclass(frozen=True)
class Deployment:
    """What a deployment file asks for; None where it says nothing.

    Attributes:
        name: of the deployment.
        model: a name of ``samwidget models``, a hub id or a folder.
        instance_count: copies of the network, each with its own thread.
        request_timeout_ms: from the last byte of a request to its answer.
        max_concurrent_requests_per_instance: requests that use one copy at a time.
        max_queue_wait_ms: the longest wait for a turn.
        probe_period_s: how often whoever watches the server looks at ``GET /``.
        probe_failure_threshold: after how many failures it starts the server again.
        ignored: keys that mean nothing here, sorted.
    """

    name: str | None = None
    model: str | None = None
    instance_count: int | None = None
    request_timeout_ms: int | None = None
    max_concurrent_requests_per_instance: int | None = None
    max_queue_wait_ms: int | None = None
    probe_period_s: int | None = None
    probe_failure_threshold: int | None = None
    ignored: tuple[str, ...] = ()


def read_deployment(path: Path) -> Deployment:
    """The deployment in a YAML file.

    Raises:
        FormatError: no such file, no YAML, or a value of another kind than its key wants.
    """
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FormatError(f"{path} cannot be read", hint=str(error)) from error
    top = _Section(value, str(path))
    requests, probe = top.section(_REQUESTS), top.section(_PROBE)
    return Deployment(
        name=top.text("name"),
        model=_model(top, path),
        instance_count=top.count("instance_count"),
        request_timeout_ms=requests.count("request_timeout_ms"),
        max_concurrent_requests_per_instance=requests.count("max_concurrent_requests_per_instance"),
        max_queue_wait_ms=requests.count("max_queue_wait_ms"),
        probe_period_s=probe.count("period"),
        probe_failure_threshold=probe.count("failure_threshold"),
        ignored=tuple(
            sorted(
                [*top.rest, *(f"{_REQUESTS}.{key}" for key in requests.rest), *(f"{_PROBE}.{k}" for k in probe.rest)]
            )
        ),
    )


def _model(top: _Section, path: Path) -> str | None:
    """``model`` as text: a name or a folder, or an inline description with the ``path`` of a folder beside the file."""
    inline = top.section("model") if isinstance(top.values.get("model"), Mapping) else None
    model = top.text("model") if inline is None else inline.text("path")
    if model is None or model.startswith(_IN_A_WORKSPACE):
        return model
    beside = path.parent / model
    return str(beside) if beside.is_dir() else model


def model_here(model: str | None) -> str | None:
    """The model of a deployment, where this machine can have it.

    Raises:
        FormatError: it is in a workspace.
    """
    if model is not None and model.startswith(_IN_A_WORKSPACE):
        raise FormatError(f"{model} is in a workspace, and not here", hint="say which network with --model")
    return model


class _Section:
    """A mapping whose keys are taken one by one; ``rest`` is what nobody took."""

    def __init__(self, values: Any, where: str) -> None:
        if values is None:
            values = {}
        if not isinstance(values, Mapping):
            raise FormatError(f"{where} is no mapping", hint="write key: value")
        self.values = values
        self.rest = {str(key) for key in values}
        self._where = where

    def section(self, key: str) -> _Section:
        self.rest.discard(key)
        return _Section(self.values.get(key), f"{self._where}, {key}")

    def text(self, key: str) -> str | None:
        found: str | None = self._take(key, str, "text")
        return found

    def count(self, key: str) -> int | None:
        number = self._take(key, int, "a whole number")
        if number is not None and (isinstance(number, bool) or number < 1):
            raise FormatError(f"{self._where}, {key} is {number!r}", hint="give a whole number, at least 1")
        return number

    def _take(self, key: str, kind: type, what: str) -> Any:
        self.rest.discard(key)
        value = self.values.get(key)
        if value is not None and not isinstance(value, kind):
            raise FormatError(f"{self._where}, {key} is {value!r}", hint=f"give {what}")
        return value
