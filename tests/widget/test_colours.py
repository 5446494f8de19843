"""The colours of objects in a widget: neighbours differ, and the photo hides none."""

from itertools import combinations

import numpy as np
from scipy.ndimage import binary_dilation

ORANGE = "#e8590c"


def touching(objects):
    """The pairs of objects whose masks overlap or are at most three pixels apart."""
    grown = [binary_dilation(item.mask, iterations=3) for item in objects]
    return [(a, b) for (a, near), (b, _) in combinations(zip(objects, grown, strict=True), 2) if (near & b.mask).any()]


def test_neighbours_differ_after_everything_is_kept(make):
    widget = make()
    widget.add(points=[[8, 8]])
    kept = widget.everything()
    assert len(kept) > 10
    pairs = touching(widget.objects)
    assert len(pairs) > 10
    assert [(a.id, b.id) for a, b in pairs if a.colour == b.colour] == []


def test_neighbours_differ_after_some_are_kept(make):
    widget = make()
    widget.everything(keep=False)
    ids = list(widget._controller.everything._search.found_masks)
    widget.do("keep_found", ids=ids[::2])
    assert len(widget.objects) == len(ids[::2])
    assert [(a.id, b.id) for a, b in touching(widget.objects) if a.colour == b.colour] == []


def test_an_object_beside_another_has_its_own_colour_after_ten_others(make):
    widget = make(np.zeros((400, 1200, 3), np.uint8))
    first = widget.add(mask=np.pad(np.ones((50, 50), bool), ((0, 350), (0, 1150))))
    for n in range(1, 10):
        widget.add(mask=np.pad(np.ones((20, 20), bool), ((300, 80), (110 * n, 1180 - 110 * n))))
    beside = widget.add(mask=np.pad(np.ones((50, 50), bool), ((0, 350), (50, 1100))))
    assert len({item.colour for item in widget.objects}) == 10
    assert beside.colour != first.colour


def test_the_first_colour_differs_from_the_photo(make):
    suit = np.full((96, 128, 3), (200, 96, 60), np.uint8)
    assert make(suit).add(points=[[60, 40]]).colour != ORANGE
    assert make(np.full((96, 128, 3), 128, np.uint8)).add(points=[[60, 40]]).colour == ORANGE


def test_a_colour_stays_when_a_click_changes_the_mask(make):
    widget = make()
    widget.do("add_point", x=40, y=40, label=1)
    colour = widget.objects[0].colour
    widget.do("accept")
    widget.do("add_point", x=80, y=40, label=1)
    widget.do("select", object=1)
    widget.do("add_point", x=76, y=40, label=1)
    assert widget.objects[0].colour == colour
