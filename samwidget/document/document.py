"""Document: the objects that the user has made, and every way in which they change.

Owns ids, names, colours, which object is active, and the history. It never asks a network: whoever changes a prompt
brings the answer along. Not thread-safe; the widget changes it on one thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from samwidget.core import Frame, Masks, Prompt, SegmentedObject, colour_of
from samwidget.document.history import History
from samwidget.document.state import State
from samwidget.errors import PromptError


class Document:
    """Objects with their history.

    Prompts, candidates, names, visibility, deletes and ``clear`` are steps of the history. ``select`` and ``accept``
    only say where the next prompt goes: they are no steps, but undo brings the active object of each step back.

    Args:
        history_bytes_max: of arrays and masks in the history; the oldest steps are forgotten beyond it.
    """

    def __init__(self, *, history_bytes_max: int = 256 * 2**20) -> None:
        self._history = History(State(), bytes_max=history_bytes_max)
        self._next_id = 1
        self._revision = 0

    @property
    def state(self) -> State:
        """The present snapshot."""
        return self._history.present

    @property
    def revision(self) -> int:
        """Counts the changes, undo and redo among them; never goes back."""
        return self._revision

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return self._history.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to redo."""
        return self._history.can_redo

    def begin(self, answer: Masks, *, name: str | None = None, activate: bool = True) -> SegmentedObject:
        """Adds the object of a first prompt, shown as the answer's best mask.

        Args:
            answer: what the network said to the prompt.
            name: "object N" where left out.
            activate: whether the next prompt refines it; otherwise the active object stays as it is.
        """
        found = self._new(
            answer.logits[answer.best], float(answer.scores[answer.best]), answer.frame, answer.prompt, name
        )
        self._append(found, answer, activate)
        return found

    def begin_with_mask(
        self, pixels: npt.NDArray[np.bool_], prompt: Prompt, frame: Frame, *, name: str | None = None
    ) -> SegmentedObject:
        """Adds an object that shows exactly ``pixels`` until a prompt refines it; the active object stays as it is.

        Args:
            pixels: (H, W) bool at the image's size.
            prompt: holds the same mask as low-res logits, which later prompts start from.
            frame: ties those logits to image pixels.
            name: "object N" where left out.
        """
        assert prompt.mask is not None
        found = replace(self._new(prompt.mask, 1.0, frame, prompt, name), pixels=pixels)
        self._append(found, None, activate=False)
        return found

    def begin_many(self, drafts: Sequence[SegmentedObject]) -> tuple[SegmentedObject, ...]:
        """Adds objects in one step, later ones on top; the active object stays as it is.

        Args:
            drafts: complete but for id and name, which are given here. Their answers are not known: a candidate that
                was chosen among three is kept by its level.
        """
        if not drafts:
            return ()
        first = self._next_id
        self._next_id += len(drafts)
        added = tuple(replace(draft, id=n, name=f"object {n}") for n, draft in enumerate(drafts, start=first))
        state = self.state
        self._push(State((*state.objects, *added), state.active, (*state.answers, *[None] * len(added))))
        return added

    def refine(self, object_id: int, answer: Masks) -> None:
        """Gives the object the answer to its changed prompt; a level that the user chose is kept."""
        index = self.state.index(object_id)
        before = self.state.objects[index]
        level = before.level if before.level is not None and before.level < len(answer) else None
        shown = answer.best if level is None else level
        after = replace(
            before,
            logits=answer.logits[shown],
            score=float(answer.scores[shown]),
            frame=answer.frame,
            prompt=answer.prompt,
            level=level,
        )
        self._replace(index, after, answer)

    def restore_mask(self, object_id: int, prompt: Prompt) -> None:
        """Shows again the mask that the user gave, now that no point and no box are left beside it."""
        assert prompt.mask is not None
        index = self.state.index(object_id)
        before = self.state.objects[index]
        self._replace(index, replace(before, logits=prompt.mask, score=1.0, prompt=prompt, level=None), None)

    def choose(self, level: int) -> None:
        """Shows another candidate of the active object, also while it is refined later.

        Raises:
            PromptError: no object is active, or it has no such candidate.
        """
        found = self.active_object()
        index = self.state.index(found.id)
        answer = self.state.answers[index]
        count = 0 if answer is None else len(answer)
        if answer is None or not 0 <= level < count:
            raise PromptError(f"{found.name} has no candidate {level}", hint=f"it has {count} candidates, from 0")
        chosen = replace(found, logits=answer.logits[level], score=float(answer.scores[level]), level=level)
        self._replace(index, chosen, answer)

    def active_object(self) -> SegmentedObject:
        """The active object; raises PromptError where there is none."""
        found = self.state.active_object
        if found is None:
            raise PromptError("no object is active", hint="select one first")
        return found

    def select(self, object_id: int | None) -> None:
        """Makes an object the one that prompts refine; None makes the next prompt begin one.

        Raises:
            PromptError: there is no such object.
        """
        if object_id is not None:
            self.state.index(object_id)
        if object_id != self.state.active:
            self._history.amend(replace(self.state, active=object_id))
            self._revision += 1

    def rename(self, object_id: int, name: str) -> None:
        """Names an object; raises PromptError where there is none of that id."""
        self._change(object_id, name=name)

    def set_visible(self, object_id: int, visible: bool) -> None:
        """Shows or hides an object; raises PromptError where there is none of that id."""
        self._change(object_id, visible=visible)

    def delete(self, object_id: int) -> None:
        """Removes an object; raises PromptError where there is none of that id."""
        gone, state = self.state.index(object_id), self.state
        self._push(
            State(
                state.objects[:gone] + state.objects[gone + 1 :],
                None if state.active == object_id else state.active,
                state.answers[:gone] + state.answers[gone + 1 :],
            )
        )

    def clear(self) -> None:
        """Removes every object, in one step."""
        if self.state.objects:
            self._push(State())

    def undo(self) -> bool:
        """Goes one step back; False where there is none."""
        return self._moved(self._history.undo())

    def redo(self) -> bool:
        """Takes one undo back; False where there is none."""
        return self._moved(self._history.redo())

    def _new(
        self, logits: npt.NDArray[np.float32], score: float, frame: Frame, prompt: Prompt, name: str | None
    ) -> SegmentedObject:
        number, self._next_id = self._next_id, self._next_id + 1
        return SegmentedObject(
            id=number,
            name=f"object {number}" if name is None else name,
            colour=colour_of(number - 1),
            logits=logits,
            score=score,
            frame=frame,
            prompt=prompt,
            level=None,
        )

    def _append(self, found: SegmentedObject, answer: Masks | None, activate: bool) -> None:
        state = self.state
        active = found.id if activate else state.active
        self._push(State((*state.objects, found), active, (*state.answers, answer)))

    def _replace(self, index: int, found: SegmentedObject, answer: Masks | None) -> None:
        state = self.state
        self._push(
            State(
                (*state.objects[:index], found, *state.objects[index + 1 :]),
                state.active,
                (*state.answers[:index], answer, *state.answers[index + 1 :]),
            )
        )

    def _change(self, object_id: int, **changes: object) -> None:
        index = self.state.index(object_id)
        before = self.state.objects[index]
        if any(getattr(before, name) != value for name, value in changes.items()):
            self._replace(index, replace(before, **changes), self.state.answers[index])  # type: ignore[arg-type]

    def _push(self, state: State) -> None:
        self._history.push(state)
        self._revision += 1

    def _moved(self, moved: bool) -> bool:
        self._revision += int(moved)
        return moved
