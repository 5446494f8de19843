"""Thumbnails: sends small pictures of the images of a folder, on a thread of its own, the newest request first.

A strip that scrolls asks for what it shows now: what it asked before can wait. One image is in memory at a time, and
the pictures of the last ones stay. ``turning`` owns it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cachetools import LRUCache

from samwidget.errors import SamWidgetError
from samwidget.images import EncodedImage, make_thumbnail
from samwidget.widget.image_sources import ImageSource
from samwidget.widget.protocol.message import optional
from samwidget.widget.protocol.replies import DoneReply, ThumbnailReply
from samwidget.widget.wire.outbox import Outbox, sentence
from samwidget.widget.worker import Worker

_PICTURES_MAX = 512  # pictures of some 5 kB each


class Thumbnails:
    """The small pictures of the images of one widget.

    Args:
        sources: all images.
        options: of ``load_rgb``.
        fail: called with the index of an image that cannot be read, and the error.
        outbox: sends the pictures.
    """

    def __init__(
        self,
        sources: Sequence[ImageSource],
        options: Mapping[str, Any],
        fail: Callable[[int, SamWidgetError], None],
        outbox: Outbox,
    ) -> None:
        self._sources = sources
        self._options = options
        self._fail = fail
        self._outbox = outbox
        self._lock = threading.Lock()
        self._requests: list[tuple[str, deque[int]]] = []
        self._pictures: LRUCache[int, EncodedImage] = LRUCache(_PICTURES_MAX)
        self._worker = Worker("samwidget thumbnails", idle_s=10.0)

    def send(self, re: str, indices: Sequence[int]) -> None:
        """Sends the pictures of images soon, and ``done`` after the last one; returns at once."""
        with self._lock:
            self._requests.append((re, deque(indices)))
        self._worker.offer(self._send_next)

    def close(self) -> None:
        """Sends no more."""
        self._worker.close()

    def _send_next(self) -> None:
        """Sends one picture of the newest request."""
        with self._lock:
            if not self._requests:
                return
            re, indices = self._requests[-1]
            index = indices.popleft()
            if not indices:
                self._requests.pop()
            is_last = not indices
        self._send(re, index)
        if is_last:
            self._outbox.send(DoneReply(re))
        self._worker.offer(self._send_next)

    def _send(self, re: str, index: int) -> None:
        picture, problem = self._pictures.get(index), ""
        if picture is None:
            try:
                picture = make_thumbnail(self._sources[index].source, self._options)
                self._pictures[index] = picture
            except SamWidgetError as error:
                self._fail(index, error)
                picture, problem = EncodedImage(b"", "image/jpeg"), sentence(error.message)
        reply = ThumbnailReply(re, index, picture.mime, problem=optional(problem or None))
        self._outbox.send(reply, buffers=[picture.data])
