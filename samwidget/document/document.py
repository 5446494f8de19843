"""Document: the objects that the user has made, and all changes to them.

Owns ids, names, colours, the active object and the history. It never calls a network: the caller passes the candidates
of a changed prompt. Not thread-safe: the widget changes it on one thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import numpy as np
import numpy.typing as npt

from samwidget.core import NO_COLOUR, Frame, Masks, Palette, Prompt, RunLengths, SegmentedObject
from samwidget.document import classes
from samwidget.document.history import History, Steps
from samwidget.document.state import FoundObjects, State, check_unlocked
from samwidget.errors import PromptError


class Document:
    """The objects and their history.

    Changes of prompts, masks, levels, names, classes, locks and visibility, ``delete`` and ``clear`` are steps of the
    history. ``select`` and ``activate_class`` only say what the next prompt does: they are no steps, but undo restores
    the active object and class of each step. A locked object refuses changes of mask, name and class, and deletion.
    What a search of everything has found becomes a step once the user keeps it, discards it or undoes something.

    Args:
        palette: chooses the colours of the objects.
        class_names: the classes that it begins with, in the order of the list.
        history_bytes_max: of arrays and masks in the history; beyond it the oldest steps are dropped.
    """

    def __init__(
        self,
        palette: Palette | None = None,
        *,
        class_names: Sequence[str] = (),
        history_bytes_max: int = 256 * 2**20,
    ) -> None:
        self._palette = Palette() if palette is None else palette
        self._history = History(reduce(classes.add_class, class_names, State()), bytes_max=history_bytes_max)
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

    @property
    def steps(self) -> Steps:
        """What a session file keeps: the whole history. It costs a list of references, and never changes."""
        return self._history.steps(self._next_id)

    def restore(self, steps: Steps) -> None:
        """Goes on with the history of a session file, in the place of the own one; classes that it lacks stay."""
        names = [item.name for item in self.state.classes]
        self._history.restore(steps)
        if missing := [name for name in names if all(item.name != name for item in self.state.classes)]:
            self._history.amend(reduce(classes.add_class, missing, self.state))
        self._next_id = steps.next_id
        self._revision += 1

    def in_colour(
        self, drafts: Sequence[SegmentedObject], others: Sequence[SegmentedObject] = ()
    ) -> list[SegmentedObject]:
        """Returns new objects in colours that differ from their neighbours'; a colour that does so already stays.

        Args:
            drafts: in drawing order; they are drawn over all others.
            others: what is drawn over the objects of the document, in drawing order.
        """
        taken = {item.colour for item in self.state.classes}
        colours = self._palette.choose(drafts, (*self.state.objects, *others), taken)
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

    def add(
        self, candidates: Masks, *, name: str | None = None, class_name: str | None = None, activate: bool = True
    ) -> SegmentedObject:
        """Adds the object of a first prompt; it shows the best candidate.

        Args:
            candidates: of the prompt.
            name: "object N" where it is None.
            class_name: a class that is not there yet is added; None takes the active class.
            activate: whether the next prompt refines the object; otherwise the active object stays the same.
        """
        best = candidates.best
        score = float(candidates.scores[best])
        item = self._new_object(candidates.logits[best], score, candidates.frame, candidates.prompt, name)
        return self._append(item, candidates, class_name, activate)

    def add_mask(
        self,
        run_lengths: RunLengths,
        prompt: Prompt,
        frame: Frame,
        *,
        name: str | None = None,
        class_name: str | None = None,
        activate: bool = False,
    ) -> SegmentedObject:
        """Adds an object that shows exactly this mask until a prompt refines it.

        Args:
            run_lengths: the mask at the image's size.
            prompt: its mask is the same as low-res logits, from which later prompts start.
            frame: ties these logits to image pixels.
            name: "object N" where it is None.
            class_name: a class that is not there yet is added; None takes the active class.
            activate: as for ``add``.
        """
        assert prompt.mask is not None
        item = replace(self._new_object(prompt.mask, 1.0, frame, prompt, name), run_lengths=run_lengths)
        return self._append(item, None, class_name, activate)

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
        state = self.state
        coloured = [classes.in_class(state, draft, state.active_class) for draft in self.in_colour(drafts)]
        added = tuple(replace(draft, id=n, name=f"object {n}") for n, draft in enumerate(coloured, start=first))
        candidates = (*state.candidates, *[None] * len(added))
        self._push(replace(state, objects=(*state.objects, *added), candidates=candidates, found_objects=None))
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
            PromptError: there is no object with this id, or it is locked.
        """
        index, before = self._unlocked(object_id)
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

    def correct(
        self, object_id: int, run_lengths: RunLengths, prompt: Prompt, frame: Frame, gone: Sequence[int] = ()
    ) -> None:
        """Shows exactly this mask in the place of the object's own, and removes other objects, in one step.

        Args:
            object_id: of the object; its points and box go.
            run_lengths: the mask at the image's size.
            prompt: its mask is the same as low-res logits, from which later prompts start.
            frame: ties these logits to image pixels.
            gone: ids of the objects that go.

        Raises:
            PromptError: there is no object with one of the ids, or one of them is locked.
        """
        index, before = self._unlocked(object_id)
        after = _with_exact_mask(before, run_lengths, prompt, frame)
        self._push(self._without(self._replaced(index, after, None), gone))

    def split(
        self, object_id: int, pieces: Sequence[tuple[RunLengths, Prompt]], frame: Frame
    ) -> tuple[SegmentedObject, ...]:
        """Makes an object of each piece of an object, in one step; returns them.

        Args:
            object_id: of the object, which becomes the first piece.
            pieces: exact mask and prompt of each, as for ``correct``. The others come right above the object.
            frame: as for ``correct``.

        Raises:
            PromptError: there is no object with this id, or it is locked.
        """
        index, before = self._unlocked(object_id)
        first, *others = (_with_exact_mask(before, run_lengths, prompt, frame) for run_lengths, prompt in pieces)
        drafts = []
        for draft in others:
            number, self._next_id = self._next_id, self._next_id + 1
            drafts.append(replace(draft, id=number, name=f"object {number}"))
        state = self._replaced(index, first, None)
        if before.class_name is None:
            drafts = self._recoloured(drafts, state.objects)
        self._push(
            replace(
                state,
                objects=(*state.objects[: index + 1], *drafts, *state.objects[index + 1 :]),
                candidates=(*state.candidates[: index + 1], *[None] * len(drafts), *state.candidates[index + 1 :]),
            )
        )
        return (first, *drafts)

    def restore_mask(self, object_id: int, prompt: Prompt) -> None:
        """Shows the mask that the user passed in again, after its last point or box was removed.

        Args:
            object_id: of the object.
            prompt: the mask as low-res logits, without points and box.

        Raises:
            PromptError: there is no object with this id, or it is locked.
        """
        assert prompt.mask is not None
        index, before = self._unlocked(object_id)
        self._replace(index, replace(before, logits=prompt.mask, score=1.0, prompt=prompt, level=None), None)

    def choose(self, level: int) -> None:
        """Shows another candidate of the active object. Later prompts show the candidate of the same level.

        Raises:
            PromptError: no object is active, it is locked, or it has no candidate of this level.
        """
        index, item = self._unlocked(self.active_object().id)
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
            PromptError: there is no object with this id, or it is locked.
        """
        index, before = self._unlocked(object_id)
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

    def set_locked(self, object_ids: Sequence[int], locked: bool) -> None:
        """Locks objects against change, or unlocks them, in one step; what is so already is no step.

        Raises:
            PromptError: there is no object with one of the ids.
        """
        indices = set(self.state.indices(object_ids))
        objects = tuple(
            replace(item, locked=locked) if index in indices and item.locked != locked else item
            for index, item in enumerate(self.state.objects)
        )
        if objects != self.state.objects:
            self._push(replace(self.state, objects=objects))

    def delete(self, *object_ids: int) -> None:
        """Removes objects in one step. When the active one was among them, no object is active.

        Raises:
            PromptError: there is no object with one of the ids, or one of them is locked.
        """
        if object_ids:
            self._push(self._without(self.state, object_ids))

    def clear(self) -> None:
        """Removes all objects in one step; the classes stay.

        Raises:
            PromptError: an object is locked.
        """
        self.delete(*[item.id for item in self.state.objects])

    def add_class(self, name: str) -> None:
        """Adds a class behind the others; one that is there already is no step."""
        self._change(classes.add_class(self.state, name))

    def rename_class(self, name: str, new_name: str) -> None:
        """Gives a class another name; the same name again is no step.

        Raises:
            PromptError: there is no class ``name``, or another one has the new name.
        """
        self._change(classes.rename_class(self.state, name, new_name))

    def delete_class(self, name: str) -> None:
        """Removes a class; its objects have none then.

        Raises:
            PromptError: there is no such class, or one of its objects is locked.
        """
        self._change(classes.delete_class(self.state, name))

    def activate_class(self, name: str | None) -> None:
        """Gives new objects this class; None gives them none. It is no step.

        Raises:
            PromptError: there is no such class.
        """
        state = classes.activate_class(self.state, name)
        if state is not self.state:
            self._history.amend(state)
            self._revision += 1

    def set_class(self, object_ids: Sequence[int], name: str | None) -> None:
        """Gives objects a class in one step, which is added where it is not there yet; None takes theirs away.

        Raises:
            PromptError: there is no object with one of the ids, or one of them is locked.
        """
        self._change(classes.set_class(self.state, object_ids, name, self._recoloured))

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

    def _append(
        self, item: SegmentedObject, candidates: Masks | None, class_name: str | None, activate: bool
    ) -> SegmentedObject:
        state = self.state if class_name is None else classes.add_class(self.state, class_name)
        item = classes.in_class(state, item, state.active_class if class_name is None else class_name)
        active = item.id if activate else state.active
        self._push(
            replace(state, objects=(*state.objects, item), active=active, candidates=(*state.candidates, candidates))
        )
        return item

    def _replace(self, index: int, item: SegmentedObject, candidates: Masks | None) -> None:
        self._push(self._replaced(index, item, candidates))

    def _replaced(self, index: int, item: SegmentedObject, candidates: Masks | None) -> State:
        state = self.state
        return replace(
            state,
            objects=(*state.objects[:index], item, *state.objects[index + 1 :]),
            candidates=(*state.candidates[:index], candidates, *state.candidates[index + 1 :]),
        )

    def _without(self, state: State, object_ids: Sequence[int]) -> State:
        gone = {self._unlocked(object_id)[0] for object_id in object_ids}
        left = [index for index in range(len(state.objects)) if index not in gone]
        objects = tuple(state.objects[index] for index in left)
        active = state.active if any(item.id == state.active for item in objects) else None
        return replace(
            state, objects=objects, active=active, candidates=tuple(state.candidates[index] for index in left)
        )

    def _unlocked(self, object_id: int) -> tuple[int, SegmentedObject]:
        index = self.state.index(object_id)
        check_unlocked(self.state.objects[index])
        return index, self.state.objects[index]

    def _recoloured(self, items: Sequence[SegmentedObject], others: Sequence[SegmentedObject]) -> list[SegmentedObject]:
        drafts = [replace(item, colour=NO_COLOUR) for item in items]
        colours = self._palette.choose(drafts, others, {item.colour for item in self.state.classes})
        return [replace(item, colour=colour) for item, colour in zip(items, colours, strict=True)]

    def _change(self, state: State) -> None:
        """Makes a step of the history of another state."""
        if state is not self.state:
            self._push(state)

    def _push(self, state: State) -> None:
        self._history.push(state)
        self._revision += 1

    def _counted(self, has_moved: bool) -> bool:
        self._revision += int(has_moved)
        return has_moved


def _with_exact_mask(item: SegmentedObject, run_lengths: RunLengths, prompt: Prompt, frame: Frame) -> SegmentedObject:
    assert prompt.mask is not None
    return replace(item, logits=prompt.mask, score=1.0, frame=frame, prompt=prompt, level=None, run_lengths=run_lengths)
