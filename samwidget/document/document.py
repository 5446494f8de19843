"""Document: the objects that the user has made, and all changes to them.

Owns ids, names, colours, the active object and the history. It never calls a network: the caller passes the candidates
of a changed prompt. Not thread-safe: the widget changes it on one thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import Literal

from samwidget.core import NO_COLOUR, Frame, Masks, Palette, Prompt, RunLengths, SegmentedObject
from samwidget.document import changes, classes
from samwidget.document.history import History, Steps
from samwidget.document.state import FoundObjects, State, check_unlocked
from samwidget.errors import PromptError


class Document:
    """The objects and their history.

    Changes of prompts, masks, levels, names, classes, locks, visibility and order, ``delete`` and ``clear`` are steps
    of the history. ``select`` and ``activate_class`` only say what the next prompt does: they are no steps, but undo
    restores the active object and class of each step. A locked object refuses changes of mask, name and class, and
    deletion.
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
        """Goes on with the history of a session file, in the place of the own one; classes that it never had stay."""
        # One that was there and is not any more was renamed or deleted: it stays so when the cell runs again.
        past = {item.name for state in steps.states for item in state.classes}
        names = [item.name for item in self.state.classes if item.name not in past]
        self._history.restore(steps)
        self._history.amend(reduce(classes.add_class, names, self.state))
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
        return self._coloured(drafts, (*self.state.objects, *others))

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
        draft = changes.draft_of_candidates(candidates, name, class_name)
        return self.add_many([draft], [candidates], activate=activate)[0]

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
        draft = changes.draft_of_mask(run_lengths, prompt, frame, name, class_name)
        return self.add_many([draft], activate=activate)[0]

    def add_many(
        self,
        drafts: Sequence[SegmentedObject],
        candidates: Sequence[Masks | None] | None = None,
        *,
        activate: bool = False,
        class_names: Sequence[str] = (),
    ) -> tuple[SegmentedObject, ...]:
        """Adds objects in one step, later ones on top, and returns them.

        Args:
            drafts: complete objects but for the id, which they get here. One without a name is "object N"; one without
                a class gets the active class. A class that is not there yet is added. The colour of one changes where
                it has a class, or where a neighbour has the same.
            candidates: of each; None where they have none to choose from. The level of such a draft stays, also when a
                prompt refines the object.
            activate: whether the next prompt refines the last one; otherwise the active object stays the same.
            class_names: classes that are added before others, in this order.
        """
        if not drafts:
            return ()
        new = [*class_names, *(draft.class_name for draft in drafts if draft.class_name)]
        state = reduce(classes.add_class, new, self.state)
        names = [draft.class_name or state.active_class for draft in drafts]
        coloured = drafts if all(names) else self.in_colour(drafts)  # a class has a colour of its own
        items = self._numbered(
            [classes.in_class(state, draft, name) for draft, name in zip(coloured, names, strict=True)]
        )
        state = changes.inserted(state, len(state.objects), items, candidates)
        self._push(replace(state, active=items[-1].id) if activate else state)
        return items

    def keep_found(
        self, drafts: Sequence[SegmentedObject], class_names: Sequence[str] = ()
    ) -> tuple[SegmentedObject, ...]:
        """Adds found objects as ``add_many`` does, and forgets what else was found, all in one step; returns them."""
        if not drafts:
            return ()
        items = self.add_many(drafts, class_names=class_names)
        self._history.amend(replace(self.state, found_objects=None))
        return items

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
        self._push(changes.replaced(self.state, index, changes.with_candidates(before, candidates), candidates))

    def correct(self, object_id: int, draft: SegmentedObject, gone: Sequence[int] = ()) -> None:
        """Shows exactly the mask of a draft in the place of the object's own, and removes others, in one step.

        Args:
            object_id: of the object; its points and box go.
            draft: as ``changes.draft_of_mask`` makes it.
            gone: ids of the objects that go.

        Raises:
            PromptError: there is no object with one of the ids, or one of them is locked.
        """
        index, before = self._unlocked(object_id)
        state = changes.replaced(self.state, index, changes.with_mask(before, draft), None)
        self._push(changes.without(state, gone))

    def split(self, object_id: int, drafts: Sequence[SegmentedObject]) -> tuple[SegmentedObject, ...]:
        """Makes an object of each piece of an object, in one step; returns them.

        Args:
            object_id: of the object, which becomes the first piece.
            drafts: the pieces, as for ``correct``; the others come right above the object, and have its class.

        Raises:
            PromptError: there is no object with this id, or it is locked.
        """
        index, before = self._unlocked(object_id)
        first, *others = (changes.with_mask(before, draft) for draft in drafts)
        state = changes.replaced(self.state, index, first, None)
        if before.class_name is None:
            others = self._recoloured(others, state.objects)
        pieces = self._numbered([replace(piece, name="") for piece in others])
        self._push(changes.inserted(state, index + 1, pieces))
        return (first, *pieces)

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
        self._change(changes.set_locked(self.state, object_ids, locked))

    def reorder(self, object_ids: Sequence[int], to: Literal["front", "back"]) -> None:
        """Draws objects over all others, or below them, locked ones too; where they are so already is no step.

        Raises:
            PromptError: there is no object with one of the ids.
        """
        self._change(changes.reordered(self.state, object_ids, to))

    def delete(self, *object_ids: int) -> None:
        """Removes objects in one step. When the active one was among them, no object is active.

        Raises:
            PromptError: there is no object with one of the ids, or one of them is locked.
        """
        if object_ids:
            self._push(changes.without(self.state, object_ids))

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

    def _numbered(self, drafts: Sequence[SegmentedObject]) -> tuple[SegmentedObject, ...]:
        """Returns the drafts with ids that no object had before; one without a name gets "object N"."""
        first = self._next_id
        self._next_id += len(drafts)
        return tuple(
            replace(draft, id=number, name=draft.name or f"object {number}")
            for number, draft in enumerate(drafts, start=first)
        )

    def _replace(self, index: int, item: SegmentedObject, candidates: Masks | None) -> None:
        self._push(changes.replaced(self.state, index, item, candidates))

    def _unlocked(self, object_id: int) -> tuple[int, SegmentedObject]:
        index = self.state.index(object_id)
        check_unlocked(self.state.objects[index])
        return index, self.state.objects[index]

    def _recoloured(self, items: Sequence[SegmentedObject], others: Sequence[SegmentedObject]) -> list[SegmentedObject]:
        return self._coloured([replace(item, colour=NO_COLOUR) for item in items], others)

    def _coloured(self, drafts: Sequence[SegmentedObject], others: Sequence[SegmentedObject]) -> list[SegmentedObject]:
        colours = self._palette.choose(drafts, others, {item.colour for item in self.state.classes})
        return [replace(draft, colour=colour) for draft, colour in zip(drafts, colours, strict=True)]

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
