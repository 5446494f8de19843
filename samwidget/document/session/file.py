"""SessionFile: the objects of images, with classes, history and settings, in one SQLite file.

``open_session`` opens a file; ``SessionFile`` finds an image in it and gives its steps and its writer. Widgets of one
process that open the same file share one connection. It knows no widget. docs/session_file.md describes the file.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakMethod

import numpy as np
import numpy.typing as npt

from samwidget.core import SegmentedObject, Size
from samwidget.document.history import Steps
from samwidget.document.session.checks import UNREADABLE
from samwidget.document.session.connection import Connection, DamagedError, connect, refusal
from samwidget.document.session.listing import (
    ListedImage,
    SavedLabel,
    read_labels,
    read_listing,
    write_settings,
    write_states,
)
from samwidget.document.session.reader import HistoryReader, read_images, read_settings
from samwidget.document.session.rows import SessionImage, Snapshot
from samwidget.document.session.writer import ImageWriter
from samwidget.errors import SessionError

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class OpenedImage:
    """An image of a session as it was read.

    Attributes:
        steps: the history.
        writer: of the image.
        settings: of the widget that wrote the file last.
    """

    steps: Steps
    writer: ImageWriter
    settings: dict[str, Any]


class SessionFile:
    """One open session file. Made by ``open_session``; ``close`` gives it back."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def path(self) -> Path:
        """Of the file."""
        return self._connection.path

    def is_at(self, path: Path) -> bool:
        """Whether this is the file of a path, however it is spelled and wherever the current folder is now."""
        return self._connection.is_at(path)

    @property
    def is_read_only(self) -> bool:
        """Whether another process writes the file."""
        return self._connection.is_held_elsewhere

    @property
    def failure(self) -> SessionError | None:
        """Why the file could not be opened for writing; None where it could. The next write tries again."""
        return self._connection.failure

    def another(self) -> SessionFile:
        """Returns the same open file once more; each is given back by its own ``close``."""
        self._connection.hold()
        return SessionFile(self._connection)

    def images(self) -> list[SessionImage]:
        """The images, the one that was changed last first.

        Raises:
            DamagedError: the file is damaged.
            SessionError: the file cannot be read.
        """
        return self._read(read_images)

    def listing(self) -> list[ListedImage]:
        """All images with their states and counts, also those that nobody has opened, in the order of their rows.

        Raises:
            SessionError: as ``images``.
        """
        return self._read(read_listing)

    def objects_of(self, image: SessionImage) -> tuple[SegmentedObject, ...]:
        """The present objects of an image that has a row, each at the threshold at which it was shown.

        Raises:
            SessionError: as ``images``.
        """
        return self._read(lambda database: HistoryReader(database, image).read_present()[0])

    def labels_of(self, image: SessionImage) -> list[SavedLabel]:
        """The masks, classes and names of an image that has a row: quicker than ``objects_of``.

        Raises:
            SessionError: as ``images``.
        """
        return self._read(lambda database: read_labels(database, image))

    def set_states(self, states: Sequence[tuple[SessionImage, str]]) -> list[int]:
        """Sets the states of images, in one transaction; returns the row of each, which one without a row gets.

        Raises:
            SessionError: the file cannot be written; it is as it was before.
        """
        with self._connection.writing() as database:
            return write_states(database, states)

    def set_settings(self, settings: Mapping[str, object]) -> None:
        """Writes settings by name; raises SessionError where the file cannot be written."""
        with self._connection.writing() as database:
            write_settings(database, settings)

    def settings(self) -> dict[str, Any]:
        """The settings by name; raises SessionError as ``images``."""
        return self._read(read_settings)

    def copy_to(self, path: Path, moved: Callable[[str], str]) -> None:
        """Writes a copy of the file, whole or not at all.

        Args:
            path: of the copy; it must not be open anywhere. What is there goes.
            moved: returns the path of an image as the copy has it.

        Raises:
            SessionError: it cannot be written.
        """
        part = path.with_name(f"{path.name}.part")
        try:
            part.unlink(missing_ok=True)
            with self._connection.reading() as database:
                database.execute("VACUUM INTO ?", (str(part.absolute()),))
            with closing(connect(part, "rw")) as copy:
                rows = copy.execute("SELECT image, path FROM images WHERE path IS NOT NULL").fetchall()
                copy.execute("BEGIN IMMEDIATE")
                copy.executemany("UPDATE images SET path = ? WHERE image = ?", [(moved(old), row) for row, old in rows])
                copy.execute("COMMIT")
            part.replace(path)
        except (sqlite3.Error, OSError) as error:
            raise refusal(path, error) from error
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)

    def find(self, content_hash: str, size_hw: Size, path: str | None, frame: int | None = None) -> SessionImage | None:
        """The image with this content, or else the one of this path, whose content has changed since; else None.

        Args:
            content_hash: of the pixels.
            size_hw: height and width.
            path: as the session file has it.
            frame: of a file with several images; each is an image of its own.

        Raises:
            SessionError: as ``images``.
        """
        images = self.images()
        same = [image for image in images if (image.content_hash, image.size_hw) == (content_hash, size_hw)]
        key = (path, frame or 0)
        same += [image for image in images if path and (image.path, image.options.get("frame") or 0) == key]
        return same[0] if same else None

    def open_image(self, image: SessionImage) -> OpenedImage:
        """The history of an image, with its writer; an image without a row begins with an empty history.

        Raises:
            SessionError: as ``images``.
        """

        def read(database: sqlite3.Connection) -> OpenedImage:
            settings = read_settings(database)
            reader = HistoryReader(database, image)
            steps = Steps() if image.row is None else reader.read()
            return OpenedImage(steps, ImageWriter(self._connection, image, reader.rows), settings)

        return self._read(read)

    def claim(self, content_hash: str) -> Snapshot | None:
        """Ends the saving of an image by another widget of this process, which saves first what it has not saved yet.

        Returns:
            What the other widget could not save; None where there is nothing.
        """
        with _lock:
            owner = _owners.get(self._connection, {}).pop(content_hash, None)
        give_up = None if owner is None else owner()
        return None if give_up is None else give_up()

    def own(self, content_hash: str, give_up: Callable[[], Snapshot | None]) -> None:
        """Says which method ``claim`` calls."""
        with _lock:
            _owners.setdefault(self._connection, {})[content_hash] = WeakMethod(give_up)

    def disown(self, content_hash: str, give_up: Callable[[], Snapshot | None]) -> None:
        """Says that ``claim`` calls nothing any more, where it would have called this method."""
        with _lock:
            owners = _owners.get(self._connection, {})
            if content_hash in owners and owners[content_hash]() == give_up:
                del owners[content_hash]

    def close(self) -> None:
        """Gives the file back; other widgets of the process may still have it open."""
        with _lock:
            if self._connection.give_back():
                _owners.pop(self._connection, None)
                for key in [key for key, value in _connections.items() if value is self._connection]:
                    del _connections[key]

    def _read(self, read: Callable[[sqlite3.Connection], T]) -> T:
        with self._connection.reading() as database:
            try:
                return read(database)
            except UNREADABLE as error:
                if isinstance(error, SessionError | sqlite3.Error):  # `reading` knows which of SQLite's are damage
                    raise
                raise DamagedError(f"{self.path.name} is damaged ({error})", hint=_DAMAGED_HINT) from error


_DAMAGED_HINT = "open it with session= or SamWidget.open(path), which recover what can be read"
_lock = threading.RLock()
_connections: dict[Path, Connection] = {}
_owners: dict[Connection, dict[str, WeakMethod[Callable[[], Snapshot | None]]]] = {}


def open_session(path: Path) -> SessionFile:
    """Opens a session file, or makes it; widgets of this process that have it open share it.

    Raises:
        DamagedError: the file is damaged; see ``recovery``.
        SessionError: the folder is missing, or the file is not a session file, or that of a newer version.
    """
    key = path.resolve()
    with _lock:
        connection = _connections.get(key)
        if connection is None:
            connection = _connections[key] = Connection(path)
        else:
            connection.hold()
            connection.follow()
        return SessionFile(connection)


def hash_of_image(pixels: npt.NDArray[np.uint8]) -> str:
    """SHA-256 of (H, W, 3) uint8 RGB pixels, 64 hex digits: 30 ms for 12 megapixels."""
    return hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest()


def hash_of_file(path: Path) -> str:
    """SHA-256 of the bytes of a file; raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
