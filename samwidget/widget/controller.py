"""Session: the document of one widget and the network that serves it, wired together.

Owns the order of everything that changes the document, and what is published after each change. The document is
changed on the worker's thread only; any thread may read its present state.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from samwidget.core import SegmentedObject
from samwidget.document import Document, State
from samwidget.errors import ClosedError, SamWidgetError
from samwidget.widget.commands import INTENTS, prompt_with_point
from samwidget.widget.everything import Search
from samwidget.widget.findings import Found, Run
from samwidget.widget.measured import Measured
from samwidget.widget.network import Engine
from samwidget.widget.photo import Album
from samwidget.widget.protocol import Request
from samwidget.widget.status import Status
from samwidget.widget.wire.encode import PackedMask, Packer, summary
from samwidget.widget.wire.outbox import Outbox
from samwidget.widget.worker import Worker, log_failure

T = TypeVar("T")
Listener = Callable[[Any], object]
log = logging.getLogger(__name__)


class Session:
    """What goes on behind one widget.

    Args:
        document: what the user has made.
        engine: the image and its network, not loaded yet.
        album: the pictures of the image.
        outbox: where answers go.
        measured: the present threshold.
        status: the phase of the network.
        image_id: names the image in messages.
    """

    def __init__(
        self,
        document: Document,
        engine: Engine,
        album: Album,
        outbox: Outbox,
        measured: Measured,
        status: Status,
        image_id: str,
    ) -> None:
        self.document = document
        self.engine = engine
        self.worker = Worker("samwidget network")
        self.search = Search(engine, status, self.worker, outbox, image_id)
        self._album = album
        self._outbox = outbox
        self._measured = measured
        self._status = status
        self._image_id = image_id
        self._packer = Packer()
        self._published: dict[str, PackedMask] = {}
        self._published_at: tuple[int, float] = (0, 0.0)
        self._waiting: list[Request] = []
        self._listeners: list[Listener] = []
        self._lock = threading.Lock()
        self._unsettled = 0

    def start(self) -> None:
        """Begins to load the network and encode the image."""
        self._album.start()
        self.worker.submit(self._prepare).add_done_callback(log_failure)

    def close(self) -> None:
        """Stops taking work and frees network and embedding. What the user made can still be read."""
        self._album.close()
        self._status.enter("closed")
        self._outbox.close()
        self.search.close()
        self.worker.close(self.engine.close)
        self._waiting.clear()

    def take(self, request: Request) -> None:
        """Puts a request of the browser where it belongs and returns at once; raises ClosedError after ``close``."""
        if request.kind == "hello":
            self._album.worker.submit(lambda: self._answer(request, lambda: self._greet(request.id)))
        elif request.kind == "detail":
            self._album.worker.submit(
                lambda: self._answer(request, lambda: self._album.send_detail(request.id, **request.fields))
            )
        elif request.kind == "hover":
            self.worker.offer(lambda: self._answer(request, lambda: self._preview(request)))
        elif request.kind == "retry":
            self.worker.submit(lambda: self._answer(request, lambda: self._retry(request.id)))
        elif request.kind == "everything":
            points_per_side = request.fields["points_per_side"]
            self.search.begin({} if points_per_side is None else {"points_per_side": points_per_side}, re=request.id)
        elif request.kind == "cancel_everything":
            # Not in the queue, where it would wait for the step that runs now.
            self.search.cancel()
            self._outbox.send("done", re=request.id)
        else:
            with self._lock:
                self._unsettled += 1
            self.worker.submit(lambda: self._take_turn(request)).add_done_callback(log_failure)

    def call(self, work: Callable[[], T], *, needs_network: bool = False) -> T:
        """Runs ``work`` in order with the user's clicks, publishes what it changed and returns what it returned.

        Raises:
            ClosedError: after ``close``.
            SamWidgetError: why there is no network, where the work needs one; and what ``work`` raises.
        """

        def turn() -> T:
            if needs_network:
                self._check_network()
            result = work()
            self._publish()
            return result

        return self.worker.call(turn)

    def everything(self, options: Mapping[str, Any], *, keep: bool) -> tuple[SegmentedObject, ...]:
        """Searches for everything and waits for the end; returns what became an object.

        Args:
            options: of ``generate_masks``.
            keep: makes everything that was found an object; otherwise it stays on the screen, for the user to choose.

        Raises:
            SamWidgetError: as ``Search.wait``.
        """
        run = None
        try:
            run = self.search.begin(options)
            self.search.wait(run)
        except BaseException:  # the user's Stop button among them, also before begin() has returned
            self.search.cancel(run)
            raise
        if not keep:
            return ()
        kept = self.call(lambda: self._keep(list(run.found.values()), run))
        return tuple(self.measured(found) for found in kept)

    def wait(self, timeout_s: float | None) -> None:
        """Returns when the image is encoded, everything asked for is done and the snapshot is drawn."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        self.worker.call(self._check_network, timeout_s)
        left_s = None if deadline is None else max(0.0, deadline - time.monotonic())
        self._album.worker.call(self._album.refresh_snapshot, left_s)

    def settled_state(self) -> State:
        """The document's state after every click that the kernel had received when this was called."""
        with self._lock:
            is_behind = self._unsettled > 0
        if is_behind:
            # Closed meanwhile: what was done until then is what there is.
            with contextlib.suppress(ClosedError):
                self.worker.call(lambda: None)
        return self.document.state

    def objects(self) -> tuple[SegmentedObject, ...]:
        """The settled objects at the present threshold."""
        return self._measured.at(self.settled_state().objects)

    def measured(self, found: SegmentedObject) -> SegmentedObject:
        """An object at the present threshold."""
        return self._measured.one(found)

    def set_threshold(self, threshold: float) -> None:
        """Measures the objects at another threshold from now on."""
        self._measured.threshold = threshold
        # After close there is no view to tell. Jobs pile up while the slider moves, and all but one find nothing to do.
        with contextlib.suppress(ClosedError):
            self.worker.submit(self._publish).add_done_callback(log_failure)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Calls ``listener`` with the widget after each change; returns a function that ends that."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            with contextlib.suppress(ValueError):  # a second call has nothing left to end
                self._listeners.remove(listener)

        return unsubscribe

    # On the worker's thread from here on, but for _greet.

    def _prepare(self, re: str | None = None) -> None:
        try:
            self.engine.load()
            self._status.enter("encoding")
            seconds = self.engine.encode()
        except SamWidgetError as error:
            self._status.enter("failed", failure=error)
            self._outbox.error(error, re=re)
            return
        self._status.enter("ready", encode_s=seconds)
        waiting, self._waiting = self._waiting, []
        for request in waiting:
            self._answer(request, lambda request=request: self._carry_out(request))  # type: ignore[misc]
        if re is not None:
            self._outbox.send("done", re=re)

    def _retry(self, re: str) -> None:
        if self._status.failure is None:
            self._outbox.send("done", re=re)
            return
        self._status.enter("loading")
        self._prepare(re)

    def _check_network(self) -> None:
        if self._status.failure is not None:
            raise self._status.failure

    def _take_turn(self, request: Request) -> None:
        try:
            if self._status.failure is None:
                self._answer(request, lambda: self._carry_out(request))
            else:
                self._waiting.append(request)
        finally:
            with self._lock:
                self._unsettled -= 1

    def _answer(self, request: Request, work: Callable[[], None]) -> None:
        """Does the work of a request; what goes wrong is an answer too."""
        try:
            work()
        except SamWidgetError as error:
            self._outbox.error(error, re=request.id)
        except Exception as error:
            log.exception("%s of the browser failed", request.kind)
            self._outbox.error(error, re=request.id)

    def _carry_out(self, request: Request) -> None:
        if request.kind == "keep_found":
            self._keep(self.search.chosen(request.fields["ids"]))
        elif request.kind == "discard_found":
            self.search.dismiss()
        else:
            INTENTS[request.kind](self.document, self.engine.ask, **request.fields)
        self._publish(re=request.id)

    def _keep(self, found: Sequence[Found], run: Run | None = None) -> tuple[SegmentedObject, ...]:
        # Large ones first: later objects lie on top, in the picture and in label_map().
        ordered = sorted(found, key=lambda one: -one.object.area)
        kept = self.document.add_many([one.to_object() for one in ordered])
        # Every view has these bytes already.
        self._published = {**self._published, **{one.packed.mask: one.packed for one in ordered}}
        # The objects come before the found ones go, so that no view is without both for a moment.
        self._publish()
        self.search.dismiss(run)
        return kept

    def _preview(self, request: Request) -> None:
        self._check_network()
        active = self.document.state.active_object
        answer = self.engine.ask(prompt_with_point(self.document, **request.fields))
        level = answer.best if active is None or active.level is None else min(active.level, len(answer) - 1)
        packed = self._packer.candidate(answer, level)
        self._outbox.send(
            "preview",
            re=request.id,
            image=self._image_id,
            frame=answer.frame.to_json(),
            score=round(float(answer.scores[level]), 4),
            masks=[packed.entry()],
            buffers=[packed.data],
        )

    def _greet(self, re: str) -> None:
        self._album.send_preview()
        # Every mask of this dictionary was put there before it was sent, so what a new view misses is in it.
        self._send_masks(list(self._published.values()), re)
        self.search.greet(re)
        if self._status.failure is not None:
            self._outbox.error(self._status.failure, re=re)

    def _publish(self, re: str | None = None) -> None:
        """Shows every view what has changed, in the order of docs/protocol.md."""
        is_new = (self.document.revision, self._measured.threshold) != self._published_at
        if is_new:
            self._publish_document(re)
        self._status.refresh()
        if re is not None:
            self._outbox.send("done", re=re)
        if is_new:
            self._album.refresh_snapshot_soon()
            self._tell_listeners()

    def _publish_document(self, re: str | None) -> None:
        document, state = self.document, self.document.state
        self._published_at = (document.revision, self._measured.threshold)
        shown = [self._packer.shown(state, index) for index in range(len(state.objects))]
        answer = state.active_candidates
        candidates = [] if answer is None else [self._packer.candidate(answer, n) for n in range(len(answer))]
        before, self._published = self._published, {packed.mask: packed for packed in [*shown, *candidates]}
        told = summary(
            state,
            self._measured.at(state.objects),
            shown,
            candidates,
            revision=document.revision,
            image=self._image_id,
            can_undo=document.can_undo,
            can_redo=document.can_redo,
        )
        # Measuring comes before both messages: a view draws when it has the two, and they then leave together.
        self._send_masks([packed for name, packed in self._published.items() if name not in before], re)
        self._outbox.assign(document=told)

    def _send_masks(self, masks: list[PackedMask], re: str | None) -> None:
        if masks:
            self._outbox.send(
                "masks",
                re=re,
                image=self._image_id,
                frame=self.engine.frame.to_json(),
                masks=[packed.entry() for packed in masks],
                buffers=[packed.data for packed in masks],
            )

    def _tell_listeners(self) -> None:
        for listener in list(self._listeners):
            widget = self._outbox.widget
            if widget is None:
                return
            try:
                listener(widget)
            except Exception as error:
                self._outbox.report(f"the function {listener!r} given to on_change failed", error)
