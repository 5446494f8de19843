"""Changes of the objects of a state. Pure functions: ``document`` makes a step of the history of what they return."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from samwidget.core import NO_COLOUR, Frame, Masks, Prompt, RunLengths, SegmentedObject
from samwidget.document.state import State, check_unlocked


def draft_of_candidates(candidates: Masks, name: str | None = None, class_name: str | None = None) -> SegmentedObject:
    """Returns an object of the best candidate, without id and colour; it is "object N" where the name is None."""
    best = candidates.best
    return SegmentedObject(
        id=0,
        name=name or "",
        colour=NO_COLOUR,
        logits=candidates.logits[best],
        score=float(candidates.scores[best]),
        frame=candidates.frame,
        prompt=candidates.prompt,
        level=None,
        class_name=class_name,
        model=candidates.model,
    )


def draft_of_mask(
    run_lengths: RunLengths, prompt: Prompt, frame: Frame, name: str | None = None, class_name: str | None = None
) -> SegmentedObject:
    """Returns an object that shows exactly this mask, without id and colour.

    Args:
        run_lengths: the mask at the image's size.
        prompt: its mask is the same as low-res logits, from which later prompts start; it has no points and no box.
        frame: ties these logits to image pixels.
        name: "object N" where it is None.
        class_name: None takes the active class.
    """
    assert prompt.mask is not None
    return SegmentedObject(
        id=0,
        name=name or "",
        colour=NO_COLOUR,
        logits=prompt.mask,
        score=1.0,
        frame=frame,
        prompt=prompt,
        level=None,
        run_lengths=run_lengths,
        class_name=class_name,
    )


def with_mask(item: SegmentedObject, draft: SegmentedObject) -> SegmentedObject:
    """Returns the object with the exact mask of a draft; its points and box go."""
    return replace(
        item,
        logits=draft.logits,
        score=draft.score,
        frame=draft.frame,
        prompt=draft.prompt,
        level=None,
        run_lengths=draft.run_lengths,
        model=draft.model,
    )


def with_candidates(item: SegmentedObject, candidates: Masks) -> SegmentedObject:
    """Returns the object of a changed prompt, which shows the level that the user chose, or else the best one."""
    level = item.level if item.level is not None and item.level < len(candidates) else None
    shown_level = candidates.best if level is None else level
    return replace(
        item,
        logits=candidates.logits[shown_level],
        score=float(candidates.scores[shown_level]),
        frame=candidates.frame,
        prompt=candidates.prompt,
        level=level,
        model=candidates.model,
    )


def replaced(state: State, index: int, item: SegmentedObject, candidates: Masks | None) -> State:
    """Returns the state with another object and candidates in the place of one."""
    return replace(
        state,
        objects=(*state.objects[:index], item, *state.objects[index + 1 :]),
        candidates=(*state.candidates[:index], candidates, *state.candidates[index + 1 :]),
    )


def inserted(
    state: State, index: int, items: Sequence[SegmentedObject], candidates: Sequence[Masks | None] | None = None
) -> State:
    """Returns the state with objects before the one at ``index``; None stands for no candidates at all."""
    return replace(
        state,
        objects=(*state.objects[:index], *items, *state.objects[index:]),
        candidates=(*state.candidates[:index], *(candidates or [None] * len(items)), *state.candidates[index:]),
    )


def without(state: State, object_ids: Sequence[int]) -> State:
    """Returns the state without objects; where the active one is among them, none is active.

    Raises:
        PromptError: there is no object with one of the ids, or one of them is locked.
    """
    gone = set(state.indices(object_ids))
    for index in gone:
        check_unlocked(state.objects[index])
    left = [index for index in range(len(state.objects)) if index not in gone]
    objects = tuple(state.objects[index] for index in left)
    active = state.active if any(item.id == state.active for item in objects) else None
    return replace(state, objects=objects, active=active, candidates=tuple(state.candidates[index] for index in left))


def set_locked(state: State, object_ids: Sequence[int], locked: bool) -> State:
    """Returns the state in which the objects are locked, or not; the same state where they are so already.

    Raises:
        PromptError: there is no object with one of the ids.
    """
    changed = {index for index in state.indices(object_ids) if state.objects[index].locked != locked}
    if not changed:
        return state
    objects = (replace(item, locked=locked) if index in changed else item for index, item in enumerate(state.objects))
    return replace(state, objects=tuple(objects))


def reordered(state: State, object_ids: Sequence[int], to: Literal["front", "back"]) -> State:
    """Returns the state in which the objects are drawn over all others, or below them; the same where they are so.

    Among themselves they stay in the order in which they were drawn, and so do the others.

    Raises:
        PromptError: there is no object with one of the ids.
    """
    moved = set(state.indices(object_ids))
    # Sorting keeps the order of equal ones.
    order = sorted(range(len(state.objects)), key=lambda index: (index in moved) == (to == "front"))
    if order == list(range(len(order))):
        return state
    return replace(
        state,
        objects=tuple(state.objects[index] for index in order),
        candidates=tuple(state.candidates[index] for index in order),
    )
