"""Rules for the exercises of clicks and boxes of the lessons 1, 3, 4 and 7, in notebooks and in live pages.

Owns their conditions and hints. ``{again}`` is how one begins again, ``{advice}`` where one looks again.
"""

from __future__ import annotations

from samwidget.explain.lessons.rules import Rule

_DEEP = 0.8  # of the greatest depth: in the middle, as far as an eye can tell
_HALF_SHOWN = 0.005  # an IoU counts as the two digits that are shown of it

CLICKS_ALONE = Rule(
    ("box == 1",),
    False,
    "This cannot be checked: the last object has a box: delete it and use clicks alone.",
)

STRANGE_CLICK = (
    CLICKS_ALONE,
    Rule(("clicks > 1",), False, "Your object has {clicks} clicks. {again} and click once."),
    Rule(("excludes == 1",), False, "Your click excludes. {again} and use the left button."),
    Rule(
        ("includes_on_head == 0",),
        False,
        "Your click is not on the head. Hair, face and neck belong to it; the collar does not.",
    ),
    Rule(
        ("best_iou_head >= 0.7",),
        False,
        "Candidate {best_candidate_head} is still the head: its IoU is {best_iou_head:.2f}, and below 0.7 is wanted. "
        "Try a small part with an outline of its own, or a place near the edge.",
    ),
    Rule((), True, "The best IoU of the three is {best_iou_head:.2f}. From here, one click cannot say what you mean."),
)

_TWO_CLICKS_HINT = (
    "The IoU is {{iou_head:.2f}}, and 0.9 is wanted. The mask {part}. "
    "Exclude what touches the head: where does the suit begin?"
)
TWO_CLICKS = (
    CLICKS_ALONE,
    Rule(("clicks < 2",), False, "Your object has {clicks} click{s}. Add a second one."),
    Rule(("clicks > 2",), False, "Your object has {clicks} click{s}. {again} and use two."),
    Rule(("excludes_on_head > 0",), False, "Your excluding click is on the head. Put it on what you do not want."),
    Rule(
        ("includes_on_head == 0",),
        False,
        "No click that includes is on the head. {again} and begin with one on it.",
    ),
    Rule(
        (f"iou_head >= {0.9 - _HALF_SHOWN}",),
        True,
        "The IoU is {iou_head:.2f}. Two clicks say what one could not say.",
    ),
    Rule(
        ("excludes == 0",),
        False,
        "The IoU is {iou_head:.2f}. Both clicks include. What should the model leave out? Exclude it with a "
        "right-click or Alt-click.",
    ),
    Rule(("excess_head > missing_head",), False, _TWO_CLICKS_HINT.format(part="has too much")),
    Rule((), False, _TWO_CLICKS_HINT.format(part="lacks a part of the head")),
)


def _box_hints(name: str, wanted: float, belongs: str, otherwise: str) -> tuple[Rule, ...]:
    """Hints for a box whose mask is not good enough: the side that is farthest off, or else something other."""
    state = f"The IoU is {{iou_{name}:.2f}}, and {wanted} is wanted."
    side = f"The {{off_side_{name}}} side of your box"
    return (
        Rule((f"off_share_{name} < 0.12",), False, f"{state} {otherwise}"),
        Rule(
            (f"outward_{name} > 0",),
            False,
            f"{state} {side} is {{outward_{name}:.0f}} pixels too far out: what else is inside?",
        ),
        Rule((), False, f"{state} {side} cuts {{inward_{name}:.0f}} pixels off the {belongs}"),
    )


BOX = (
    Rule(
        ("box == 0",),
        False,
        "Your last object has no box. Press B, or choose the box among the tools, and drag from corner to corner.",
    ),
    Rule(("clicks > 0",), False, "Your box has {clicks} click{s} with it. {again} and use the box alone."),
    Rule(
        (f"iou_head >= {0.9 - _HALF_SHOWN}",),
        True,
        "The IoU is {iou_head:.2f}, from one drag. It need not be exact: the model finds the outline.",
    ),
    *_box_hints(
        "head",
        0.9,
        "head. Hair and neck belong to it.",
        "The box is right, but the candidate is not: press 1, 2 or 3 to show another.",
    ),
)

