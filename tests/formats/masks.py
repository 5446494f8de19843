"""Small masks and data sets for the tests of formats, and how two of them are compared."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from samwidget.core import RunLengths
from samwidget.formats import DataSet, LabelledImage, LabelledObject

# A ring with an island in its hole, two pixels that touch by a corner, and a pixel at the border.
PICTURE = ("#####..", "#...#..", "#.#.#..", "#...#.#", "#####..", ".....#.", "......#")


def mask_of(*rows):
    return np.array([[character == "#" for character in row] for row in rows])


def runs_of(*rows):
    return RunLengths.from_mask(mask_of(*rows))


def box_runs(x0, y0, x1, y1, size_hw):
    mask = np.zeros(size_hw, bool)
    mask[y0:y1, x0:x1] = True
    return RunLengths.from_mask(mask)


def same_objects(actual, expected):
    """The objects as plain values, for an assertion that shows what differs."""
    return [plain(item) for item in actual] == [plain(item) for item in expected]


def plain(item):
    mask = None if item.run_lengths is None else (item.run_lengths.size_hw, item.run_lengths.to_counts())
    score = None if item.score is None else round(item.score, 6)
    box = None if item.box is None else tuple(round(number, 3) for number in item.box)
    return (mask, box, item.class_name, item.name, score)


def plain_images(data, *, without=()):
    return [
        (
            image.file_name,
            image.size_hw,
            [
                tuple(value for name, value in zip(FIELDS, plain(item), strict=True) if name not in without)
                for item in image.objects
            ],
        )
        for image in data.images
    ]


FIELDS = ("mask", "box", "class_name", "name", "score")
SCORES = st.none() | st.integers(0, 100).map(lambda percent: percent / 100)
CLASSES = st.none() | st.sampled_from(["cat", "dog", 'Käse, "alt"', "two words"])
NAMES = st.none() | st.sampled_from(["object 1", "the left <one>", "a, b", "Zoë"])


@st.composite
def labelled_objects(draw, size_hw, *, apart=False, boxes=True):
    """Objects with masks that are not empty; ``apart`` ones share no pixel."""
    taken = np.zeros(size_hw, bool)
    objects = []
    for _ in range(draw(st.integers(0, 3))):
        mask = draw(arrays(np.bool_, size_hw))
        if apart:
            mask &= ~taken
            taken |= mask
        if mask.any():
            shape = {"run_lengths": RunLengths.from_mask(mask)}
        elif boxes:
            shape = {"box": (0.0, 0.0, 1.0, float(size_hw[0]))}
        else:
            continue
        objects.append(LabelledObject(**shape, class_name=draw(CLASSES), name=draw(NAMES), score=draw(SCORES)))
    return tuple(objects)


@st.composite
def data_sets(draw, *, images_max=2, **options):
    images = []
    for number in range(draw(st.integers(1, images_max))):
        size_hw = draw(st.tuples(st.integers(1, 8), st.integers(1, 8)))
        images.append(LabelledImage(f"photo {number}.png", size_hw, draw(labelled_objects(size_hw, **options))))
    return DataSet(tuple(images), ("dog",))
