"""Saving: keeps the session file of one widget up to date, on a thread of its own.

A change hands over one reference to the history, which never changes. The thread writes what is new since its last
write; changes that come faster than the disk are written together, each step of the history among them. The trait
``saving`` says ``saved`` only while the file has everything. What a session file holds is up to ``document.session``,
and which image belongs to it is up to ``session_images``.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from samwidget.core import SegmentedObject
from samwidget.document import Steps
from samwidget.document.session import Snapshot
from samwidget.errors import SessionError, warn_user
from samwidget.widget.protocol.message import to_json
from samwidget.widget.session_images import SavedImage
from samwidget.widget.traits import SavePhase, SessionStatus
from samwidget.widget.wire.outbox import Outbox, sentence
from samwidget.widget.worker import Worker

# A slider changes a setting many times a second, and the threshold every mask; one write afterwards is enough.
_SETTINGS_DELAY_S = 1.0
_SHOW_WAIT_S = 0.5
log = logging.getLogger(__name__)


class Saving:
    """The session file of one widget, if it has one.

    Args:
        outbox: sets the trait ``saving``.
        settings: returns the settings of the widget.
    """

    def __init__(self, outbox: Outbox, settings: Callable[[], Mapping[str, Any]]) -> None:
        self._outbox = outbox
        self._settings = settings
        self._worker = Worker("samwidget saving")
        self._lock = threading.RLock()  # of the fields; held for moments
        self._show_lock = threading.RLock()  # held while the trait is set
        self._write_lock = threading.RLock()  # held while the file is written
        self._is_writing = False
        self._saved: SavedImage | None = None
        self._last: Snapshot | None = None
        self._pending: Snapshot | None = None
        self._status: SessionStatus | None = None
        self._shown_status: SessionStatus | None = None
        self._failure: SessionError | None = None
        self._saved_contents: _Contents = ([], 0)
        self._is_closed = False
        _savings.add(self)

    @property
    def path(self) -> Path | None:
        """Of the session file; None where there is none."""
        return None if self._saved is None or self._saved.is_hidden else self._saved.session.path

    def is_at(self, path: Path) -> bool:
        """Whether the widget has the session file of this path."""
        saved = self._saved
        return saved is not None and saved.session.is_at(path)

    def attach(self, saved: SavedImage) -> None:
        """Saves to this file from now on; a file before is given back, and this one is closed with this object."""
        with self._write_lock:
            self._give_back()
            self._saved, self._failure, self._status = saved, saved.session.failure, None
            self._saved_contents = _contents(saved.opened.steps)
            name = saved.session.path.name
            if saved.session.is_read_only:
                self._publish(
                    "read-only",
                    f"another kernel writes {name}, and changes here are not saved",
                    "close it there and run this cell again, or save to another file with `w.save(path)`",
                )
                return
            saved.session.own(saved.image.content_hash, self.give_up)
            if self._failure is None:
                self._publish("saved", saved.note)
            else:
                self._publish("failed", self._failure.message, self._failure.hint)

    def take(self, snapshot: Snapshot) -> None:
        """Has a snapshot saved soon; returns at once. Called after each change."""
        with self._lock:
            last, self._last = self._last, snapshot
            if self._saved is None or self._is_read_only or self._is_closed:
                return
            self._pending = snapshot
            is_first = self._status is not None and self._status.phase == "saved"
            if is_first:
                self._enter("saving", self._saved.note)
        if is_first:
            self._show()  # before the change is called done
        is_step = last is None or (last.steps.states, last.steps.position) != (
            snapshot.steps.states,
            snapshot.steps.position,
        )
        if is_step:
            self._worker.submit(self._save_pending)
        else:
            self._worker.later(self._save_pending, _SETTINGS_DELAY_S)

    def take_settings(self) -> None:
        """Has the settings saved soon; they are saved with the objects."""
        with self._lock:
            snapshot = self._pending or self._last
        if snapshot is not None and not self._is_closed:
            self.take(replace(snapshot, settings=self._settings()))

    def submit(self, work: Callable[[], None]) -> None:
        """Does the work on the thread that saves, and returns at once; raises ClosedError after ``close``."""
        self._worker.submit(work)

    def save_now(self) -> None:
        """Returns when everything is on the disk.

        Raises:
            SessionError: there is no session file, or it cannot be written.
        """
        if self.path is None:
            raise SessionError("the widget has no session file", hint="give the path of one: w.save('labels.samw')")
        if self._is_read_only:
            raise SessionError(f"{self.path.name} is read-only here", hint="save to another file: w.save(path)")
        with self._lock:
            self._pending = self._pending or self._last
        self._save_pending()
        if self._failure is not None:
            raise self._failure

    def flush(self) -> None:
        """Returns when everything that has changed is on the disk; raises SessionError where it cannot be written."""
        with self._lock:
            if self._failure is not None and not self._is_read_only:
                self._pending = self._pending or self._last  # perhaps the disk has space again
        self._save_pending()
        last, status = self._last, self._status
        if last is not None and _contents(last.steps) != self._saved_contents:
            reason = self._failure.message if self._failure is not None else "" if status is None else status.message
            hint = self._failure.hint if self._failure is not None else "" if status is None else status.hint
            raise SessionError(f"what you changed on this image is not saved: {reason.rstrip('.')}", hint=hint)

    def move_to(self, saved: SavedImage, take_snapshot: Callable[[], Snapshot]) -> None:
        """Saves a snapshot to another file, and all changes from now on; raises SessionError where that fails."""
        before = self._last
        snapshot = take_snapshot()
        saved.opened.writer.write(snapshot)
        self.attach(saved)
        self._saved_contents = _contents(snapshot.steps)
        with self._lock:
            later = self._last if self._last is not before else None
            self._last = snapshot
        if later is not None:  # a change was made meanwhile
            self.take(later)

    def close(self) -> None:
        """Saves what is not saved yet, and gives the file back; a SamWidgetWarning says where that fails."""
        with self._lock:
            self._is_closed = True
        has_file = self._saved is not None  # not at a second call, such as at the end of the interpreter
        self._worker.close()
        self._save_pending()
        if has_file and self._failure is not None and not self._is_read_only:
            warn_user(f"the last changes are not saved: {self._failure.message}")

    def give_up(self) -> Snapshot | None:
        """Saves what is not saved yet; from now on another widget of this process saves the image.

        Returns:
            What could not be saved; None where there is nothing.
        """
        self._save_pending()
        path = self.path
        if path is None:  # it was closed meanwhile
            return None
        self._publish(
            "read-only",
            f"another widget in this notebook goes on with {path.name}, and changes here are not saved",
            "go on there, or save to another file with `w.save(path)`",
        )
        return None if self._failure is None else self._last

    @property
    def _is_read_only(self) -> bool:
        return self._status is not None and self._status.phase == "read-only"

    def _save_pending(self) -> None:
        with self._write_lock:
            if self._is_writing:  # garbage collection closes the widget on the thread that writes
                return
            self._is_writing = True
            try:
                while (snapshot := self._next()) is not None:
                    self._save(snapshot)
            finally:
                self._is_writing = False
            if self._is_closed:
                self._give_back()

    def _next(self) -> Snapshot | None:
        with self._lock:
            snapshot, self._pending = self._pending, None
            return snapshot

    def _save(self, snapshot: Snapshot) -> None:
        assert self._saved is not None
        try:
            self._saved.opened.writer.write(snapshot)
        except Exception as error:
            failure = self._failure = error if isinstance(error, SessionError) else _unexpected(error)
            self._publish("failed", failure.message, failure.hint)
            if self._saved.is_hidden:
                self._outbox.send_error(failure)
            return
        with self._lock:
            self._failure = None
            self._saved_contents = _contents(snapshot.steps)
            if self._pending is None:
                self._enter("saved", self._saved.note)
        self._show()

    def _give_back(self) -> None:
        saved, self._saved = self._saved, None
        if saved is not None:
            if not self._is_read_only:
                saved.session.disown(saved.image.content_hash, self.give_up)
            saved.session.close()

    def _publish(self, phase: SavePhase, message: str = "", hint: str = "") -> None:
        self._enter(phase, message, hint)
        self._show()

    def _enter(self, phase: SavePhase, message: str = "", hint: str = "") -> None:
        """Begins a phase; ``_show`` publishes it."""
        with self._lock:
            if self._saved is not None and not self._saved.is_hidden:
                path = str(self._saved.session.path)
                self._status = SessionStatus(path, phase, sentence(message), sentence(hint))

    def _show(self) -> None:
        """Sets the trait to the newest status, also where another thread has changed it meanwhile."""
        # A function of the user that observes the trait may run here, and wait for the thread that waits here. That
        # thread then goes on, and the newest status is shown afterwards.
        if not self._show_lock.acquire(timeout=_SHOW_WAIT_S):
            return
        try:
            while (status := self._status) is not None and status != self._shown_status:
                self._shown_status = status
                self._outbox.assign("saving", to_json(status))
        finally:
            self._show_lock.release()


def _unexpected(error: Exception) -> SessionError:
    """Says what nobody has thought of: the work goes on, and the status must not say *saving* for ever."""
    log.exception("saving failed")
    hint = "this is a bug in samwidget; the traceback is in the kernel's log. Save to another file with w.save(path)"
    return SessionError(f"saving failed ({type(error).__name__}: {error!s:.200})", hint=hint)


_Contents = tuple[list[tuple[SegmentedObject, ...]], int]


def _contents(steps: Steps) -> _Contents:
    """What is lost where a history is not saved: the objects of each step, and which step is the present one."""
    return [state.objects for state in steps.states], steps.position


_savings: weakref.WeakSet[Saving] = weakref.WeakSet()


def _close_all() -> None:
    """Saves what is not saved yet when the interpreter ends."""
    for saving in list(_savings):
        saving.close()


# It runs before the one of `worker`, which drops the jobs that wait: later ones run first.
weakref.finalize(Saving, _close_all)
