"""Image store: the session file of a widget with several images: which image is which row, states, objects of others.

Without a session file it writes one into a folder of its own that goes with the widget, so that the objects of
thousands of images need no memory. The image that is shown is saved by ``saving``; ``turning`` calls this.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from samwidget.core import SegmentedObject, Size
from samwidget.document.session import DamagedError, ListedImage, SavedLabel, SessionFile, SessionImage, open_session
from samwidget.errors import SessionError
from samwidget.images import is_address, path_text
from samwidget.widget.image_sources import ImageSource
from samwidget.widget.image_table import ImageTable
from samwidget.widget.session_images import SavedImage, attach_image, recovered

_SHOWN_KEY = "shown_image"


class ImageStore:
    """The session file of several images.

    Args:
        path: of the file; None keeps it in a folder that goes with this object.
        sources: the images.
        table: gets what the file says of each image.
        frame: number of the page of each file; None where it is the first.

    Raises:
        SessionError: the file cannot be used.
    """

    def __init__(
        self, path: Path | None, sources: Sequence[ImageSource], table: ImageTable, frame: int | None = None
    ) -> None:
        self._frame = frame
        self._sources = sources
        self._table = table
        self._lock = threading.RLock()
        self._folder: str | None = None
        self.note = ""
        """What the user should know of the file; empty where there is nothing."""
        if path is None:
            self._folder = tempfile.mkdtemp(prefix="samwidget-")
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            path = Path(self._folder) / "objects.samw"
        self._unsaved: dict[int, str] = {}
        self._rows: dict[int, SessionImage] = {}
        self._others: list[SessionImage] = []
        try:
            self._open(path)
        except DamagedError:
            path, self.note = recovered(path)
            self._open(path)

    @property
    def path(self) -> Path | None:
        """Of the session file; None where the user has none."""
        return None if self._folder is not None else self._session.path

    @property
    def folder(self) -> Path:
        """Of the file that it writes: the paths of images are relative to it."""
        return self._parent

    def shown_index(self) -> int:
        """The image at which the file was left; 0 where it does not say."""
        last_key = self._session.settings().get(_SHOWN_KEY)
        return 0 if last_key is None else next((index for index, key in enumerate(self._keys) if key == last_key), 0)

    def settings(self) -> dict[str, Any]:
        """Of the widget that wrote the file last."""
        return {name: value for name, value in self._session.settings().items() if name != _SHOWN_KEY}

    def open(self, index: int, image: SessionImage, *, takes_over: bool) -> SavedImage:
        """Opens an image: its history, and its writer.

        Args:
            index: of the image.
            image: as ``session_images.describe`` returns it.
            takes_over: whether another widget of this process that saves the image ends its saving.

        Raises:
            SessionError: the masks in the file are of an image of another size, or the file cannot be read.
        """
        with self._lock:
            before = self._present_row(index) or self._moved(image)
            image = replace(image, path=self._keys[index] or image.path)
            session = self._session.another()
            try:
                saved = attach_image(session, before, image, takes_over)
            except BaseException:
                session.close()
                raise
            self._rows[index] = saved.image
            return replace(saved, is_hidden=self._folder is not None, note=saved.note or self.note)

    def objects(self, index: int) -> tuple[SegmentedObject, ...]:
        """The objects of an image that is not shown, as they were saved; read from the file now.

        Raises:
            SessionError: the file cannot be read.
        """
        with self._lock:
            image = self._present_row(index)
            return () if image is None else self._session.objects_of(image)

    def labels(self, index: int) -> list[SavedLabel]:
        """What the objects of an image that is not shown are, without what made them.

        Raises:
            SessionError: the file cannot be read.
        """
        with self._lock:
            image = self._present_row(index)
            return [] if image is None else self._session.labels_of(image)

    def size_hw(self, index: int) -> Size | None:
        """Height and width of an image; None where nobody has opened it yet."""
        image = self._rows.get(index)
        return image.size_hw if image is not None and image.content_hash else None

    def set_states(self, states: Iterable[tuple[int, str]], shown_index: int | None = None) -> None:
        """Writes the states of images, and which one is shown; what fails is written with the next call.

        Raises:
            SessionError: the file cannot be written.
        """
        with self._lock:
            self._unsaved.update(states)
            if self._session.is_read_only:
                return
            items = [(self._described(index), state) for index, state in self._unsaved.items()]
            known = [(image, state) for image, state in items if image is not None]
            if known:
                rows = self._session.set_states(known)
                indices = [index for index, (image, _) in zip(self._unsaved, items, strict=True) if image is not None]
                for index, (image, state), row in zip(indices, known, rows, strict=True):
                    self._rows[index] = replace(image, row=row, state=state)
                    del self._unsaved[index]
            if shown_index is not None and (key := self._keys[shown_index]) is not None:
                self._session.set_settings({_SHOWN_KEY: key})

    def move_to(self, path: Path) -> None:
        """Copies everything to another session file, which is used from now on.

        Raises:
            SessionError: there are objects in that file already, another kernel writes it, or it cannot be written.
        """
        with self._lock:
            other = open_session(path)
            try:
                if other.is_read_only:
                    raise SessionError(f"another kernel writes {path.name}", hint="give the name of another file")
                if other.images():
                    raise SessionError(
                        f"{path.name} has objects already", hint="give the name of another file, or session= with it"
                    )
            finally:
                other.close()
            key_of = dict(zip(self._keys, _keys_of(self._sources, path.absolute().parent), strict=True))
            self._session.copy_to(path, lambda key: key_of.get(key) or key)
            before, folder = self._session, self._folder
            self._folder = None
            self._open(path)
            before.close()
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Gives the file back."""
        with self._lock:
            self._session.close()

    def _open(self, path: Path) -> None:
        session = open_session(path)
        try:
            listing = session.listing()
        except BaseException:
            session.close()
            raise
        self._session: SessionFile = session
        self._parent = path.absolute().parent  # the current folder may change
        self._keys = _keys_of(self._sources, self._parent)
        self._rows = self._matched(listing)

    def _matched(self, listing: Sequence[ListedImage]) -> dict[int, SessionImage]:
        """The row of each image whose path the file has; the table gets what it says."""
        index_of = {key: index for index, key in enumerate(self._keys) if key is not None}
        matched: dict[int, ListedImage] = {}
        others: list[ListedImage] = []
        for item in listing:
            index = None if item.image.path is None else index_of.get(item.image.path)
            if index is None or item.image.options.get("frame") != self._frame:
                others.append(item)
            else:
                matched[index] = item
        if others:
            matched |= self._elsewhere(others, matched.keys())
        for index, item in matched.items():
            self._table.set_content(index, item.object_count, item.class_names, item.has_changed)
            self._table.set_state(index, item.image.state)
        taken = {id(item) for item in matched.values()}
        self._others = [item.image for item in others if id(item) not in taken]
        return {index: item.image for index, item in matched.items()}

    def _elsewhere(self, others: Sequence[ListedImage], taken: Iterable[int]) -> dict[int, ListedImage]:
        """The rows of files that are gone, by the one image of the same name and length: their folder was moved.

        That the content is the same is checked when the image is shown: to read a thousand files would take too long.
        """
        indices_of: dict[str, list[int]] = {}
        for index in set(range(len(self._keys))).difference(taken):
            if name := _name_of(self._keys[index]):
                indices_of.setdefault(name, []).append(index)
        moved: dict[int, ListedImage] = {}
        for item in others:
            image = item.image
            indices = indices_of.get(_name_of(image.path), [])
            if len(indices) != 1 or image.options.get("frame") != self._frame:
                continue
            old, new = self._parent / str(image.path), self._parent / str(self._keys[indices[0]])
            # Of an image that nobody has opened only the state is there, and not the length of its file.
            is_same = not image.content_hash or (new.is_file() and new.stat().st_size == image.file_bytes)
            if is_same and not old.exists():
                moved[indices[0]] = item
                del indices_of[new.name]
        return moved

    def _moved(self, image: SessionImage) -> SessionImage | None:
        """The row of an image that has the same content and another path: it was renamed, or it was never a file."""
        same = [
            item for item in self._others if (item.content_hash, item.size_hw) == (image.content_hash, image.size_hw)
        ]
        if same:
            self._others.remove(same[0])
        return same[0] if same else None

    def _present_row(self, index: int) -> SessionImage | None:
        image = self._rows.get(index)
        if image is not None and image.row is None:  # it was not written yet when it was opened
            image = next((item for item in self._session.images() if _is_same(item, image)), None)
            if image is not None:
                self._rows[index] = image
        return image

    def _described(self, index: int) -> SessionImage | None:
        """An image as the file has it, or will have it; None for one from memory that nobody has opened."""
        image = self._present_row(index) or self._rows.get(index)
        if image is not None:
            return image
        key = self._keys[index]
        return None if key is None else SessionImage(key, "", (0, 0))


