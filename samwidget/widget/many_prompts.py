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
from samwidget.errors import ClosedError, StoppedError
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
class Run:
    """One call: its prompts, and the masks so far.

    Attributes:
        prompts: one for each object.
        masks: of the first prompts.
        ended: done when all masks are there; holds the error where they are not.
        count: number of prompts of the next step.
    """

    prompts: Sequence[Prompt]
    masks: list[Masks] = field(default_factory=list)
    ended: Future[None] = field(default_factory=Future)
    count: int = _FIRST_COUNT


class ManyPrompts:
    """The runs of one widget. Its methods may be called from any thread.

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
        self._runs: list[Run] = []

    def masks(self, prompts: Sequence[Prompt], progress: ProgressCallback | None) -> list[Masks]:
        """Returns the three candidates of each prompt.

        Args:
            prompts: one for each object.
            progress: called on the caller's thread; an error that it raises ends the run.

        Raises:
            PromptError: a part of a prompt is outside the image; raised before the model runs.
            ModelError: there is no model, or it failed.
            StoppedError: somebody has stopped it on the screen.
            ClosedError: the widget is closed, or was closed meanwhile.
        """
        self._network.check_inside(prompts)
        run = Run(prompts)
        try:
            with held_interrupts(), self._lock:
                self._runs.append(run)
                if not self._worker.is_current:
                    self._worker.submit(lambda: self._step(run))
            self._wait(run, progress)
            return run.masks
        finally:  # also after the notebook's Stop button
            self._end(run, StoppedError("the call was interrupted"))

    def stop(self) -> None:
        """Stops all runs; whoever waits for one gets a StoppedError."""
        for run in list(self._runs):
            made = f"{len(run.masks)} of {len(run.prompts)} masks"
            hint = "call it again, with fewer prompts if it takes too long"
            self._end(run, StoppedError(f"stopped on the screen after {made}; no object was added", hint=hint))

    def close(self) -> None:
        """Ends all runs."""
        for run in list(self._runs):
            self._end(run, ClosedError("the widget was closed before the masks were made", hint="make a new one"))

    def _wait(self, run: Run, progress: ProgressCallback | None) -> None:
        total, told = len(run.prompts), 0

        def tell() -> None:
            nonlocal told
            if progress is not None and len(run.masks) > told:
                told = len(run.masks)
                progress(told, total)

        if self._worker.is_current:  # called by a function given to on_change: nobody else could take the steps
            while not run.ended.done():
                self._advance(run)
                tell()
        with held_interrupts() as interrupts:
            while not interrupts.wait_for(run.ended, _CALL_S if progress else None):
                interrupts.allow(tell)
            run.ended.result()
        tell()

    # On the worker's thread.

    def _step(self, run: Run) -> None:
        self._advance(run)
        if not run.ended.done():
            self._worker.submit(lambda: self._step(run))

    def _advance(self, run: Run) -> None:
        """Takes one step; an error ends the run."""
        if run.ended.done():
            return
        begin, start_s = len(run.masks), time.monotonic()
        try:
            if self._status.failure is not None:
                raise self._status.failure
            run.masks += self._network.predict_many(run.prompts[begin : begin + run.count])
        except Exception as error:
            self._end(run, error)
            return
        took_s = max(time.monotonic() - start_s, 1e-6)
        run.count = max(_COUNT_MIN, min(_COUNT_MAX, 2 * run.count, int(run.count * _STEP_S / took_s)))
        done, total = len(run.masks), len(run.prompts)
        if done < total:
            self._status.show_making(MakingProgress(done, total))
        else:
            self._end(run)

    # On any thread.

    def _end(self, run: Run, error: Exception | None = None) -> None:
        with held_interrupts(), self._lock:
            if run not in self._runs:
                return
            self._runs.remove(run)
            if error is None:
                run.ended.set_result(None)
            else:
                run.ended.set_exception(error)
            if not self._runs:
                with contextlib.suppress(ClosedError):  # the views are closed, too
                    self._worker.submit(lambda: self._status.show_making(None))
