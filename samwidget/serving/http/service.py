"""Service: the parts of one server, put together. The routes in ``app`` and ``native`` stand on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from samwidget.predict import EmbeddingCache, SamPredictor
from samwidget.serving.http.admission import Queue
from samwidget.serving.http.auth import Door
from samwidget.serving.http.metrics import Metrics
from samwidget.serving.http.url_images import Addresses
from samwidget.serving.limits import Limits

# As much again as each predictor's own cache: here images are found by the hash of their file.
_IMAGES_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True)
class Service:
    """What answers requests.

    Attributes:
        predictors: copies of one network.
        queue: the line in front of them.
        door: who may ask.
        limits: how much one request may ask.
        addresses: where images are fetched from.
        stuck_s: a request that holds a network for longer makes the server unhealthy, so that it is started again.
        images: embeddings of images that clients sent, by the SHA-256 of their file.
        metrics: what is counted.
    """

    predictors: Sequence[SamPredictor]
    queue: Queue
    door: Door
    limits: Limits = field(default_factory=Limits)
    addresses: Addresses = field(default_factory=Addresses)
    stuck_s: float = 300.0
    images: EmbeddingCache = field(default_factory=lambda: EmbeddingCache(_IMAGES_BYTES))
    metrics: Metrics = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "metrics", Metrics(self.queue, self.predictors))

    @property
    def is_healthy(self) -> bool:
        """False where some request holds a network for too long."""
        return self.queue.longest_run_s < self.stuck_s
