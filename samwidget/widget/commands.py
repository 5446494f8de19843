"""Commands: how the browser and Python change the objects. Each exists once, here.

A command asks the network first and changes the document after that: where it raises, the document is as it was. The
table in ``controller`` says which message is which command; the public class calls the same ones. They run on the
worker's thread. ``controller`` publishes what they changed; it has undo, redo and what concerns a search itself,
because what was found changes with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from samwidget.core import INCLUDE, Frame, Masks, Prompt, RunLengths, SegmentedObject, logits_of_mask, upsample_mask
from samwidget.document import Document, draft_of_candidates, draft_of_mask
from samwidget.errors import PromptError
from samwidget.widget.corrections import Corrections
from samwidget.widget.given_masks import without_overlaps
from samwidget.widget.network import Network
from samwidget.widget.protocol.requests import SavedPrompt
from samwidget.widget.saved_prompts import made_again

_SCRIBBLE_POINTS_MAX = 8
# A point of a scribble stands for this part of the image's longer side: points close together say the same.
_SCRIBBLE_STEP = 1 / 24


class Commands:
    """Changes one document with the help of one network.

    Args:
        document: what the user has made.
        network: gives the masks of a prompt.
        measured: returns an object at the present threshold.

    Attributes:
        corrections: change masks without the network.
    """

    def __init__(
        self,
        document: Document,
        network: Network,
        measured: Callable[[SegmentedObject], SegmentedObject] = lambda item: item,
    ) -> None:
        self._document = document
        self._network = network
        self._measured = measured
        self.corrections = Corrections(document, network, measured)

    def prompt_with_point(self, x: float, y: float, label: int) -> Prompt:
        """Returns the prompt of a click: the active object's prompt with the point, or a new prompt."""
        return self._next_prompt().with_point(x, y, label)

    def add_point(self, x: float, y: float, label: int) -> None:
        """Refines the active object with a point, or adds an object."""
        self._refine_or_add(self.prompt_with_point(x, y, label))

    def move_point(self, index: int, x: float, y: float) -> None:
        """Moves a point of the active object."""
        self._refine_or_add(self._present_prompt(self._document.active_object()).with_point_moved(index, x, y))

    def remove_point(self, index: int) -> None:
        """Removes a point of the active object."""
        self._reduce(self._present_prompt(self._document.active_object()).without_point(index))

    def scribble(self, points: npt.ArrayLike, label: int) -> SegmentedObject:
        """Refines the active object with points along a stroke, in one step, or adds an object; returns it.

        Args:
            points: (N, 2) the stroke, image pixels.
            label: of each point.
        """
        height, width = self._network.frame.image_hw
        sampled = _points_along(np.asarray(points, np.float64).reshape(-1, 2), max(height, width) * _SCRIBBLE_STEP)
        inside = sampled[((sampled >= 0) & (sampled <= (width, height))).all(1)]
        if len(inside) == 0:
            raise PromptError("the stroke is outside the image", hint="draw on the image")
        prompt = self._next_prompt()
        for x, y in inside.tolist():
            prompt = prompt.with_point(x, y, label)
        self._refine_or_add(prompt)
        return self._document.active_object()

    def add_box(self, box_xyxy: Sequence[float]) -> None:
        """Gives the active object the box if it has none and an include point inside; otherwise adds an object."""
        active = self._document.state.active_object
        if active is not None and active.prompt.box_xyxy is None and _has_include_inside(active.prompt, box_xyxy):
            self._refine_or_add(self._present_prompt(active).with_box(box_xyxy))
        else:
            self._document.add(self._network.predict(Prompt().with_box(box_xyxy)))

    def move_box(self, box_xyxy: Sequence[float]) -> None:
        """Replaces the active object's box."""
        self._refine_or_add(self._prompt_with_its_box().with_box(box_xyxy))

    def remove_box(self) -> None:
        """Removes the active object's box."""
        self._reduce(self._prompt_with_its_box().with_box(None))

    def choose(self, level: int) -> None:
        """Shows another candidate of the active object."""
        self._document.choose(level)

    def accept(self) -> None:
        """Finishes the active object: the next prompt adds a new one."""
        self._document.select(None)

    def select(self, object_id: int | None) -> None:
        """Makes an object active: the next prompt refines it. None makes none active."""
        self._document.select(object_id)

    def rename(self, object_id: int | None, name: str) -> None:
        """Names an object, without the blanks around the name; None names the active object."""
        item_id = self._document.active_object().id if object_id is None else object_id
        self._document.rename(item_id, name.strip())

    def set_visible(self, object_id: int, visible: bool) -> None:
        """Shows or hides an object."""
        self._document.set_visible(object_id, visible)

    def delete(self, object_ids: Sequence[int]) -> None:
        """Deletes objects, in one step of the history."""
        self._document.delete(*object_ids)

    def clear(self) -> None:
        """Deletes every object, in one step of the history."""
        self._document.clear()

    def set_locked(self, object_ids: Sequence[int], locked: bool) -> None:
        """Locks objects against change, or unlocks them."""
        self._document.set_locked(object_ids, locked)

    def reorder(self, object_ids: Sequence[int], to: Literal["front", "back"]) -> None:
        """Draws objects over all others, or below them."""
        self._document.reorder(object_ids, to)

    def add_class(self, name: str) -> None:
        """Adds a class, without the blanks around its name; one that is there already stays as it is."""
        self._document.add_class(name.strip())

    def rename_class(self, class_name: str, name: str) -> None:
        """Gives a class another name."""
        self._document.rename_class(class_name.strip(), name.strip())

    def delete_class(self, class_name: str) -> None:
        """Deletes a class; its objects have none then."""
        self._document.delete_class(class_name.strip())

    def activate_class(self, class_name: str | None) -> None:
        """Gives new objects this class; None gives them none."""
        self._document.activate_class(None if class_name is None else class_name.strip())

    def set_class(self, object_ids: Sequence[int] | None, class_name: str | None) -> None:
        """Gives objects a class, which is added where it is not there yet; None takes theirs away.

        Args:
            object_ids: of the objects; None is the active one.
            class_name: the blanks around it go.
        """
        ids = [self._document.active_object().id] if object_ids is None else object_ids
        self._document.set_class(ids, None if class_name is None else class_name.strip())

    def add(
        self, prompt: Prompt, pixels: npt.NDArray[np.bool_] | None, name: str | None, class_name: str | None = None
    ) -> SegmentedObject:
        """Adds an object and returns it; the active object stays the same.

        Args:
            prompt: points and box; empty where ``pixels`` alone are the object.
            pixels: (H, W) bool, the mask that the network starts from; None where there is none.
            name: "object N" where it is None.
            class_name: a class that is not there yet is added; None takes the active class.
        """
        document = self._document
        if pixels is None:
            return document.add(self._network.predict(prompt), name=name, class_name=class_name, activate=False)
        frame = self._network.frame
        with_mask = replace(prompt, mask=logits_of_mask(pixels, frame))
        if prompt.is_empty:
            return document.add_mask(RunLengths.from_mask(pixels), with_mask, frame, name=name, class_name=class_name)
        return document.add(self._network.predict(with_mask), name=name, class_name=class_name, activate=False)

    def add_masks(
        self,
        masks: Sequence[RunLengths],
        names: Sequence[str | None],
        class_names: Sequence[str | None],
        overlap: str,
    ) -> tuple[SegmentedObject, ...]:
        """Adds objects of exact masks in one step and returns them; the active object stays the same.

        Args:
            masks: at the image's size.
            names: of each; "object N" where it is None.
            class_names: of each; None takes the active class.
            overlap: as for ``without_overlaps``. A mask of which nothing is left is not added.
        """
        others = (self._measured(item).mask for item in self._document.state.objects)
        drafts = [
            self._draft_of_mask(mask, name, class_name)
            for mask, name, class_name in zip(without_overlaps(masks, others, overlap), names, class_names, strict=True)
            if mask.area > 0
        ]
        return self._document.add_many(drafts)

    def add_candidates(
        self,
        masks: Sequence[Masks | RunLengths],
        names: Sequence[str | None],
        class_names: Sequence[str | None],
    ) -> tuple[SegmentedObject, ...]:
        """Adds an object for each prompt in one step and returns them; the active object stays the same.

        Args:
            masks: the candidates of each prompt, or an exact mask.
            names: of each; "object N" where it is None.
            class_names: of each; None takes the active class.
        """
        drafts = [
            self._draft_of_mask(mask, name, class_name)
            if isinstance(mask, RunLengths)
            else draft_of_candidates(mask, name, class_name)
            for mask, name, class_name in zip(masks, names, class_names, strict=True)
        ]
        return self._document.add_many(drafts, [None if isinstance(mask, RunLengths) else mask for mask in masks])

    def restore(self, items: Sequence[SavedPrompt]) -> tuple[SegmentedObject, ...]:
        """Makes the objects of an earlier widget again, in one step, and returns them; the active object stays."""
        made = list(made_again(items, self._network))
        return self._document.add_many([draft for draft, _ in made], [masks for _, masks in made])

    def keep_found(self, drafts: Sequence[SegmentedObject], class_names: Sequence[str]) -> tuple[SegmentedObject, ...]:
        """Adds found objects in one step of the history and returns them; what else was found goes.

        Args:
            drafts: the objects.
            class_names: their classes, in the order in which new ones are added.
        """
        return self._document.keep_found(drafts, class_names)

    def _draft_of_mask(self, mask: RunLengths, name: str | None, class_name: str | None) -> SegmentedObject:
        # Before the image is encoded any frame will do: a click converts the logits to those of the model.
        frame = self._network.frame if self._network.is_ready else Frame.padded(mask.size_hw, 1024, 256)
        return draft_of_mask(mask, Prompt(mask=logits_of_mask(mask, frame)), frame, name, class_name)

    def _next_prompt(self) -> Prompt:
        """Returns the prompt that the next point goes to."""
        active = self._document.state.active_object
        return Prompt() if active is None else self._present_prompt(active)

    def _refine_or_add(self, prompt: Prompt) -> None:
        candidates = self._network.predict(prompt)
        active = self._document.state.active_object
        if active is None:
            self._document.add(candidates)
        else:
            self._document.refine(active.id, candidates)

    def _reduce(self, prompt: Prompt) -> None:
        """Gives the active object a prompt with one part less; deletes the object where none is left."""
        active = self._document.active_object()
        if prompt.is_empty:
            self._document.delete(active.id)
        elif len(prompt.points_xy) == 0 and prompt.box_xyxy is None:
            self._document.restore_mask(active.id, replace(prompt, mask=active.prompt.mask))
        else:
            self._document.refine(active.id, self._network.predict(prompt))

    def _prompt_with_its_box(self) -> Prompt:
        active = self._document.active_object()
        if active.prompt.box_xyxy is None:
            raise PromptError(f"{active.name} has no box", hint="draw one first")
        return self._present_prompt(active)

    def _present_prompt(self, item: SegmentedObject) -> Prompt:
        """Returns the object's prompt with the level that the next prompt refines.

        An object of a session file may be that of another model: its mask becomes low-res logits of this one.
        """
        mask = item.prompt.mask
        if mask is not None and item.frame != self._network.frame:
            mask = logits_of_mask(upsample_mask(mask, item.frame), self._network.frame)
        return replace(item.prompt, mask=mask, level=item.level)


def _points_along(stroke: npt.NDArray[np.float64], step: float) -> npt.NDArray[np.float64]:
    """Returns (M, 2) points in the middle of equal parts of an (N, 2) stroke, which are ``step`` long or longer."""
    lengths = np.hypot(*np.diff(stroke, axis=0).T)
    ends = np.concatenate([[0.0], np.cumsum(lengths)])
    count = min(_SCRIBBLE_POINTS_MAX, 1 + int(min(ends[-1] / step, _SCRIBBLE_POINTS_MAX)))
    positions = (np.arange(count) + 0.5) / count * ends[-1]
    return np.stack([np.interp(positions, ends, stroke[:, axis]) for axis in (0, 1)], axis=1)


def _has_include_inside(prompt: Prompt, box_xyxy: Sequence[float]) -> bool:
    x0, y0, x1, y1 = box_xyxy
    x, y = prompt.points_xy[:, 0], prompt.points_xy[:, 1]
    return bool(((prompt.labels == INCLUDE) & (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)).any())
