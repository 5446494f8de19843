"""Which image belongs to which part of a session file, and where the file of an image is.

Owns how an image is described in a session (``describe``), how it is found again there (``open_saved``) and on the disk
(``find_photo``), and what the user is told where it has changed. ``SessionOpener`` does this for the image of one
widget; ``widget`` and ``controller`` call it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from os import PathLike
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from samwidget.document.session import (
    DamagedError,
    OpenedImage,
    SessionFile,
    SessionImage,
    hash_of_file,
    hash_of_image,
    open_session,
    recover,
)
from samwidget.errors import SessionError, warn_user
from samwidget.images import find_path, is_address, path_text
from samwidget.widget.image_sources import path_of

SUFFIX = ".samw"
"""Of session files that a view asks for; Python may give any name."""


@dataclass(frozen=True, eq=False)
class SavedImage:
    """An image in an open session file.

    Attributes:
        session: the file.
        image: as the file will have it.
        opened: its history and writer.
        note: what the user should know; empty where there is nothing.
        is_hidden: whether the file is not the user's, but goes with the widget.
    """

    session: SessionFile
    image: SessionImage
    opened: OpenedImage
    note: str
    is_hidden: bool = False


@dataclass(frozen=True)
class SessionChoice:
    """A session file, and one of its images.

    Attributes:
        path: of the file.
        row: of the image.
    """

    path: Path
    row: int


class SessionOpener:
    """Opens session files for the image of one widget.

    Args:
        source: what the widget was given.
        pixels: (H, W, 3) uint8 RGB.
        options: of ``load_rgb``.
    """

    def __init__(self, source: Any, pixels: npt.NDArray[np.uint8], options: Mapping[str, Any]) -> None:
        self._source = source
        self._pixels = pixels
        self._options = options
        self._last: tuple[Path, SessionImage] | None = None

    @property
    def file_name(self) -> str | None:
        """Of the image, without its folder; None for an image that is no file."""
        path = _path_of(self._source)
        if path is None:
            return None
        return path_text(PurePath(urlsplit(path).path if isinstance(path, str) else path).name) or None

    def open(self, choice: Path | SessionChoice) -> SavedImage:
        """Goes on with a session file; a widget of this process that saves the image there ends its saving.

        Raises:
            SessionError: as ``open_saved``.
        """
        path = choice.path if isinstance(choice, SessionChoice) else choice
        return open_saved(choice, self.described(path.parent))

    def open_unused(self, path: Path) -> SavedImage:
        """Opens a session file that has nothing of the image yet.

        Raises:
            SessionError: as ``open_saved``; or it has objects of the image, or another kernel writes it.
        """
        saved = open_saved(path, self.described(path.parent), takes_over=False)
        try:
            if saved.session.is_read_only:
                raise SessionError(
                    f"another kernel writes {path.name}", hint="give the name of another file, or close it there"
                )
            if len(saved.opened.steps.states) > 1:
                raise SessionError(
                    f"{path.name} has objects of this image already",
                    hint=f"give the name of another file, or go on with it: SamWidget.open({path.name!r})",
                )
        except BaseException:
            saved.session.close()
            raise
        return saved

    def described(self, folder: Path) -> SessionImage:
        """The image as a session file in ``folder`` has it; the second call for the same folder costs nothing."""
        if self._last is None or self._last[0] != folder:
            self._last = (folder, describe(self._source, self._pixels, self._options, folder))
        return self._last[1]


def session_path(path: object) -> Path:
    """The path of a session file; raises SessionError where it is none."""
    if isinstance(path, str | PathLike) and str(path).strip():
        chosen = find_path(path)
        _check_name(chosen)
        return chosen
    raise SessionError(f"session is {path!r:.60}", hint="give the path of a file, such as 'labels.samw'")


def path_from_view(path: str) -> Path:
    """The path of a session file that a view asks for.

    Whoever sees the page can ask for it, in an app anybody: so it is inside the current folder, and has the suffix of a
    session file.

    Raises:
        SessionError: it is not.
    """
    chosen = Path(path.strip())
    _check_name(chosen)
    try:
        is_inside = (Path.cwd() / chosen).resolve().is_relative_to(Path.cwd().resolve())
    except (OSError, RuntimeError) as error:  # a loop of links
        raise _no_name(chosen) from error
    if chosen.is_absolute() or not is_inside:
        raise SessionError(
            f"{path[:60]} is outside the folder of the notebook",
            hint="give a name in it; in Python, w.save(path) takes any path",
        )
    if chosen.suffix.lower() != SUFFIX:
        raise SessionError(f"{path[:60]} does not end in {SUFFIX}", hint="give a name such as labels.samw")
    return chosen


def _check_name(path: Path) -> None:
    """Raises SessionError where no file can have this name."""
    try:
        path.lstat()
    except (OSError, ValueError) as error:
        if not isinstance(error, OSError) or error.errno == errno.ENAMETOOLONG:
            raise _no_name(path) from error


def _no_name(path: Path) -> SessionError:
    return SessionError(f"{str(path)!r:.60} is no name of a file", hint="give one such as labels.samw")


def describe(source: Any, pixels: npt.NDArray[np.uint8], options: Mapping[str, Any], folder: Path) -> SessionImage:
    """An image as a session file in ``folder`` has it.

    Args:
        source: what the widget was given.
        pixels: (H, W, 3) uint8 RGB.
        options: of ``load_rgb``.
        folder: of the session file; the path is relative to it where it can be.
    """
    height, width = pixels.shape[:2]
    chosen = {name: value for name, value in options.items() if value not in (None, "auto")}
    image = SessionImage(None, hash_of_image(pixels), (height, width), chosen)
    path = _path_of(source)
    if path is None or isinstance(path, str):
        return replace(image, path=path)
    try:
        return replace(
            image, path=_relative(path, folder), file_hash=hash_of_file(path), file_bytes=path.stat().st_size
        )
    except OSError:  # it was read a moment ago: without its hash it is found by its path alone
        return replace(image, path=_relative(path, folder))


def open_saved(choice: Path | SessionChoice, image: SessionImage, *, takes_over: bool = True) -> SavedImage:
    """Opens a session file and finds the image in it; a damaged file is recovered, with a SamWidgetWarning.

    Args:
        choice: the file; with a row, this image of it.
        image: as ``describe`` returns it.
        takes_over: whether a widget of this process that saves the image ends its saving.

    Raises:
        SessionError: the file cannot be used, or its masks are of an image of another size.
    """
    path, row = (choice.path, choice.row) if isinstance(choice, SessionChoice) else (choice, None)
    session = None
    try:
        session = open_session(path)
        return _image_in(session, row, image, takes_over)
    except BaseException as error:
        if session is not None:
            session.close()
        if not isinstance(error, DamagedError):
            raise
    path, note = recovered(path)
    return replace(open_saved(path, image, takes_over=takes_over), note=note)


def images_of(path: Path) -> tuple[Path, list[SessionImage]]:
    """The images of a session file, the one that was changed last first; of a damaged one, those of what is recovered.

    Raises:
        SessionError: there is no such file, it has no image, or it cannot be read.
    """
    if not path.is_file():
        raise SessionError(
            f"there is no session file {path}", hint=f"make one with SamWidget(image, session={path.name!r})"
        )
    try:
        session = open_session(path)
        try:
            images = session.images()
        finally:
            session.close()
    except DamagedError:
        return images_of(recovered(path)[0])
    if not images:
        raise SessionError(f"{path.name} has no image yet", hint=f"begin with SamWidget(image, session={path.name!r})")
    return path, images


def find_photo(path: Path, image: SessionImage) -> str | Path:
    """Where the file of an image is now: at its path, or else any file beside the session file with its content.

    Raises:
        SessionError: it is nowhere; the hint says what to do.
    """
    give = f"SamWidget.open({path.name!r}, image=...)"
    if image.path is None:
        raise SessionError(f"the image of {path.name} was no file", hint=f"give it: {give}")
    if is_address(image.path):
        return image.path
    folder = path.absolute().parent
    candidates = [folder / image.path, Path(image.path), folder / Path(image.path).name]
    existing = [candidate for candidate in candidates if _is_file(candidate)]
    for candidate in chain(existing, _files_in(folder) if image.file_hash else ()):
        with suppress(OSError):  # a file that nobody may read is not the one
            if candidate.stat().st_size == image.file_bytes and hash_of_file(candidate) == image.file_hash:
                return candidate
    if existing:
        return existing[0]  # it has changed, which the user is told
    raise SessionError(
        f"the image {image.path:.80} of {path.name} is missing", hint=f"put it next to {path.name}, or give it: {give}"
    )


def _path_of(source: Any) -> Path | str | None:
    """Where an image comes from: its path, or its address as it is; None for one from memory."""
    if isinstance(source, str) and is_address(source):
        return source
    return path_of(source)


def _files_in(folder: Path) -> Iterator[Path]:
    """The files of a folder, which is read only where the first one is asked for: it may hold 100,000."""
    try:
        yield from (item for item in sorted(folder.iterdir()) if _is_file(item))
    except OSError:  # a folder that nobody may list
        return


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _image_in(session: SessionFile, row: int | None, image: SessionImage, takes_over: bool) -> SavedImage:
    """The image in an open session; one that is not there yet begins with nothing."""
    before = None if row is None else next((item for item in session.images() if item.row == row), None)
    before = before or session.find(image.content_hash, image.size_hw, image.path, image.options.get("frame"))
    return attach_image(session, before, image, takes_over)


def attach_image(
    session: SessionFile, before: SessionImage | None, image: SessionImage, takes_over: bool
) -> SavedImage:
    """Opens an image of an open session.

    Args:
        session: the file.
        before: the image as the file has it; None where it is not there, and begins with nothing.
        image: as it is now.
        takes_over: whether a widget of this process that saves the image ends its saving.

    Raises:
        SessionError: the masks are of an image of another size, or the file cannot be read.
    """
    note = ""
    if before is not None:
        if before.content_hash not in ("", image.content_hash):
            note = _changed_note(before, image, session.path)
            warn_user(note)
        image = replace(image, row=before.row, state=before.state, network=before.network)
    unsaved = session.claim(image.content_hash) if takes_over and not session.is_read_only else None
    opened = session.open_image(image)
    if unsaved is not None:
        opened = replace(opened, steps=unsaved.steps)
    return SavedImage(session, image, opened, note)


def recovered(path: Path) -> tuple[Path, str]:
    """The file with what could be read of a damaged one, and what the user is told."""
    if path.stem.endswith(3 * "-recovered"):
        raise SessionError(f"{path.name} is damaged, too", hint="give the path of another file")
    recovery = recover(path)
    if recovery.is_earlier:
        note = f"{path.name} is damaged, and work goes on in {recovery.path.name}, which was recovered from it before"
    else:
        note = (
            f"{path.name} is damaged: what could be read, {recovery.object_count} objects, is in {recovery.path.name},"
            f" where work goes on; {path.name} stays as it is"
        )
    warn_user(note)
    return recovery.path, note


def _changed_note(before: SessionImage, now: SessionImage, path: Path) -> str:
    """What the user is told of an image that has changed; raises SessionError where its size has."""
    name = Path(now.path or before.path or "the image").name
    if before.size_hw != now.size_hw:
        sizes = [f"{width} x {height}" for height, width in (now.size_hw, before.size_hw)]
        raise SessionError(
            f"{name} has {sizes[0]} pixels, and the masks in {path.name} have {sizes[1]}",
            hint="give the image as it was, or another session file",
        )
    return f"{name} has changed since {path.name} was saved; the objects are those of the image as it was"


def _relative(path: Path, folder: Path) -> str:
    try:
        relative = Path(os.path.relpath(path.absolute(), folder.absolute()))
    except ValueError:  # on another drive of Windows
        relative = path.absolute()
    # SQLite takes text alone: a file whose name is none is found by its content.
    return path_text(relative.as_posix())
