"""Findings: one search of everything, how far it is, and what it found; ``search`` runs it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from threading import Event
from typing import TYPE_CHECKING, Any, Literal

from samwidget.core import Prompt, SegmentedObject, logits_of_mask
from samwidget.widget.wire.encode import PackedMask

if TYPE_CHECKING:
    from samwidget.core import FoundObject, Frame
    from samwidget.predict.everything import Progress

Phase = Literal["running", "done", "cancelled", "failed"]


@dataclass(frozen=True, eq=False)
class Found:
    """A found object as the views have it.

    Attributes:
        object: what the search knows of it.
        packed: its bytes, which every view has.
        draft: the object that it becomes, but for number, name and, where those are all there is of it, the pixels.
    """

    object: FoundObject
    packed: PackedMask
    draft: SegmentedObject

    def to_object(self) -> SegmentedObject:
        """The draft with its pixels, which take as many bytes as the image has, and so are made when it is kept."""
        if self.object.candidate is not None:
            return self.draft
        pixels = self.object.mask
        pixels.flags.writeable = False
        return replace(self.draft, pixels=pixels)


@dataclass(eq=False)
class Run:
    """One search: how far it is and what it has found.

    Attributes:
        options: of ``generate_masks``.
        re: id of the browser's request; None where Python asked.
        name: names the search in messages.
        cancel: set when it ends, for whatever reason.
        ended: done when nothing will be found any more; raises why where the search failed.
        phase: ``running`` until then.
        done: points that were asked.
        total: points in all; 0 before the first answer.
        seconds_left: an estimate; None before the first answer.
        found: by id, in the order in which they were found.
        steps: the search itself; None before its first step and after its end.
    """

    options: Mapping[str, Any]
    re: str | None = None
    name: str = field(default_factory=lambda: secrets.token_hex(4))
    cancel: Event = field(default_factory=Event)
    ended: Future[None] = field(default_factory=Future)
    phase: Phase = "running"
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    found: dict[int, Found] = field(default_factory=dict)
    steps: Iterator[Progress] | None = None
    colours_given: int = 0

    @property
    def is_running(self) -> bool:
        """Whether more may be found."""
        return self.phase == "running"


def draft_of(found: FoundObject, frame: Frame, colour: str) -> SegmentedObject:
    """The object that a found one becomes: closed, without a name, and without pixels of its own."""
    answer = found.candidate
    if answer is None:
        logits = logits_of_mask(found.mask, frame)
        return SegmentedObject(found.id, "", colour, logits, found.score, frame, Prompt(mask=logits), None)
    return SegmentedObject(
        found.id, "", colour, answer.logits[0], found.score, answer.frame, answer.prompt, found.level
    )