def _keys_of(sources: Sequence[ImageSource], folder: Path) -> list[str | None]:
    """The paths of images as a session file in ``folder`` has them; None for images from memory."""
    relative: dict[str, str] = {}
    keys: list[str | None] = []
    for item in sources:
        if isinstance(item.source, str) and is_address(item.source):
            keys.append(item.source)
            continue
        # Most are absolute paths: to look for a home folder in each of 100,000 takes half a second.
        is_plain = isinstance(item.source, str) and item.source[:1] == os.sep
        text = item.source if is_plain else item.path
        if text is None:
            keys.append(None)
            continue
        head, separator, name = os.fspath(text).rpartition(os.sep)
        if head not in relative:
            parent = Path(head + separator).absolute()
            try:
                relative[head] = Path(os.path.relpath(parent, folder)).as_posix()
            except ValueError:  # on another drive of Windows
                relative[head] = parent.as_posix()
        keys.append(path_text(name if relative[head] == "." else f"{relative[head]}/{name}"))
    return keys


def _name_of(key: str | None) -> str:
    """The name of a file without its folder; empty for an image from memory or behind an address."""
    return "" if key is None or is_address(key) else key.rpartition("/")[2]


def _is_same(item: SessionImage, image: SessionImage) -> bool:
    return (item.content_hash, item.path) == (image.content_hash, image.path)
