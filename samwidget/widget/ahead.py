"""Ahead: reads the images that may be shown next before they are asked for, and has the model encode them.

Reading and the preview run on a thread of their own. Encoding runs on the worker of the model, and only when nobody has
asked it anything for as long as an encode takes: a click that comes meanwhile waits for one encode at most. The
embeddings are in the cache of the predictor, within its byte budget. ``turning`` says which images, and takes them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from samwidget.errors import SamWidgetError
from samwidget.images import EncodedImage, load_rgb, make_preview
from samwidget.widget.image_sources import ImageSource
from samwidget.widget.photo import id_of_image
from samwidget.widget.session_images import SessionOpener
from samwidget.widget.worker import Worker

BYTES_MAX = 256 * 2**20
"""Of pixels that are read ahead; an image that does not fit is read when it is shown."""


@dataclass(frozen=True, eq=False)
class ReadImage:
    """An image with what it takes to show it.

    Attributes:
        source: what it was read from.
        pixels: (H, W, 3) uint8 RGB, read-only.
        image_id: names it in messages.
        preview: that every view shows first; None where it is made later.
        sessions: describes it for a session file.
    """

    source: Any
    pixels: npt.NDArray[np.uint8]
    image_id: str
    preview: EncodedImage | None
    sessions: SessionOpener


def read_for_view(source: Any, options: Mapping[str, Any], *, with_preview: bool) -> ReadImage:
    """Reads an image; raises ImageError where that is not possible."""
    pixels = load_rgb(source, **options)
    # Arrays of any library may share their memory, without saying so, and the user may still draw on them.
    if not isinstance(source, str | PathLike | bytes | Image.Image):
        pixels = pixels.copy()
    pixels.flags.writeable = False
    preview = make_preview(pixels) if with_preview else None
    return ReadImage(source, pixels, id_of_image(pixels), preview, SessionOpener(source, pixels, options))


class Ahead:
    """The images that were read ahead, with the present one.

    Args:
        sources: all images.
        options: of ``load_rgb``.
        fail: called with the index of an image that cannot be read, and the error.
        read: called with each image that was read, on the thread that reads.
    """

    def __init__(
        self,
        sources: Sequence[ImageSource],
        options: Mapping[str, Any],
        fail: Callable[[int, SamWidgetError], None],
        read: Callable[[ReadImage], None],
    ) -> None:
        self._sources = sources
        self._options = options
        self._fail = fail
        self._has_read = read
        self._lock = threading.Lock()
        self._images: dict[int, ReadImage] = {}
        self._wanted: tuple[int, ...] = ()
        self.worker = Worker("samwidget ahead", idle_s=10.0)

    def take(self, index: int) -> ReadImage:
        """Returns an image, which is read now where it is not there yet; raises ImageError."""
        with self._lock:
            image = self._images.get(index)
        return image or read_for_view(self._sources[index].source, self._options, with_preview=True)

    def want(self, present: int, image: ReadImage, wanted: Sequence[int]) -> None:
        """Reads these images soon, the first one first, and forgets all others but the present one."""
        with self._lock:
            self._wanted = tuple(wanted)
            self._images = {index: item for index, item in self._images.items() if index in wanted}
            self._images[present] = image
        self.worker.offer(self._read_next)

    def get(self, index: int) -> ReadImage | None:
        """An image that was read ahead; None where it was not."""
        return self._images.get(index)

    def close(self) -> None:
        """Forgets all images and reads no more."""
        self.worker.close()
        with self._lock:
            self._images, self._wanted = {}, ()

    def _read_next(self) -> None:
        """Reads one image, and has the next one read behind it."""
        with self._lock:
            missing = [index for index in self._wanted if index not in self._images]
            byte_count = sum(item.pixels.nbytes for item in self._images.values())
        if not missing or byte_count > BYTES_MAX:
            return
        index = missing[0]
        try:
            image = read_for_view(self._sources[index].source, self._options, with_preview=True)
        except SamWidgetError as error:
            self._fail(index, error)
            with self._lock:
                self._wanted = tuple(item for item in self._wanted if item != index)
        else:
            self._has_read(image)
            with self._lock:
                if index in self._wanted and byte_count + image.pixels.nbytes <= BYTES_MAX:
                    self._images[index] = image
                else:
                    self._wanted = tuple(item for item in self._wanted if item != index)
        self.worker.offer(self._read_next)
