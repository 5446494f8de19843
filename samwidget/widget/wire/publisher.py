"""Publisher: sends the document and its masks to the views, and measures its objects at the present threshold.

It remembers what the views have, so that each mask is sent once. ``encode`` says what the bytes are, ``outbox`` sends
them. ``controller`` calls it after each change, on the worker's thread; ``send_all`` and ``objects`` may be called from
any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace

from samwidget.core import Frame, Masks, SegmentedObject
from samwidget.document import Document
from samwidget.widget.protocol.message import optional, to_json
from samwidget.widget.protocol.replies import MasksReply, PreviewReply, sizes_of
from samwidget.widget.wire.encode import PackedMask, Packer, summarise
from samwidget.widget.wire.outbox import Outbox


class Publisher:
    """What the views of one widget have of its document.

    Args:
        document: what the user has made.
        outbox: sends masks and sets the trait.
        image_id: names the image in messages.
        threshold: logits above it are mask; may be set later.
    """

    def __init__(self, document: Document, outbox: Outbox, image_id: str, threshold: float) -> None:
        self._document = document
        self._outbox = outbox
        self._image_id = image_id
        self._measured = _Measured(threshold)
        self._packer = Packer()
        self._sent_masks: dict[str, PackedMask] = {}
        self._sent_version = (document.revision, threshold)

    @property
    def threshold(self) -> float:
        """Logits above it are mask."""
        return self._measured.threshold

    def publish_all(self) -> None:
        """Sends the document and its masks to views that have shown another image until now."""
        self._sent_version = (-1, 0.0)
        self.publish()

    def set_threshold(self, threshold: float) -> None:
        """Measures the objects at another threshold; the next ``publish`` sends the result."""
        self._measured.set_threshold(threshold)

    def objects(self) -> tuple[SegmentedObject, ...]:
        """Returns the document's objects at the present threshold."""
        return self._measured.at_threshold(self._document.state.objects)

    def measured(self, item: SegmentedObject) -> SegmentedObject:
        """Returns one object at the present threshold."""
        return self._measured.measured(item)

    def publish(self, re: str | None = None) -> bool:
        """Sends what has changed; returns whether anything had.

        Args:
            re: id of the request that changed it.
        """
        document, state = self._document, self._document.state
        version = (document.revision, self._measured.threshold)
        if version == self._sent_version:
            return False
        self._sent_version = version
        object_masks = [self._packer.shown_mask(state, index) for index in range(len(state.objects))]
        candidate_masks = self._packer.active_candidates(state)
        before = self._sent_masks
        self._sent_masks = {packed.mask: packed for packed in [*object_masks, *candidate_masks]}
        summary = summarise(document, self.objects(), object_masks, candidate_masks, self._image_id)
        # Objects are measured before both messages: a view draws when it has the two, and they leave together.
        self._send_masks([packed for name, packed in self._sent_masks.items() if name not in before], re)
        self._outbox.assign("document", to_json(summary))
        return True

    def add_sent(self, masks: Iterable[PackedMask]) -> None:
        """Notes masks that every view has already, so that they are not sent again."""
        self._sent_masks = {**self._sent_masks, **{packed.mask: packed for packed in masks}}

    def send_all(self, re: str) -> None:
        """Sends all masks for a new view; ``re`` is the id of its request."""
        # The dictionary is replaced before the new masks are sent, so it has every mask that a new view has missed.
        self._send_masks(list(self._sent_masks.values()), re)

    def send_preview(self, candidates: Masks, level: int, re: str) -> None:
        """Sends one candidate as the reply to the request with the id ``re``."""
        packed = self._packer.candidate(candidates, level)
        reply = PreviewReply(
            re=re,
            image=self._image_id,
            frame=sizes_of(candidates.frame),
            score=round(float(candidates.scores[level]), 4),
            masks=(packed.header(),),
        )
        self._outbox.send(reply, buffers=[packed.data])

    def _send_masks(self, masks: Sequence[PackedMask], re: str | None) -> None:
        of_frames: dict[Frame, list[PackedMask]] = {}
        for packed in masks:
            of_frames.setdefault(packed.frame, []).append(packed)
        for frame, group in of_frames.items():
            headers = [packed.header() for packed in group]
            reply = MasksReply(self._image_id, sizes_of(frame), headers, re=optional(re))
            self._outbox.send(reply, buffers=[packed.data for packed in group])


class _Measured:
    """Objects at the threshold of the slider, each measured once. Used from any thread.

    The document keeps its objects at threshold 0, so moving the slider is no step of its history.
    """

    def __init__(self, threshold: float) -> None:
        self._lock = threading.Lock()
        self._threshold = threshold
        self._cache: dict[SegmentedObject, SegmentedObject] = {}

    @property
    def threshold(self) -> float:
        """Logits above it are mask."""
        return self._threshold

    def set_threshold(self, threshold: float) -> None:
        """Measures at another threshold from now on."""
        with self._lock:
            self._threshold = threshold
            self._cache = {}

    def at_threshold(self, objects: Sequence[SegmentedObject]) -> tuple[SegmentedObject, ...]:
        """Returns the objects at the threshold; an object of the call before is the same value again."""
        with self._lock:
            if self._threshold == 0.0:
                return tuple(objects)
            self._cache = {item: self._cache.get(item) or self._moved(item) for item in objects}
            return tuple(self._cache.values())

    def measured(self, item: SegmentedObject) -> SegmentedObject:
        """Returns one object at the threshold, measured anew."""
        return self._moved(item) if self._threshold else item

    def _moved(self, item: SegmentedObject) -> SegmentedObject:
        return replace(item, threshold=self._threshold)
