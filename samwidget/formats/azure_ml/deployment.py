"""Deployment YAML of Azure ML, online and batch: the settings that a server or a batch run on this machine uses.

Owns which keys are read, which are ignored, and their checks. It starts nothing: the commands ``samwidget serve`` and
``samwidget batch`` call it, and their options come before the file. Both kinds of file follow one policy for keys:

- a key that samwidget uses is checked and returned;
- a key of Azure ML's schema that only concerns Azure is listed in ``ignored``, and the commands print that list;
- any other key is refused, with the closest known key. A misspelt limit would otherwise leave the default in force.

The keys are those of Azure ML's CLI, version 2:
https://learn.microsoft.com/azure/machine-learning/reference-yaml-deployment-managed-online and
https://learn.microsoft.com/azure/machine-learning/reference-yaml-deployment-batch
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from samwidget.errors import FormatError
from samwidget.formats.names import describe_unknown, describe_value

_IGNORED_IN_BOTH = frozenset(
    {
        "$schema",
        "code_configuration",
        "description",
        "endpoint_name",
        "environment",
        "environment_variables",
        "id",
        "properties",
        "tags",
        "type",
    }
)
_IGNORED_ONLINE = _IGNORED_IN_BOTH | {
    "app_insights_enabled",
    "creation_context",
    "data_collector",
    "egress_public_network_access",
    "instance_type",
    "liveness_probe.initial_delay",
    "liveness_probe.success_threshold",
    "liveness_probe.timeout",
    "model_mount_path",
    "private_network_connection",
    "provisioning_state",
    "readiness_probe",
    "resources",
    "scale_settings",
}
_IGNORED_BATCH = _IGNORED_IN_BOTH | {
    "compute",
    "job_definition",
    "logging_level",
    "name",
    "output_action",
    "resources.docker_args",
    "resources.instance_type",
    "resources.locations",
    "resources.max_instance_count",
    "resources.properties",
    "resources.shm_size",
    "retry_settings.timeout",
}
# Of a model that is described in the deployment's own file. Only the path means something here.
_MODEL_KEYS = frozenset(
    {"$schema", "description", "flavors", "id", "name", "path", "properties", "stage", "tags", "type", "version"}
)
# `azureml:name:3`, `azureml:name@latest` and `azureml://registries/azureml/models/name/labels/latest`.
_AZURE_MODEL = re.compile(r"azureml:(?://registries/[^/]+/models/)?(?P<name>[^/:@]*)")


@dataclass(frozen=True)
class Deployment:
    """The settings of an online deployment; None for each key that the file leaves out.

    Attributes:
        name: of the deployment.
        model: as the file names it: a name of ``samwidget models``, a hub id, a folder, or an asset of Azure ML, which
            begins with ``azureml:``; see ``model_here``.
        instance_count: copies of the model, each with a thread of its own.
        request_timeout_ms: from the last byte of a request to its response.
        max_concurrent_requests_per_instance: requests that use one copy at a time.
        max_queue_wait_ms: the longest time that a request waits for a copy.
        probe_period_s: time between two health checks, ``GET /``.
        probe_failure_threshold: failed health checks after which the supervisor starts the server again.
        ignored: keys that only concern Azure, sorted; keys inside a section as ``section.key``.
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


@dataclass(frozen=True)
class BatchDeployment:
    """The settings of a batch deployment; None for each key that the file leaves out.

    Attributes:
        model: as in ``Deployment``.
        workers: instances times processes on each instance.
        mini_batch_size: rows that are processed and recorded together.
        file_name: of the result, where the output is a folder.
        retries: how often a failed row is tried again.
        max_errors: the batch run stops when more rows than this have failed; None never stops it.
        ignored: as in ``Deployment``.
    """

    model: str | None = None
    workers: int | None = None
    mini_batch_size: int | None = None
    file_name: str | None = None
    retries: int | None = None
    max_errors: int | None = None
    ignored: tuple[str, ...] = ()


def read_deployment(path: Path) -> Deployment:
    """The settings in the YAML file of an online deployment.

    Raises:
        FormatError: the file cannot be read, is not YAML, has an unknown key, or has a value of the wrong type; or the
            package pyyaml is missing.
    """
    keys = _Keys(path, _read_yaml(path, extra="serve"), sections=("request_settings", "liveness_probe"))
    return Deployment(
        name=keys.text("name"),
        model=keys.model(),
        instance_count=keys.number("instance_count", 1),
        request_timeout_ms=keys.number("request_settings.request_timeout_ms", 1),
        max_concurrent_requests_per_instance=keys.number("request_settings.max_concurrent_requests_per_instance", 1),
        max_queue_wait_ms=keys.number("request_settings.max_queue_wait_ms", 1),
        probe_period_s=keys.number("liveness_probe.period", 1),
        probe_failure_threshold=keys.number("liveness_probe.failure_threshold", 1),
        ignored=keys.ignored(_IGNORED_ONLINE),
    )


