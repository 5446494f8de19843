"""Object colours: tell neighbours apart on any photo, also for colour-blind readers.

``tests/shared/palette.json`` holds the same list; the tests of both languages compare with it.
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
    """``#rrggbb`` of the object with this number, from 0; the list repeats after its end."""
    return COLOURS[number % len(COLOURS)]
