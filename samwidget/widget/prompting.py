"""Prompting: the methods of ``SamWidget`` for reading objects, making them by prompts, choosing, deleting and undoing.

They check arguments and ask the controller. ``labelling`` has the methods for classes, locks and corrections.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from samwidget.core import SegmentedObject, Size, checked_mask, make_prompt
from samwidget.errors import PromptError
from samwidget.widget.arguments import Ids, check_search_options, checked_ids, checked_optional_name
from samwidget.widget.commands import Commands
from samwidget.widget.controller import Controller
from samwidget.widget.finding import Wanted, ids_of
from samwidget.widget.protocol.fields import checked_name
from samwidget.widget.word_search import words_task


class Prompting:
    """The objects of a widget, as Python reads and changes them.

    A change runs in order with the user's clicks, and undo takes it back.
    """

    @property
    def _controller(self) -> Controller:
        raise NotImplementedError

    @property
    def _caught_up(self) -> Controller:
        """The controller after every click that the kernel had when this was called."""
        raise NotImplementedError

    @property
    def _image_hw(self) -> Size:
        raise NotImplementedError

    @property
    def objects(self) -> tuple[SegmentedObject, ...]:
        """All objects, oldest first, at the present threshold; the active object is among them."""
        return self._caught_up.publisher.objects()

    @property
    def masks(self) -> npt.NDArray[np.bool_]:
        """One mask for each object, which may overlap: (N, H, W) bool."""
        objects = self.objects
        out = np.zeros((len(objects), *self._image_hw), np.bool_)
        for mask, item in zip(out, objects, strict=True):
            mask[:] = item.mask
        return out

    @property
    def scores(self) -> npt.NDArray[np.float32]:
        """The model's estimate of each mask's IoU: (N,) float32, 0 to 1; 1 for a mask that you passed in."""
        return np.array([item.score for item in self.objects], np.float32)

    def label_map(self) -> npt.NDArray[np.int32]:
        """Returns (H, W) int32: n inside the n-th of ``objects``, counted from 1, and 0 outside; later objects win."""
        out = np.zeros(self._image_hw, np.int32)
        for number, item in enumerate(self.objects, start=1):
            out[item.mask] = number
        return out

    def add(
        self,
        points: npt.ArrayLike | None = None,
        labels: npt.ArrayLike | None = None,
        box: npt.ArrayLike | None = None,
        mask: npt.ArrayLike | None = None,
        name: str | None = None,
        class_name: str | None = None,
    ) -> SegmentedObject:
        """Adds one object and returns it; the active object stays the same.

        Args:
            points: (N, 2) or (2,), x and y in image pixels.
            labels: (N,), 1 to include and 0 to exclude; None includes all points.
            box: (4,) x0, y0, x1, y1 in image pixels, the maximum exclusive.
            mask: (H, W) bool. Alone it is the object, pixel by pixel; with points or a box the model starts from it.
            name: "object N" where it is None.
            class_name: a class that is not there yet is added; None takes the active class.

        Raises:
            PromptError: the prompt is empty or does not fit the image, or a name is blank or too long.
            ModelError: there is no model, or it failed.
            ClosedError: after ``close``.
        """
        prompt = make_prompt(points, labels, box)
        pixels = None if mask is None else checked_mask(mask, self._image_hw)
        if prompt.is_empty and pixels is None:
            raise PromptError("the prompt is empty", hint="give points, a box or a mask")
        names = [checked_optional_name(text) for text in (name, class_name)]
        return self._object_of(lambda commands: commands.add(prompt, pixels, *names))

    def everything(self, *, keep: bool = True, **options: Any) -> tuple[SegmentedObject, ...]:
        """Finds all objects in the image, adds them in one step of the history and returns them, largest first.

        The masks appear in the views while the search runs, with its progress and a Cancel button. After Cancel the
        objects found so far are added. After the notebook's Stop button, and after an error, the masks found so far
        stay on the screen, where the user may keep or discard them. Masks that an earlier search left there go.

        Args:
            keep: False adds nothing, returns () and leaves all masks on the screen for the user to choose from.
            **options: those of ``generate_masks``, with its defaults: ``points_per_side``, ``points_per_batch``,
                ``pred_iou_thresh``, ``stability_score_thresh``, ``stability_score_offset``, ``box_nms_thresh``,
                ``crop_n_layers``, ``crop_nms_thresh``, ``crop_overlap_ratio``, ``crop_n_points_downscale_factor``,
                ``point_grids``, ``min_mask_region_area``. Fewer points are quicker, crops find smaller objects.

        Returns:
            The new objects at the present threshold. The prompt of each is the point that found it, so that clicks can
            refine it. An object that was found in a crop, or that lost small regions, has its mask as the prompt.

        Raises:
            PromptError: an option is out of its range.
            TypeError: there is no such option.
            ModelError: there is no model, or it failed.
            ClosedError: after ``close``, and where the widget is closed meanwhile.
        """
        check_search_options(options)
        controller = self._controller
        return controller.search(controller.everything_task(options), keep=keep)

    def find_similar(
        self,
        objects: Any = None,
        *,
        excluded: Any = (),
        keep: bool = True,
        max_objects: int | None = None,
        likeness_thresh: float | None = None,
    ) -> tuple[SegmentedObject, ...]:
        """Finds the objects that look like some of those that are there, adds them in one step and returns them.

        The image is not encoded again, and each model can do it. The new objects get the class of the examples. A
        second and a third example help, and so do excluded ones. Progress, Cancel and errors are those of
        ``everything``; where nothing is found the result is empty.

        Args:
            objects: the examples: an id, an object of ``objects``, or several; None takes the active object.
            excluded: the same, for what is not wanted although it looks alike.
            keep: False adds nothing, returns () and leaves all masks on the screen for the user to choose from.
            max_objects: at most so many, the best; None for all.
            likeness_thresh: least likeness, 0 to 1; None takes 0.15. Lower it to find more, raise it to find fewer.

        Raises:
            PromptError: no object is chosen, there is none with this id, it is of another image, has no pixel or covers
                the image; or an option is out of its range.
            ModelError: there is no model, it failed, or it runs on another computer.
            ClosedError: after ``close``, and where the widget is closed meanwhile.
        """
        ids = None if objects is None else ids_of(objects, self._image_hw)
        other_ids = ids_of(excluded, self._image_hw, is_optional=True)
        controller = self._caught_up
        controller.document.state.indices((*(ids or ()), *other_ids))  # before the masks of an earlier search go
        task = controller.similar_task(Wanted(ids, other_ids, max_objects, likeness_thresh))
        return controller.search(task, keep=keep)

    def find(
        self,
        text: Any = None,
        *,
        boxes: Any = (),
        excluded_boxes: Any = (),
        threshold: float | None = None,
        keep: bool = True,
    ) -> tuple[SegmentedObject, ...]:
        """Finds the objects that words describe, adds them in one step and returns them.

        It needs a model that can read, such as ``facebook/sam3``; ``find_similar`` works with every model. The image is
        encoded once, whatever the number of phrases. The new objects get their phrase as class. Progress, Cancel and
        errors are those of ``everything``; where nothing is found the result is empty.

        Args:
            text: what to find, such as "coin", or several phrases; None where boxes alone say it.
            boxes: (K, 4) x0, y0, x1, y1 around examples of what is wanted, in image pixels.
            excluded_boxes: the same, around objects that are not wanted.
            threshold: objects with a score above it are found, 0 to 1; None takes 0.5. Lower it to find more.
            keep: False adds nothing, returns () and leaves all masks on the screen for the user to choose from.

        Raises:
            PromptError: nothing is asked, a phrase is none, blank or too long, a box is none or outside the image, or
                the threshold is out of its range.
            UnsupportedModelError: the model cannot read.
            ModelError: there is no model, or it failed.
            ClosedError: after ``close``, and where the widget is closed meanwhile.
        """
        controller = self._controller
        return controller.search(words_task(controller.network, text, boxes, excluded_boxes, threshold), keep=keep)

    def select(self, object_id: int | None) -> None:
        """Makes an object active: the next click refines it. None lets the next click add an object.

        Raises:
            PromptError: there is no object with this id.
            ClosedError: after ``close``.
        """
        self._controller.call(lambda commands: commands.select(object_id))

    def accept(self) -> None:
        """Finishes the active object: the next click adds one. Raises ClosedError after ``close``."""
        self._controller.call(Commands.accept)

    def rename(self, object_id: int, name: str) -> None:
        """Names an object.

        Raises:
            PromptError: there is no object with this id, it is locked, or the name is blank or longer than 80
                characters.
            ClosedError: after ``close``.
        """
        checked = checked_name(name)
        self._controller.call(lambda commands: commands.rename(object_id, checked))

    def delete(self, object_ids: Ids) -> None:
        """Deletes an object, or several in one step of the history.

        Raises:
            PromptError: there is no object with this id, or it is locked.
            ClosedError: after ``close``.
        """
        ids = checked_ids(object_ids)
        self._controller.call(lambda commands: commands.delete(ids))

    def clear(self) -> None:
        """Deletes all objects, in one step of the history; the classes stay.

        Raises:
            PromptError: an object is locked.
            ClosedError: after ``close``.
        """
        self._controller.call(Commands.clear)

    def undo(self) -> bool:
        """Takes back the last step, of the user or of Python; returns False where there is none.

        Raises:
            ClosedError: after ``close``.
        """
        controller = self._controller
        return controller.call(lambda _: controller.undo())

    def redo(self) -> bool:
        """Takes back the last undo; returns False where there is none.

        Raises:
            ClosedError: after ``close``.
        """
        controller = self._controller
        return controller.call(lambda _: controller.redo())

    def _object_of(self, command: Callable[[Commands], SegmentedObject]) -> SegmentedObject:
        """Carries out a command once there is a model; returns its object at the present threshold."""
        return self._objects_of(lambda commands: (command(commands),))[0]

    def _objects_of(self, command: Callable[[Commands], tuple[SegmentedObject, ...]]) -> tuple[SegmentedObject, ...]:
        controller = self._controller
        return tuple(controller.measured(item) for item in controller.call(command, needs_network=True))
