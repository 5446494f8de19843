"""What all sections need: the checkout to measure, the weights, the machine's peak, and how often to measure."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.performance.process import ONE_THREAD as ONE_THREAD_VARIABLES
from tests.performance.process import ROOT, Process
from tests.performance.timing import ONE_THREAD
from tests.performance.vit_b import save_random_weights

PHOTO = ROOT / "notebooks/photos/coffee.jpg"


@dataclass
class Bench:
    """The setting of a run.

    Attributes:
        checkout: the folder whose samwidget is measured.
        rounds_max: no contestant is measured more often, for a quick look; None for as often as a section says.
        peaks: GFLOP/s of the machine by precision, as ``peak.peaks``.
    """

    checkout: Path = ROOT
    rounds_max: int | None = None
    peaks: Mapping[str, float] = field(default_factory=dict)
    _folder: tempfile.TemporaryDirectory[str] | None = None

    def rounds(self, count: int) -> int:
        """Returns how often to measure what is worth ``count`` rounds."""
        return count if self.rounds_max is None else min(count, self.rounds_max)

    def process(self, *, one_thread: bool = False) -> Process:
        """Returns a new process with the checkout's samwidget."""
        return Process(self.checkout, ONE_THREAD_VARIABLES if one_thread or ONE_THREAD else {})

    @property
    def weights(self) -> Path:
        """The folder of a ViT-B with random weights, written at the first use and deleted with this object."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory()
            with self.process() as process:
                process.call(save_random_weights, Path(self._folder.name))
        return Path(self._folder.name)
