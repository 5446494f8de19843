"""Exporting: the images of a widget with their objects, as values of ``formats``, and the file that a view asks for.

Owns which images an export takes, and what the browser saves: one file, or a folder as a ``.zip``. ``label_files``
calls it for Python and ``handlers`` for the browser, on a thread of its own. The formats themselves are in ``formats``,
which is imported when it is needed: most widgets never need it.
"""

from __future__ import annotations

import sys
import time
import zipfile
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeVar

from samwidget.errors import ClosedError, FormatError, ImageError, warn_user
from samwidget.images import is_address
from samwidget.widget.image_sources import ImageSource
from samwidget.widget.matching import listed
from samwidget.widget.protocol.fields import short_text
from samwidget.widget.protocol.replies import ExportedReply, ExportingReply
from samwidget.widget.protocol.requests import Export
from samwidget.widget.turning import Turning
from samwidget.widget.wire.outbox import Outbox

if TYPE_CHECKING:
    from samwidget.formats import LabelledImage

Item = TypeVar("Item")

CHOICES = ("labelled", "done", "this", "all")
"""Which images an export takes: all but new and skipped ones, those that are done, the one that is shown, or all."""

_LABELLED = ("in_work", "done", "to_check")
_REPORT_S = 0.1
_SIZE_CHECK_S = 1.0
# A browser keeps a file in memory, and a notebook server sends it as one message.
_BYTES_MAX = 200 * 2**20
_BAR_DELAY_S = 2.0
_MIME = {
    ".csv": "text/csv",
    ".geojson": "application/geo+json",
    ".json": "application/json",
    ".png": "image/png",
    ".zip": "application/zip",
}
_PACKED = {".avif", ".heic", ".jpeg", ".jpg", ".png", ".webp"}  # they get no smaller in a .zip


class LabelledImages:
    """Images of a widget with their objects, made anew each time somebody goes through them, one by one.

    So a thousand images need no more memory than one. An image that cannot be read is left out, and one warning at the
    end names all of them.

    Args:
        turning: has the images.
        choice: of ``CHOICES``.

    Raises:
        FormatError: there is no such choice.
    """

    def __init__(self, turning: Turning, choice: str = "labelled") -> None:
        if choice not in CHOICES:
            raise FormatError(f"images is {short_text(choice)}", hint=f"it is one of {', '.join(CHOICES)}")
        self._turning = turning
        turning.caught_up()  # clicks that came before may have begun the work on an image
        if choice == "this" or turning.store is None:
            self._indices = [turning.index]
        else:
            states = {"labelled": _LABELLED, "done": ("done",)}.get(choice)
            table = turning.table
            self._indices = [i for i in range(len(turning)) if states is None or table.state(i) in states]

    def check_not_empty(self) -> None:
        """Raises FormatError where there is no image to write: an empty file would take the place of a full one."""
        if not self._indices:
            raise FormatError(
                "no image is labelled yet",
                hint="make an object on one, or say that one is done; images='all' takes all",
            )

    def __len__(self) -> int:
        return len(self._indices)

    def __iter__(self) -> Iterator[LabelledImage]:
        left_out = []
        for index in self._indices:
            try:
                image = labelled_image(self._turning, index)
            except ImageError as error:
                left_out.append(f"{self._turning.table.name(index)} ({error})")
                continue
            yield image
        if left_out:
            warn_user(f"images that cannot be read were left out: {listed(left_out)}")


def labelled_image(turning: Turning, index: int) -> LabelledImage:
    """Returns an image and its objects as ``samwidget.formats`` has them.

    Raises:
        ImageError: it has no objects and cannot be read, so that its size is not known.
        SessionError: the session file cannot be read.
    """
    from samwidget.formats import LabelledImage, LabelledObject, labelled_object

    source = turning.source(index)
    if index == turning.index or turning.store is None:
        objects = [labelled_object(item) for item in turning.objects(index)]
    else:
        objects = [
            LabelledObject(label.run_lengths, None, label.class_name, label.name, label.score)
            for label in turning.store.labels(index)
        ]
    size_hw = turning.size_hw(index)
    if size_hw is None:
        height, width = turning.read(index).shape[:2]
        size_hw = (height, width)
    return LabelledImage(
        _file_name(source),
        size_hw,
        tuple(objects),
        existing_path(source),
        partial(turning.read, index),
    )