_GOOD_SUIT = f"iou_suit >= {0.87 - _HALF_SHOWN}"
SUIT = (
    Rule(("box == 0",), False, "The IoU is {iou_suit:.2f}. Begin with a box around the suit: press B and drag."),
    Rule(
        ("excludes == 0", _GOOD_SUIT),
        False,
        "The IoU is {iou_suit:.2f}, from the box alone. A box a few pixels higher or lower may take the head, or lose "
        "the collar. Say what you mean: press E, and exclude the head with a click.",
    ),
    Rule(
        ("excludes == 0", "missing_suit > excess_suit"),
        False,
        "The IoU is {iou_suit:.2f}, and 0.87 is wanted. The mask lacks a part of the suit: from a box alone the model "
        "has to guess where the head ends. Draw the box around the whole suit, with the collar. Then press E, and "
        "exclude the head with a click.",
    ),
    Rule(
        ("excludes == 0",),
        False,
        "The IoU is {iou_suit:.2f}, and 0.87 is wanted. The model takes the head, too: a box cannot say that you do "
        "not mean it. Exclude it: press E, then click on it.",
    ),
    Rule((_GOOD_SUIT,), True, "The IoU is {iou_suit:.2f}. The box says where, and the excluding click says what not."),
    Rule(
        ("excludes_on_head == 0",),
        False,
        "The IoU is {iou_suit:.2f}. Your excluding click is not on the head. What is to be left out?",
    ),
    *_box_hints(
        "suit",
        0.87,
        "suit. It reaches from the collar to the lower edge, with both sleeves.",
        "The box is right. Exclude in the middle of the face: on the nose.",
    ),
)


def first_click(most: float) -> tuple[Rule, ...]:
    """Rules for a first click, where no pixel of the object is farther than this many pixels from its edge."""
    return (
        Rule(("is_on == 0",), False, "({x}, {y}) is not on the head.{advice}"),
        Rule(
            (f"depth < {_DEEP * most}",),
            False,
            "({x}, {y}) is on the head, {depth:.0f} pixels from its edge. The robot clicks where the edge is as far "
            f"away as it can be, which is about {most:.0f} pixels.",
        ),
        Rule((), True, "({x}, {y}) is {depth:.0f} pixels from the edge: the middle, as the robot counts it."),
    )


def race(of_robot: int | None, target: float) -> tuple[Rule, ...]:
    """Rules for a race against a robot that needs this many clicks; None where it never gets there."""
    yours = f"You need {{needed}} click{{needed_s}}, the robot needs {of_robot or 'more'}."
    state = f"After {{clicks}} click{{s}} your IoU is {{iou_head:.2f}}; {target} is wanted."
    return (
        CLICKS_ALONE,
        Rule(("needed > 0", *([] if of_robot is None else [f"needed < {of_robot}"])), True, f"{yours} You win."),
        Rule(
            ("needed > 0",),
            False,
            f"{yours} Think of the border between what you mean and what the model takes too: a click on each side "
            "of it. {again} and try again.",
        ),
        Rule(("iou_head == 0",), False, f"{state} Nothing of the head is in your mask: begin with a click on it."),
        Rule(
            ("excess_head > missing_head",),
            False,
            f"{state} {{excess_head}} pixels are too much: exclude them with a right-click or Alt-click near the head.",
        ),
        Rule((), False, f"{state} {{missing_head}} pixels of the head are missing: click there to include them."),
    )


def two_borders(sure: float, unsure: float) -> tuple[Rule, ...]:
    """Rules for two objects: one with a stability of at least ``sure``, and one of at most ``unsure``."""
    is_sure, is_unsure = f"most >= {sure - _HALF_SHOWN}", f"least <= {unsure + _HALF_SHOWN}"
    return (
        Rule(
            (is_sure, is_unsure),
            True,
            "{state} The model tells you where its border can be trusted, without knowing the truth.",
        ),
        Rule(
            ("objects == 1", "clicks > 1"),
            False,
            "{state} All your clicks refine this one. Press Enter to accept it, then click elsewhere.",
        ),
        Rule(
            (is_sure,),
            False,
            "{state} That is certain. Now press Enter, and click where you could not draw the border yourself: a "
            "shadow, a fold, the wall.",
        ),
        Rule(
            (is_unsure,),
            False,
            "{state} That is uncertain. Now press Enter, and click a thing with a clear outline.",
        ),
        Rule(
            (), False, f"{{state}} {sure} or more, and {unsure} or less, are wanted. Try a thing with a clear outline."
        ),
    )
