"""Payload: what the kernel's values look like on the wire. Masks become bytes, the document becomes a summary.

Pure functions and values, no widget; docs/protocol.md describes the form. Photos are ``pictures``' affair.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from samwidget.core import FoundObject, Frame, Masks, SegmentedObject, in_windows
from samwidget.document import State

SCALE = 16
"""Steps of a byte per unit of logit: the range is -7.97 to 7.97, and the slider's -4 to 4 lies well inside."""
THRESHOLD_MIN, THRESHOLD_MAX = -4.0, 4.0
"""The ends of the slider: between logits that all lie beyond one of them there is never an outline."""


@dataclass(frozen=True)
class PackedMask:
    """The bytes of one mask, and the name that they go by.

    Attributes:
        mask: names these bytes for ever: it is their hash.
        window: x, y, w, h in low-res logits.
        data: zlib-compressed, h rows of w bytes; empty for an empty mask.
    """

    mask: str
    window: tuple[int, int, int, int]
    data: bytes

    def entry(self) -> dict[str, Any]:
        """The mask's line in a ``masks`` message."""
        return {"mask": self.mask, "window": list(self.window), "scale": SCALE}


def pack(logits: npt.NDArray[np.float32], frame: Frame) -> PackedMask:
    """The bytes of (h, w) float32 low-res logits, cut to the window that any threshold can show.

    The padding below and to the right of the image is left out, but for the one row that interpolation sees.
    """
    window = _window(logits, frame)
    x, y, w, h = window
    data = b""
    if w and h:
        # Level 1: level 6 is 8 % smaller and takes three times as long.
        data = zlib.compress(_sent(logits[y : y + h, x : x + w]).tobytes(), 1)
    name = blake2b(repr(window).encode() + data, digest_size=8).hexdigest()
    return PackedMask(f"m{name}", window, data)


def quantised(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Logits as bytes b that stand for (b - 127.5) / SCALE: above 127 exactly where the logit is positive."""
    # ceil, not round: the byte that a logit gets then lies on its own side of 127.5, and within half a step of it.
    steps = np.ceil(logits * SCALE) + np.float32(127)
    return np.clip(steps, 0, 255).astype(np.uint8)


def _sent(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Bytes of logits, flat where no outline can come near: a third fewer, and sooner compressed."""
    steps = quantised(logits)
    for beyond, byte in ((logits > THRESHOLD_MAX, 255), (logits < THRESHOLD_MIN, 0)):
        with_all_around = in_windows(np.logical_and, np.pad(beyond, 1, constant_values=True), (3, 3))
        steps[with_all_around] = byte
    return steps


def _window(logits: npt.NDArray[np.float32], frame: Frame) -> tuple[int, int, int, int]:
    height, width = (min(n + 1, whole) for n, whole in zip(frame.content_logits_hw, frame.logits_hw, strict=True))
    above = logits[:height, :width] > THRESHOLD_MIN
    rows, columns = np.flatnonzero(above.any(1)), np.flatnonzero(above.any(0))
    if len(rows) == 0:
        return (0, 0, 0, 0)
    # One more on each side, so that a contour can close between a logit that is in and one that is out.
    y, x = max(0, int(rows[0]) - 1), max(0, int(columns[0]) - 1)
    y_end, x_end = min(height, int(rows[-1]) + 2), min(width, int(columns[-1]) + 2)
    return (x, y, x_end - x, y_end - y)


class Packer:
    """Packs each candidate and each given mask once, for as long as somebody keeps it. Used on one thread."""

    def __init__(self) -> None:
        self._answers: WeakKeyDictionary[Masks, dict[int, PackedMask]] = WeakKeyDictionary()
        self._objects: WeakKeyDictionary[SegmentedObject, PackedMask] = WeakKeyDictionary()

    def candidate(self, answer: Masks, level: int) -> PackedMask:
        """The bytes of one candidate."""
        known = self._answers.setdefault(answer, {})
        if level not in known:
            known[level] = pack(answer.logits[level], answer.frame)
        return known[level]

    def shown(self, state: State, index: int) -> PackedMask:
        """The bytes of the mask that the object at ``index`` shows."""
        answer, level = state.candidates[index], state.shown_level(index)
        if answer is not None and level is not None:
            return self.candidate(answer, level)
        found = state.objects[index]
        if found not in self._objects:
            self._objects[found] = pack(found.logits, found.frame)
        return self._objects[found]


def summary(
    state: State,
    objects: Sequence[SegmentedObject],
    packed: Sequence[PackedMask],
    candidates: Sequence[PackedMask],
    *,
    revision: int,
    image: str,
    can_undo: bool,
    can_redo: bool,
) -> dict[str, Any]:
    """The trait ``document``.

    Args:
        state: the snapshot.
        objects: its objects at the present threshold, which area and box depend on.
        packed: the mask that each object shows.
        candidates: of the active object; empty where there are none.
        revision: grows with every change.
        image: names the image.
        can_undo: whether there is a step to undo.
        can_redo: whether there is a step to redo.
    """
    answer = state.active_candidates
    scores = [] if answer is None else answer.scores.tolist()
    return {
        "revision": revision,
        "image": image,
        "active": state.active,
        "objects": [
            _object_summary(found, mask, state.shown_level(index))
            for index, (found, mask) in enumerate(zip(objects, packed, strict=True))
        ],
        "candidates": [
            {"mask": mask.mask, "score": round(score, 4)} for mask, score in zip(candidates, scores, strict=True)
        ],
        "can_undo": can_undo,
        "can_redo": can_redo,
    }


def _object_summary(found: SegmentedObject, packed: PackedMask, level: int | None) -> dict[str, Any]:
    prompt = found.prompt
    return {
        "id": found.id,
        "name": found.name,
        "colour": found.colour,
        "visible": found.visible,
        "score": round(found.score, 4),
        "area": found.area,
        "box": None if found.box_xyxy is None else list(found.box_xyxy),
        "mask": packed.mask,
        "points": [
            [x, y, label] for (x, y), label in zip(prompt.points_xy.tolist(), prompt.labels.tolist(), strict=True)
        ],
        "prompt_box": None if prompt.box_xyxy is None else prompt.box_xyxy.tolist(),
        "level": level,
    }


def found_entry(found: FoundObject, packed: PackedMask, colour: str) -> dict[str, Any]:
    """The line of a mask that was found in a ``found`` message."""
    return {
        "id": found.id,
        "mask": packed.mask,
        "colour": colour,
        "score": round(found.score, 4),
        "stability": round(found.stability, 4),
        "area": found.area,
        "box": list(found.box_xyxy),
    }


def empty_summary(image: str) -> Mapping[str, Any]:
    """The trait ``document`` of a widget in which nothing has been made yet."""
    return summary(State(), (), (), (), revision=0, image=image, can_undo=False, can_redo=False)
