"""ObjectClass: what objects can be, such as cats and cups. A frozen value.

The document owns the list of its classes; an object holds the name of its class.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ObjectClass:
    """A class of objects.

    Attributes:
        name: as the user sees it; no other class of the document has it.
        colour: ``#rrggbb``, lower case, of its objects.
    """

    name: str
    colour: str
