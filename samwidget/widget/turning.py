"""Turning: which image a widget shows, and how it comes to show another one.

Each image has a ``controller`` of its own; model, threads, views and listeners stay. ``Turning`` makes the controller
of the next image and lets the one before go, in order with the user's clicks: what was asked before is done on the
image that was there. A widget of one image has one, for ever. ``SamWidget`` and ``handlers`` call it.
"""

from __future__ import annotations

import contextlib
import operator
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from samwidget.core import SegmentedObject, Size
from samwidget.errors import ClosedError, ImageError, PromptError, SamWidgetError, SessionError
from samwidget.images import load_rgb
from samwidget.widget.ahead import Ahead, ReadImage
from samwidget.widget.controller import Controller
from samwidget.widget.copying import copied_masks, copied_prompts
from samwidget.widget.image_sources import ImageSource
from samwidget.widget.image_store import ImageStore
from samwidget.widget.image_table import STATES
from samwidget.widget.model_choice import ModelChoice, ModelMenu
from samwidget.widget.opened_images import OpenedImages
from samwidget.widget.photo import Photo
from samwidget.widget.protocol.fields import short_text
from samwidget.widget.protocol.message import to_json
from samwidget.widget.protocol.replies import ImagesReply
from samwidget.widget.protocol.requests import ListImages
from samwidget.widget.session_images import SavedImage
from samwidget.widget.thumbnails import Thumbnails
from samwidget.widget.traits import ImagesSummary
from samwidget.widget.wire.outbox import Outbox, sentence
from samwidget.widget.worker import Worker

# A click that comes while the next image is encoded waits for that: it begins when nobody has clicked for so long.
_IDLE_S = 0.3


