"""The colours of objects: easy to tell apart, also for colour-blind readers, from the photo, and from their neighbours.

Owns the list and the choice. Python chooses, and the front end draws the colour that it is given. ``document`` asks for
each new object, ``widget.everything`` for each found one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from samwidget.core.frame import Frame
    from samwidget.core.objects import SegmentedObject

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

NO_COLOUR = "#ffffff"
"""The colour of an object until it has one of its own. It is not in the list."""

# Masks and photo are compared on a grid with this many cells along the longer side of the image.
_CELLS = 128
# Masks that are not further apart than this, in cells, are neighbours; the photo counts as far around a mask.
_REACH = 2
# A colour and the photo look alike in a cell when their distance in CIELAB is smaller. An orange suit is 26 from the
# list's orange, red wood 37, and no other colour of the list is nearer than 42 to either.
_ALIKE_BELOW = 45
# The photo hides a colour when they look alike in more than this part of the cells in and around the mask.
_HIDDEN_ABOVE = 0.2

_Indices = npt.NDArray[np.intp]


class Palette:
    """Chooses colours for the objects of one image.

    Args:
        image: (H, W, 3) uint8 RGB; None where the photo does not matter.
    """

    def __init__(self, image: npt.NDArray[np.uint8] | None = None) -> None:
        self._image = image
        self._looks_alike: npt.NDArray[np.bool_] | None = None
        self._cells: WeakKeyDictionary[SegmentedObject, _Indices] = WeakKeyDictionary()

    def choose(
        self, drafts: Sequence[SegmentedObject], others: Sequence[SegmentedObject], taken: Collection[str] = ()
    ) -> list[str]:
        """Returns the colours of new objects, as ``#rrggbb``, in their order.

        An object gets, of the colours that no neighbour has, one that nothing beneath it has; of these one that is not
        taken; of these one that the photo does not hide; of these one that is used least; and of these the first of the
        list. Where the neighbours have all colours, it gets the one that touches it least. A draft that has such a
        colour already keeps it, whatever the photo.

        Args:
            drafts: the new objects, in drawing order; they are drawn over the others.
            others: the objects of the same image, in drawing order. A neighbour is one whose visible part touches the
                visible part of the new one, or nearly.
            taken: colours that mean something else, such as a class.
        """
        if not drafts:
            return []
        items = [*others, *drafts]
        above, beneath = self._layers(items)
        colours = [item.colour for item in items]
        uses = Counter(colours)
        for index in range(len(others), len(items)):
            near = _grown(above == index)
            neighbours, covered = (
                _count_colours(layer[near & (layer != index)], colours) for layer in (above, beneath)
            )
            least = min((neighbours[colour], covered[colour]) for colour in COLOURS)
            own = colours[index]
            if own in COLOURS and (neighbours[own], covered[own]) == least:
                continue
            hidden = self._hidden(items[index].frame, near)
            ranks = {
                name: (neighbours[name], covered[name], name in taken, name in hidden, uses[name]) for name in COLOURS
            }
            colours[index] = min(COLOURS, key=ranks.__getitem__)
            uses[colours[index]] += 1
        return colours[len(others) :]

    def _layers(self, items: Sequence[SegmentedObject]) -> tuple[_Indices, _Indices]:
        """Returns which item is uppermost in each cell, and which one is beneath it; -1 where there is none."""
        ys, xs = _centres(items[0].frame.image_hw)
        above = np.full(len(ys) * len(xs), -1)
        beneath = above.copy()
        for index, item in enumerate(items):
            if item.visible:
                cells = self._cells_of(item)
                beneath[cells] = above[cells]
                above[cells] = index
        return above.reshape(len(ys), len(xs)), beneath.reshape(len(ys), len(xs))

    def _cells_of(self, item: SegmentedObject) -> _Indices:
        """Returns the cells whose centre is in the mask, as indices of the flat grid. Sampled once for each object."""
        cells = self._cells.get(item)
        if cells is None:
            rows, columns = _logit_indices(item.frame)
            cells = np.flatnonzero(item.logits[rows[:, None], columns] > item.threshold)
            self._cells[item] = cells
        return cells

    def _hidden(self, frame: Frame, near: npt.NDArray[np.bool_]) -> list[str]:
        """Returns the colours that the photo hides in the cells ``near``."""
        if self._image is None or not near.any():
            return []
        if self._looks_alike is None:
            ys, xs = _centres(frame.image_hw)
            photo = _lab(self._image[ys.astype(np.intp)[:, None], xs.astype(np.intp)])
            listed = _lab(np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in COLOURS], np.uint8))
            self._looks_alike = np.linalg.norm(photo - listed[:, None, None], axis=-1) < _ALIKE_BELOW
        shares = self._looks_alike[:, near].mean(axis=1)
        return [colour for colour, share in zip(COLOURS, shares, strict=True) if share > _HIDDEN_ABOVE]


def least_used_colour(taken: Iterable[str]) -> str:
    """Returns the colour of the list that is taken least often, the first of them."""
    uses = Counter(taken)
    return min(COLOURS, key=uses.__getitem__)


def _centres(image_hw: tuple[int, int]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Returns the y and the x of the cells' centres, in image pixels."""
    scale = min(1.0, _CELLS / max(image_hw))
    counts = [max(1, round(side * scale)) for side in image_hw]
    ys, xs = ((np.arange(count) + 0.5) * side / count for side, count in zip(image_hw, counts, strict=True))
    return ys, xs


@lru_cache(maxsize=8)
def _logit_indices(frame: Frame) -> tuple[_Indices, _Indices]:
    """Returns the row of the logits under each row of cells, and the column under each column."""
    ys, xs = _centres(frame.image_hw)
    at_ys = frame.image_to_logits(np.stack([0 * ys, ys], -1))[:, 1]
    at_xs = frame.image_to_logits(np.stack([xs, 0 * xs], -1))[:, 0]
    height, width = frame.logits_hw
    return np.minimum(at_ys.astype(np.intp), height - 1), np.minimum(at_xs.astype(np.intp), width - 1)


def _grown(cells: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Returns the cells and those within reach."""
    grown = np.pad(cells, _REACH)
    for axis in (0, 1):
        grown = np.logical_or.reduce([np.roll(grown, step, axis) for step in range(-_REACH, _REACH + 1)])
    return grown[_REACH:-_REACH, _REACH:-_REACH]


def _count_colours(indices: _Indices, colours: Sequence[str]) -> Counter[str]:
    """Returns how many of ``indices`` belong to items of each colour; -1 belongs to none."""
    counts: Counter[str] = Counter()
    for index, count in zip(*np.unique(indices[indices >= 0], return_counts=True), strict=True):
        counts[colours[index]] += int(count)
    return counts


def _lab(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Returns (..., 3) CIELAB of (..., 3) sRGB under daylight (D65)."""
    share = rgb / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    f = np.cbrt(np.einsum("...c,dc->...d", linear, to_xyz) / [0.9505, 1.0, 1.089])
    lab = np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)
    return np.asarray(lab, np.float32)
