"""Encode: turns masks into bytes and the document into its summary, in the form of docs/protocol.md.

Pure functions and values: ``publisher`` decides what is sent and when, and images are encoded by ``images``.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from samwidget.core import FoundObject, Frame, Masks, RunLengths, SegmentedObject, in_windows, logits_of_mask
from samwidget.document import Document, State
from samwidget.widget.protocol.message import optional
from samwidget.widget.protocol.replies import FoundSummary, MaskHeader
from samwidget.widget.saved_prompts import levels_of
from samwidget.widget.traits import CandidateSummary, ClassSummary, DocumentSummary, ObjectSummary

SCALE = 16
"""Steps of a byte per unit of logit: the range is -7.97 to 7.97, and the slider's -4 to 4 lies well inside."""
THRESHOLD_MIN, THRESHOLD_MAX = -4.0, 4.0
"""The ends of the slider: no outline runs between logits that are all beyond the same end."""
EXACT_SIDE_MAX = 1024
"""Logits along the longer side of a mask that is exact to the pixel, where the image is not smaller."""
EXACT_SCALE = 0.5
"""Steps of a byte per unit of its logits: the range is -255 to 255, in which no step of the slider moves an outline."""


@dataclass(frozen=True)
class PackedMask:
    """The bytes of one mask, with their name.

    Attributes:
        mask: the id of these bytes, made from their hash: the same bytes have the same id in every message.
        window: x, y, w, h of the part that is sent, in low-res logits.
        data: zlib-compressed, h rows of w bytes; empty for an empty mask.
        frame: ties the low-res logits to image pixels. Objects of a session file may be those of another model.
        scale: steps of a byte per unit of logit.
    """

    mask: str
    window: tuple[int, int, int, int]
    data: bytes
    frame: Frame
    scale: float = SCALE

    def header(self) -> MaskHeader:
        """Returns the entry for ``masks`` in a message; ``data`` is its buffer."""
        return MaskHeader(self.mask, self.window, self.scale)


def pack_exact(mask: RunLengths) -> PackedMask:
    """Returns the bytes of a mask that is exact to the pixel: finer than those of a network, and fixed.

    A stroke of a brush may be smaller than one logit of the network.
    """
    height, width = mask.size_hw
    ratio = min(1.0, EXACT_SIDE_MAX / max(height, width))
    logits_hw = (max(1, round(height * ratio)), max(1, round(width * ratio)))
    frame = Frame.stretched(mask.size_hw, logits_hw, logits_hw)
    return pack(logits_of_mask(mask, frame), frame, EXACT_SCALE)


def pack(logits: npt.NDArray[np.float32], frame: Frame, scale: float = SCALE) -> PackedMask:
    """Returns the bytes of (h, w) float32 low-res logits, cut to the window that some threshold of the slider shows.

    Of the padding below and to the right of the image one row is kept, because interpolation reads it.
    """
    window = _window(logits, frame)
    x, y, w, h = window
    data = b""
    if w and h:
        # Level 1: level 6 is 8 % smaller and takes three times as long.
        data = zlib.compress(_flattened(logits[y : y + h, x : x + w]).tobytes(), 1)
    digest = blake2b(repr((window, frame, scale)).encode() + data, digest_size=8).hexdigest()
    return PackedMask(f"m{digest}", window, data, frame, scale)


