"""Labelling: the methods of ``SamWidget`` for classes, locks and corrections. They check arguments, ask the controller.

``prompting`` has the methods for prompts, ``arguments`` the checks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from samwidget.core import Prompt, SegmentedObject, make_prompt
from samwidget.errors import PromptError
from samwidget.widget.arguments import (
    Ids,
    checked_boxes,
    checked_groups,
    checked_ids,
    checked_names,
    checked_number,
    checked_optional_name,
    checked_points,
    checked_polygons,
)
from samwidget.widget.corrections import Corrections
from samwidget.widget.given_masks import OVERLAPS, read_masks
from samwidget.widget.many_prompts import ProgressCallback
from samwidget.widget.prompting import Prompting
from samwidget.widget.protocol.fields import checked_name, short_text


class Labelling(Prompting):
    """What a person does with objects besides prompting: each is one step of the history, and undo takes it back.

    Every method raises ClosedError after ``close``, and PromptError where an object is locked or there is none with
    this id; then nothing has changed. A correction begins with the mask as the screen shows it, and its result is exact
    to the pixel: the threshold moves it no more. A click afterwards refines it.
    """

    # Classes.

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the list: the first nine have a digit key."""
        return tuple(item.name for item in self._caught_up.document.state.classes)

    @property
    def active_class(self) -> str | None:
        """The class that new objects get; None where they get none."""
        return self._caught_up.document.state.active_class

    def define_class(self, name: str) -> None:
        """Adds a class behind the others; one that is there already stays as it is.

        ``add_class`` is a method of every ipywidget, and means classes of CSS.

        Raises:
            PromptError: the name is blank or longer than 80 characters.
        """
        checked = checked_name(name)
        self._controller.call(lambda commands: commands.add_class(checked))

    def rename_class(self, name: str, new_name: str) -> None:
        """Gives a class another name; its objects keep it, locked ones too.

        Raises:
            PromptError: there is no class ``name``, another one has the new name, or that is blank or too long.
        """
        after = checked_name(new_name)
        self._controller.call(lambda commands: commands.rename_class(str(name), after))

    def delete_class(self, name: str) -> None:
        """Deletes a class; its objects keep their colour and have no class then."""
        self._controller.call(lambda commands: commands.delete_class(str(name)))

    def activate_class(self, name: str | None) -> None:
        """Gives new objects this class; None gives them none. It is no step of the history."""
        checked = checked_optional_name(name)
        self._controller.call(lambda commands: commands.activate_class(checked))

    def set_class(self, object_ids: Ids, class_name: str | None) -> None:
        """Gives objects a class and its colour.

        Args:
            object_ids: one id or several.
            class_name: one that is not there yet is added; None takes theirs away.
        """
        ids, checked = checked_ids(object_ids), checked_optional_name(class_name)
        self._controller.call(lambda commands: commands.set_class(ids, checked))

    # Many objects at once.

    def add_masks(
        self,
        masks: Any,
        names: Sequence[str] | None = None,
        class_names: str | Sequence[str] | None = None,
        overlap: str = "keep",
    ) -> tuple[SegmentedObject, ...]:
        """Adds objects of masks that you have, in one step, and returns them; the active object stays the same.

        Each is exact to the pixel, and a click refines it. The objects that are there already stay as they are.

        Args:
            masks: a list of (H, W) bool masks, of COCO run lengths, or of what SAM's generator returns; an (N, H, W)
                array; or a label map: (H, W) whole numbers, such as Cellpose gives, where each number but 0 is an
                object.
            names: one for each mask; "object N" where it is None.
            class_names: one for each mask, or one for all. A class that is not there yet is added; None takes the
                active class.
            overlap: ``keep`` leaves masks that overlap. With ``first`` a pixel stays with the object that had it
                first, with ``newest`` it goes to the last of the new masks; one of which nothing is left is not added.

        Raises:
            PromptError: another form or size, an empty mask, or names that do not fit.
        """
        hw = self._image_hw
        run_lengths = read_masks(masks, hw)
        for number, mask in enumerate(run_lengths):
            if mask.area == 0:
                raise PromptError(f"mask {number} is empty", hint="leave it out")
        if overlap not in OVERLAPS:
            raise PromptError(f"overlap is {short_text(overlap)}", hint=f"it is one of {', '.join(OVERLAPS)}")
        count = len(run_lengths)
        own, classes = checked_names(names, count), checked_names(class_names, count)
        return self._objects_of(lambda commands: commands.add_masks(run_lengths, own, classes, overlap))

    def add_boxes(
        self,
        boxes: npt.ArrayLike,
        names: Sequence[str | None] | None = None,
        class_names: str | Sequence[str | None] | None = None,
        progress: ProgressCallback | None = None,
    ) -> tuple[SegmentedObject, ...]:
        """Adds an object for each box, such as a detector's, in one step, and returns them.

        The views show how many masks are made, with a Stop button. After that, after the notebook's Stop button and
        after an error no object is added.

        Args:
            boxes: (N, 4) x0, y0, x1, y1 in image pixels, the maximum exclusive.
            names: as for ``add_masks``.
            class_names: as for ``add_masks``.
            progress: called every tenth of a second with the number of masks that are made, and of all.

        Raises:
            PromptError: a box has no area or is outside the image, or names that do not fit.
            ModelError: there is no model, or it failed.
            StoppedError: somebody has pressed Stop in a view.
        """
        return self._add_prompts(
            [make_prompt(None, None, box) for box in checked_boxes(boxes)], names, class_names, progress
        )

    def add_points(
        self,
        points: npt.ArrayLike | Sequence[npt.ArrayLike],
        labels: npt.ArrayLike | Sequence[npt.ArrayLike] | None = None,
        names: Sequence[str | None] | None = None,
        class_names: str | Sequence[str | None] | None = None,
        progress: ProgressCallback | None = None,
    ) -> tuple[SegmentedObject, ...]:
        """Adds an object for each point, or for each group of points, in one step, and returns them.

        Progress, Stop and errors are those of ``add_boxes``. Several points of one object: ``add(points=...)``.

        Args:
            points: (N, 2) x, y in image pixels, a point for each object; or for each of N objects its (K, 2) points.
            labels: (N,), or for each object (K,): 1 to include and 0 to exclude; None includes all points.
            names: as for ``add_masks``.
            class_names: as for ``add_masks``.
            progress: as for ``add_boxes``.
        """
        return self._add_prompts(checked_groups(points, labels), names, class_names, progress)

    def _add_prompts(
        self,
        prompts: Sequence[Prompt],
        names: Sequence[str | None] | None,
        class_names: str | Sequence[str | None] | None,
        progress: ProgressCallback | None,
    ) -> tuple[SegmentedObject, ...]:
        own, classes = checked_names(names, len(prompts)), checked_names(class_names, len(prompts))
        return self._controller.add_prompts(prompts, own, classes, progress) if prompts else ()

    # Locks, and what is drawn over what.

    def lock(self, object_ids: Ids) -> None:
        """Locks objects: they refuse changes of their mask, name and class, and deletion."""
        ids = checked_ids(object_ids)
        self._controller.call(lambda commands: commands.set_locked(ids, True))

    def unlock(self, object_ids: Ids) -> None:
        """Unlocks objects."""
        ids = checked_ids(object_ids)
        self._controller.call(lambda commands: commands.set_locked(ids, False))

    def bring_to_front(self, object_ids: Ids) -> None:
        """Draws objects over all others, locked ones too: they come last in ``objects``, and win in ``label_map``."""
        ids = checked_ids(object_ids)
        self._controller.call(lambda commands: commands.reorder(ids, "front"))

    def send_to_back(self, object_ids: Ids) -> None:
        """Draws objects below all others, locked ones too: they come first in ``objects``."""
        ids = checked_ids(object_ids)
        self._controller.call(lambda commands: commands.reorder(ids, "back"))

    # Corrections.

    def paint(
        self, points: npt.ArrayLike, radius: float, object_id: int | None = None, erase: bool = False
    ) -> SegmentedObject:
        """Adds a stroke of a round brush to an object, or takes it away, and returns the object.

        Args:
            points: (N, 2) or (2,), the stroke in image pixels; it may leave the image.
            radius: of the brush, in image pixels.
            object_id: None corrects the active object; where none is active, a new object begins, and is active.
            erase: takes the stroke away.
        """
        stroke, size = checked_points(points, 1), checked_number(radius, "radius", above=0)
        return self._correct(lambda corrections: corrections.paint(object_id, stroke, size, bool(erase)))

    def fill_polygon(self, points: npt.ArrayLike, object_id: int | None = None, erase: bool = False) -> SegmentedObject:
        """Adds the inside of a polygon to an object, or takes it away, and returns the object.

        Args:
            points: (N, 2) the corners, three or more, in image pixels; they may lie outside the image.
            object_id: as for ``paint``.
            erase: takes the inside away.
        """
        corners = checked_points(points, 3)
        return self._correct(lambda corrections: corrections.fill_polygon(object_id, corners, bool(erase)))

    def to_polygons(self, object_id: int, tolerance: float = 0.0) -> list[npt.NDArray[np.float64]]:
        """Returns the outlines of an object as polygons: filled by the even-odd rule they are its mask.

        The outline of a hole is a polygon, too. Every polygon has at least three corners, so that none is lost.

        Args:
            object_id: of the object.
            tolerance: how far the polygons may be off, image pixels. More is fewer corners; up to 0.35 they are exact.

        Returns:
            (N, 2) float64 x, y of the corners of each, the first one not repeated.
        """
        checked = checked_number(tolerance, "tolerance", at_least=0)
        return self._controller.call(lambda commands: commands.corrections.polygons(object_id, checked))

    def set_polygons(self, object_id: int, polygons: Iterable[npt.ArrayLike]) -> SegmentedObject:
        """Gives an object the inside of polygons as its mask and returns it.

        Args:
            object_id: of the object.
            polygons: (N, 2) the corners of each, three or more, in image pixels; they may lie outside the image. One
                inside another is a hole: where polygons overlap, or one crosses itself, the even-odd rule decides.
        """
        corners = checked_polygons(polygons)
        return self._correct(lambda corrections: corrections.set_polygons(object_id, corners))

    def scribble(self, points: npt.ArrayLike, label: int = 1) -> SegmentedObject:
        """Refines the active object with points along a stroke, or begins an object, and returns it.

        Args:
            points: (N, 2) or (2,), the stroke in image pixels.
            label: 1 to include and 0 to exclude.

        Raises:
            PromptError: the stroke is outside the image, or a wrong label.
            ModelError: there is no model, or it failed.
        """
        stroke = checked_points(points, 1)
        return self._object_of(lambda commands: commands.scribble(stroke, label))

    def merge(self, object_ids: Sequence[int]) -> SegmentedObject:
        """Gives the first object the pixels of all, deletes the others and returns it."""
        ids = checked_ids(object_ids)
        return self._correct(lambda corrections: corrections.merge(ids))

    def intersect(self, object_ids: Sequence[int]) -> SegmentedObject:
        """Leaves the first object the pixels that all have, deletes the others and returns it."""
        ids = checked_ids(object_ids)
        return self._correct(lambda corrections: corrections.intersect(ids))

    def subtract(self, object_id: int, other_ids: Ids) -> SegmentedObject:
        """Takes the pixels of other objects away from an object and returns it; the others stay."""
        ids = checked_ids(other_ids)
        return self._correct(lambda corrections: corrections.subtract(object_id, ids))

    def split(self, object_id: int) -> tuple[SegmentedObject, ...]:
        """Makes an object of each piece that is not connected; returns them, the largest first, which keeps the id."""
        return self._objects_of(lambda commands: commands.corrections.split(object_id))

    def fill_holes(self, object_id: int, area_max: float | None = None) -> SegmentedObject:
        """Fills holes of at most ``area_max`` pixels, all where it is None, and returns the object."""
        return self._adjust(object_id, "fill_holes", _checked_area(area_max))

    def drop_islands(self, object_id: int, area_max: float | None = None) -> SegmentedObject:
        """Drops pieces of at most ``area_max`` pixels, all but the largest where it is None, and returns the object."""
        return self._adjust(object_id, "drop_islands", _checked_area(area_max))

    def smooth(self, object_id: int, radius: float) -> SegmentedObject:
        """Smooths the outline of an object, whose bends narrower than ``radius`` pixels go, and returns the object."""
        return self._adjust(object_id, "smooth", _checked_pixels(radius))

    def grow(self, object_id: int, distance: float) -> SegmentedObject:
        """Lets an object grow by ``distance`` image pixels on all sides and returns it."""
        return self._adjust(object_id, "grow", _checked_pixels(distance))

    def shrink(self, object_id: int, distance: float) -> SegmentedObject:
        """Lets an object shrink by ``distance`` image pixels on all sides and returns it."""
        return self._adjust(object_id, "shrink", _checked_pixels(distance))

    def _adjust(self, object_id: int, operation: str, amount: float) -> SegmentedObject:
        return self._correct(lambda corrections: corrections.adjust(object_id, operation, amount))

    def _correct(self, command: Callable[[Corrections], SegmentedObject]) -> SegmentedObject:
        return self._object_of(lambda commands: command(commands.corrections))


def _checked_pixels(value: float) -> float:
    return checked_number(value, "the number of pixels", at_least=0)


def _checked_area(area_max: float | None) -> float:
    return math.inf if area_max is None else _checked_pixels(area_max)
