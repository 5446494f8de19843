"""Controller: what happens behind one widget. Its table says which handler takes which message, and in which lane.

Owns the order of everything that changes the document. The document changes on the worker's thread only; any thread may
read its present state. The work itself is elsewhere: in ``commands`` the changes of the document, in ``wire.publisher``
what the views have, in ``everything`` a search, in ``photo`` the image. ``SamWidget`` and ``wire.inbox`` call it.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from samwidget.core import Palette, SegmentedObject
from samwidget.document import Document, State
from samwidget.document.session import Snapshot
from samwidget.errors import ClosedError, SamWidgetError
from samwidget.widget.commands import Commands
from samwidget.widget.everything import Everything, FoundMask, Search
from samwidget.widget.network import BUNDLED, ModelSource, Network
from samwidget.widget.photo import Photo
from samwidget.widget.protocol import requests
from samwidget.widget.protocol.replies import DoneReply
from samwidget.widget.protocol.requests import Request
from samwidget.widget.saving import Saving
from samwidget.widget.session_images import SavedImage
from samwidget.widget.status import Status
from samwidget.widget.traits import SETTINGS
from samwidget.widget.wire.outbox import Outbox
from samwidget.widget.wire.publisher import Publisher
from samwidget.widget.worker import Worker

if TYPE_CHECKING:
    from samwidget.predict import SamPredictor

T = TypeVar("T")
RequestType = TypeVar("RequestType", bound=Request)
Listener = Callable[[Any], object]
"""Called with the SamWidget, a class that this file may not import."""
log = logging.getLogger(__name__)


class Lane(Enum):
    """Where and in which order a handler runs."""

    NOW = "now"
    """On the thread of the message handler, which waits: the handler may only start or stop work."""
    PREVIEW = "preview"
    """On the worker's thread when nothing else waits there; a newer request replaces one that waits."""
    IN_ORDER = "in order"
    """On the worker's thread, one after the other, once there is a model; the changes are published, then ``done``."""
    PICTURES = "pictures"
    """On the thread of the photo, which never waits for the model."""


@dataclass(frozen=True)
class Handler:
    """Who takes the messages of one kind.

    Attributes:
        lane: where it runs.
        handle: carries out a request; what it returns is ignored.
    """

    lane: Lane
    handle: Callable[[Controller, Any], object]  # each takes its own kind of request; `_row` checks that it fits


