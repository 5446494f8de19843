"""A deployment YAML of Azure ML's batch endpoints, read for the keys that mean something here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from samwidget.errors import BatchError
from samwidget.models import MODELS

# Keys that say how and where Azure runs something; here that is the command line's business.
_IGNORED = frozenset(
    {
        "$schema",
        "code_configuration",
        "compute",
        "description",
        "endpoint_name",
        "environment",
        "environment_variables",
        "logging_level",
        "name",
        "output_action",
        "properties",
        "resources.docker_args",
        "resources.instance_type",
        "resources.properties",
        "resources.shm_size",
        "retry_settings.timeout",
        "tags",
        "type",
    }
)
# What `azureml:name:3`, `azureml:name@latest` and registry addresses have between prefix and version.
_AZURE_MODEL = re.compile(r"azureml:(?://registries/[^/]+/models/)?(?P<name>[^/:@]+)")


@dataclass(frozen=True)
class BatchConfig:
    """What a deployment says about a run; None where it says nothing.

    Attributes:
        model: a network's name, hub id or folder.
        workers: instances times processes on each.
        mini_batch_size: rows that are answered and recorded together.
        file_name: of the result, where OUT is a folder.
        retries: how often a row is tried again.
        max_errors: the run stops above it.
        ignored: keys that mean nothing here, sorted.
    """

    model: str | None = None
    workers: int | None = None
    mini_batch_size: int | None = None
    file_name: str | None = None
    retries: int | None = None
    max_errors: int | None = None
    ignored: tuple[str, ...] = ()


def read_config(path: Path) -> BatchConfig:
    """What the file says. Settings may stand under ``settings`` or, as in older files, beside it.

    Raises:
        BatchError: the file cannot be read, is no mapping, or has a key or value that means nothing.
    """
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BatchError(f"{path} cannot be read", hint=" ".join(str(error).split())) from error
    if not isinstance(value, Mapping):
        raise BatchError(f"{path.name} is no mapping", hint="write keys and values, such as model: nano")
    said = dict(_flat({**value, **_mapping(value.get("settings"), "settings")}))
    ignored = tuple(sorted(key for key in said if key in _IGNORED))
    said = {key: each for key, each in said.items() if key not in ignored}
    model = said.pop("model", None)
    instances, each_runs = _whole(said, "resources.instance_count", 1), _whole(said, "max_concurrency_per_instance", 1)
    threshold = _whole(said, "error_threshold", -1)
    config = BatchConfig(
        model=None if model is None else model_of(str(model)),
        workers=None if instances is None and each_runs is None else (instances or 1) * (each_runs or 1),
        mini_batch_size=_whole(said, "mini_batch_size", 1),
        file_name=said.pop("output_file_name", None),
        retries=_whole(said, "retry_settings.max_retries", 0),
        max_errors=None if threshold == -1 else threshold,  # -1 is Azure's word for any number
        ignored=ignored,
    )
    if said:
        raise BatchError(f"{path.name} has unknown keys: {', '.join(sorted(said))}", hint="see docs/scale.md")
    return config


def model_of(name: str) -> str:
    """The network that a deployment's ``model`` means; names of the Azure catalogue become the hub's.

    Raises:
        BatchError: a registered model that is none of the networks known by name.
    """
    match = _AZURE_MODEL.match(name)
    if match is None:
        return name
    for card in MODELS:
        if card.name.replace("/", "-").lower() == match["name"].lower():
            return card.name
    raise BatchError(f"{name} is not known here", hint="give a name of `samwidget models`, a hub id or a folder")


def _flat(value: Mapping[str, Any]) -> dict[str, Any]:
    """The keys, those of ``resources`` and ``retry_settings`` joined by a dot."""
    flat: dict[str, Any] = {}
    for key, each in value.items():
        if key in ("resources", "retry_settings"):
            flat.update({f"{key}.{name}": inner for name, inner in _mapping(each, key).items()})
        elif key != "settings":
            flat[str(key)] = each
    return flat


def _mapping(value: Any, key: str) -> Mapping[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise BatchError(f"{key} is {value!r}", hint="write keys and values under it")
    return value or {}


def _whole(said: dict[str, Any], key: str, least: int) -> int | None:
    value = said.pop(key, None)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
        raise BatchError(f"{key} is {value!r}", hint=f"give a whole number, {least} or more")
    return value
