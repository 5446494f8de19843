"""Album: everything that is sent as a picture, on a thread of its own so that it never waits for the network.

Owns the preview that every view shows first, details for zooming in, and the small snapshot in the saved notebook.
"""

from __future__ import annotations

import functools
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
from samwidget.widget.wire.outbox import Outbox
from samwidget.widget.worker import Worker, log_failure

# A drag of a point changes the document many times a second; one picture after it is enough.
_SNAPSHOT_DELAY_S = 1.0


class Album:
    """The pictures of one image.

    Args:
        image: (H, W, 3) uint8 RGB.
        image_id: names the image in messages.
        outbox: where pictures go.
        objects: gives the objects to draw, at the present threshold.
        opacity: gives the opacity to draw them with.
    """

    def __init__(
        self,
        image: npt.NDArray[np.uint8],
        image_id: str,
        outbox: Outbox,
        objects: Callable[[], Sequence[SegmentedObject]],
    ) -> None:
        self._image = image
        self._image_id = image_id
        self._outbox = outbox
        self._objects = objects
        self._sent: bytes = b""
        self.opacity = 0.45
        self.worker = Worker("samwidget pictures", idle_s=10.0)

    @functools.cached_property
    def small_photo(self) -> npt.NDArray[np.uint8]:
        """(h, w, 3) uint8 RGB photo of the snapshot's size."""
        return shrink(self._image, SNAPSHOT_SIDE_MAX)

    @functools.cached_property
    def _preview(self) -> EncodedImage:
        return make_preview(self._image)

    def start(self) -> None:
        """Encodes the preview before a view asks for it, and draws the first snapshot."""
        self.worker.submit(lambda: self._preview).add_done_callback(log_failure)
        self.refresh_snapshot_soon()

    def send_preview(self) -> None:
        """Sends the photo as every view shows it first."""
        height, width = self._image.shape[:2]
        self._outbox.send(
            "image",
            image=self._image_id,
            size_hw=[height, width],
            mime=self._preview.mime,
            buffers=[self._preview.data],
        )

    def send_detail(self, re: str, box: Sequence[float], width: int) -> None:
        """Sends the photo's own pixels inside a box; raises PromptError where the box holds none."""
        cut, picture = crop_detail(self._image, box, width)
        self._outbox.send(
            "detail", re=re, image=self._image_id, box=list(cut), mime=picture.mime, buffers=[picture.data]
        )

    def refresh_snapshot_soon(self) -> None:
        """Redraws the snapshot when nothing has changed for a moment."""
        self.worker.later(self.refresh_snapshot, _SNAPSHOT_DELAY_S)

    def refresh_snapshot(self) -> None:
        """Redraws the snapshot and sets the trait, where it differs."""
        jpeg = encode_small_jpeg(self.small_picture())
        if jpeg != self._sent:
            self._sent = jpeg
            self._outbox.assign(_snapshot=jpeg)

    def small_picture(self) -> npt.NDArray[np.uint8]:
        """(h, w, 3) uint8 RGB: the photo with its masks, at the snapshot's size."""
        return draw_overlay(self.small_photo, self._objects(), self.opacity)

    def close(self) -> None:
        """Drops what waits to be drawn."""
        self.worker.close()
