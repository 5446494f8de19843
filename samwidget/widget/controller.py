"""Controller: the parts of a widget that belong to one image, wired together, and how they change its document.

The document changes on the worker's thread only; any thread may read its present state. The work itself is elsewhere:
in ``commands`` the changes of the document, in ``wire.publisher`` what the views have, in ``everything`` a search, in
``photo`` the image. ``SamWidget`` calls it for Python, ``handlers`` for the browser. ``turning`` makes another one for
each image of a folder.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from samwidget.core import Palette, Prompt, RunLengths, SegmentedObject
from samwidget.document import Document
from samwidget.document.session import Snapshot
from samwidget.errors import ClosedError, PromptError, SamWidgetError
from samwidget.widget.ahead import ReadImage
from samwidget.widget.commands import Commands
from samwidget.widget.everything import Everything, FoundMask, Search, SearchTask
from samwidget.widget.finding import Wanted, similar_task
from samwidget.widget.many_prompts import ManyPrompts, ProgressCallback
from samwidget.widget.model_sources import MODEL_SETTING
from samwidget.widget.network import BUNDLED, ModelSource, Network
from samwidget.widget.photo import Photo
from samwidget.widget.protocol.replies import DoneReply
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
Listener = Callable[[Any], object]
"""Called with the SamWidget, a class that this file may not import."""


class Controller:
    """The parts that belong to one image, wired together.

    Args:
        image: that is shown.
        source: of the model.
        outbox: sends to the views.
        threshold: logits above it are mask.
        opacity: of the masks in the snapshot, 0 to 1.
        saves_picture: whether there is a snapshot for the saved notebook.
        threads: how many CPU threads compute; None takes the predictor's number.
        class_names: the classes that the document begins with.
        before: of the image that the widget has shown until now: model, threads and listeners are the same. None at
            first.
    """

    def __init__(
        self,
        image: ReadImage,
        source: ModelSource,
        outbox: Outbox,
        threshold: float,
        opacity: float,
        saves_picture: bool,
        threads: int | None,
        class_names: Sequence[str] = (),
        before: Controller | None = None,
    ) -> None:
        self.image = image
        pixels, image_id = image.pixels, image.image_id
        self.document = Document(Palette(pixels), class_names=class_names)
        self.network: Network = Network(pixels, source, threads) if before is None else before.network.for_image(pixels)
        self.publisher = Publisher(self.document, outbox, image_id, threshold)
        self.commands: Commands = Commands(self.document, self.network, self.publisher.measured)
        self.photo: Photo = Photo(
            pixels,
            image_id,
            outbox,
            self.publisher.objects,
            opacity,
            saves_picture,
            image.sessions.file_name,
            None if before is None else before.photo,
            image.preview,
        )
        self.worker: Worker = Worker("samwidget network") if before is None else before.worker
        self.status = Status(self.network, outbox)
        self.everything = Everything(self.network, self.status, self.worker, outbox, image_id, self.document)
        self.many_prompts = ManyPrompts(self.network, self.status, self.worker)
        # No method: the saving would hold its own controller.
        self._settings = partial(_settings_of, outbox, self.network)
        self.saving = Saving(outbox, self._settings)
        self.outbox = outbox
        self.is_left = False
        """Whether the widget shows another image now."""
        self.on_publish: Callable[[], None] = lambda: None
        """Called after each change of the objects, before the listeners."""
        self._waiting: list[Callable[[], None]] = []
        self._listeners: list[Listener] = [] if before is None else before._listeners

    def for_image(self, image: ReadImage, outbox: Outbox) -> Controller:
        """Returns the parts of another image of the same widget, with the classes of this one."""
        state = self.document.state
        names = [item.name for item in state.classes]
        photo, network = self.photo, self.network
        controller = Controller(
            image,
            network.source,
            outbox,
            self.publisher.threshold,
            photo.opacity,
            photo.saves_picture,
            network.threads,
            names,
            self,
        )
        if state.active_class is not None:
            controller.document.activate_class(state.active_class)
        return controller

    def start(self, saved: SavedImage | None = None) -> None:
        """Begins to load the model and to encode the image; what a session file has shows at once."""
        if saved is not None:
            self.document.restore(saved.opened.steps)
            self.saving.attach(saved)
            self.worker.submit(self.publish)
        self.photo.start()
        self.worker.submit(self.prepare)

    def show(self, saved: SavedImage | None) -> None:
        """Shows the image in the views, which have shown another one; ``prepare`` follows."""
        if saved is not None:
            active_class = self.document.state.active_class
            self.document.restore(saved.opened.steps)
            self.document.activate_class(active_class)
            self.saving.attach(saved)
        self.photo.send_preview()
        self.publisher.publish_all()
        self.photo.refresh_snapshot_soon()
        self._call_listeners()

    def leave(self) -> None:
        """Ends the work on the image: the widget shows another one. The objects can still be read."""
        self.is_left = True
        waiting, self._waiting = self._waiting, []
        for work in waiting:  # each replies why there is no model
            work()
        self.everything.discard()
        self.many_prompts.close(_other_image())
        self.outbox.leave()
        self.saving.close()
        self.network.close()

    def close(self) -> None:
        """Takes no more work, and releases model and embedding. The objects can still be read."""
        self.photo.close()
        self.saving.close()
        self.status.enter("closed")
        self.outbox.close()
        self.everything.close()
        self.many_prompts.close()
        self.worker.close(self.network.close)
        self._waiting.clear()
        self._listeners.clear()

    def forget(self, then: Callable[[], None]) -> None:
        """Lets go of everything, for a widget that is gone: the parts refer to each other through the controller.

        Python frees such a circle late: it counts objects, not bytes, and the photos of twenty reruns of a cell would
        wait for it.

        Args:
            then: called when no job runs any more.
        """
        network = self.network

        def last() -> None:
            network.close()
            vars(self).clear()
            then()

        self.worker.close(last)

    # What browser and Python ask.

    def wait_for_model(self, work: Callable[[], None]) -> None:
        """Has work done once there is a model; runs on the worker's thread."""
        self._waiting.append(work)

    def keep_found(self, found_masks: Sequence[FoundMask], search: Search | None = None) -> tuple[SegmentedObject, ...]:
        """Makes objects of found masks and forgets what else was found; returns the objects."""
        # Large ones first: later objects are drawn over earlier ones, also in label_map().
        ordered = sorted(found_masks, key=lambda item: -item.found_object.area)
        # Classes in the order of the phrases, whose ids ascend.
        by_phrase = sorted(found_masks, key=lambda item: item.found_object.id)
        class_names = [item.draft.class_name for item in by_phrase if item.draft.class_name]
        objects = self.commands.keep_found([item.to_object() for item in ordered], class_names)
        self.publisher.add_sent(item.packed for item in ordered)
        self.document.discard_found()  # where no object was made of it
        # The objects appear before the found ones go, so that no view is without both for a moment.
        self.publish()
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

    def retry(self, *, uses_bundled: bool, re: str) -> None:
        """Loads the model and encodes the image again where that has failed; runs on the worker's thread.

        Args:
            uses_bundled: whether to load the bundled model in the place of the one that failed.
            re: id of the request.
        """
        if self.status.failure is None:
            self.outbox.send(DoneReply(re))
            return
        if uses_bundled:
            self.network.use(BUNDLED)
        self.status.enter("loading")
        self.prepare(re=re)

    # What Python asks.

    def call(self, command: Callable[[Commands], T], *, needs_network: bool = False) -> T:
        """Carries out a command in order with the user's clicks, publishes what it changed and returns its result.

        Args:
            command: a method of ``Commands``, or a function that calls one.
            needs_network: whether to raise at once where there is no model.

        Raises:
            ClosedError: after ``close``.
            PromptError: another image is shown now.
            SamWidgetError: why there is no model, and what the command raises.
        """

        def work() -> T:
            if self.is_left:
                raise _other_image()
            if needs_network:
                self.check_network()
            result = command(self.commands)
            self.publish()
            return result

        return self.worker.call(work)

    def everything_task(self, options: Mapping[str, Any]) -> SearchTask:
        """Returns the task to find everything with these options of ``generate_masks``."""
        return SearchTask(partial(self.network.everything, options))

    def similar_task(self, wanted: Wanted) -> SearchTask:
        """Returns the task to find what looks like objects of the document."""
        return similar_task(wanted, self.document, self.network, self.publisher.measured)

    def search(self, task: SearchTask, *, keep: bool) -> tuple[SegmentedObject, ...]:
        """Searches and waits for the end; returns the objects that were made of what was found.

        Args:
            task: what to look for.
            keep: makes an object of each found mask; False leaves the choice to the user.

        Raises:
            SamWidgetError: as ``Everything.wait``.
        """
        search = None
        try:
            search = self.everything.begin(task)
            self.everything.wait(search)
        except BaseException:  # also the user's Stop button, even before begin() has returned
            self.everything.cancel(search)
            raise
        if not keep:
            return ()
        objects = self.call(lambda _: self.keep_found(list(search.found_masks.values()), search))
        return tuple(self.publisher.measured(item) for item in objects)

    def add_prompts(
        self,
        prompts: Sequence[Prompt | RunLengths],
        names: Sequence[str | None],
        class_names: Sequence[str | None],
        progress: ProgressCallback | None = None,
    ) -> tuple[SegmentedObject, ...]:
        """Adds an object for each prompt and each exact mask in one step, once all masks are there; returns them.

        Raises:
            SamWidgetError: as ``ManyPrompts.masks``; then nothing has changed.
        """
        unmade = [prompt for prompt in prompts if isinstance(prompt, Prompt)]
        made = iter(self.many_prompts.masks(unmade, progress) if unmade else ())
        masks = [next(made) if isinstance(prompt, Prompt) else prompt for prompt in prompts]
        objects = self.call(
            lambda commands: commands.add_candidates(masks, names, class_names), needs_network=bool(unmade)
        )
        return tuple(self.measured(item) for item in objects)

    def wait(self, timeout_s: float | None) -> None:
        """Returns when the image is encoded, every earlier request is done and the snapshot is drawn."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        self.worker.call(self.check_network, timeout_s)
        left_s = None if deadline is None else max(0.0, deadline - time.monotonic())
        self.photo.worker.call(self.photo.refresh_snapshot, left_s)

    def predictor(self) -> SamPredictor:
        """Returns the predictor; waits until it is loaded."""
        predictor = self.network.predictor
        if predictor is None:
            predictor = self.call(lambda _: self.network.predictor, needs_network=True)
        assert predictor is not None
        return predictor

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

    def save_as(self, path: Path) -> None:
        """Saves to a session file from now on; returns when everything is on the disk.

        Raises:
            SessionError: it cannot be written, or has objects of this image already; nothing changes.
        """
        if self.saving.is_at(path):
            self.save()
            return
        saved = self.image.sessions.open_unused(path)
        try:
            self.saving.move_to(saved, lambda: self.worker.call(self.saved_snapshot))
        except BaseException:
            saved.session.close()
            raise

    def set_threshold(self, threshold: float) -> None:
        """Measures the objects at another threshold from now on."""
        self.publisher.set_threshold(threshold)
        # After close there is no view. While the slider moves many jobs wait; the first publishes, the rest do nothing.
        with contextlib.suppress(ClosedError):
            self.worker.submit(self.publish)
        self.photo.refresh_snapshot_soon()

    def set_opacity(self, opacity: float) -> None:
        """Draws the snapshot with another opacity from now on."""
        self.photo.opacity = opacity
        self.photo.refresh_snapshot_soon()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Calls ``listener`` with the widget after each change; returns a function that ends this."""
        listeners = self._listeners
        listeners.append(listener)

        def unsubscribe() -> None:
            with contextlib.suppress(ValueError):  # a second call, or one after ``close``, finds it removed
                listeners.remove(listener)

        return unsubscribe

    # On the worker's thread.

    def prepare(self, re: str | None = None) -> None:
        """Loads the model and encodes the image, and does what waits for that."""
        if self.is_left:
            return
        try:
            self.network.load()
            if self.worker.is_closed:  # loading takes seconds, and encoding may again
                return
            self.status.enter("encoding")
            encode_s = self.network.encode()
        except SamWidgetError as error:
            self.status.enter("failed", failure=error)
            self.outbox.send_error(error, re=re)
            return
        self.status.enter("ready", encode_s=encode_s)
        self._do_waiting()
        if re is not None:
            self.outbox.send(DoneReply(re))

    def change_model(self, network: Network, encode_s: float) -> None:
        """Uses another model from now on; objects and history stay, and so do the masks that a search has found.

        Args:
            network: has encoded the image.
            encode_s: how long that took; 0 where a cache had the embedding.
        """
        self.everything.cancel()
        self.network.become(network)
        self.status.enter("ready", encode_s=encode_s)
        self.saving.take(self.saved_snapshot())
        self._do_waiting()

    def _do_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for work in waiting:
            work()

    def check_network(self) -> None:
        """Raises why there is no model, where that has failed."""
        if self.status.failure is not None:
            raise self.status.failure

    def publish(self, re: str | None = None) -> None:
        """Sends the views what has changed, in the order of docs/protocol.md."""
        has_changed = self.publisher.publish(re)
        if has_changed:
            self.saving.take(self.saved_snapshot())
            self.on_publish()
        self.status.refresh()
        if re is not None:
            self.outbox.send(DoneReply(re))
        if has_changed:
            self.photo.refresh_snapshot_soon()
            self._call_listeners()

    def saved_snapshot(self) -> Snapshot:
        """What a session file has of the image now."""
        return Snapshot(self.document.steps, self.publisher.objects(), self.network.signature, self._settings())

    def _call_listeners(self) -> None:
        for listener in list(self._listeners):
            self.outbox.run(partial(self._call_listener, listener))

    def _call_listener(self, listener: Listener) -> None:
        widget = self.outbox.widget
        if widget is None:
            return
        try:
            listener(widget)
        except Exception as error:
            self.outbox.report(f"the function {listener!r} given to on_change failed", error)


def _settings_of(outbox: Outbox, network: Network) -> dict[str, Any]:
    widget = outbox.widget
    if widget is None:
        return {}
    return {name: getattr(widget, name) for name in sorted(SETTINGS)} | {MODEL_SETTING: network.name}


def _other_image() -> PromptError:
    return PromptError("the widget shows another image now", hint="call it again for that one")
