"""Replies: what the kernel sends, one class for each kind, with its fields.

``wire.outbox`` sends them; ``wire.publisher``, ``photo`` and ``everything`` make them. A field that may be UNSET is
left out of the message then; null is never sent.
"""

# No `from __future__ import annotations` here: the classes are built from their annotations, and at once.

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from samwidget import core
from samwidget.widget.protocol.fields import (
    FLOAT_MAX,
    Availability,
    Box,
    Count,
    Counts,
    Flag,
    ImageState,
    MessageId,
    Number,
    Positive,
    SearchKind,
    SearchPhase,
    Size,
    Text,
    WeightedPolygons,
)
from samwidget.widget.protocol.message import Message, by_kind


class FrameSizes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sizes that tie an image to the low-res logits of its masks."""

    image_hw: Size
    input_hw: Size
    content_hw: Size
    logits_hw: Size


class MaskHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of ``masks``; its bytes are the buffer of the same index."""

    mask: Text
    window: Annotated[tuple[Count, Count, Count, Count], Meta(description="4 whole numbers: x, y, width, height")]
    scale: Annotated[float, Meta(gt=0, le=FLOAT_MAX, description="a finite number above 0")]


class FoundSummary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mask that a search has found and nobody has kept yet."""

    id: Count
    mask: Text
    colour: Text
    score: Number
    stability: Number
    area: Positive
    box: Box


class ImageRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One image of a folder; ``problem`` says why it cannot be shown, or what has happened to it."""

    index: Count
    name: Text
    state: ImageState
    objects: Count
    classes: list[Text]
    problem: Text | UnsetType = UNSET


class ModelRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model that the widget can use.

    ``family`` is empty for a model that Python gave, ``licence`` where nobody knows it. ``needs_mb`` is about what it
    needs of memory, where this computer has less.
    """

    name: Text
    family: Text
    licence: Text
    availability: Availability
    reads_words: Flag
    is_used: Flag
    size_mb: Number | UnsetType = UNSET
    needs_mb: Number | UnsetType = UNSET


Frame = Annotated[FrameSizes, Meta(description="image_hw, input_hw, content_hw and logits_hw, 2 whole numbers each")]
MaskHeaders = Annotated[list[MaskHeader], Meta(description="a list of mask, window and a positive scale")]


class Reply(Message, frozen=True, kw_only=True):
    """A message from the kernel; ``re``, where it has one, is the id of the request that it replies to.

    One with ``mime`` comes with a buffer, the encoded image; one with ``masks`` with a buffer for each of them.
    """


class AckReply(Reply, frozen=True):
    """The kernel has received the request; the work follows."""

    re: MessageId


class ResendReply(Reply, frozen=True):
    """The kernel has not received the request before this one, and refuses this one: send both again, in order."""

    re: MessageId


class ImageReply(Reply, frozen=True):
    """The whole image, made smaller where it is large; ``name`` is that of its file; in an app nobody may save."""

    image: Text
    size_hw: Size
    mime: Text
    name: Text | UnsetType = UNSET
    is_app: Flag | UnsetType = UNSET


class MasksReply(Reply, frozen=True):
    """The bytes of masks that the trait ``document`` names."""

    image: Text
    frame: Frame
    masks: MaskHeaders
    re: MessageId | UnsetType = UNSET


class PreviewReply(Reply, frozen=True):
    """The mask under the pointer; the reply to ``hover``."""

    re: MessageId
    image: Text
    frame: Frame
    score: Number
    masks: Annotated[tuple[MaskHeader], Meta(description="a list of one entry: mask, window and a positive scale")]


class FoundReply(Reply, frozen=True):
    """How far a search is, and what has changed since the message before; a search for words has their ``phrase``."""

    image: Text
    search: Text
    search_kind: SearchKind
    phase: SearchPhase
    done: Count
    total: Count
    is_whole: Flag
    added: Annotated[list[FoundSummary], Meta(description="a list of id, mask, colour, score, stability, area and box")]
    removed: Counts
    masks: MaskHeaders
    frame: Frame | UnsetType = UNSET
    seconds_left: Number | UnsetType = UNSET
    phrase: Text | UnsetType = UNSET
    re: MessageId | UnsetType = UNSET


class PolygonsReply(Reply, frozen=True):
    """The outlines of an object: those corners that weigh more than a tolerance are the outlines within it."""

    re: MessageId
    polygons: WeightedPolygons


class ImagesReply(Reply, frozen=True):
    """Rows of the list of images from ``first`` on, of ``total`` rows that pass the filter."""

    re: MessageId
    first: Count
    total: Count
    images: Annotated[list[ImageRow], Meta(description="a list of index, name, state, objects, classes and problem")]


class ModelsReply(Reply, frozen=True):
    """The models that the widget can use, those of one family together."""

    re: MessageId
    models: Annotated[list[ModelRow], Meta(description="a list of models")]


class ThumbnailReply(Reply, frozen=True):
    """A small picture of an image; its buffer is empty where ``problem`` says why there is none."""

    re: MessageId
    image: Count
    mime: Text
    problem: Text | UnsetType = UNSET


class ExportingReply(Reply, frozen=True):
    """How far an export is; ``exported`` follows."""

    re: MessageId
    done: Count
    total: Count


class ExportedReply(Reply, frozen=True):
    """The file that was asked for, for the browser to save."""

    re: MessageId
    file_name: Text
    mime: Text


class DoneReply(Reply, frozen=True):
    """The request was carried out; the trait ``document`` shows the result."""

    re: MessageId


class DetailReply(Reply, frozen=True):
    """Pixels of a part of the image; ``box`` says which part was cut."""

    re: MessageId
    image: Text
    box: Box
    mime: Text


class ErrorReply(Reply, frozen=True):
    """What went wrong and how to mend it; the document is as it was."""

    code: Text
    message: Text
    hint: Text
    re: MessageId | UnsetType = UNSET


REPLIES: Mapping[str, type[Reply]] = by_kind(Reply)
"""The class of each kind from the kernel."""


def sizes_of(frame: core.Frame) -> FrameSizes:
    """Returns a frame as messages hold it."""
    return FrameSizes(frame.image_hw, frame.input_hw, frame.content_hw, frame.logits_hw)
