"""Status: the phase that the model is in, published as the trait ``status``. Used on the worker's thread.

``controller`` says when a phase begins; device, precision and note are read from the predictor.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec
from msgspec import UNSET

from samwidget.errors import ClosedError, SamWidgetError
from samwidget.widget.network import Network
from samwidget.widget.protocol.message import optional, to_json
from samwidget.widget.traits import MakingProgress, NetworkStatus, Phase
from samwidget.widget.wire.outbox import Outbox, failure_of, sentence


def first_status(name: str) -> NetworkStatus:
    """Returns the status before the model ``name`` is loaded."""
    return NetworkStatus(name, device="", phase="loading", elapsed_s=0.0, encode_s=None, note="")


class Status:
    """The phase of one model, published whenever it changes.

    Args:
        network: tells name, and device and note once the model is loaded.
        outbox: sets the trait.
    """

    def __init__(self, network: Network, outbox: Outbox) -> None:
        self._network = network
        self._outbox = outbox
        self._value = first_status(network.name)
        self._since = time.monotonic()
        self.failure: SamWidgetError | None = None
        """Why there is no model or no embedding; None otherwise."""

    def enter(self, phase: Phase, *, encode_s: float | None = None, failure: SamWidgetError | None = None) -> None:
        """Begins a phase and publishes it; ``encode_s`` stays as it was where it is None."""
        self.failure = failure
        self._since = time.monotonic()
        value = msgspec.structs.replace(
            self._value,
            **self._network_fields(),
            phase=phase,
            encode_s=self._value.encode_s if encode_s is None else round(encode_s, 3),
            error=optional(None if failure is None else failure_of(failure)),
            can_use_bundled=optional(None if failure is None else not self._network.is_bundled),
        )
        self._publish(value)

    def refresh(self) -> None:
        """Publishes device and note where they have changed: a model may move to the CPU at any prompt."""
        value = msgspec.structs.replace(self._value, **self._network_fields())
        if value != self._value:
            self._publish(value)

    def show_making(self, progress: MakingProgress | None) -> None:
        """Publishes how far the masks of many prompts are; None where none are being made."""
        value = msgspec.structs.replace(self._value, making=optional(progress))
        if value != self._value:
            self._publish(value)

    def _publish(self, value: NetworkStatus) -> None:
        if self._value.phase == "closed":  # a job ended after the widget was closed
            return
        self._value = value
        elapsed_s = round(time.monotonic() - self._since, 3)
        self._outbox.assign("status", to_json(msgspec.structs.replace(value, elapsed_s=elapsed_s)))

    def _network_fields(self) -> dict[str, Any]:
        predictor = self._network.predictor
        if predictor is None:
            return {"network": self._network.name, "device": "", "note": "", "reads_words": UNSET}
        try:
            device = str(predictor.device).partition(":")[0].upper()
            if predictor.precision != "float32":
                device += f" {predictor.precision}"
        except ClosedError:  # somebody closed the shared predictor; the next prompt reports it
            return {}
        reads_words = True if predictor.reads_words else UNSET
        note = sentence(predictor.note)
        return {"network": predictor.name, "device": device, "note": note, "reads_words": reads_words}
