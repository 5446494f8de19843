"""Corrections: what the user does to the mask of an object without the network, each one step of the history.

A correction begins with the mask as the screen shows it, at the present threshold, and makes one that is exact to the
pixel. ``document.edits`` has the arithmetic. ``commands`` owns one; they run on the worker's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from samwidget.core import Prompt, RunLengths, SegmentedObject, logits_of_mask
from samwidget.document import Document, State, draft_of_mask, edits, polygons
from samwidget.errors import PromptError
from samwidget.widget.network import Network

Pixels = npt.NDArray[np.bool_]

PIECES_MAX = 200
"""Objects that a split may make: more pieces are specks, which nobody wants one by one."""

CORNERS_MAX = 3000
"""Corners of an object's polygons that a view gets: all of them in one request are not larger than a message may be."""

ADJUSTMENTS: Mapping[str, Callable[[Pixels, float], Pixels]] = {
    "fill_holes": edits.fill_holes,
    "drop_islands": edits.drop_islands,
    "smooth": edits.smooth,
    "grow": edits.grow,
    "shrink": edits.shrink,
}
"""What the message ``adjust`` may do."""


@dataclass(frozen=True)
class _Adjusted:
    """The last adjustment, which the next one may replace.

    Attributes:
        object_id: of the adjusted object.
        operation: a key of ADJUSTMENTS.
        before: the state that it began with.
        after: the state that it made; the same one where it changed nothing.
    """

    object_id: int
    operation: str
    before: State
    after: State


