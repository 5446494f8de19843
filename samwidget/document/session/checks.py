"""Checks of single values of a session file, which may come from a stranger. ``reader`` and ``values`` call them.

Each function returns the value as it is and raises ValueError where it is of another kind. What is too long for a name
is no fault here: another program may have written it, and the user can change it.
"""

from __future__ import annotations

import json
import math
import sqlite3
from typing import Any

from samwidget.document.session.rows import IMAGE_OPTIONS, SessionImage

UNREADABLE = (
    ValueError,
    LookupError,
    TypeError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    RecursionError,
    sqlite3.Error,
)
"""What a damaged row raises."""

IMAGE_COLUMNS = "image, path, content_hash, height, width, options, file_hash, file_bytes, state, network"
"""Of the table ``images``, as ``image_of_row`` takes them."""

# JavaScript counts exactly up to here, and a column of SQLite holds more.
_WHOLE_MAX = 2**53 - 1


def text(value: object) -> str:
    """A text that can be saved and sent."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r:.60} is no text")
    value.encode()  # half a surrogate pair raises UnicodeEncodeError, which is a ValueError
    return value


def optional_text(value: object) -> str | None:
    """A text or None."""
    return None if value is None else text(value)


def integer(value: object, at_least: int = 0) -> int:
    """A whole number that is not too large for JavaScript."""
    if type(value) is not int or not at_least <= value <= _WHOLE_MAX:
        raise ValueError(f"{value!r:.60} is no whole number from {at_least}")
    return value


def optional_whole(value: object) -> int | None:
    """A whole number from 0, or None."""
    return None if value is None else integer(value)


def finite(value: object) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r:.60} is no finite number")
    return float(value)


def level(value: object) -> int | None:
    """The level of a candidate, or None."""
    if value is not None and integer(value) > 2:
        raise ValueError(f"level {value}")
    return value  # type: ignore[return-value]  # `integer` has checked it


def image_of_row(row: tuple[Any, ...]) -> SessionImage:
    """The image of a row with IMAGE_COLUMNS; options that are not of reading are left out: they may be a stranger's."""
    image, path, content_hash, height, width, options, file_hash, file_bytes, state, network = row
    values = json.loads(options)
    if not isinstance(values, dict):
        raise ValueError(f"{values!r:.60} are no options")
    return SessionImage(
        optional_text(path),
        text(content_hash),
        (integer(height), integer(width)),
        {name: values[name] for name in IMAGE_OPTIONS if name in values},
        optional_text(file_hash),
        optional_whole(file_bytes),
        text(state),
        text(network),
        image,
    )
