"""Status: which phase the network is in, as the trait ``status`` shows it. Written on the worker's thread."""

from __future__ import annotations

import time
from typing import Any, Literal

from samwidget.errors import ClosedError, SamWidgetError
from samwidget.widget.network import Engine
from samwidget.widget.wire.outbox import Outbox, error_fields

Phase = Literal["loading", "encoding", "ready", "failed", "closed"]


def first_status(network: str) -> dict[str, Any]:
    """The trait ``status`` of a new widget."""
    return {
        "network": network,
        "device": "",
        "phase": "loading",
        "elapsed_s": 0.0,
        "encode_s": None,
        "note": "",
    }


class Status:
    """The phase of one network, published whenever it changes.

    Args:
        engine: whose network it is.
        outbox: where the trait is set.
        network: what the network is called until it is loaded.
    """

    def __init__(self, engine: Engine, outbox: Outbox, network: str) -> None:
        self._engine = engine
        self._outbox = outbox
        self._value = first_status(network)
        self._since = time.monotonic()
        self.failure: SamWidgetError | None = None
        """Why there is no network or no embedding; None while all is well."""

    def enter(self, phase: Phase, *, encode_s: float | None = None, failure: SamWidgetError | None = None) -> None:
        """Begins a phase and tells the views."""
        self.failure = failure
        self._since = time.monotonic()
        value = {**self._value, **self._network(), "phase": phase}
        value["encode_s"] = value["encode_s"] if encode_s is None else round(encode_s, 3)
        value.pop("error", None)
        if failure is not None:
            value["error"] = error_fields(failure)
        self._publish(value)

    def refresh(self) -> None:
        """Tells the views where device or note have changed: a network may move to the CPU at any answer."""
        value = {**self._value, **self._network()}
        if value != self._value:
            self._publish(value)

    def _publish(self, value: dict[str, Any]) -> None:
        if self._value["phase"] == "closed":  # a job that ended after the widget was closed
            return
        self._value = value
        self._outbox.assign(status={**value, "elapsed_s": round(time.monotonic() - self._since, 3)})

    def _network(self) -> dict[str, str]:
        predictor = self._engine.predictor
        if predictor is None:
            return {}
        try:
            device = str(predictor.device).partition(":")[0].upper()
        except ClosedError:  # whoever shares the predictor has closed it; the next question says so
            return {}
        return {"network": predictor.name, "device": device, "note": predictor.note}
