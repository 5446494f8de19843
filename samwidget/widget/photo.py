"""Photo: sends the image to the views, on a thread of its own so that it never waits for the model.

Owns the preview that every view shows first, the details for zooming in, and the small snapshot in the saved notebook.
How images are encoded and drawn is up to ``images``.
"""

from __future__ import annotations

import functools
import hashlib
import math
import threading
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from samwidget.core import SegmentedObject
from samwidget.images import (
    SNAPSHOT_SIDE_MAX,
    EncodedImage,
    crop_detail,
    draw_overlay,
    encode_small_jpeg,
    make_preview,
    shrink,
)
from samwidget.widget.protocol.message import optional
from samwidget.widget.protocol.replies import DetailReply, ImageReply
from samwidget.widget.wire.outbox import Outbox
from samwidget.widget.worker import Worker

# Dragging a point changes the document many times a second; one snapshot afterwards is enough.
_SNAPSHOT_DELAY_S = 1.0
# An image is known again by this many of its pixels; all those of a large one would hold its photo back.
_ID_PIXELS = 2**18


def id_of_image(image: npt.NDArray[np.uint8]) -> str:
    """Names an image by its content: the same (H, W, 3) uint8 pixels have the same name in every kernel."""
    step = max(1, math.isqrt(image.shape[0] * image.shape[1] // _ID_PIXELS))
    digest = hashlib.blake2b(repr(image.shape).encode(), digest_size=8)
    digest.update(np.ascontiguousarray(image[::step, ::step]).data)
    return digest.hexdigest()


class Photo:
    """The image as the views show it.

    Args:
        image: (H, W, 3) uint8 RGB.
        image_id: names the image in messages.
        outbox: sends the encoded images.
        objects: returns the objects of the snapshot, at the present threshold.
        opacity: of the masks in the snapshot, 0 to 1; may be set later.
        saves_picture: whether there is a snapshot for the saved notebook.
        name: of the image's file; None where there is none.
        before: of the image that the widget has shown until now, whose thread goes on; None at first.
        preview: where it was encoded ahead.
    """

    def __init__(
        self,
        image: npt.NDArray[np.uint8],
        image_id: str,
        outbox: Outbox,
        objects: Callable[[], Sequence[SegmentedObject]],
        opacity: float,
        saves_picture: bool,
        name: str | None = None,
        before: Photo | None = None,
        preview: EncodedImage | None = None,
    ) -> None:
        self._image = image
        self._image_id = image_id
        self._outbox = outbox
        self._objects = objects
        self.saves_picture = saves_picture
        self._name = name
        self._snapshot_lock = threading.RLock()  # a function that observes the trait may wait for the widget
        self._sent_snapshot: bytes = b"" if before is None else before._sent_snapshot
        self._is_outdated = True
        self.opacity = opacity
        self.worker: Worker = Worker("samwidget photo", idle_s=10.0) if before is None else before.worker
        if preview is not None:
            self._preview = preview

    @functools.cached_property
    def _small_image(self) -> npt.NDArray[np.uint8]:
        return shrink(self._image, SNAPSHOT_SIDE_MAX)

    @functools.cached_property
    def _preview(self) -> EncodedImage:
        return make_preview(self._image)

    def start(self) -> None:
        """Encodes the preview before a view asks for it, and draws the first snapshot.

        The first view then has a picture of the right size at once, also while the model takes all of Python's time.
        """
        self.worker.submit(lambda: self._preview)
        self.worker.submit(self.refresh_snapshot)

    def send_preview(self) -> None:
        """Sends the whole image, made smaller where it is large; every view shows it first."""
        height, width = self._image.shape[:2]
        is_app = optional(self._outbox.is_app or None)
        reply = ImageReply(
            self._image_id, (height, width), self._preview.mime, name=optional(self._name), is_app=is_app
        )
        self._outbox.send(reply, buffers=[self._preview.data])

    def send_detail(self, re: str, box_xyxy: Sequence[float], width: int) -> None:
        """Sends the image's own pixels inside a box, at most ``width`` pixels wide.

        Raises:
            PromptError: no pixel is inside the box.
        """
        cut_xyxy, encoded = crop_detail(self._image, box_xyxy, width)
        self._outbox.send(DetailReply(re, self._image_id, cut_xyxy, encoded.mime), buffers=[encoded.data])

    def refresh_snapshot_soon(self) -> None:
        """Draws the snapshot again once nothing has changed for a second."""
        self._is_outdated = True
        if self.saves_picture:
            self.worker.later(self.refresh_snapshot, _SNAPSHOT_DELAY_S)

    def refresh_snapshot(self) -> None:
        """Draws the snapshot again, on any thread, and sets its trait, where something has changed since."""
        if not self.saves_picture:
            return
        with self._snapshot_lock:  # a thread that draws it now finishes first
            if not self._is_outdated:
                return
            self._is_outdated = False
            try:
                jpeg = encode_small_jpeg(self.snapshot())
                if jpeg != self._sent_snapshot:
                    self._outbox.assign("_snapshot", jpeg)
                    self._sent_snapshot = jpeg
            except BaseException:  # also Ctrl-C, when a cell ends
                self._is_outdated = True
                raise

    def snapshot(self) -> npt.NDArray[np.uint8]:
        """Returns the image with its masks as (h, w, 3) uint8 RGB, small enough for the saved notebook."""
        return draw_overlay(self._small_image, self._objects(), self.opacity)

    def close(self) -> None:
        """Drops the jobs that wait, and the snapshot."""
        self.worker.close()
        if self._sent_snapshot:
            for _ in range(2):  # JupyterLab keeps what a closed widget had last, and what it had before that
                self._outbox.assign("_snapshot", b"")