def quantised(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Returns a byte b for each logit: it stands for (b - 127.5) / SCALE, above 127 where the logit is > 0."""
    # ceil, not round: the byte is then on the same side of 127.5 as the logit is of 0, and at most half a step away.
    steps: npt.NDArray[np.float32] = np.ceil(logits * SCALE) + np.float32(127)
    return np.clip(steps, 0, 255).astype(np.uint8)


def _flattened(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Returns bytes of logits, equal where no outline can be: a third fewer after compression, which is quicker."""
    steps = quantised(logits)
    for beyond, byte in ((logits > THRESHOLD_MAX, 255), (logits < THRESHOLD_MIN, 0)):
        with_all_neighbours = in_windows(np.logical_and, np.pad(beyond, 1, constant_values=True), (3, 3))
        steps[with_all_neighbours] = byte
    return steps


def _window(logits: npt.NDArray[np.float32], frame: Frame) -> tuple[int, int, int, int]:
    height, width = (
        min(content + 1, full) for content, full in zip(frame.content_logits_hw, frame.logits_hw, strict=True)
    )
    above = logits[:height, :width] > THRESHOLD_MIN
    rows, columns = np.flatnonzero(above.any(1)), np.flatnonzero(above.any(0))
    if len(rows) == 0:
        return (0, 0, 0, 0)
    # One more on each side, because a contour runs between a logit inside the mask and one outside.
    y, x = max(0, int(rows[0]) - 1), max(0, int(columns[0]) - 1)
    y_end, x_end = min(height, int(rows[-1]) + 2), min(width, int(columns[-1]) + 2)
    return (x, y, x_end - x, y_end - y)


class Packer:
    """Packs each candidate and each mask without candidates once, while that exists. Used on one thread."""

    def __init__(self) -> None:
        self._of_candidates: WeakKeyDictionary[Masks, dict[int, PackedMask]] = WeakKeyDictionary()
        self._of_objects: WeakKeyDictionary[SegmentedObject | RunLengths, PackedMask] = WeakKeyDictionary()

    def candidate(self, candidates: Masks, level: int) -> PackedMask:
        """Returns the bytes of one candidate."""
        packed = self._of_candidates.setdefault(candidates, {})
        if level not in packed:
            packed[level] = pack(candidates.logits[level], candidates.frame)
        return packed[level]

    def shown_mask(self, state: State, index: int) -> PackedMask:
        """Returns the bytes of the mask that ``state.objects[index]`` shows."""
        candidates, level = state.candidates[index], state.shown_level(index)
        if candidates is not None and level is not None:
            return self.candidate(candidates, level)
        item = state.objects[index]
        exact = item.exact_mask
        key = item if exact is None else exact  # an object with another name or class has the same run lengths
        if key not in self._of_objects:
            self._of_objects[key] = pack(item.logits, item.frame) if exact is None else pack_exact(exact)
        return self._of_objects[key]

    def active_candidates(self, state: State) -> list[PackedMask]:
        """Returns the bytes of each candidate of the active object; empty where it has none."""
        candidates = state.active_candidates
        return [] if candidates is None else [self.candidate(candidates, level) for level in range(len(candidates))]


def summarise(
    document: Document,
    objects: Sequence[SegmentedObject],
    object_masks: Sequence[PackedMask],
    candidate_masks: Sequence[PackedMask],
    image_id: str,
) -> DocumentSummary:
    """Returns the trait ``document``.

    Args:
        document: what the user has made.
        objects: the document's objects at the present threshold, on which area and box depend.
        object_masks: the mask that each object shows.
        candidate_masks: the candidates of the active object; empty where it has none.
        image_id: names the image.
    """
    state = document.state
    candidates = state.active_candidates
    scores = [] if candidates is None else candidates.scores.tolist()
    counts = Counter(item.class_name for item in objects)
    return DocumentSummary(
        revision=document.revision,
        image=image_id,
        active=state.active,
        objects=[
            _summarise_object(item, packed, state.shown_level(index))
            for index, (item, packed) in enumerate(zip(objects, object_masks, strict=True))
        ],
        candidates=[
            CandidateSummary(packed.mask, round(score, 4))
            for packed, score in zip(candidate_masks, scores, strict=True)
        ],
        classes=[ClassSummary(item.name, item.colour, counts[item.name]) for item in state.classes],
        active_class=state.active_class,
        can_undo=document.can_undo,
        can_redo=document.can_redo,
    )


def summarise_found(found_object: FoundObject, packed: PackedMask, colour: str) -> FoundSummary:
    """Returns the entry of a found object in a ``found`` message."""
    return FoundSummary(
        id=found_object.id,
        mask=packed.mask,
        colour=colour,
        score=round(found_object.score, 4),
        stability=round(found_object.stability, 4),
        area=found_object.area,
        box=found_object.box_xyxy,
    )


def _summarise_object(item: SegmentedObject, packed: PackedMask, level: int | None) -> ObjectSummary:
    prompt = item.prompt
    points = zip(prompt.points_xy.tolist(), prompt.labels.tolist(), strict=True)
    return ObjectSummary(
        id=item.id,
        name=item.name,
        colour=item.colour,
        visible=item.visible,
        score=round(item.score, 4),
        area=item.area,
        box=item.box_xyxy,
        mask=packed.mask,
        points=[(x, y, label) for (x, y), label in points],
        prompt_box=None if prompt.box_xyxy is None else prompt.box_xyxy.tolist(),
        level=level,
        class_name=item.class_name,
        locked=item.locked,
        levels=optional(levels_of(item)),
    )