class Corrections:
    """Corrects the masks of one document.

    Args:
        document: what the user has made.
        network: its frame ties masks to logits, from which a later click starts.
        measured: returns an object at the present threshold.
    """

    def __init__(
        self, document: Document, network: Network, measured: Callable[[SegmentedObject], SegmentedObject]
    ) -> None:
        self._document = document
        self._network = network
        self._measured = measured
        self._adjusted: _Adjusted | None = None

    def paint(self, object_id: int | None, points: npt.ArrayLike, radius: float, erase: bool) -> SegmentedObject:
        """Adds a stroke of a round brush to an object, or takes it away; returns the object.

        Args:
            object_id: None corrects the active object; where none is active, a new object begins with the stroke.
            points: (N, 2) the stroke, image pixels.
            radius: of the brush, image pixels.
            erase: takes the stroke away.
        """
        return self._draw(object_id, lambda mask: edits.paint(mask, points, radius, erase=erase), erase)

    def fill_polygon(self, object_id: int | None, points: npt.ArrayLike, erase: bool) -> SegmentedObject:
        """Adds the inside of a polygon to an object, or takes it away; returns the object.

        Args:
            object_id: as for ``paint``.
            points: (N, 2) the corners, image pixels.
            erase: takes the inside away.
        """
        return self._draw(object_id, lambda mask: edits.fill_polygon(mask, points, erase=erase), erase)

    def weighted_polygons(self, object_id: int) -> list[npt.NDArray[np.float64]]:
        """Returns the outlines of an object: (N, 3) x, y and weight of the corners of each, as ``polygons.weighted``.

        Where they have more than CORNERS_MAX corners, those of the lowest weights are left out.

        Raises:
            PromptError: it has so many outlines that there is no space for three corners of each.
        """
        (item,) = self._items([object_id])
        mask = self._shown_mask(item)
        count_max = CORNERS_MAX // 3
        outlines = polygons.outlines_of(mask, count_max)
        if len(outlines) > count_max:
            raise PromptError(
                f"{item.name} has more than {count_max} outlines, too many to be shown",
                hint="drop its islands and fill its holes first",
            )
        weighted = [polygons.weighted(outline) for outline in outlines]
        weights = np.sort(np.concatenate([corners[:, 2] for corners in weighted] or [np.zeros(0)]))
        if len(weights) > CORNERS_MAX:
            least = weights[-CORNERS_MAX - 1]
            weighted = [corners[corners[:, 2] > least] for corners in weighted]
        # No outline is off by more than this; infinity is no number of JSON.
        return [np.minimum(corners, float(sum(mask.shape))) for corners in weighted]

    def polygons(self, object_id: int, tolerance: float) -> list[npt.NDArray[np.float64]]:
        """Returns the outlines of an object as ``polygons.polygons_of`` its mask."""
        (item,) = self._items([object_id])
        return polygons.polygons_of(self._shown_mask(item), tolerance)

    def set_polygons(self, object_id: int, corners: Sequence[npt.ArrayLike]) -> SegmentedObject:
        """Gives an object the inside of polygons as its mask, and returns it; one inside another is a hole.

        Args:
            object_id: of the object.
            corners: (N, 2) of each polygon, image pixels.
        """
        (item,) = self._items([object_id])
        before = self._shown_mask(item)
        return self._correct(item, before, edits.from_polygons(self._network.frame.image_hw, corners))

    def merge(self, object_ids: Sequence[int]) -> SegmentedObject:
        """Gives the first object the pixels of all, deletes the others and returns it."""
        return self._join(object_ids, np.logical_or)

    def intersect(self, object_ids: Sequence[int]) -> SegmentedObject:
        """Leaves the first object the pixels that all have, deletes the others and returns it."""
        return self._join(object_ids, np.logical_and)

    def subtract(self, object_id: int, others: Sequence[int]) -> SegmentedObject:
        """Takes the pixels of other objects away from an object and returns it; the others stay."""
        item, *cutters = self._items([object_id, *others])
        before = self._shown_mask(item)
        pixels = before
        for cutter in cutters:
            pixels = pixels & ~self._shown_mask(cutter)
        return self._correct(item, before, pixels)

    def split(self, object_id: int) -> tuple[SegmentedObject, ...]:
        """Makes an object of each piece of an object and returns them, the largest first, which keeps id and name."""
        (item,) = self._items([object_id])
        pieces = edits.split(self._shown_mask(item), PIECES_MAX)
        if len(pieces) < 2:
            raise PromptError(f"{item.name} is one piece", hint="erase where it should be split")
        if len(pieces) > PIECES_MAX:
            raise PromptError(f"{item.name} has more than {PIECES_MAX} pieces", hint="drop the small ones first")
        return self._document.split(item.id, [self._draft(piece) for piece in pieces])

    def adjust(self, object_id: int, operation: str, amount: float, continues: bool = False) -> SegmentedObject:
        """Mends the outline of an object and returns it.

        Args:
            object_id: of the object.
            operation: a key of ADJUSTMENTS.
            amount: in image pixels: an area for holes and islands, a radius or distance for the others.
            continues: whether it takes the place of the same adjustment just before, as while a slider moves.
        """
        document, last = self._document, self._adjusted
        replaces = (
            continues
            and last is not None
            and (last.object_id, last.operation) == (object_id, operation)
            and last.after is document.state
        )
        before = last.before if replaces and last is not None else document.state
        item = before.objects[before.index(object_id)]
        mask = self._shown_mask(item)
        pixels = ADJUSTMENTS[operation](mask, amount)
        _check_something_left(item, pixels)
        if before is not document.state:
            document.undo()
        item = self._correct(item, mask, pixels)
        self._adjusted = _Adjusted(item.id, operation, before, document.state)
        return item

    def _draw(self, object_id: int | None, edit: Callable[[Pixels], Pixels], erase: bool) -> SegmentedObject:
        state = self._document.state
        if object_id is None and state.active is None:
            if erase:
                raise PromptError("no object is active", hint="select the object to erase from")
            return self._begin(edit)
        (item,) = self._items([self._document.active_object().id if object_id is None else object_id])
        before = self._shown_mask(item)
        return self._correct(item, before, edit(before))

    def _begin(self, edit: Callable[[Pixels], Pixels]) -> SegmentedObject:
        pixels = edit(np.zeros(self._network.frame.image_hw, np.bool_))
        if not pixels.any():
            raise PromptError("there is no pixel under the stroke", hint="draw on the image, with a larger brush")
        return self._document.add_many([self._draft(pixels)], activate=True)[0]

    def _join(self, object_ids: Sequence[int], join: np.ufunc) -> SegmentedObject:
        item, *others = self._items(object_ids)
        if not others:
            raise PromptError(f"{item.name} is the only object given", hint="give at least two")
        before = self._shown_mask(item)
        pixels = before
        for other in others:
            pixels = join(pixels, self._shown_mask(other))
        return self._correct(item, before, pixels, [other.id for other in others])

    def _correct(
        self, item: SegmentedObject, before: Pixels, pixels: Pixels, gone: Sequence[int] = ()
    ) -> SegmentedObject:
        """Gives an object another mask than ``before``; the same mask is no step. Returns the object as it is then."""
        _check_something_left(item, pixels)
        document = self._document
        if gone or not np.array_equal(pixels, before):
            document.correct(item.id, self._draft(pixels), gone)
        return document.state.objects[document.state.index(item.id)]

    def _draft(self, mask: Pixels | RunLengths) -> SegmentedObject:
        frame = self._network.frame
        run_lengths = mask if isinstance(mask, RunLengths) else RunLengths.from_mask(mask)
        return draft_of_mask(run_lengths, Prompt(mask=logits_of_mask(mask, frame)), frame)

    def _items(self, object_ids: Sequence[int]) -> list[SegmentedObject]:
        state = self._document.state
        return [state.objects[index] for index in state.indices(object_ids)]

    def _shown_mask(self, item: SegmentedObject) -> Pixels:
        return self._measured(item).mask


def _check_something_left(item: SegmentedObject, pixels: Pixels) -> None:
    if not pixels.any():
        raise PromptError(f"nothing would be left of {item.name}", hint="delete it instead")
