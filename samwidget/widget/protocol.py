"""Messages between browser and kernel: one class for each kind, with its fields and their limits.

Owns what a message may hold, in both directions. ``wire.parse`` reads messages and explains what is wrong with one, and
``controller`` has the table that says who handles a kind. docs/protocol.md says what each kind means.
``python -m docs.make_messages`` makes ``tests/shared/messages.schema.json`` and ``frontend/src/messages.ts`` from them.
"""

# No `from __future__ import annotations` here: the classes are built from their annotations, and at once.

import json
import re
import reprlib
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from samwidget import core
from samwidget.errors import PromptError

T = TypeVar("T")
MessageType = TypeVar("MessageType", bound="Message")

PROTOCOL_VERSION: Literal[1] = 1
NAME_CHARACTERS_MAX = 80

# JavaScript counts exactly up to here; no id of an object and no width of an image comes near.
_WHOLE_MAX = 2**53 - 1
_FLOAT_MAX = 1.7976931348623157e308

# The types of fields. Each description completes the sentence "x must be ...".
Text = Annotated[str, Meta(description="a string")]
Flag = Annotated[bool, Meta(description="true or false")]
# NaN fails every comparison, infinity this one: what is left can be written as JSON.
Number = Annotated[float, Meta(ge=-_FLOAT_MAX, le=_FLOAT_MAX, description="a finite number")]
Count = Annotated[int, Meta(ge=0, le=_WHOLE_MAX, description=f"a whole number from 0 to {_WHOLE_MAX}")]
OptionalCount = Annotated[
    Annotated[int, Meta(ge=0, le=_WHOLE_MAX)] | None,
    Meta(description=f"a whole number from 0 to {_WHOLE_MAX}, or null"),
]
Positive = Annotated[int, Meta(ge=1, le=_WHOLE_MAX, description=f"a whole number from 1 to {_WHOLE_MAX}")]
Counts = Annotated[list[Count], Meta(description=f"a list of whole numbers from 0 to {_WHOLE_MAX}")]
ObjectIds = Annotated[
    list[Count], Meta(min_length=1, description=f"a list of at least one whole number from 0 to {_WHOLE_MAX}")
]
OptionalIds = Annotated[
    Annotated[list[Count], Meta(min_length=1)] | None,
    Meta(description=f"a list of at least one whole number from 0 to {_WHOLE_MAX}, or null"),
]
MessageId = Annotated[str, Meta(min_length=1, max_length=64, description="a string of 1 to 64 characters")]
ObjectName = Annotated[
    str,
    Meta(
        pattern=r"\S",
        max_length=NAME_CHARACTERS_MAX,
        description=f"a string of 1 to {NAME_CHARACTERS_MAX} characters, not all blank",
    ),
]
OptionalName = Annotated[
    Annotated[str, Meta(pattern=r"\S", max_length=NAME_CHARACTERS_MAX)] | None,
    Meta(description=f"a string of 1 to {NAME_CHARACTERS_MAX} characters, not all blank, or null"),
]
Label = Annotated[Literal[0, 1], Meta(title="Label", description="0 (exclude) or 1 (include)")]
Level = Annotated[int, Meta(ge=0, le=2, description="a whole number from 0 to 2")]
Box = Annotated[
    tuple[Number, Number, Number, Number],
    Meta(title="Box", description="4 finite numbers: x0, y0, x1, y1 in image pixels"),
]
Position = Annotated[
    tuple[Number, Number], Meta(title="Position", description="2 finite numbers: x, y in image pixels")
]
Stroke = Annotated[
    list[Position], Meta(min_length=1, description="a list of at least one x, y in image pixels, in the order drawn")
]
Corners = Annotated[
    list[Position], Meta(min_length=3, description="a list of at least three x, y in image pixels, in order")
]
Radius = Annotated[float, Meta(gt=0, le=_FLOAT_MAX, description="a finite number above 0, in image pixels")]
Amount = Annotated[float, Meta(ge=0, le=_FLOAT_MAX, description="a finite number from 0")]
Adjustment = Annotated[
    Literal["fill_holes", "drop_islands", "smooth", "grow", "shrink"],
    Meta(title="Adjustment", description="fill_holes, drop_islands, smooth, grow or shrink"),
]
Size = Annotated[tuple[Positive, Positive], Meta(title="Size", description="2 whole numbers: height, width")]
SearchPhase = Annotated[
    Literal["none", "running", "done", "cancelled", "failed"],
    Meta(title="SearchPhase", description="none, running, done, cancelled or failed"),
]


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
    scale: Annotated[float, Meta(gt=0, le=_FLOAT_MAX, description="a finite number above 0")]


