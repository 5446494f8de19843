"""Service: the parts of one server. The routes answer with it.

Owns which parts there are, and how a deployment and the command line's options set them. Listening is in ``server``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt
from starlette.requests import Request

from samwidget.formats.azure_ml import Deployment
from samwidget.images import Exif
from samwidget.models import thread_count
from samwidget.predict import EmbeddingCache, SamPredictor
from samwidget.serving.decoding import Decoders
from samwidget.serving.http.admission import Admission
from samwidget.serving.http.auth import Access, BearerKey, NoKey
from samwidget.serving.http.body import Uploads
from samwidget.serving.http.metrics import Metrics
from samwidget.serving.http.url_images import ImageFetcher
from samwidget.serving.limits import Limits

# As much again as each predictor's own cache, which finds an image by its pixels; here it is the hash of the file.
_EMBEDDINGS_BYTES_MAX = 512 * 1024 * 1024
_WAIT_S = 30.0
_STUCK_S = 300.0
# What Azure ML takes where a liveness probe names only one of the two.
_PROBE_PERIOD_S = 10
_PROBE_FAILURES = 30
_PARSERS = 2
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Service:
    """The parts of one server.

    Attributes:
        predictors: copies of one network.
        admission: which requests run, and which wait.
        access: the check that each request has to pass; a FastAPI dependency.
        limits: how much one request may ask.
        image_fetcher: fetches images that a request names by URL.
        stuck_s: a request that uses a network for longer than these seconds makes the server unhealthy, so that
            whoever watches it starts it again.
        embeddings: of images that clients sent, by the SHA-256 of the file.
    """

    predictors: Sequence[SamPredictor]
    admission: Admission
    access: Access
    limits: Limits = field(default_factory=Limits)
    image_fetcher: ImageFetcher = field(default_factory=ImageFetcher)
    stuck_s: float = _STUCK_S
    embeddings: EmbeddingCache = field(default_factory=lambda: EmbeddingCache(_EMBEDDINGS_BYTES_MAX))

    @cached_property
    def uploads(self) -> Uploads:
        """Bodies of requests that are arriving."""
        return Uploads(self.limits)

    @property
    def inside(self) -> int:
        """Requests whose body is arriving, those that wait and those that run."""
        return len(self.uploads) + self.admission.admitted

    async def read_body(self, request: Request) -> bytes:
        """The body of a request; raises BusyError at once where it would not be admitted, or as ``Uploads.read``."""
        self.admission.check()
        return await self.uploads.read(request)

    @cached_property
    def decoders(self) -> Decoders:
        """Processes that decode the images of requests."""
        return Decoders(self.limits)

    @cached_property
    def _parsers(self) -> ThreadPoolExecutor:
        """Threads that read bodies: a few, because each may take some times the memory of its body for a moment."""
        return ThreadPoolExecutor(_PARSERS, thread_name_prefix="samwidget-parse")

    async def parse(self, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``read`` returns for the arguments, computed in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._parsers, partial(read, *args, **kwargs))

    async def decode(self, data: bytes | str, exif: Exif = "apply") -> npt.NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB of an image file, decoded in a process of its own; raises as ``Decoders.decode``."""
        return await asyncio.wrap_future(self.decoders.submit(data, exif))

    @cached_property
    def metrics(self) -> Metrics:
        """What the server counts."""
        return Metrics(lambda: self.inside, lambda: self.admission.running, self.predictors)

    @property
    def is_healthy(self) -> bool:
        """False where a request has used a network for ``stuck_s`` or longer."""
        return self.admission.longest_run_s < self.stuck_s


def open_service(
    load: Callable[[int], SamPredictor],
    deployment: Deployment,
    *,
    threads: int | None = None,
    key: str | None,
    own_hosts: Iterable[str] | None = ("localhost",),
    waiting_max: int = 32,
    limits: Limits | None = None,
    image_hosts: Iterable[str] = (),
) -> Service:
    """The service that a deployment describes, with its networks loaded.

    Args:
        load: loads one copy of the network that computes with this number of threads.
        deployment: the settings of a deployment file; docs/serving.md lists the defaults.
        threads: CPU threads that all copies together compute with; None as for ``thread_count``. Copies work at the
            same time, so each gets its share.
        key: the key that requests have to carry; None asks for no key.
        own_hosts: without a key, the host names of this server; see ``NoKey``.
        waiting_max: requests that may wait.
        limits: how much one request may ask; None takes the defaults.
        image_hosts: hosts that images are fetched from; see ``ImageFetcher``.

    Raises:
        FormatError: one of ``image_hosts`` is not a host.
        ModelError: the network cannot be loaded, or ``threads`` is below 1.
    """
    image_fetcher = ImageFetcher(image_hosts)
    copies = deployment.instance_count or 1
    share = max(1, thread_count(threads) // copies)
    predictors = [load(share) for _ in range(copies)]
    admission = Admission(
        predictors,
        at_once=deployment.max_concurrent_requests_per_instance or 1,
        waiting_max=waiting_max,
        wait_s=_WAIT_S if deployment.max_queue_wait_ms is None else deployment.max_queue_wait_ms / 1000,
    )
    return Service(
        predictors,
        admission,
        NoKey(None if own_hosts is None else frozenset(own_hosts)) if key is None else BearerKey(key),
        limits or Limits(),
        image_fetcher,
        _stuck_s(deployment),
    )


def _stuck_s(deployment: Deployment) -> float:
    """The seconds after which the deployment's liveness probe has failed often enough for a restart."""
    period_s, failures = deployment.probe_period_s, deployment.probe_failure_threshold
    if period_s is None and failures is None:
        return _STUCK_S
    return (period_s or _PROBE_PERIOD_S) * (failures or _PROBE_FAILURES)
