"""Opened images: the images that a widget was given, with the one that it shows first.

Owns which image that is: the one at which the session file was left, or the first that can be read. ``widget`` calls
it; ``turning`` goes on with the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samwidget.errors import ImageError, SessionError
from samwidget.widget.ahead import ReadImage, read_for_view
from samwidget.widget.image_sources import ImageSource, sources_of
from samwidget.widget.image_store import ImageStore
from samwidget.widget.image_table import ImageTable
from samwidget.widget.session_images import SavedImage, SessionChoice
from samwidget.widget.wire.outbox import sentence


@dataclass(frozen=True, eq=False)
class OpenedImages:
    """The images of a widget, with the one that it shows first.

    Attributes:
        sources: all images.
        options: of ``load_rgb``.
        table: a row for each.
        store: their session file; None for one image, which has its own.
        index: of the image that is shown first.
        image: that image.
        saved: what the session file has of it; None without one.
        settings: of the widget that wrote the session file.
    """

    sources: Sequence[ImageSource]
    options: Mapping[str, Any]
    table: ImageTable
    store: ImageStore | None
    index: int
    image: ReadImage
    saved: SavedImage | None
    settings: Mapping[str, Any]


def open_images(image: Any, options: Mapping[str, Any], session: Path | SessionChoice | None) -> OpenedImages:
    """Reads the image that a widget shows first: the one it was given, or the one at which the session was left.

    Raises:
        ImageError: it cannot be read; of several images, none can.
        SessionError: the session file cannot be used.
    """
    sources = sources_of(image)
    if sources is None:
        read = read_for_view(image, options, with_preview=False)
        single = (ImageSource(image, read.sessions.file_name or "image"),)
        saved = None if session is None else read.sessions.open(session)
        settings = {} if saved is None else saved.opened.settings
        return OpenedImages(single, options, ImageTable([single[0].name]), None, 0, read, saved, settings)
    table = ImageTable([item.name for item in sources])
    path = session.path if isinstance(session, SessionChoice) else session
    store = ImageStore(path, sources, table, options.get("frame"))
    try:
        index, read, saved = _first(sources, options, table, store)
        return OpenedImages(sources, options, table, store, index, read, saved, store.settings())
    except BaseException:
        store.close()
        raise


def _first(
    sources: Sequence[ImageSource], options: Mapping[str, Any], table: ImageTable, store: ImageStore
) -> tuple[int, ReadImage, SavedImage]:
    """The first image that can be read, from the one at which the session was left on."""
    start, first_error = store.shown_index(), None
    for step in range(len(sources)):
        index = (start + step) % len(sources)
        try:
            image = read_for_view(sources[index].source, options, with_preview=False)
            return index, image, store.open(index, image.sessions.described(store.folder), takes_over=True)
        except (ImageError, SessionError) as error:
            if isinstance(error, SessionError) and len(sources) == 1:
                raise
            table.set_problem(index, sentence(error.message))
            first_error = first_error or error
    assert first_error is not None
    raise first_error
