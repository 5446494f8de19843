"""The colours of objects: easy to tell apart on any photo, also for colour-blind readers.

Python gives each object its colour; the front end only draws it. ``tests/shared/palette.json`` holds the same list, and
the tests of both languages compare with it.
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