class FoundSummary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mask that a search of everything has found and nobody has kept yet."""

    id: Count
    mask: Text
    colour: Text
    score: Number
    stability: Number
    area: Positive
    box: Box


Frame = Annotated[FrameSizes, Meta(description="image_hw, input_hw, content_hw and logits_hw, 2 whole numbers each")]
MaskHeaders = Annotated[list[MaskHeader], Meta(description="a list of mask, window and a positive scale")]


def _kind_of(class_name: str) -> str:
    """Name on the wire: ``add_point`` for AddPoint, ``masks`` for MasksReply."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", class_name.removesuffix("Reply")).lower()


class Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag=_kind_of):
    """What every message has besides its kind."""

    v: Literal[1] = PROTOCOL_VERSION


# Browser to kernel.


class Request(Message, frozen=True, kw_only=True):
    """A message from the browser; ``id`` names it in its replies."""

    id: MessageId


class Hello(Request, frozen=True):
    """A view has opened: send the image, the masks and what a search has found."""


class Hover(Request, frozen=True):
    """Send the mask that a click here would make."""

    x: Number
    y: Number
    label: Label


class AddPoint(Request, frozen=True):
    """Refine the active object with a point, or begin an object."""

    x: Number
    y: Number
    label: Label


class MovePoint(Request, frozen=True):
    """Move a point of the active object."""

    index: Count
    x: Number
    y: Number


class RemovePoint(Request, frozen=True):
    """Remove a point of the active object; the object goes with its last prompt."""

    index: Count


class AddBox(Request, frozen=True):
    """Give the active object a box where it fits that object; otherwise begin an object."""

    box: Box


class MoveBox(Request, frozen=True):
    """Replace the box of the active object."""

    box: Box


class RemoveBox(Request, frozen=True):
    """Remove the box of the active object; the object goes with its last prompt."""


class Choose(Request, frozen=True):
    """Show another candidate of the active object."""

    level: Level


class Accept(Request, frozen=True):
    """Finish the active object: the next prompt begins a new one."""


class Select(Request, frozen=True):
    """Make an object active; null makes none active."""

    object_id: OptionalCount = msgspec.field(name="object")


class Rename(Request, frozen=True):
    """Name an object; null names the active one, which the browser may not know yet."""

    object_id: OptionalCount = msgspec.field(name="object")
    name: ObjectName


class SetVisible(Request, frozen=True):
    """Show or hide an object."""

    object_id: Count = msgspec.field(name="object")
    visible: Flag


class Delete(Request, frozen=True):
    """Delete an object."""

    object_id: Count = msgspec.field(name="object")


class Clear(Request, frozen=True):
    """Delete all objects, in one step of the history."""


class DeleteObjects(Request, frozen=True):
    """Delete objects, in one step of the history."""

    objects: ObjectIds


class SetLocked(Request, frozen=True):
    """Lock objects against change, or unlock them."""

    objects: ObjectIds
    locked: Flag


class AddClass(Request, frozen=True):
    """Add a class behind the others; one that is there already stays as it is."""

    name: ObjectName


class RenameClass(Request, frozen=True):
    """Give a class another name; its objects keep it."""

    class_name: ObjectName = msgspec.field(name="class")
    name: ObjectName


class DeleteClass(Request, frozen=True):
    """Delete a class; its objects have none then."""

    class_name: ObjectName = msgspec.field(name="class")


class ActivateClass(Request, frozen=True):
    """Give new objects this class; null gives them none."""

    class_name: OptionalName = msgspec.field(name="class")


class SetClass(Request, frozen=True):
    """Give objects (null: the active one) a class, which is added where it is not there yet; null takes theirs away."""

    objects: OptionalIds
    class_name: OptionalName = msgspec.field(name="class")


class Paint(Request, frozen=True):
    """Paint or erase with a round brush; null corrects the active object, or begins one where none is active."""

    object_id: OptionalCount = msgspec.field(name="object")
    points: Stroke
    radius: Radius
    erase: Flag


class FillPolygon(Request, frozen=True):
    """Add or erase the inside of a polygon; null corrects the active object, or begins one where none is active."""

    object_id: OptionalCount = msgspec.field(name="object")
    points: Corners
    erase: Flag


class Merge(Request, frozen=True):
    """Make one object of several: the first gets all pixels, and the others go."""

    objects: ObjectIds


class Split(Request, frozen=True):
    """Make an object of each piece of an object that is not connected."""

    object_id: Count = msgspec.field(name="object")


class Subtract(Request, frozen=True):
    """Take the pixels of other objects away from an object; the others stay."""

    object_id: Count = msgspec.field(name="object")
    others: ObjectIds


class Intersect(Request, frozen=True):
    """Make one object of several: the first keeps the pixels that all have, and the others go."""

    objects: ObjectIds


