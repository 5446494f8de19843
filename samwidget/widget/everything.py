"""Everything: one search for objects at a time, and the objects that it has found and nobody has kept yet.

What a search looks for is its ``SearchTask``: everything, objects like others, or words.
Owns the found objects and what the views hear of them. Each step of a search is a job of its own on the worker's
thread; the next step goes behind whatever the user asked for meanwhile. A cancel does not wait for the step that runs:
it may come from any thread, and the result of that step is dropped. ``controller`` makes objects of what was found,
and shows it again after an undo; the search itself is in ``predict``.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from samwidget.core import NO_COLOUR, Prompt, SegmentedObject, held_interrupts, logits_of_mask
from samwidget.errors import ClosedError, PromptError, SamWidgetError
from samwidget.widget.network import Network
from samwidget.widget.protocol.fields import SearchKind, SearchPhase
from samwidget.widget.protocol.message import optional
from samwidget.widget.protocol.replies import DoneReply, FoundReply, sizes_of
from samwidget.widget.status import Status
from samwidget.widget.wire.encode import PackedMask, pack, summarise_found
from samwidget.widget.wire.outbox import Outbox
from samwidget.widget.worker import Worker

if TYPE_CHECKING:
    from samwidget.core import FoundObject, Frame
    from samwidget.document import Document
    from samwidget.predict.everything import Progress

log = logging.getLogger(__name__)


def _no_class(_: FoundObject) -> str | None:
    return None


@dataclass(frozen=True, eq=False)
class SearchTask:
    """What a search looks for.

    Attributes:
        open_steps: returns the steps of the search, which ends when the event is set. It is called on the worker's
            thread, once there is a model; it and each step may raise.
        kind: what is searched.
        phrase: what is searched, in words; empty where it is not words.
        class_of: the class that a found object gets when it is kept; None is the active class.
    """

    open_steps: Callable[[threading.Event], Iterator[Progress]]
    kind: SearchKind = "everything"
    phrase: str = ""
    class_of: Callable[[FoundObject], str | None] = _no_class


@dataclass(frozen=True, eq=False)
class FoundMask:
    """A found object as the views have it.

    Attributes:
        found_object: as the search found it.
        packed: its bytes, which every view has.
        draft: the object that it becomes when it is kept, without id and name.
    """

    found_object: FoundObject
    packed: PackedMask
    draft: SegmentedObject

    def to_object(self) -> SegmentedObject:
        """Returns the draft; with its exact mask where there are no logits of the whole image."""
        if self.found_object.candidate is not None:
            return self.draft
        return replace(self.draft, run_lengths=self.found_object.run_lengths)


@dataclass(eq=False)
class Search:
    """One search: its progress and what it has found.

    Attributes:
        task: what it looks for.
        re: id of the browser's request; None where Python asked.
        name: names the search in messages.
        cancel: set when the search ends, for whatever reason.
        ended: done when nothing more will be found; holds the error where the search failed.
        phase: ``running`` until the search ends.
        done: number of points that were asked.
        total: number of all points; 0 before the first step.
        seconds_left: an estimate; None before the first step.
        found_masks: by id, in the order in which they were found.
        steps: yields the progress; None before the first step and after the end.
    """

    task: SearchTask
    re: str | None = None
    name: str = field(default_factory=lambda: secrets.token_hex(4))
    cancel: threading.Event = field(default_factory=threading.Event)
    ended: Future[None] = field(default_factory=Future)
    phase: SearchPhase = "running"
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    found_masks: dict[int, FoundMask] = field(default_factory=dict)
    steps: Iterator[Progress] | None = None

    @property
    def is_running(self) -> bool:
        """Whether more may be found."""
        return self.phase == "running"

    def arrays(self) -> Iterator[npt.NDArray[Any]]:
        """Yields what it holds in memory, but for the packed bytes, which are small."""
        for found_mask in self.found_masks.values():
            runs = found_mask.found_object.run_lengths
            yield from (found_mask.draft.logits, runs.columns, runs.tops, runs.bottoms)


class Everything:
    """The present search of one widget. Methods may be called from any thread.

    Args:
        network: the image and its model.
        status: says whether there is a model.
        worker: runs the steps.
        outbox: sends what was found.
        image_id: names the image in messages.
        document: chooses the colours of found objects, so that they differ from their neighbours.
    """

    def __init__(
        self,
        network: Network,
        status: Status,
        worker: Worker,
        outbox: Outbox,
        image_id: str,
        document: Document,
    ) -> None:
        self._network = network
        self._document = document
        self._status = status
        self._worker = worker
        self._outbox = outbox
        self._image_id = image_id
        # Held while the state changes and is sent, so that a new view gets each mask once. An RLock, because garbage
        # collection may close the widget on this very thread.
        self._lock = threading.RLock()
        self._search: Search | None = None

    def begin(self, task: SearchTask, re: str | None = None) -> Search:
        """Begins a search; the one before ends, and what it found goes.

        Args:
            task: what to look for.
            re: id of the browser's request.

        Raises:
            ClosedError: the widget is closed.
        """
        search = Search(task, re)
        with held_interrupts(holds_all=True), self._lock:
            self._worker.submit(lambda: self._step(search))
            if self._search is not None:
                self._end(self._search, "cancelled")
            self._search = search
            self._send(search, is_whole=True)
        return search

    def wait(self, search: Search) -> None:
        """Returns when the search has ended or was cancelled.

        Raises:
            PromptError: an option is out of its range.
            ModelError: there is no model, or it failed.
            ClosedError: the widget was closed meanwhile.
        """
        if self._worker.is_current:  # called by a function given to on_change: nobody else could take the steps
            while search.is_running:
                self._advance(search)
        with held_interrupts(holds_all=True) as interrupts:
            interrupts.wait_for(search.ended)
            search.ended.result()

    def cancel(self, search: Search | None = None) -> None:
        """Ends a search, the present one where it is None; what was found stays. Does nothing where none runs."""
        with held_interrupts(holds_all=True), self._lock:
            search = self._search if search is None else search
            if search is not None:
                self._end(search, "cancelled")

    def select(self, ids: Sequence[int]) -> list[FoundMask]:
        """Returns the found masks with these ids; ends a search that still runs.

        Raises:
            PromptError: one of them was not found.
        """
        with self._lock:
            found_masks = {} if self._search is None else self._search.found_masks
            if missing := [number for number in ids if number not in found_masks]:
                raise PromptError(
                    f"{missing[0]} was not found", hint="a new search forgets what was found before and not kept"
                )
            self.cancel()
            return [found_masks[number] for number in dict.fromkeys(ids)]

    def end(self) -> Search | None:
        """Ends the present search and returns it; None where it has found nothing, and where there is none."""
        with self._lock:
            self.cancel()
            return self._search if self._search is not None and self._search.found_masks else None

    def discard(self, search: Search | None = None) -> None:
        """Ends a search, the present one where it is None, and shows nothing of it any more."""
        with self._lock:
            search = self._search if search is None else search
            if search is None:
                return
            self._end(search, "cancelled")
            if search is self._search:
                self._search = None
                self._send(search, is_whole=True)

    def show(self, search: Search | None) -> None:
        """Shows what an ended search found, in the place of the present one; None shows nothing."""
        with self._lock:
            if search is None:
                self.discard()
            elif search is not self._search:
                self.cancel()
                self._search = search
                self._send(search, list(search.found_masks.values()), is_whole=True)

    def send_all(self, re: str) -> None:
        """Sends everything that was found, for a new view; ``re`` is the id of its request."""
        with self._lock:
            if self._search is not None:
                self._send(self._search, list(self._search.found_masks.values()), is_whole=True, re=re)

    def close(self) -> None:
        """Ends the search and forgets what it found; sends nothing."""
        with held_interrupts(holds_all=True), self._lock:
            search, self._search = self._search, None
            if search is not None and search.is_running:
                search.phase = "cancelled"
                search.cancel.set()
                search.steps = None
                search.ended.set_exception(
                    ClosedError("the widget was closed during the search", hint="make a new one")
                )

    # On the worker's thread.

    def _step(self, search: Search) -> None:
        self._advance(search)
        if search.is_running:
            self._worker.submit(lambda: self._step(search))

    def _advance(self, search: Search) -> None:
        """Takes one step; an error ends the search."""
        if not search.is_running:
            return
        try:
            steps = search.steps or self._first_step(search)
            progress = next(steps, None)
            added = [] if progress is None else self._packed(search, progress)
        except Exception as error:
            self._end(search, "failed", error)
            return
        if progress is None:
            self._end(search, "done")
            return
        with self._lock:
            if search.cancel.is_set():  # it ended while the step ran
                return
            search.steps = steps
            search.done, search.total, search.seconds_left = progress.done, progress.total, progress.seconds_left
            for number in progress.removed:
                del search.found_masks[number]
            search.found_masks.update((item.found_object.id, item) for item in added)
            self._send(search, added, progress.removed)
        self._status.refresh()  # the model moves to the CPU where it runs out of memory

    def _first_step(self, search: Search) -> Iterator[Progress]:
        if self._status.failure is not None:
            raise self._status.failure
        return search.task.open_steps(search.cancel)

    def _packed(self, search: Search, progress: Progress) -> list[FoundMask]:
        """Returns what a step has found, each object in a colour that none of its neighbours has."""
        gone = {*progress.removed, *(item.id for item in progress.added)}
        remaining = [item for number, item in search.found_masks.items() if number not in gone]
        drafts = []
        for found_object in progress.added:
            before = search.found_masks.get(found_object.id)  # the same object, without its small regions
            colour = NO_COLOUR if before is None else before.draft.colour
            class_name = search.task.class_of(found_object)
            drafts.append(_draft_of(found_object, self._network.frame, colour, class_name))
        others = [item.draft for item in sorted(remaining, key=lambda item: -item.found_object.area)]
        return [
            FoundMask(found_object, pack(draft.logits, draft.frame), draft)
            for found_object, draft in zip(progress.added, self._document.in_colour(drafts, others), strict=True)
        ]

    # On any thread.

    def _end(self, search: Search, phase: SearchPhase, error: Exception | None = None) -> None:
        with self._lock:
            if not search.is_running:
                return
            search.phase = phase
            search.cancel.set()
            search.steps = None
            if error is not None and not search.found_masks:
                self.discard(search)  # the error is all there is to show
            elif search is self._search:
                self._send(search)
            if error is not None and not isinstance(error, SamWidgetError):
                log.error("the search failed", exc_info=error)
            if search.re is not None and error is not None:
                self._outbox.send_error(error, re=search.re)
            elif search.re is not None:
                self._outbox.send(DoneReply(search.re))
        if error is None:
            search.ended.set_result(None)
        else:
            search.ended.set_exception(error)

    def _send(
        self,
        search: Search,
        added: Sequence[FoundMask] = (),
        removed: Sequence[int] = (),
        *,
        is_whole: bool = False,
        re: str | None = None,
    ) -> None:
        reply = FoundReply(
            image=self._image_id,
            search=search.name,
            search_kind=search.task.kind,
            phrase=optional(search.task.phrase or None),
            phase=search.phase if search is self._search else "none",
            done=search.done,
            total=search.total,
            is_whole=is_whole,
            added=[summarise_found(item.found_object, item.packed, item.draft.colour) for item in added],
            removed=list(removed),
            masks=[item.packed.header() for item in added],
            # Not of the network: it may have another model since then.
            frame=optional(sizes_of(added[0].draft.frame) if added else None),
            seconds_left=optional(None if search.seconds_left is None else round(search.seconds_left, 2)),
            re=optional(re),
        )
        self._outbox.send(reply, buffers=[item.packed.data for item in added])


def _draft_of(found_object: FoundObject, frame: Frame, colour: str, class_name: str | None) -> SegmentedObject:
    """Returns the object that a found one becomes, without a name and without pixels."""
    candidate = found_object.candidate
    if candidate is None:
        logits = logits_of_mask(found_object.run_lengths, frame)
        return SegmentedObject(
            found_object.id,
            "",
            colour,
            logits,
            found_object.score,
            frame,
            Prompt(mask=logits),
            level=None,
            class_name=class_name,
        )
    return SegmentedObject(
        found_object.id,
        "",
        colour,
        candidate.logits[0],
        found_object.score,
        candidate.frame,
        candidate.prompt,
        found_object.level,
        class_name=class_name,
        model=candidate.model,
    )
