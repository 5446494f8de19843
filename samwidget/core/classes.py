"""ObjectClass: what objects can be, such as cats and cups. A frozen value.

The document owns the list of its classes; an object holds the name of its class.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_COLOUR = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True)
class ObjectClass:
    """A class of objects.

    Attributes:
        name: as the user sees it; no other class of the document has it.
        colour: ``#rrggbb``, lower case, of its objects.

    Raises:
        ValueError: a colour of another form.
    """

    name: str
    colour: str

    def __post_init__(self) -> None:
        check_colour(self.colour)


def check_colour(colour: str) -> None:
    """Raises ValueError where a colour is not ``#rrggbb`` in lower case: a page would take other texts, too."""
    if not _COLOUR.fullmatch(colour):
        raise ValueError(f"colour is {colour!r}: give #rrggbb in lower case")