class Adjust(Request, frozen=True):
    """Mend the outline of an object; docs/protocol.md says what the amount is.

    ``continues`` says that the slider moves on: the step takes the place of the one before.
    """

    object_id: Count = msgspec.field(name="object")
    operation: Adjustment
    amount: Amount
    continues: Flag


class Scribble(Request, frozen=True):
    """Refine the active object with points along a stroke, in one step, or begin an object."""

    points: Stroke
    label: Label


class Undo(Request, frozen=True):
    """Go one step back in the history."""


class Redo(Request, frozen=True):
    """Take one undo back."""


class Detail(Request, frozen=True):
    """Send the image's own pixels inside the box, at most ``width`` pixels wide."""

    box: Box
    width: Positive


class Retry(Request, frozen=True):
    """Load the model and encode the image again, after that failed."""


class UseBundled(Request, frozen=True):
    """Load the bundled model in the place of the one that failed, and encode the image."""


class Everything(Request, frozen=True):
    """Search the image for all objects; the search before ends, and what it found goes."""

    points_per_side: Annotated[
        Annotated[int, Meta(ge=4, le=64)] | None, Meta(description="a whole number from 4 to 64, or null")
    ]


class CancelEverything(Request, frozen=True):
    """End the search and keep on the screen what it found."""


class KeepFound(Request, frozen=True):
    """Make objects of these found masks, in one step of the history, and forget the others."""

    ids: Counts


class DiscardFound(Request, frozen=True):
    """Forget everything that was found."""


# Kernel to browser. A field that may be UNSET is left out of the message then; null is never sent.


class Reply(Message, frozen=True, kw_only=True):
    """A message from the kernel; ``re``, where it has one, is the id of the request that it replies to.

    One with ``mime`` comes with a buffer, the encoded image; one with ``masks`` with a buffer for each of them.
    """


class AckReply(Reply, frozen=True):
    """The kernel has received the request; the work follows."""

    re: MessageId


class ImageReply(Reply, frozen=True):
    """The whole image, made smaller where it is large."""

    image: Text
    size_hw: Size
    mime: Text


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
    """How far a search of everything is, and what has changed since the message before."""

    image: Text
    search: Text
    phase: SearchPhase
    done: Count
    total: Count
    is_whole: Flag
    added: Annotated[list[FoundSummary], Meta(description="a list of id, mask, colour, score, stability, area and box")]
    removed: Counts
    masks: MaskHeaders
    frame: Frame | UnsetType = UNSET
    seconds_left: Number | UnsetType = UNSET
    re: MessageId | UnsetType = UNSET


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


def _by_kind(base: type[MessageType]) -> dict[str, type[MessageType]]:
    return {str(message_type.__struct_config__.tag): message_type for message_type in base.__subclasses__()}


REQUESTS: Mapping[str, type[Request]] = _by_kind(Request)
"""The class of each kind from the browser."""
REPLIES: Mapping[str, type[Reply]] = _by_kind(Reply)
"""The class of each kind from the kernel."""


def checked_name(name: object) -> str:
    """Returns the name of an object or a class without the blanks around it; raises PromptError where it is none."""
    try:
        checked = msgspec.convert(name, ObjectName).strip()
        checked.encode()  # half a surrogate pair can be sent to no view
        return checked
    except (msgspec.ValidationError, UnicodeEncodeError):
        hint = f"it must be a string of 1 to {NAME_CHARACTERS_MAX} characters, not all blank"
        raise PromptError(f"the name is {short_text(name)}", hint=hint) from None


_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = _repr.maxlong = 60


def short_text(value: object) -> str:
    """Returns any value as text that is short enough for the sentence of an error."""
    try:
        return _repr.repr(value)
    except ValueError:  # Python writes down no number of 5,000 digits
        return f"a long {type(value).__name__}"


def to_json(value: msgspec.Struct) -> dict[str, Any]:
    """Returns the value as JSON has it: dicts and lists, without the fields that are UNSET."""
    # msgspec.to_builtins keeps tuples, and the traits are read in Python too, where [0, 0] is not (0, 0).
    try:
        decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(value))
    except UnicodeEncodeError:  # half a surrogate pair, as in a path that is not UTF-8; no view could read it
        text = json.dumps(msgspec.to_builtins(value), ensure_ascii=False)
        decoded = json.loads(text.encode(errors="replace"))
    return decoded


def optional(value: T | None) -> T | UnsetType:
    """Returns the value, or UNSET, which leaves its field out of the message, where it is None."""
    return UNSET if value is None else value


def sizes_of(frame: core.Frame) -> FrameSizes:
    """Returns a frame as messages hold it."""
    return FrameSizes(frame.image_hw, frame.input_hw, frame.content_hw, frame.logits_hw)