class Turning:
    """The image that a widget shows, and all others.

    Args:
        opened: the images.
        present: the controller of the first one.
        outbox: sends to the views, whichever image they show.
        menu: what the arguments of the widget say about its models.
    """

    def __init__(self, opened: OpenedImages, present: Controller, outbox: Outbox, menu: ModelMenu) -> None:
        self.present = present
        self.index = opened.index
        self.table = opened.table
        self.outbox = outbox
        self._sources = opened.sources
        self._options = opened.options
        self._store = opened.store
        self._worker = present.worker
        self._states_worker = Worker("samwidget states")
        self._lock = threading.Lock()
        self._unfinished_count = 0
        self._is_forward = True
        self._encoded: set[int] = set()
        self._asked_at_s = time.monotonic()
        self.thumbnails = Thumbnails(opened.sources, opened.options, self._fail, outbox)
        self._ahead = Ahead(opened.sources, opened.options, self._fail, self._was_read)
        self.models = ModelChoice(lambda: self.present, self._forget_encoded, outbox, menu)
        present.network.fetch = self.models.fetch
        present.on_publish = self._note_content

    def __len__(self) -> int:
        return len(self._sources)

    @property
    def photo(self) -> Photo:
        """Of the image that is shown."""
        return self.present.photo

    @property
    def store(self) -> ImageStore | None:
        """The session file of several images; None for one image."""
        return self._store

    def source(self, index: int) -> ImageSource:
        """One of the images."""
        return self._sources[index]

    def start(self, saved: SavedImage | None) -> None:
        """Begins to work on the first image."""
        if self._store is not None:
            self._publish_images()
        self.models.publish()
        self.present.start(saved)
        if saved is not None:
            self._note_problem(self.index, saved.note)
        self._worker.submit(self._begin_image)
        self._worker.submit(self.models.publish)  # a model on another computer is known as such once it is loaded

    def close(self) -> None:
        """Saves what is not saved yet, and releases everything. The objects on the screen can still be read."""
        self._ahead.close()
        self.models.close()
        self.thumbnails.close()
        self.present.close()
        self._states_worker.close()
        self.outbox.close()
        if self._store is not None:
            with contextlib.suppress(SessionError):  # the views are gone, and the objects are saved
                self._store.set_states((), self.index)
            self._store.close()

    def forget(self) -> None:
        """Lets go of everything, for a widget that is gone."""
        self.present.forget(vars(self).clear)

    # The order of what is asked.

    def submit_in_order(self, work: Callable[[Controller], None], *, needs_model: bool = True) -> None:
        """Has the worker do the work of a request after all earlier ones, on the image that is shown then.

        Args:
            work: gets the controller of that image.
            needs_model: whether it waits until there is a model.
        """
        with self._lock:
            self._unfinished_count += 1
        self._worker.submit(partial(self._do_or_wait, work, needs_model))

    def caught_up(self) -> Controller:
        """Returns the present controller, after every click that the kernel had when this was called."""
        with self._lock:
            is_behind = self._unfinished_count > 0
        if is_behind:
            # Where the widget is closed meanwhile, the clicks so far are all there are.
            with contextlib.suppress(ClosedError):
                self._worker.call(lambda: None)
        return self.present

    def note_request(self) -> None:
        """Says that somebody has asked something just now: encoding ahead waits a little longer."""
        self._asked_at_s = time.monotonic()

    def _do_or_wait(self, work: Callable[[Controller], None], needs_model: bool) -> None:
        try:
            controller = self.present
            if needs_model and controller.status.failure is not None:
                controller.wait_for_model(partial(work, controller))
            else:
                work(controller)
        finally:
            with self._lock:
                self._unfinished_count -= 1

    # Turning the page. On the worker's thread.

    def go_to(self, index: int) -> None:
        """Shows another image.

        Raises:
            PromptError: there is no such image.
            ImageError: it cannot be read; the present one stays.
            SessionError: the present image cannot be saved, and stays; or the masks in the file do not fit the other.
        """
        index = self._checked(index)
        if index != self.index:
            self._show(index)

    def step(self, step: int) -> None:
        """Shows the next image (1) or the one before (-1) that can be read.

        Raises:
            PromptError: this is the last image, or the first.
            ImageError: there are more images, and none of them can be read; the present one stays.
            SessionError: as ``go_to``.
        """
        end, side = ("last", "after") if step > 0 else ("first", "before")
        index = self.index + step
        if not 0 <= index < len(self):
            raise PromptError(f"this is the {end} image", hint="go back")
        while 0 <= index < len(self):
            try:
                self._show(index)
                return
            except ImageError:  # its row says why
                index += step
        raise ImageError(f"no image {side} this one can be read", hint="the list of images says why")

    def accept(self) -> bool:
        """Says that the image is done, and shows the next one that is neither done nor skipped.

        Returns:
            False where there is none: the image stays.

        Raises:
            SessionError: as ``go_to``.
        """
        self.set_states([self.index], "done")
        while (index := self.table.next_open(self.index)) is not None:
            try:
                self._show(index)
                return True
            except ImageError:  # its row says why, so the next search passes it
                continue
        return False

    def set_states(self, indices: Iterable[int], state: str) -> None:
        """Sets the states of images, on any thread; raises PromptError where there is no such image or state."""
        numbers = [self._checked(index) for index in indices]
        if state not in STATES:
            raise PromptError(f"there is no state {short_text(state)}", hint=f"give one of {', '.join(STATES)}")
        for index in numbers:
            self.table.set_state(index, state)
        self._write_states([(index, state) for index in numbers])
        self._publish_images()

    def copy_objects(self, index: int | None, *, prompts: bool) -> tuple[SegmentedObject, ...]:
        """Adds the objects of another image in one step, and returns them.

        Args:
            index: of that image; None is the one before.
            prompts: whether the model makes the masks of their prompts; otherwise they are the same pixels.

        Raises:
            PromptError: there is no such image, it has no objects, or it has another size.
            ModelError: the model failed.
            SessionError: the session file cannot be read.
        """
        index = self._checked(self.index - 1 if index is None else index)
        objects = self.objects(index)
        name = self.table.name(index)
        if not objects:
            raise PromptError(f"{name} has no objects", hint="copy from an image that has some")
        names, class_names = [item.name for item in objects], [item.class_name for item in objects]
        network, commands = self.present.network, self.present.commands
        height, width = self.present.image.pixels.shape[:2]
        if prompts:
            self.present.check_network()
            candidates = network.predict_many(copied_prompts(objects, (height, width)))
            return commands.add_candidates(candidates, names, class_names)
        return commands.add_masks(copied_masks(objects, (height, width), name), names, class_names, "keep")

    def copy_and_publish(self, index: int | None, *, prompts: bool) -> tuple[SegmentedObject, ...]:
        """As ``copy_objects``, and shows them in the views."""
        objects = self.copy_objects(index, prompts=prompts)
        self.present.publish()
        return tuple(self.present.measured(item) for item in objects)

    def _show(self, index: int) -> None:
        before = self.present
        try:
            image = self._ahead.take(index)
            before.saving.flush()
            saved = self._open(index, image)
        except ImageError as error:
            self._fail(index, error)
            raise
        try:
            controller = before.for_image(image, self.outbox.another())
        except BaseException:
            if saved is not None:
                saved.session.close()
            raise
        before.on_publish = lambda: None
        before.leave()
        self._is_forward = index > self.index
        controller.on_publish = self._note_content
        self.present, self.index = controller, index
        self._publish_images()
        controller.show(saved)
        self._note_problem(index, "" if saved is None else saved.note)
        self._write_states([])
        self._worker.submit_first(self._begin_image)
        self._worker.submit_first(controller.prepare)
        if self._worker.is_closed:  # the widget was closed meanwhile
            controller.close()

    def _open(self, index: int, image: ReadImage) -> SavedImage | None:
        if self._store is None:
            return None
        folder = self._store.folder
        described = image.sessions.described(folder)
        is_same = described.content_hash == self.present.image.sessions.described(folder).content_hash
        try:
            return self._store.open(index, described, takes_over=not is_same)
        except SessionError as error:
            self._fail(index, error)
            raise

    def _checked(self, index: int) -> int:
        """Returns an index as a number of Python, which messages can hold; raises PromptError where it is none."""
        with contextlib.suppress(TypeError):
            number = operator.index(index)
            if not isinstance(index, bool) and 0 <= number < len(self):
                return number
        last = len(self) - 1
        raise PromptError(f"there is no image {short_text(index)}", hint=f"give an index from 0 to {last}")

    # Encoding ahead.

    def _begin_image(self) -> None:
        """Reads ahead what may come after the image that is shown now."""
        if self._store is not None and len(self) > 1:
            if self.present.network.is_ready:
                self._encoded.add(self.index)
            self._ahead.want(self.index, self.present.image, self._wanted())
            self._encode_soon()
            self._publish_images()

    def _wanted(self) -> list[int]:
        """Two images in the direction of reading, the one that *accept* would show among them, and one behind."""
        step = 1 if self._is_forward else -1
        following = [self.index + step, self.table.next_open(self.index), self.index + 2 * step]
        near = [index for index in dict.fromkeys(following) if index is not None and 0 <= index < len(self)]
        near = [index for index in near if index != self.index and not self.table.problem(index)][:2]
        behind = self.index - step
        return near + [behind] * (0 <= behind < len(self) and behind not in near)

    def _was_read(self, image: ReadImage) -> None:
        if self._store is not None:
            image.sessions.described(self._store.folder)  # hashes of the file and its pixels take time
        self._encode_soon()

    def _encode_soon(self) -> None:
        self._worker.later(self._encode_next, _IDLE_S)

    def _forget_encoded(self) -> None:
        """Has the images that come next encoded anew, by another model."""
        self._encoded.clear()
        self._begin_image()

    def _encode_next(self) -> None:
        """Encodes one of the images that were read ahead, where nobody has asked anything for as long as that takes."""
        controller = self.present
        if not controller.network.is_ready:
            return
        wait_s = max(_IDLE_S, controller.network.encode_s) - (time.monotonic() - self._asked_at_s)
        if wait_s > 0:
            self._worker.later(self._encode_next, wait_s)
            return
        for index in self._wanted():
            image = self._ahead.get(index)
            if image is not None and index not in self._encoded:
                self._encoded.add(index)
                controller.network.encode_ahead(image.pixels)
                self._publish_images()
                self._worker.later(self._encode_next, 0.0)
                return
        # The cache of the predictor drops what is far away, so it counts as not encoded.
        self._encoded &= {self.index, *self._wanted()}

    @property
    def ready_count(self) -> int:
        """How many of the next images, one after the other, are encoded."""
        count = 0
        while self.index + count + 1 in self._encoded:
            count += 1
        return count

    # What views and Python hear.

    def objects(self, index: int) -> tuple[SegmentedObject, ...]:
        """The objects of an image; of one that is not shown they are read from the session file now.

        Raises:
            SessionError: the file cannot be read.
        """
        if index == self.index or self._store is None:
            return self.present.publisher.objects()
        return self._store.objects(index)

    def read(self, index: int) -> npt.NDArray[np.uint8]:
        """The pixels of an image: (H, W, 3) uint8 RGB; raises ImageError where it cannot be read."""
        if index == self.index:
            return self.present.image.pixels
        return load_rgb(self._sources[index].source, **self._options)

    def size_hw(self, index: int) -> Size | None:
        """Height and width of an image; None where nobody has opened it yet."""
        if index == self.index:
            height, width = self.present.image.pixels.shape[:2]
            return height, width
        return None if self._store is None else self._store.size_hw(index)

    @property
    def path(self) -> Path | None:
        """Of the session file; None where there is none."""
        return self.present.saving.path if self._store is None else self._store.path

    def send_rows(self, request: ListImages) -> None:
        """Sends rows of the list of images."""
        rows, total = self.table.rows(request.first, request.count, request.states, request.class_name)
        self.outbox.send(ImagesReply(request.id, request.first, total, rows))

    def send_thumbnails(self, re: str, indices: Sequence[int]) -> None:
        """Sends small pictures of images soon; raises PromptError where there is no such image."""
        for index in indices:
            self._checked(index)
        self.thumbnails.send(re, indices)

    def save(self) -> None:
        """Returns when every earlier request is carried out and saved; raises SessionError."""
        self.present.save()
        self._states_worker.call(lambda: None)
        if self._store is not None:
            self._store.set_states(())

    def save_as(self, path: Path) -> None:
        """Saves to a session file from now on; returns when everything is on the disk.

        Raises:
            SessionError: it cannot be written, or has objects already; nothing changes.
        """
        if self._store is None:
            self.present.save_as(path)
            return
        if self._store.path is not None and path.absolute() == self._store.path.absolute():
            self.save()
            return
        self._worker.call(lambda: self._move_to(path))

    def _move_to(self, path: Path) -> None:
        assert self._store is not None
        store, present = self._store, self.present
        with contextlib.suppress(SessionError):  # what the old file refuses goes to the new one below
            present.saving.flush()
        self._states_worker.call(lambda: None)
        store.move_to(path)
        saved = store.open(self.index, present.image.sessions.described(store.folder), takes_over=False)
        try:
            present.saving.move_to(saved, present.saved_snapshot)
        except BaseException:
            saved.session.close()
            raise
        self._write_states([])

    def _note_content(self) -> None:
        """Has the table say what was made on the image that is shown."""
        document = self.present.document
        objects = document.state.objects
        names = tuple(sorted({item.class_name for item in objects if item.class_name is not None}))
        before = self.table.revision
        self.table.set_content(self.index, len(objects), names, document.can_undo or document.can_redo)
        if self.table.revision != before:
            self._publish_images()

    def _note_problem(self, index: int, text: str) -> None:
        before = self.table.revision
        self.table.set_problem(index, sentence(text))
        if self.table.revision != before:
            self._publish_images()

    def _fail(self, index: int, error: SamWidgetError) -> None:
        self._note_problem(index, error.message)

    def _write_states(self, states: Sequence[tuple[int, str]]) -> None:
        """Has the session file say so soon; an error is shown in the views, and the next call tries again."""
        if self._store is not None:
            with contextlib.suppress(ClosedError):
                self._states_worker.submit(partial(self._try_states, self._store, list(states), self.index))

    def _try_states(self, store: ImageStore, states: list[tuple[int, str]], index: int) -> None:
        try:
            store.set_states(states, index)
        except SessionError as error:
            if states:  # which image is shown is no loss
                self.outbox.send_error(error)

    def _publish_images(self) -> None:
        if self._store is None:
            return
        table = self.table
        summary = ImagesSummary(len(self), self.index, table.revision, table.counts, self.ready_count)
        self.outbox.assign("images", to_json(summary))
