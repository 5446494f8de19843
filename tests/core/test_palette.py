from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from samwidget.core import Frame, Prompt, SegmentedObject
from samwidget.core.palette import COLOURS, NO_COLOUR, Palette

FRAME = Frame.stretched((100, 200), (64, 64), (50, 100))

# Machado, Oliveira, Fernandes 2009: what people without one kind of cone see, in linear RGB.
COLOUR_BLIND = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(rgb_linear):
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ rgb_linear
    f = np.cbrt(np.clip(xyz / [0.9505, 1.0, 1.089], 0, None))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def linear(colour):
    share = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def test_colours_differ_for_everyone():
    for matrix in [np.eye(3), *map(np.array, COLOUR_BLIND.values())]:
        seen = [lab(np.clip(matrix @ linear(colour), 0, 1)) for colour in COLOURS]
        for (i, a), (j, b) in combinations(enumerate(seen), 2):
            assert np.linalg.norm(a - b) > 14, (COLOURS[i], COLOURS[j])


def box(x0, y0, x1, y1, colour=NO_COLOUR):
    """An object that is a box of the image of 200 x 100 pixels."""
    logits = np.full(FRAME.logits_hw, -5, np.float32)
    logits[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2] = 5
    return SegmentedObject(1, "", colour, logits, 0.9, FRAME, Prompt(), None)


def photo(*parts):
    """A gray photo with boxes of other colours."""
    image = np.full((100, 200, 3), 128, np.uint8)
    for (x0, y0, x1, y1), rgb in parts:
        image[y0:y1, x0:x1] = rgb
    return image


def choose(palette, *drafts, others=()):
    return palette.choose(drafts, others)


def test_the_first_objects_have_the_first_colours():
    others = []
    for n in range(len(COLOURS) + 2):
        x = 16 * (n % 10)
        draft = box(x, 40 * (n // 10), x + 8, 40 * (n // 10) + 30)
        (colour,) = choose(Palette(), draft, others=others)
        assert colour == COLOURS[n % len(COLOURS)], n
        others.append(replace(draft, colour=colour))


def test_no_objects():
    assert Palette().choose([], [box(0, 0, 10, 10)]) == []


@pytest.mark.parametrize(
    ("rgb", "not_these"),
    [
        ((195, 96, 81), {"#e8590c"}),  # the suit of the astronaut
        ((232, 89, 12), {"#e8590c"}),
        ((12, 166, 120), {"#0ca678"}),
        ((136, 35, 15), {"#e8590c", "#a61e4d"}),  # the saucer of the coffee
        ((28, 126, 214), {"#1c7ed6", "#4dabf7"}),
    ],
)
def test_a_colour_that_the_photo_hides_is_not_taken(rgb, not_these):
    whole = (0, 0, 200, 100)
    palette = Palette(photo((whole, rgb)))
    others = []
    while len(others) < len(COLOURS) - len(not_these):
        x = 24 * len(others)
        draft = box(x, 0, x + 8, 8)
        others.append(replace(draft, colour=choose(palette, draft, others=others)[0]))
    assert not_these.isdisjoint(item.colour for item in others)


def test_what_is_around_the_object_counts_too():
    # A gray disc on an orange wall: an orange outline would be lost.
    palette = Palette(photo(((0, 0, 200, 100), (232, 89, 12)), ((90, 40, 100, 50), (128, 128, 128))))
    assert choose(palette, box(90, 40, 100, 50)) == [COLOURS[1]]
    far = Palette(photo(((0, 0, 40, 100), (232, 89, 12))))
    assert choose(far, box(90, 40, 100, 50)) == [COLOURS[0]]


def test_neighbours_differ_also_where_the_list_repeats():
    # Ten other objects have used each colour once; the neighbour has the first one, whose turn it is.
    others = [box(x, 80, x + 6, 90, colour) for x, colour in zip(range(0, 160, 16), COLOURS, strict=True)]
    touching = box(0, 0, 50, 50, COLOURS[0])
    apart = box(120, 0, 150, 40, COLOURS[0])
    beside = box(50, 0, 100, 50)
    assert choose(Palette(), beside, others=[*others, touching]) == [COLOURS[1]]
    assert choose(Palette(), beside, others=[*others, apart]) == [COLOURS[1]]  # used less
    assert choose(Palette(), beside, others=[apart]) == [COLOURS[1]]
    inside = box(10, 10, 30, 30)
    assert choose(Palette(), inside, others=[*others, touching]) == [COLOURS[1]]


def test_a_draft_keeps_its_colour_unless_a_neighbour_has_it():
    orange = [box(x, 0, x + 20, 40, COLOURS[0]) for x in (0, 60, 82)]
    first, second, third = Palette().choose(orange, [])
    assert [first, second] == [COLOURS[0], COLOURS[1]]  # the second one is beside the third
    assert third == COLOURS[0]
    assert Palette().choose(orange[:2], [box(60, 60, 90, 80, COLOURS[0])]) == [COLOURS[0]] * 2


@pytest.mark.parametrize("seed", range(5))
def test_no_two_neighbours_share_a_colour(seed):
    rng = np.random.default_rng(seed)
    cells = rng.permutation([(x, y) for x in range(0, 200, 20) for y in range(0, 100, 20)])
    drafts = [box(x, y, x + 20, y + 20, COLOURS[rng.integers(10)]) for x, y in cells.tolist()]
    colours = Palette().choose(drafts, [])
    for (a, one), (b, other) in combinations(zip(cells.tolist(), colours, strict=True), 2):
        if max(abs(a[0] - b[0]), abs(a[1] - b[1])) <= 20:
            assert one != other, (a, b)


def test_with_more_neighbours_than_colours_the_smallest_contact_is_taken():
    others = [
        box(x, 0, x + 20 - (x == 80) * 14, 40, colour) for x, colour in zip(range(0, 200, 20), COLOURS, strict=True)
    ]
    assert choose(Palette(), box(0, 40, 200, 60), others=others) == [COLOURS[4]]


def test_hidden_objects_are_nobody_s_neighbours():
    hidden = replace(box(0, 0, 50, 50, COLOURS[1]), visible=False)
    others = [box(150, 0, 160, 10, COLOURS[0]), hidden]
    assert choose(Palette(), box(50, 0, 90, 50), others=others) == [COLOURS[2]]


def test_a_mask_of_another_threshold_and_an_empty_mask():
    low = replace(box(0, 0, 50, 50, COLOURS[0]), threshold=9.0)  # nothing is above it
    empty = replace(box(0, 0, 4, 4), logits=np.full(FRAME.logits_hw, -1, np.float32))
    assert choose(Palette(photo()), box(50, 0, 90, 50), others=[low]) == [COLOURS[1]]
    assert choose(Palette(photo()), empty, others=[low]) == [COLOURS[1]]
