"""Rules for the exercises of lesson 8, in the notebook and in the live page, and what they measure of kept objects.

Owns what counts as a coin, and the conditions and hints. ``{again}`` is how one begins again.
The page measures in the same way (``samwidget/frontend/src/page/lesson/grid_rules.ts``).
"""

from __future__ import annotations

from collections.abc import Sequence

from samwidget.core import FoundObject, iou
from samwidget.explain.lessons.click_rules import CLICKS_ALONE
from samwidget.explain.lessons.exercises import Mask
from samwidget.explain.lessons.rules import Measure, Rule

COINS = 24
"""How many coins the photo has."""
COIN_PX = (900, 3_500)
"""A mask whose area is between the two may be a coin."""
SAME = 0.5
"""IoU from which two masks are the same object."""
LARGE = 0.25
"""A mask that covers more than this share of the photo is the background."""
SIDES = (4, 6, 8, 10, 12)
"""Points per side among which one chooses."""

_STATE = "{coins} coins and {others} other object{s} are kept."
_UNSURE = "The model is less sure of them than of the coins: which slider drops them?"

SETTINGS = (
    Rule(
        (f"coins == {COINS}", "others == 0"),
        True,
        f"{_STATE} The grid must be fine enough to hit each coin, and the rules strict enough.",
    ),
    Rule(
        (f"coins == {COINS}", "others == 1", "large == 1"),
        True,
        f"{_STATE} The other one is the background: it has a clear outline, too, and the rules know numbers, not "
        "coins.",
    ),
    Rule(
        (f"coins < {COINS}", f"side < {SIDES[-1]}"),
        False,
        f"{_STATE} A coin that no point hits cannot be found. Ask more points.",
    ),
    Rule(
        (f"coins < {COINS}",),
        False,
        f"{_STATE} The rules are too strict: they drop coins. Lower the score or the stability.",
    ),
    Rule(
        ("copies > 0",), False, f"{_STATE} {{copies}} of them are copies of a coin. Which slider says what a copy is?"
    ),
    Rule(("large > 1",), False, f"{_STATE} {{large}} of them are background. {_UNSURE}"),
    Rule((), False, f"{_STATE} They are specks between the coins. {_UNSURE}"),
)

MISSED_COIN = (
    CLICKS_ALONE,
    Rule(("clicks != 1",), False, "Your object has {clicks} clicks. {again} and click once."),
    Rule(
        (f"area >= {COIN_PX[1]}",),
        False,
        "Your mask has {area} pixels: it is larger than a coin. Click the middle of a coin.",
    ),
    Rule(
        (f"area <= {COIN_PX[0]}",),
        False,
        "Your mask has {area} pixels: it is smaller than a coin. Click the middle of a coin.",
    ),
    Rule(
        (f"overlap >= {SAME}",),
        False,
        "The grid has this coin already: its point at ({x:.0f}, {y:.0f}) gave it, with an IoU of {overlap:.2f} to "
        "yours. Look for a coin between the points.",
    ),
    Rule((), True, "No point of the grid gave this coin, but your click did. It is the model that knows coins."),
)


def kept_measures(objects: Sequence[FoundObject]) -> dict[str, Measure]:
    """How many different coins are kept, and how many other objects; a coin that is there twice counts as one.

    Args:
        objects: that are kept, in any order.
    """
    coins: list[FoundObject] = []
    sized = [item for item in objects if COIN_PX[0] < item.area < COIN_PX[1]]
    for item in sorted(sized, key=lambda item: (-item.score, item.id)):
        if all(iou(item.mask, coin.mask) < SAME for coin in coins):
            coins.append(item)
    others = len(objects) - len(coins)
    return {
        "coins": len(coins),
        "others": others,
        "s": "" if others == 1 else "s",
        "copies": len(sized) - len(coins),
        "large": sum(item.area > LARGE * item.mask.size for item in objects),
    }


def overlap_measures(mask: Mask, objects: Sequence[FoundObject]) -> dict[str, Measure]:
    """The greatest IoU of a mask with an object, and the point that gave this object; 0 where there is none.

    Args:
        mask: (H, W) bool.
        objects: that are kept.
    """
    overlaps = [iou(mask, item.mask) for item in objects]
    best = max(overlaps, default=0.0)
    x, y = objects[overlaps.index(best)].point_xy if objects else (0.0, 0.0)
    return {"overlap": best, "x": x, "y": y}
