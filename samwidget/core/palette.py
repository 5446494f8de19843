"""The colours of objects: easy to tell apart on any photo, also for colour-blind readers.

Python chooses the colour of each object, and the front end draws it. Both languages test their list of colours against
``tests/shared/palette.json``.
"""

from __future__ import annotations

COLOURS = (
    "#e8590c",  # orange
    "#0ca678",  # green
    "#7048e8",  # violet
    "#fab005",  # yellow
    "#4dabf7",  # sky
    "#a61e4d",  # wine
    "#d8f5a2",  # lime
    "#1c7ed6",  # blue
    "#ffc9c9",  # rose
    "#862e9c",  # plum
)


def colour_of(number: int) -> str:
    """The colour of the object with this number from 0, as ``#rrggbb``; the list repeats after its end."""
    return COLOURS[number % len(COLOURS)]
