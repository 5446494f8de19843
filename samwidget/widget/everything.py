"""Search: one search of everything at a time, and what it found, which is nobody's object until somebody keeps it.

Owns the found objects and what views are told of them. Each step is a job of its own on the worker's thread, and the
next one queues up behind whatever the user asked for meanwhile. A cancel waits for neither: it may come from any
thread, and the step that runs then is dropped when it ends. The document is ``session``'s affair.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import wait
from typing import TYPE_CHECKING, Any

from samwidget.core import colour_of
from samwidget.errors import ClosedError, PromptError, SamWidgetError
from samwidget.widget.findings import Found, Phase, Run, draft_of
from samwidget.widget.network import Engine
from samwidget.widget.status import Status
from samwidget.widget.wire.encode import found_entry, pack
from samwidget.widget.wire.outbox import Outbox
from samwidget.widget.worker import Worker, log_failure

if TYPE_CHECKING:
    from samwidget.core import FoundObject
    from samwidget.predict.everything import Progress

log = logging.getLogger(__name__)

# A wait without an end is deaf to the notebook's Stop button: on Windows always, elsewhere when it is pressed just
# before the wait begins.
_LISTEN_S = 0.2


class Search:
    """The search of one widget. Methods may be called from any thread.

    Args:
        engine: the image and its network.
        status: says whether there is a network.
        worker: whose thread the steps run on.
        outbox: where the views hear of it.
        image_id: names the image in messages.
    """

    def __init__(self, engine: Engine, status: Status, worker: Worker, outbox: Outbox, image_id: str) -> None:
        self._engine = engine
        self._status = status
        self._worker = worker
        self._outbox = outbox
        self._image_id = image_id
        # Held while the state changes and is told, so that a view that opens hears of each mask once. An RLock, since
        # garbage collection may close the widget on this very thread.
        self._lock = threading.RLock()
        self._run: Run | None = None

    def begin(self, options: Mapping[str, Any], re: str | None = None) -> Run:
        """Begins a search in the place of the one before, and of what that one found.

        Args:
            options: of ``generate_masks``.
            re: id of the browser's request.

        Raises:
            ClosedError: the widget is closed.
        """
        run = Run(options, re)
        with self._lock:
            self._worker.submit(lambda: self._step(run)).add_done_callback(log_failure)
            if self._run is not None:
                self._end(self._run, "cancelled")
            self._run = run
            self._tell(run, is_whole=True)
        return run

    def wait(self, run: Run) -> None:
        """Returns when the search has ended, cancelled or not.

        Raises:
            PromptError: an option out of its range.
            ModelError: there is no network, or it failed.
            ClosedError: the widget was closed meanwhile.
        """
        if self._worker.is_current:  # a function given to on_change: its thread is the one that must do the steps
            while run.is_running:
                self._advance(run)
        while not run.ended.done():
            wait([run.ended], _LISTEN_S)
        run.ended.result()

    def cancel(self, run: Run | None = None) -> None:
        """Ends a search, by default the present one; what it found stays. Nothing where none runs."""
        with self._lock:
            run = self._run if run is None else run
            if run is not None:
                self._end(run, "cancelled")

    def chosen(self, ids: Sequence[int]) -> list[Found]:
        """The found objects of these ids; a search that still runs ends.

        Raises:
            PromptError: one of them is not there.
        """
        with self._lock:
            found = {} if self._run is None else self._run.found
            if missing := [number for number in ids if number not in found]:
                raise PromptError(
                    f"{missing[0]} was not found", hint="what was found and not kept goes with the next search"
                )
            self.cancel()
            return [found[number] for number in dict.fromkeys(ids)]

    def dismiss(self, run: Run | None = None) -> None:
        """Takes what a search found, by default the present one, off the screen; one that runs ends."""
        with self._lock:
            run = self._run if run is None else run
            if run is None:
                return
            self._end(run, "cancelled")
            run.found = {}
            if run is self._run:
                self._run = None
                self._tell(run, is_whole=True)

    def greet(self, re: str) -> None:
        """Tells a view that opens everything that was found."""
        with self._lock:
            if self._run is not None:
                self._tell(self._run, list(self._run.found.values()), is_whole=True, re=re)

    def close(self) -> None:
        """Ends the search, unseen, and forgets what it found."""
        with self._lock:
            run, self._run = self._run, None
            if run is not None and run.is_running:
                run.phase = "cancelled"
                run.cancel.set()
                run.steps = None
                run.ended.set_exception(ClosedError("the widget was closed during the search"))

    # On the worker's thread.

    def _step(self, run: Run) -> None:
        self._advance(run)
        if run.is_running:
            self._worker.submit(lambda: self._step(run)).add_done_callback(log_failure)

    def _advance(self, run: Run) -> None:
        """One step; what goes wrong ends the search."""
        if not run.is_running:
            return
        try:
            steps = run.steps or self._first_step(run)
            progress = next(steps, None)
            added = [] if progress is None else [self._found(one, run) for one in progress.added]
        except Exception as error:
            self._end(run, "failed", error)
            return
        if progress is None:
            self._end(run, "done")
            return
        with self._lock:
            if not run.is_running:
                return
            run.steps = steps
            run.done, run.total, run.seconds_left = progress.done, progress.total, progress.seconds_left
            for number in progress.removed:
                del run.found[number]
            run.found.update((one.object.id, one) for one in added)
            self._tell(run, added, progress.removed)
        self._status.refresh()  # out of memory, the network moves to the CPU

    def _first_step(self, run: Run) -> Iterator[Progress]:
        if self._status.failure is not None:
            raise self._status.failure
        return self._engine.search(run.cancel, run.options)

    def _found(self, found: FoundObject, run: Run) -> Found:
        before = run.found.get(found.id)
        if before is None:
            colour, run.colours_given = colour_of(run.colours_given), run.colours_given + 1
        else:
            colour = before.draft.colour  # the same object without its small regions
        draft = draft_of(found, self._engine.frame, colour)
        return Found(found, pack(draft.logits, draft.frame), draft)

    # On any thread.

    def _end(self, run: Run, phase: Phase, error: Exception | None = None) -> None:
        with self._lock:
            if not run.is_running:
                return
            run.phase = phase
            run.cancel.set()
            run.steps = None
            if error is not None and not run.found:
                self.dismiss(run)  # there is nothing to show but the error
            elif run is self._run:
                self._tell(run)
            if error is not None and not isinstance(error, SamWidgetError):
                log.error("the search failed", exc_info=error)
            if run.re is not None and error is not None:
                self._outbox.error(error, re=run.re)
            elif run.re is not None:
                self._outbox.send("done", re=run.re)
        if error is None:
            run.ended.set_result(None)
        else:
            run.ended.set_exception(error)

    def _tell(
        self,
        run: Run,
        added: Sequence[Found] = (),
        removed: Sequence[int] = (),
        *,
        is_whole: bool = False,
        re: str | None = None,
    ) -> None:
        self._outbox.send(
            "found",
            re=re,
            image=self._image_id,
            search=run.name,
            phase=run.phase if run is self._run else "none",
            done=run.done,
            total=run.total,
            seconds_left=None if run.seconds_left is None else round(run.seconds_left, 2),
            is_whole=is_whole,
            frame=self._engine.frame.to_json() if added else None,
            added=[found_entry(one.object, one.packed, one.draft.colour) for one in added],
            removed=list(removed),
            masks=[one.packed.entry() for one in added],
            buffers=[one.packed.data for one in added],
        )