def existing_path(source: ImageSource) -> Path | None:
    """The path of an image's file; None where there is no such file on this machine now."""
    try:
        return source.path if source.path is not None and source.path.is_file() else None
    except (OSError, ValueError):  # a name that no file can have
        return None


def _file_name(source: ImageSource) -> str:
    """The name of an image in files: that of its own file; of an image from memory, one that a file can have."""
    if source.path is not None or (isinstance(source.source, str) and is_address(source.source)):
        return source.name
    return f"{source.name.replace(' ', '_')}.png"


def with_bar(items: Iterable[Item], count: int, text: str) -> Iterable[Item]:
    """Yields the items; what takes longer than two seconds gets a progress bar in a terminal or a notebook.

    Args:
        items: in order.
        count: how many they are.
        text: what is done with them.
    """
    if count < 2 or not (sys.stderr.isatty() or "ipykernel" in sys.modules):
        return items
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return items
    bar: Iterable[Item] = tqdm(items, desc=text, total=count, unit="image", delay=_BAR_DELAY_S, leave=False)
    return bar


def send_export(turning: Turning, outbox: Outbox, request: Export) -> None:
    """Writes the objects of this image, or of all, in a format, and sends the file to the views, with progress.

    Raises:
        FormatError: there is no such format, it cannot hold the objects, or the file is too large to send.
        ClosedError: the widget was closed meanwhile.
        SamWidgetError: what else the images and the disk refuse.
    """
    from samwidget.formats import DataSet, write_labels

    images = LabelledImages(turning, "labelled" if request.is_all else "this")
    images.check_not_empty()
    with TemporaryDirectory(prefix="samwidget-") as name:
        folder = Path(name) / "files"
        folder.mkdir()
        classes = [item.name for item in turning.present.document.state.classes]
        target = folder / _target(turning, request.format, len(images), is_all=request.is_all)
        write_labels(
            DataSet(_reported(images, len(images), outbox, request.id, folder), classes), target, request.format
        )
        file = _one_file(folder)
        _check_size(file.parent)
        data = file.read_bytes()
    outbox.send(ExportedReply(request.id, file.name, _MIME.get(file.suffix, "application/octet-stream")), [data])


def _target(turning: Turning, format_name: str, count: int, *, is_all: bool) -> str:
    """The name of the file or folder that is written."""
    from samwidget.formats import FORMATS

    stem = "labels"
    if not is_all or turning.store is None:
        stem = PurePosixPath(_file_name(turning.source(turning.index))).stem or stem
    chosen = FORMATS.get(format_name)  # write_labels names the formats where there is none
    has_file = chosen is not None and chosen.suffixes and (chosen.holds_many or count == 1)
    return f"{stem}{chosen.suffixes[0]}" if chosen is not None and has_file else f"{stem}_{format_name}"


def _reported(images: Iterable[Item], total: int, outbox: Outbox, request_id: str, folder: Path) -> Iterator[Item]:
    """Yields the images and tells the views how far the export is.

    Raises:
        FormatError: the file will be too large to send.
        ClosedError: the widget was closed meanwhile.
    """
    reported_s = checked_s = time.monotonic()
    for done, image in enumerate(images):
        if outbox.widget is None:
            raise ClosedError("the widget was closed before the file was written", hint="make a new one")
        now_s = time.monotonic()
        if now_s - reported_s >= _REPORT_S:
            reported_s = now_s
            outbox.send(ExportingReply(request_id, done, total))
        if now_s - checked_s >= _SIZE_CHECK_S:
            checked_s = now_s
            _check_size(folder.parent)
        yield image


def _check_size(folder: Path) -> None:
    """Raises FormatError where a folder has more bytes than are sent to a browser."""
    byte_count = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if byte_count > _BYTES_MAX:
        raise FormatError(
            f"the file would have more than {_BYTES_MAX // 2**20} MB, too much to send to the browser",
            hint="in Python, w.export(path, format) writes it where the kernel runs",
        )


def _one_file(folder: Path) -> Path:
    """The only file in a folder; where there are several, a .zip of them, named as the first of them."""
    paths = sorted(folder.iterdir())
    if len(paths) == 1 and paths[0].is_file():
        return paths[0]
    archive = folder.parent / f"{paths[0].stem}.zip"
    with zipfile.ZipFile(archive, "w", compresslevel=1) as file:
        for path in sorted(folder.rglob("*")):
            kind = zipfile.ZIP_STORED if path.suffix.lower() in _PACKED else zipfile.ZIP_DEFLATED
            file.write(path, path.relative_to(folder), kind)
    return archive