def read_batch_deployment(path: Path) -> BatchDeployment:
    """The settings in the YAML file of a batch deployment, under ``settings`` or, as in older files, beside it.

    Raises:
        FormatError: as in ``read_deployment``.
    """
    values = _read_yaml(path, extra="batch")
    settings = _mapping(values.pop("settings", None), f"{path}: settings")
    if twice := sorted(values.keys() & settings.keys()):
        raise FormatError(f"{path} has {', '.join(twice)} twice", hint="write each key once, under settings")
    keys = _Keys(path, {**values, **settings}, sections=("resources", "retry_settings"))
    # Azure's schema has the number of instances in two places.
    instances = [keys.number(key, 1) for key in ("instance_count", "resources.instance_count")]
    instance_count = instances[0] or instances[1]
    concurrency = keys.number("max_concurrency_per_instance", 1)
    error_threshold = keys.number("error_threshold", -1)
    return BatchDeployment(
        model=keys.model(),
        workers=None if instance_count is None and concurrency is None else (instance_count or 1) * (concurrency or 1),
        mini_batch_size=keys.number("mini_batch_size", 1),
        file_name=keys.text("output_file_name"),
        retries=keys.number("retry_settings.max_retries", 0),
        max_errors=None if error_threshold == -1 else error_threshold,  # in Azure ML, -1 is any number
        ignored=keys.ignored(_IGNORED_BATCH),
    )


def model_here(model: str | None, names: Iterable[str]) -> str | None:
    """The model of a deployment as it is loaded on this machine; a model of the Azure catalogue becomes the hub's.

    Args:
        model: the ``model`` of a deployment.
        names: the models that samwidget knows by name, such as ``facebook/sam-vit-huge``.

    Raises:
        FormatError: an asset of Azure ML that is none of these.
    """
    match = None if model is None else _AZURE_MODEL.match(model)
    if match is None:
        return model
    for name in names:
        if name.replace("/", "-").lower() == match["name"].lower():
            return name
    raise FormatError(
        f"the model {model} is an asset of Azure ML, and samwidget cannot load it from there",
        hint="choose a model with --model: a name of `samwidget models`, a hub id or a folder",
    )


class _Keys:
    """The values of a deployment by key, those of ``sections`` as ``section.key``. Each key is taken once."""

    def __init__(self, path: Path, values: Mapping[str, object], *, sections: Iterable[str]) -> None:
        self._path = path
        self._values = {key: value for key, value in values.items() if key not in sections}
        for section in sections:
            inner = _mapping(values.get(section), f"{path}: {section}")
            self._values.update({f"{section}.{key}": value for key, value in inner.items()})
        self._taken: set[str] = set()

    def text(self, key: str) -> str | None:
        """The text under ``key``; None where it is left out."""
        value = self._take(key)
        if value is None or isinstance(value, str):
            return value
        raise FormatError(f"{self._path}: {key} is {describe_value(value)}", hint="give text")

    def number(self, key: str, minimum: int) -> int | None:
        """The whole number under ``key``; None where it is left out."""
        value = self._take(key)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
            raise FormatError(
                f"{self._path}: {key} is {describe_value(value)}", hint=f"give a whole number, at least {minimum}"
            )
        return value

    def model(self) -> str | None:
        """The model: a text, or the ``path`` of an inline description. A folder is looked for beside the file."""
        inline = self._values.get("model")
        if isinstance(inline, Mapping):
            _refuse_unknown(map(str, inline), _MODEL_KEYS, f"{self._path}: model")
            if not isinstance(inline.get("path"), str):
                raise FormatError(f"{self._path}: model has no path", hint="write model: {path: folder}")
            self._values["model"] = inline["path"]
        model = self.text("model")
        if model is None or _AZURE_MODEL.match(model):
            return model
        folder = self._path.parent / model
        return str(folder) if folder.is_dir() else model

    def ignored(self, known: frozenset[str]) -> tuple[str, ...]:
        """The keys that were not taken, sorted; raises FormatError where one is not in ``known``."""
        _refuse_unknown(sorted(self._values), known | self._taken, f"{self._path}")
        return tuple(sorted(self._values))

    def _take(self, key: str) -> object:
        self._taken.add(key)
        return self._values.pop(key, None)


def _refuse_unknown(keys: Iterable[str], known: Iterable[str], where: str) -> None:
    unknown = describe_unknown(keys, known)
    if unknown:
        raise FormatError(f"{where} has unknown keys: {unknown}", hint="correct or remove them")


def _read_yaml(path: Path, *, extra: str) -> dict[str, object]:
    """The top-level keys and values of a YAML file; none of an empty file. ``extra`` installs the package for it."""
    try:
        import yaml  # here, so that the messages of this package can be read and written without it
    except ImportError as error:
        raise FormatError(f"{path} needs the package pyyaml", hint=f"pip install 'samwidget[{extra}]'") from error
    try:
        return _mapping(yaml.safe_load(path.read_text(encoding="utf-8")), f"{path}")
    except RecursionError as error:
        raise FormatError(f"{path} cannot be read", hint="its values are nested too deeply") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FormatError(f"{path} cannot be read", hint=" ".join(str(error).split())) from error


def _mapping(value: object, where: str) -> dict[str, object]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise FormatError(
            f"{where} is {describe_value(value)}, not a mapping", hint="write keys and values, such as model: nano"
        )
    return {str(key): item for key, item in value.items()}