class Controller:
    """The parts of one widget, wired together.

    Args:
        image: (H, W, 3) uint8 RGB.
        image_id: names the image in messages.
        source: of the model.
        outbox: sends to the views.
        threshold: logits above it are mask.
        opacity: of the masks in the snapshot, 0 to 1.
        saves_picture: whether there is a snapshot for the saved notebook.
        threads: how many CPU threads compute; None takes the predictor's number.
        class_names: the classes that the document begins with.
    """

    def __init__(
        self,
        image: npt.NDArray[np.uint8],
        image_id: str,
        source: ModelSource,
        outbox: Outbox,
        threshold: float,
        opacity: float,
        saves_picture: bool,
        threads: int | None,
        class_names: Sequence[str] = (),
    ) -> None:
        self.document = Document(Palette(image), class_names=class_names)
        self.network = Network(image, source, threads)
        self.publisher = Publisher(self.document, outbox, image_id, threshold)
        self.commands = Commands(self.document, self.network, self.publisher.measured)
        self.photo = Photo(image, image_id, outbox, self.publisher.objects, opacity, saves_picture)
        self.worker = Worker("samwidget network")
        self.status = Status(self.network, outbox)
        self.everything = Everything(self.network, self.status, self.worker, outbox, image_id, self.document)
        self.saving = Saving(outbox, self._settings)
        self._outbox = outbox
        self._waiting: list[Request] = []
        self._listeners: list[Listener] = []
        self._lock = threading.Lock()
        self._unfinished_count = 0

    def start(self, saved: SavedImage | None = None) -> None:
        """Begins to load the model and to encode the image; what a session file has shows at once."""
        if saved is not None:
            self.document.restore(saved.opened.steps)
            self.saving.attach(saved)
            self.worker.submit(self._publish)
        self.photo.start()
        self.worker.submit(self._prepare)

    def close(self) -> None:
        """Takes no more work, and releases model and embedding. The objects can still be read."""
        self.photo.close()
        self.saving.close()
        self.status.enter("closed")
        self._outbox.close()
        self.everything.close()
        self.worker.close(self.network.close)
        self._waiting.clear()

    # What the browser asks.

    def take(self, request: Request) -> None:
        """Puts a request into the lane of its kind and returns at once; raises ClosedError after ``close``."""
        handler = HANDLERS[type(request)]

        def work() -> None:
            self._carry_out(request, handler)

        if handler.lane is Lane.NOW:
            work()
        elif handler.lane is Lane.PREVIEW:
            self.worker.offer(work)
        elif handler.lane is Lane.PICTURES:
            self.photo.worker.submit(work)
        else:
            with self._lock:
                self._unfinished_count += 1
            self.worker.submit(lambda: self._carry_out_in_order(request, handler))

    def take_again(self, request: Request) -> None:
        """Says when a request is done that ``take`` had before; raises ClosedError after ``close``."""
        if HANDLERS[type(request)].lane is Lane.IN_ORDER:
            self.worker.submit(lambda: self._say_done(request))

    def _say_done(self, request: Request) -> None:
        if self.status.failure is None:  # otherwise it waits for the model
            self._outbox.send(DoneReply(request.id))

    def _carry_out(self, request: Request, handler: Handler) -> None:
        def work() -> None:
            handler.handle(self, request)
            if handler.lane is Lane.IN_ORDER:
                self._publish(re=request.id)

        self._reply_to_errors(request, work)

    def _reply_to_errors(self, request: Request, work: Callable[[], None]) -> None:
        """Does the work of a request; an error becomes a reply."""
        try:
            work()
        except SamWidgetError as error:
            self._outbox.send_error(error, re=request.id)
        except Exception as error:
            log.exception("%s from the browser failed", type(request).__name__)
            self._outbox.send_error(error, re=request.id)

    def _carry_out_in_order(self, request: Request, handler: Handler) -> None:
        try:
            if self.status.failure is None:
                self._carry_out(request, handler)
            else:
                self._waiting.append(request)  # until the model is there
        finally:
            with self._lock:
                self._unfinished_count -= 1

    def send_all(self, request: requests.Hello) -> None:
        """Sends a view that has nothing, or that may have missed something, all that there is."""
        self.photo.send_preview()
        self.publisher.send_all(request.id)
        self.everything.send_all(request.id)
        self._outbox.send_traits(["document", "status", "session"])
        if self.status.failure is None:
            self._outbox.send(DoneReply(request.id))
        else:
            self._outbox.send_error(self.status.failure, re=request.id)

    def preview(self, request: requests.Hover) -> None:
        """Sends the mask that a click would make."""
        self._check_network()
        active = self.document.state.active_object
        candidates = self.network.predict(self.commands.prompt_with_point(request.x, request.y, request.label))
        chosen = None if active is None else active.level
        level = candidates.best if chosen is None else min(chosen, len(candidates) - 1)
        self.publisher.send_preview(candidates, level, re=request.id)

    def search(self, request: requests.Everything) -> None:
        """Begins a search of everything."""
        points = request.points_per_side
        self.everything.begin({} if points is None else {"points_per_side": points}, re=request.id)

    def cancel_search(self, request: requests.CancelEverything) -> None:
        """Ends the search at once: in order it would wait for the step that runs."""
        self.everything.cancel()
        self._outbox.send(DoneReply(request.id))

    def keep_found(self, found_masks: Sequence[FoundMask], search: Search | None = None) -> tuple[SegmentedObject, ...]:
        """Makes objects of found masks and forgets what else was found; returns the objects."""
        # Large ones first: later objects are drawn over earlier ones, also in label_map().
        ordered = sorted(found_masks, key=lambda item: -item.found_object.area)
        objects = self.commands.keep_found([item.to_object() for item in ordered])
        self.publisher.add_sent(item.packed for item in ordered)
        self.document.discard_found()  # where no object was made of it
        # The objects appear before the found ones go, so that no view is without both for a moment.
        self._publish()
        self.everything.discard(search)
        return objects

    def keep_chosen(self, ids: Sequence[int]) -> None:
        """Makes objects of the found masks with these ids; undo shows all that were found again."""
        found_masks = self.everything.select(ids)
        if found_masks:
            self._hold_found()
        self.keep_found(found_masks)

    def discard_found(self) -> None:
        """Forgets what was found; undo shows it again."""
        self._hold_found()
        self.document.discard_found()
        self.everything.discard()

    def undo(self) -> bool:
        """Goes one step back; returns False where there is none.

        What a search has found becomes a step first, so that redo shows it again.
        """
        self._hold_found()
        return self._move(self.document.undo)

    def redo(self) -> bool:
        """Takes one undo back; returns False where there is none."""
        return self._move(self.document.redo)

    def _hold_found(self) -> None:
        """Makes what the present search has found a step of the history; the search ends."""
        search = self.everything.end()
        if search is not None:
            self.document.hold_found(search)

    def _move(self, move: Callable[[], bool]) -> bool:
        """Moves in the history, and shows what had been found there."""
        before = self.document.state.found_objects
        has_moved = move()
        after = self.document.state.found_objects
        if after is not before:
            assert after is None or isinstance(after, Search)
            self.everything.show(after)
        return has_moved

    def retry(self, request: requests.Retry | requests.UseBundled) -> None:
        """Loads the model and encodes the image again where that has failed, behind the jobs that wait."""

        def work() -> None:
            if self.status.failure is None:
                self._outbox.send(DoneReply(request.id))
                return
            if isinstance(request, requests.UseBundled):
                self.network.use(BUNDLED)
            self.status.enter("loading")
            self._prepare(re=request.id)

        self.worker.submit(lambda: self._reply_to_errors(request, work))

    # What Python asks.

    def call(self, command: Callable[[Commands], T], *, needs_network: bool = False) -> T:
        """Carries out a command in order with the user's clicks, publishes what it changed and returns its result.

        Args:
            command: a method of ``Commands``, or a function that calls one.
            needs_network: whether to raise at once where there is no model.

        Raises:
            ClosedError: after ``close``.
            SamWidgetError: why there is no model, and what the command raises.
        """

        def work() -> T:
            if needs_network:
                self._check_network()
            result = command(self.commands)
            self._publish()
            return result

        return self.worker.call(work)

    def find_everything(self, options: Mapping[str, Any], *, keep: bool) -> tuple[SegmentedObject, ...]:
        """Searches for everything and waits for the end; returns the objects that were made of it.

        Args:
            options: of ``generate_masks``.
            keep: makes an object of each found mask; False leaves the choice to the user.

        Raises:
            SamWidgetError: as ``Everything.wait``.
        """
        search = None
        try:
            search = self.everything.begin(options)
            self.everything.wait(search)
        except BaseException:  # also the user's Stop button, even before begin() has returned
            self.everything.cancel(search)
            raise
        if not keep:
            return ()
        objects = self.call(lambda _: self.keep_found(list(search.found_masks.values()), search))
        return tuple(self.publisher.measured(item) for item in objects)

    def wait(self, timeout_s: float | None) -> None:
        """Returns when the image is encoded, every earlier request is done and the snapshot is drawn."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        self.worker.call(self._check_network, timeout_s)
        left_s = None if deadline is None else max(0.0, deadline - time.monotonic())
        self.photo.worker.call(self.photo.refresh_snapshot, left_s)

    def predictor(self) -> SamPredictor:
        """Returns the predictor; waits until it is loaded."""
        predictor = self.network.predictor
        if predictor is None:
            predictor = self.call(lambda _: self.network.predictor, needs_network=True)
        assert predictor is not None
        return predictor

    def objects(self) -> tuple[SegmentedObject, ...]:
        """Returns the objects at the present threshold, after every click that the kernel had when this was called."""
        self._catch_up()
        return self.publisher.objects()

    def state(self) -> State:
        """Returns the document's snapshot, after every click that the kernel had when this was called."""
        self._catch_up()
        return self.document.state

    def _catch_up(self) -> None:
        with self._lock:
            is_behind = self._unfinished_count > 0
        if is_behind:
            # Where the widget is closed meanwhile, the clicks so far are all there are.
            with contextlib.suppress(ClosedError):
                self.worker.call(lambda: None)

    @property
    def object_count(self) -> int:
        """Number of objects now."""
        return len(self.document.state.objects)

    def snapshot(self) -> npt.NDArray[np.uint8]:
        """Returns the image with its masks as (h, w, 3) uint8 RGB, small enough for the saved notebook."""
        return self.photo.snapshot()

    def measured(self, item: SegmentedObject) -> SegmentedObject:
        """Returns one object at the present threshold."""
        return self.publisher.measured(item)

    def save(self) -> None:
        """Returns when every earlier request is carried out and saved.

        Raises:
            SessionError: there is no session file, or it cannot be written.
        """
        self.worker.call(lambda: None)
        self.saving.save_now()

    def save_to(self, saved: SavedImage) -> None:
        """Saves to another session file from now on; raises SessionError, and nothing changes, where it fails."""
        self.saving.move_to(saved, lambda: self.worker.call(self._saved_snapshot))

    def set_threshold(self, threshold: float) -> None:
        """Measures the objects at another threshold from now on."""
        self.publisher.set_threshold(threshold)
        # After close there is no view. While the slider moves many jobs wait; the first publishes, the rest do nothing.
        with contextlib.suppress(ClosedError):
            self.worker.submit(self._publish)
        self.photo.refresh_snapshot_soon()

    def set_opacity(self, opacity: float) -> None:
        """Draws the snapshot with another opacity from now on."""
        self.photo.opacity = opacity
        self.photo.refresh_snapshot_soon()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Calls ``listener`` with the widget after each change; returns a function that ends this."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            with contextlib.suppress(ValueError):  # a second call finds it removed
                self._listeners.remove(listener)

        return unsubscribe

    # On the worker's thread.

    def _prepare(self, re: str | None = None) -> None:
        try:
            self.network.load()
            if self.worker.is_closed:  # loading takes seconds, and encoding may again
                return
            self.status.enter("encoding")
            encode_s = self.network.encode()
        except SamWidgetError as error:
            self.status.enter("failed", failure=error)
            self._outbox.send_error(error, re=re)
            return
        self.status.enter("ready", encode_s=encode_s)
        waiting, self._waiting = self._waiting, []
        for request in waiting:
            self._carry_out(request, HANDLERS[type(request)])
        if re is not None:
            self._outbox.send(DoneReply(re))

    def _check_network(self) -> None:
        if self.status.failure is not None:
            raise self.status.failure

    def _publish(self, re: str | None = None) -> None:
        """Sends the views what has changed, in the order of docs/protocol.md."""
        has_changed = self.publisher.publish(re)
        if has_changed:
            self.saving.take(self._saved_snapshot())
        self.status.refresh()
        if re is not None:
            self._outbox.send(DoneReply(re))
        if has_changed:
            self.photo.refresh_snapshot_soon()
            self._call_listeners()

    def _saved_snapshot(self) -> Snapshot:
        return Snapshot(self.document.steps, self.publisher.objects(), self.network.signature, self._settings())

    def _settings(self) -> dict[str, Any]:
        widget = self._outbox.widget
        return {} if widget is None else {name: getattr(widget, name) for name in sorted(SETTINGS)}

    def _call_listeners(self) -> None:
        for listener in list(self._listeners):
            self._outbox.run(partial(self._call_listener, listener))

    def _call_listener(self, listener: Listener) -> None:
        widget = self._outbox.widget
        if widget is None:
            return
        try:
            listener(widget)
        except Exception as error:
            self._outbox.report(f"the function {listener!r} given to on_change failed", error)


