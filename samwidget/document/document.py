"""Document: the objects that the user has made, and all changes to them.

Owns ids, names, colours, the active object and the history. It never calls a network: the caller passes the candidates
of a changed prompt. Not thread-safe: the widget changes it on one thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from samwidget.core import NO_COLOUR, Frame, Masks, Palette, Prompt, SegmentedObject
from samwidget.document.history import History
from samwidget.document.state import FoundObjects, State
from samwidget.errors import PromptError


class Document:
    """The objects and their history.

    Changes of prompts, levels, names and visibility, ``delete`` and ``clear`` are steps of the history. ``select``
    only says which object the next prompt refines: it is no step, but undo restores the active object of each step.
    What a search of everything has found becomes a step once the user keeps it, discards it or undoes something.

    Args:
        palette: chooses the colours of the objects.
        history_bytes_max: of arrays and masks in the history; beyond it the oldest steps are dropped.
    """

    def __init__(self, palette: Palette | None = None, *, history_bytes_max: int = 256 * 2**20) -> None:
        self._palette = Palette() if palette is None else palette
        self._history = History(State(), bytes_max=history_bytes_max)
        self._next_id = 1
        self._revision = 0

    @property
    def state(self) -> State:
        """The present snapshot."""
        return self._history.present

    @property
    def revision(self) -> int:
        """Number of changes so far, undo and redo included. It only grows."""
        return self._revision

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return self._history.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether there is an undone step."""
        return self._history.can_redo

    def in_colour(
        self, drafts: Sequence[SegmentedObject], others: Sequence[SegmentedObject] = ()
    ) -> list[SegmentedObject]:
        """Returns new objects in colours that differ from their neighbours'; a colour that does so already stays.

        Args:
            drafts: in drawing order; they are drawn over all others.
            others: what is drawn over the objects of the document, in drawing order.
        """
        colours = self._palette.choose(drafts, (*self.state.objects, *others))
        return [replace(draft, colour=colour) for draft, colour in zip(drafts, colours, strict=True)]

    def active_object(self) -> SegmentedObject:
        """The active object.

        Raises:
            PromptError: no object is active.
        """
        item = self.state.active_object
        if item is None:
            raise PromptError("no object is active", hint="select one first")
        return item

    def add(self, candidates: Masks, *, name: str | None = None, activate: bool = True) -> SegmentedObject:
        """Adds the object of a first prompt; it shows the best candidate.

        Args:
            candidates: of the prompt.
            name: "object N" where it is None.
            activate: whether the next prompt refines the object; otherwise the active object stays the same.
        """
        best = candidates.best
        item = self._new_object(
            candidates.logits[best], float(candidates.scores[best]), candidates.frame, candidates.prompt, name
        )
        self._append(item, candidates, activate)
        return item

    def add_mask(
        self, pixels: npt.NDArray[np.bool_], prompt: Prompt, frame: Frame, *, name: str | None = None
    ) -> SegmentedObject:
        """Adds an object that shows exactly ``pixels`` until a prompt refines it; the active object stays the same.

        Args:
            pixels: (H, W) bool at the image's size.
            prompt: its mask is ``pixels`` as low-res logits, from which later prompts start.
            frame: ties these logits to image pixels.
            name: "object N" where it is None.
        """
        assert prompt.mask is not None
        item = replace(self._new_object(prompt.mask, 1.0, frame, prompt, name), pixels=pixels)
        self._append(item, None, activate=False)
        return item

    def add_many(self, drafts: Sequence[SegmentedObject]) -> tuple[SegmentedObject, ...]:
        """Adds found objects in one step, later ones on top; the active object stays, and what else was found goes.

        Args:
            drafts: complete objects but for id and name, which they get here. The colour of one changes where a
                neighbour has it. They have no candidates to choose from; the level of a draft stays, also when a
                prompt refines the object.
        """
        if not drafts:
            return ()
        first = self._next_id
        self._next_id += len(drafts)
        coloured = self.in_colour(drafts)
        added = tuple(replace(draft, id=n, name=f"object {n}") for n, draft in enumerate(coloured, start=first))
        state = self.state
        self._push(State((*state.objects, *added), state.active, (*state.candidates, *[None] * len(added))))
        return added

    def hold_found(self, found_objects: FoundObjects) -> None:
        """Makes what a search has found a step of the history; what is held already is no step."""
        if found_objects is not self.state.found_objects:
            self._push(replace(self.state, found_objects=found_objects))

    def discard_found(self) -> None:
        """Forgets what a search has found, in one step; where nothing is held, that is no step."""
        if self.state.found_objects is not None:
            self._push(replace(self.state, found_objects=None))

    def refine(self, object_id: int, candidates: Masks) -> None:
        """Shows the candidates of the object's changed prompt; a level that the user chose stays.

        Args:
            object_id: of the object.
            candidates: of the changed prompt.

        Raises:
            PromptError: there is no object with this id.
        """
        index = self.state.index(object_id)
        before = self.state.objects[index]
        level = before.level if before.level is not None and before.level < len(candidates) else None
        shown_level = candidates.best if level is None else level
        after = replace(
            before,
            logits=candidates.logits[shown_level],
            score=float(candidates.scores[shown_level]),
            frame=candidates.frame,
            prompt=candidates.prompt,
            level=level,
        )
        self._replace(index, after, candidates)

    def restore_mask(self, object_id: int, prompt: Prompt) -> None:
        """Shows the mask that the user passed in again, after its last point or box was removed.

        Args:
            object_id: of the object.
            prompt: the mask as low-res logits, without points and box.

        Raises:
            PromptError: there is no object with this id.
        """
        assert prompt.mask is not None
        index = self.state.index(object_id)
        before = self.state.objects[index]
        self._replace(index, replace(before, logits=prompt.mask, score=1.0, prompt=prompt, level=None), None)

    def choose(self, level: int) -> None:
        """Shows another candidate of the active object. Later prompts show the candidate of the same level.

        Raises:
            PromptError: no object is active, or it has no candidate of this level.
        """
        item = self.active_object()
        index = self.state.index(item.id)
        candidates = self.state.candidates[index]
        count = 0 if candidates is None else len(candidates)
        if candidates is None or not 0 <= level < count:
            raise PromptError(f"{item.name} has no candidate {level}", hint=f"it has {count} candidates, from 0")
        after = replace(item, logits=candidates.logits[level], score=float(candidates.scores[level]), level=level)
        self._replace(index, after, candidates)

    def select(self, object_id: int | None) -> None:
        """Makes an object active, so that prompts refine it; with None the next prompt adds an object.

        Raises:
            PromptError: there is no object with this id.
        """
        if object_id is not None:
            # The object's own id: the one that was given may be numpy's, which messages cannot hold.
            object_id = self.state.objects[self.state.index(object_id)].id
        if object_id != self.state.active:
            self._history.amend(replace(self.state, active=object_id))
            self._revision += 1

    def rename(self, object_id: int, name: str) -> None:
        """Names an object; the same name again is no step.

        Raises:
            PromptError: there is no object with this id.
        """
        index = self.state.index(object_id)
        before = self.state.objects[index]
        if name != before.name:
            self._replace(index, replace(before, name=name), self.state.candidates[index])

    def set_visible(self, object_id: int, visible: bool) -> None:
        """Shows or hides an object; the same value again is no step.

        Raises:
            PromptError: there is no object with this id.
        """
        index = self.state.index(object_id)
        before = self.state.objects[index]
        if visible != before.visible:
            self._replace(index, replace(before, visible=visible), self.state.candidates[index])

    def delete(self, object_id: int) -> None:
        """Removes an object. When it was active, no object is active.

        Raises:
            PromptError: there is no object with this id.
        """
        index, state = self.state.index(object_id), self.state
        self._push(
            replace(
                state,
                objects=state.objects[:index] + state.objects[index + 1 :],
                active=None if state.active == object_id else state.active,
                candidates=state.candidates[:index] + state.candidates[index + 1 :],
            )
        )

    def clear(self) -> None:
        """Removes all objects in one step."""
        if self.state.objects:
            self._push(State(found_objects=self.state.found_objects))

    def undo(self) -> bool:
        """Goes one step back; returns False where there is none."""
        return self._counted(self._history.undo())

    def redo(self) -> bool:
        """Goes forward to the step that was undone last; returns False where there is none."""
        return self._counted(self._history.redo())

    def _new_object(
        self, logits: npt.NDArray[np.float32], score: float, frame: Frame, prompt: Prompt, name: str | None
    ) -> SegmentedObject:
        number, self._next_id = self._next_id, self._next_id + 1
        draft = SegmentedObject(
            id=number,
            name=f"object {number}" if name is None else name,
            colour=NO_COLOUR,
            logits=logits,
            score=score,
            frame=frame,
            prompt=prompt,
            level=None,
        )
        return self.in_colour([draft])[0]

    def _append(self, item: SegmentedObject, candidates: Masks | None, activate: bool) -> None:
        state = self.state
        active = item.id if activate else state.active
        self._push(
            replace(state, objects=(*state.objects, item), active=active, candidates=(*state.candidates, candidates))
        )

    def _replace(self, index: int, item: SegmentedObject, candidates: Masks | None) -> None:
        state = self.state
        self._push(
            replace(
                state,
                objects=(*state.objects[:index], item, *state.objects[index + 1 :]),
                candidates=(*state.candidates[:index], candidates, *state.candidates[index + 1 :]),
            )
        )

    def _push(self, state: State) -> None:
        self._history.push(state)
        self._revision += 1

    def _counted(self, has_moved: bool) -> bool:
        self._revision += int(has_moved)
        return has_moved
