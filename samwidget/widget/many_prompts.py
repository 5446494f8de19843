"""Many prompts: the masks of the prompts of ``add_boxes`` and ``add_points``, some at a time, with progress and Stop.

Each step is a job of its own on the worker's thread, and the next step goes behind whatever the user asked for
meanwhile, so a click has its turn. The document changes when all masks are there: ``controller`` makes objects of them.
Where the work is stopped, interrupted or fails, nothing has changed.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from samwidget.core import Masks, Prompt, held_interrupts
from samwidget.errors import ClosedError, SamWidgetError, StoppedError
from samwidget.widget.network import Network
from samwidget.widget.status import Status
from samwidget.widget.traits import MakingProgress
from samwidget.widget.worker import Worker

ProgressCallback = Callable[[int, int], object]
"""Called with the number of masks that are made, and of all."""

# Target time of a step: as of everything, so that clicks and Stop have their turn soon.
_STEP_S = 0.1
_FIRST_COUNT = 8
# Fewer would leave threads of the processor idle, more would keep a GPU too long.
_COUNT_MIN, _COUNT_MAX = 4, 64
# How often Python hears of the progress.
_CALL_S = 0.1


@dataclass(eq=False)
class Making:
    """One call: its prompts, and the masks so far.

    Attributes:
        prompts: one for each object.
        masks: of the first prompts.
        ended: done when all masks are there; holds the error where they are not.
        count: number of prompts of the next step.
        network: makes all of them, also where the widget gets another model meanwhile; None before the first step.
    """

    prompts: Sequence[Prompt]
    masks: list[Masks] = field(default_factory=list)
    ended: Future[None] = field(default_factory=Future)
    count: int = _FIRST_COUNT
    network: Network | None = None


class ManyPrompts:
    """The calls of one widget. Its methods may be called from any thread.

    Args:
        network: the image and its model.
        status: shows the progress, and says whether there is a model.
        worker: runs the steps.
    """

    def __init__(self, network: Network, status: Status, worker: Worker) -> None:
        self._network = network
        self._status = status
        self._worker = worker
        # An RLock, because garbage collection may close the widget on this very thread.
        self._lock = threading.RLock()
        self._makings: list[Making] = []

    def masks(self, prompts: Sequence[Prompt], progress: ProgressCallback | None) -> list[Masks]:
        """Returns the three candidates of each prompt.

        Args:
            prompts: one for each object.
            progress: called on the caller's thread; an error that it raises ends the call.

        Raises:
            PromptError: a part of a prompt is outside the image; raised before the model runs.
            ModelError: there is no model, or it failed.
            StoppedError: somebody has stopped it on the screen.
            ClosedError: the widget is closed, or was closed meanwhile.
        """
        self._network.check_inside(prompts)
        making = Making(prompts)
        try:
            with held_interrupts(holds_all=True), self._lock:
                self._makings.append(making)
                if not self._worker.is_current:
                    self._worker.submit(lambda: self._step(making))
            self._wait(making, progress)
            return making.masks
        finally:  # also after the notebook's Stop button
            self._end(making, StoppedError("the call was interrupted"))

    def stop(self) -> None:
        """Stops all calls; whoever waits for one gets a StoppedError."""
        for making in list(self._makings):
            made = f"{len(making.masks)} of {len(making.prompts)} masks"
            hint = "call it again, with fewer prompts if it takes too long"
            self._end(making, StoppedError(f"stopped on the screen after {made}; no object was added", hint=hint))

    def close(self, error: SamWidgetError | None = None) -> None:
        """Ends all calls, with this error; None says that the widget was closed."""
        for making in list(self._makings):
            closed = ClosedError("the widget was closed before the masks were made", hint="make a new one")
            self._end(making, closed if error is None else error)

    def _wait(self, making: Making, progress: ProgressCallback | None) -> None:
        total, reported = len(making.prompts), 0

        def tell() -> None:
            nonlocal reported
            if progress is not None and len(making.masks) > reported:
                reported = len(making.masks)
                progress(reported, total)

        if self._worker.is_current:  # called by a function given to on_change: nobody else could take the steps
            while not making.ended.done():
                self._advance(making)
                tell()
        with held_interrupts(holds_all=True) as interrupts:
            while not interrupts.wait_for(making.ended, _CALL_S if progress else None):
                interrupts.allow(tell)
            making.ended.result()
        tell()

    # On the worker's thread.

    def _step(self, making: Making) -> None:
        self._advance(making)
        if not making.ended.done():
            self._worker.submit(lambda: self._step(making))

    def _advance(self, making: Making) -> None:
        """Takes one step; an error ends the call."""
        if making.ended.done():
            return
        begin, start_s = len(making.masks), time.monotonic()
        try:
            if self._status.failure is not None:
                raise self._status.failure
            making.network = making.network or self._network.copy()
            making.masks += making.network.predict_many(making.prompts[begin : begin + making.count])
        except Exception as error:
            self._end(making, error)
            return
        took_s = max(time.monotonic() - start_s, 1e-6)
        making.count = max(_COUNT_MIN, min(_COUNT_MAX, 2 * making.count, int(making.count * _STEP_S / took_s)))
        done, total = len(making.masks), len(making.prompts)
        if done < total:
            self._status.show_making(MakingProgress(done, total))
        else:
            self._end(making)

    # On any thread.

    def _end(self, making: Making, error: Exception | None = None) -> None:
        with held_interrupts(holds_all=True), self._lock:
            if making not in self._makings:
                return
            self._makings.remove(making)
            if error is None:
                making.ended.set_result(None)
            else:
                making.ended.set_exception(error)
            if not self._makings:
                with contextlib.suppress(ClosedError):  # the views are closed, too
                    self._worker.submit(lambda: self._status.show_making(None))
