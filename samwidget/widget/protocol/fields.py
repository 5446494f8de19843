"""Fields: the types of what messages and traits hold, with their limits, and the words for a wrong value.

Each description completes the sentence "x must be ...". ``requests``, ``replies`` and ``widget.traits`` build their
classes of these types.
"""

# No `from __future__ import annotations` here: msgspec reads the types at once.

import reprlib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from samwidget.errors import PromptError

NAME_CHARACTERS_MAX = 80

# JavaScript counts exactly up to here; no id of an object and no width of an image comes near.
_WHOLE_MAX = 2**53 - 1
FLOAT_MAX = 1.7976931348623157e308

Text = Annotated[str, Meta(description="a string")]
Flag = Annotated[bool, Meta(description="true or false")]
# NaN fails every comparison, infinity this one: what is left can be written as JSON.
Number = Annotated[float, Meta(ge=-FLOAT_MAX, le=FLOAT_MAX, description="a finite number")]
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
Phrases = Annotated[
    list[ObjectName],
    Meta(max_length=50, description=f"a list of strings of 1 to {NAME_CHARACTERS_MAX} characters, not all blank"),
]
FilePath = Annotated[
    str, Meta(pattern=r"\S", max_length=1000, description="a string of 1 to 1000 characters, not all blank")
]
Label = Annotated[Literal[0, 1], Meta(title="Label", description="0 (exclude) or 1 (include)")]
Level = Annotated[int, Meta(ge=0, le=2, description="a whole number from 0 to 2")]
Box = Annotated[
    tuple[Number, Number, Number, Number],
    Meta(title="Box", description="4 finite numbers: x0, y0, x1, y1 in image pixels"),
]
Boxes = Annotated[list[Box], Meta(description="a list of boxes: x0, y0, x1, y1 in image pixels")]
PointPrompt = Annotated[
    tuple[Number, Number, Label], Meta(title="PointPrompt", description="x and y in image pixels, and the label")
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
PolygonCorners = Annotated[
    list[Annotated[list[Position], Meta(min_length=3)]],
    Meta(min_length=1, description="a list of at least one polygon: at least three x, y in image pixels, in order"),
]
WeightedCorner = Annotated[
    tuple[Number, Number, Number],
    Meta(title="WeightedCorner", description="3 finite numbers: x, y, and how far the outline is off without it"),
]
WeightedPolygons = Annotated[
    list[list[WeightedCorner]], Meta(description="a list of polygons: x, y, weight of each corner, in image pixels")
]
Radius = Annotated[float, Meta(gt=0, le=FLOAT_MAX, description="a finite number above 0, in image pixels")]
Amount = Annotated[float, Meta(ge=0, le=FLOAT_MAX, description="a finite number from 0")]
Adjustment = Annotated[
    Literal["fill_holes", "drop_islands", "smooth", "grow", "shrink"],
    Meta(title="Adjustment", description="fill_holes, drop_islands, smooth, grow or shrink"),
]
ImageState = Annotated[
    Literal["new", "in_work", "done", "skipped", "to_check"],
    Meta(title="ImageState", description="new, in_work, done, skipped or to_check"),
]
OptionalStates = Annotated[
    list[ImageState] | None, Meta(description="a list of new, in_work, done, skipped and to_check, or null")
]
ImageIndices = Annotated[
    list[Count], Meta(min_length=1, description=f"a list of at least one whole number from 0 to {_WHOLE_MAX}")
]
ThumbnailIndices = Annotated[
    list[Count], Meta(min_length=1, max_length=50, description="a list of 1 to 50 whole numbers from 0")
]
RowCount = Annotated[int, Meta(ge=1, le=200, description="a whole number from 1 to 200")]
ModelName = Annotated[
    str, Meta(pattern=r"\S", max_length=4096, description="a string of 1 to 4096 characters, not all blank")
]
FormatName = Annotated[
    str, Meta(pattern=r"\S", max_length=40, description="a string of 1 to 40 characters, not all blank")
]
Availability = Annotated[
    Literal["here", "download", "gated", "missing"],
    Meta(title="Availability", description="here, download, gated or missing"),
]
ChangePhase = Annotated[
    Literal["waiting", "downloading", "loading", "encoding"],
    Meta(title="ChangePhase", description="waiting, downloading, loading or encoding"),
]
Side = Annotated[Literal["front", "back"], Meta(title="Side", description="front or back")]
Size = Annotated[tuple[Positive, Positive], Meta(title="Size", description="2 whole numbers: height, width")]
SearchKind = Annotated[
    Literal["everything", "similar", "words"],
    Meta(title="SearchKind", description="everything, similar or words"),
]
SearchPhase = Annotated[
    Literal["none", "running", "done", "cancelled", "failed"],
    Meta(title="SearchPhase", description="none, running, done, cancelled or failed"),
]


class ChosenLevels(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The levels that the user chose: of the object, and of what its prompt refines; null where it is the best one."""

    chosen: Level | None
    refined: Level | None


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
        return " ".join(_repr.repr(value).split())  # a table of pandas has several lines
    except ValueError:  # Python writes down no number of 5,000 digits
        return f"a long {type(value).__name__}"
