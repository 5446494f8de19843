"""Requests: what the browser asks, one class for each kind, with its fields and their limits.

``wire.parse`` reads them and explains what is wrong with one, and ``handlers`` has the table that says who handles a
kind. docs/protocol.md says what each kind means.
"""

# No `from __future__ import annotations` here: the classes are built from their annotations, and at once.

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from samwidget.widget.protocol.fields import (
    Adjustment,
    Amount,
    Box,
    Boxes,
    ChosenLevels,
    Corners,
    Count,
    Counts,
    FilePath,
    Flag,
    FormatName,
    ImageIndices,
    ImageState,
    Label,
    Level,
    MessageId,
    ModelName,
    Number,
    ObjectIds,
    ObjectName,
    OptionalCount,
    OptionalIds,
    OptionalName,
    OptionalStates,
    Phrases,
    PointPrompt,
    PolygonCorners,
    Positive,
    Radius,
    RowCount,
    Side,
    Stroke,
    ThumbnailIndices,
)
from samwidget.widget.protocol.message import Message, by_kind


class SavedPrompt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An object of an earlier widget: what its trait ``document`` says of it."""

    name: ObjectName
    class_name: OptionalName = msgspec.field(name="class")
    points: list[PointPrompt]
    box: Box | None
    levels: ChosenLevels
    visible: Flag
    locked: Flag


class Request(Message, frozen=True, kw_only=True):
    """A message from the browser; ``id`` names it in its replies.

    ``after`` is the id of an earlier request that the kernel has not acknowledged: without that one it refuses this.
    """

    id: MessageId
    after: MessageId | UnsetType = UNSET


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


class Reorder(Request, frozen=True):
    """Draw objects over all others, or below them; among themselves they stay in order."""

    objects: ObjectIds
    to: Side


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


class Polygons(Request, frozen=True):
    """Send the outlines of an object, with the weight of each corner."""

    object_id: Count = msgspec.field(name="object")


class SetPolygons(Request, frozen=True):
    """Give an object the inside of polygons as its mask; one inside another is a hole."""

    object_id: Count = msgspec.field(name="object")
    polygons: PolygonCorners


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


class RestoreObjects(Request, frozen=True):
    """Make the objects of an earlier widget again, in one step of the history."""

    objects: Annotated[list[SavedPrompt], Meta(min_length=1, description="a list of at least one saved prompt")]


class Undo(Request, frozen=True):
    """Go one step back in the history."""


class Redo(Request, frozen=True):
    """Take one undo back."""


class Detail(Request, frozen=True):
    """Send the image's own pixels inside the box, at most ``width`` pixels wide."""

    box: Box
    width: Positive


class ListModels(Request, frozen=True):
    """Send the models that the widget can use."""


class UseModel(Request, frozen=True):
    """Use another model, which is downloaded where it is not here; objects and history stay."""

    model: ModelName


class CancelModel(Request, frozen=True):
    """End the change to another model; the present one stays."""


class Retry(Request, frozen=True):
    """Load the model and encode the image again, after that failed."""


class UseBundled(Request, frozen=True):
    """Load the bundled model in the place of the one that failed, and encode the image."""


class SaveSession(Request, frozen=True):
    """Save to a session file, and each later change by itself."""

    path: FilePath


class Everything(Request, frozen=True):
    """Search the image for all objects; the search before ends, and what it found goes."""

    points_per_side: Annotated[
        Annotated[int, Meta(ge=4, le=64)] | None, Meta(description="a whole number from 4 to 64, or null")
    ]


class FindSimilar(Request, frozen=True):
    """Search the image for objects like these, or like the active one, in the place of the search before."""

    objects: OptionalIds
    excluded: Counts


class Find(Request, frozen=True):
    """Search the image for what phrases and boxes around examples describe, in the place of the search before."""

    phrases: Phrases
    boxes: Boxes
    excluded_boxes: Boxes


class CancelEverything(Request, frozen=True):
    """End the search and keep on the screen what it found."""


class StopMaking(Request, frozen=True):
    """End the work on the masks of many prompts; no object is added."""


class KeepFound(Request, frozen=True):
    """Make objects of these found masks, in one step of the history, and forget the others."""

    ids: Counts


class DiscardFound(Request, frozen=True):
    """Forget everything that was found."""


class GoTo(Request, frozen=True):
    """Show another image of the folder; what was asked before is carried out on the image that was there."""

    image: Count


class AcceptImage(Request, frozen=True):
    """Say that the image is done, and show the next one that is neither done nor skipped."""


class SetImageState(Request, frozen=True):
    """Say how far images are."""

    images: ImageIndices
    state: ImageState


class CopyObjects(Request, frozen=True):
    """Add the objects of another image (null: the one before) in one step; with ``prompts`` the model makes them."""

    image: OptionalCount
    prompts: Flag


class ListImages(Request, frozen=True):
    """Send rows of the list of images: those in one of the states, with an object of the class; null takes all."""

    first: Count
    count: RowCount
    states: OptionalStates
    class_name: OptionalName = msgspec.field(name="class")


class Thumbnails(Request, frozen=True):
    """Send small pictures of images, one message each; the newest request comes first."""

    images: ThumbnailIndices


class Export(Request, frozen=True):
    """Write the objects of this image, or of all, in a format, and send the file."""

    format: FormatName
    is_all: Flag = msgspec.field(name="all")


REQUESTS: Mapping[str, type[Request]] = by_kind(Request)
"""The class of each kind from the browser."""