def _row(
    request_type: type[RequestType], lane: Lane, handle: Callable[[Controller, RequestType], object]
) -> tuple[type[Request], Handler]:
    return request_type, Handler(lane, handle)


HANDLERS: Mapping[type[Request], Handler] = dict(
    [
        _row(requests.Hello, Lane.PICTURES, Controller.send_all),
        _row(requests.Detail, Lane.PICTURES, lambda c, m: c.photo.send_detail(m.id, m.box, m.width)),
        _row(requests.Hover, Lane.PREVIEW, Controller.preview),
        _row(requests.Everything, Lane.NOW, Controller.search),
        _row(requests.CancelEverything, Lane.NOW, Controller.cancel_search),
        _row(requests.Retry, Lane.NOW, Controller.retry),
        _row(requests.UseBundled, Lane.NOW, Controller.retry),
        _row(requests.AddPoint, Lane.IN_ORDER, lambda c, m: c.commands.add_point(m.x, m.y, m.label)),
        _row(requests.MovePoint, Lane.IN_ORDER, lambda c, m: c.commands.move_point(m.index, m.x, m.y)),
        _row(requests.RemovePoint, Lane.IN_ORDER, lambda c, m: c.commands.remove_point(m.index)),
        _row(requests.AddBox, Lane.IN_ORDER, lambda c, m: c.commands.add_box(m.box)),
        _row(requests.MoveBox, Lane.IN_ORDER, lambda c, m: c.commands.move_box(m.box)),
        _row(requests.RemoveBox, Lane.IN_ORDER, lambda c, m: c.commands.remove_box()),
        _row(requests.Choose, Lane.IN_ORDER, lambda c, m: c.commands.choose(m.level)),
        _row(requests.Accept, Lane.IN_ORDER, lambda c, m: c.commands.accept()),
        _row(requests.Select, Lane.IN_ORDER, lambda c, m: c.commands.select(m.object_id)),
        _row(requests.Rename, Lane.IN_ORDER, lambda c, m: c.commands.rename(m.object_id, m.name)),
        _row(requests.SetVisible, Lane.IN_ORDER, lambda c, m: c.commands.set_visible(m.object_id, m.visible)),
        _row(requests.Delete, Lane.IN_ORDER, lambda c, m: c.commands.delete(m.object_id)),
        _row(requests.Clear, Lane.IN_ORDER, lambda c, m: c.commands.clear()),
        _row(requests.DeleteObjects, Lane.IN_ORDER, lambda c, m: c.commands.delete_objects(m.objects)),
        _row(requests.SetLocked, Lane.IN_ORDER, lambda c, m: c.commands.set_locked(m.objects, m.locked)),
        _row(requests.AddClass, Lane.IN_ORDER, lambda c, m: c.commands.add_class(m.name)),
        _row(requests.RenameClass, Lane.IN_ORDER, lambda c, m: c.commands.rename_class(m.class_name, m.name)),
        _row(requests.DeleteClass, Lane.IN_ORDER, lambda c, m: c.commands.delete_class(m.class_name)),
        _row(requests.ActivateClass, Lane.IN_ORDER, lambda c, m: c.commands.activate_class(m.class_name)),
        _row(requests.SetClass, Lane.IN_ORDER, lambda c, m: c.commands.set_class(m.objects, m.class_name)),
        _row(requests.Scribble, Lane.IN_ORDER, lambda c, m: c.commands.scribble(m.points, m.label)),
        _row(
            requests.Paint,
            Lane.IN_ORDER,
            lambda c, m: c.commands.corrections.paint(m.object_id, m.points, m.radius, m.erase),
        ),
        _row(
            requests.FillPolygon,
            Lane.IN_ORDER,
            lambda c, m: c.commands.corrections.fill_polygon(m.object_id, m.points, m.erase),
        ),
        _row(requests.Merge, Lane.IN_ORDER, lambda c, m: c.commands.corrections.merge(m.objects)),
        _row(requests.Split, Lane.IN_ORDER, lambda c, m: c.commands.corrections.split(m.object_id)),
        _row(requests.Subtract, Lane.IN_ORDER, lambda c, m: c.commands.corrections.subtract(m.object_id, m.others)),
        _row(requests.Intersect, Lane.IN_ORDER, lambda c, m: c.commands.corrections.intersect(m.objects)),
        _row(
            requests.Adjust,
            Lane.IN_ORDER,
            lambda c, m: c.commands.corrections.adjust(m.object_id, m.operation, m.amount, m.continues),
        ),
        _row(requests.Undo, Lane.IN_ORDER, lambda c, m: c.undo()),
        _row(requests.Redo, Lane.IN_ORDER, lambda c, m: c.redo()),
        _row(requests.KeepFound, Lane.IN_ORDER, lambda c, m: c.keep_chosen(m.ids)),
        _row(requests.DiscardFound, Lane.IN_ORDER, lambda c, m: c.discard_found()),
    ]
)
"""Which handler takes which kind of message, and in which lane."""
