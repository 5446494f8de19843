"""Intents: what each message of the browser does to the document. One function a kind, and one table.

Each takes the document, a function that asks the network, and the checked fields of the message. Where it raises, the
document is as it was: the network is asked first, and the document changed after.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from samwidget.core import INCLUDE, Masks, Prompt, SegmentedObject
from samwidget.document import Document
from samwidget.errors import PromptError

Ask = Callable[[Prompt], Masks]
Intent = Callable[..., Any]


def prompt_with_point(document: Document, x: float, y: float, label: int) -> Prompt:
    """What a click would ask: the active object's prompt with the point, or a new one."""
    active = document.state.active_object
    return (Prompt() if active is None else _said(active)).with_point(x, y, label)


def add_point(document: Document, ask: Ask, *, x: float, y: float, label: int) -> None:
    """Refines the active object, or begins one."""
    _answer(document, ask(prompt_with_point(document, x, y, label)))


def move_point(document: Document, ask: Ask, *, index: int, x: float, y: float) -> None:
    """Moves a point of the active object."""
    _answer(document, ask(_said(document.active_object()).with_point_moved(index, x, y)))


def remove_point(document: Document, ask: Ask, *, index: int) -> None:
    """Removes a point of the active object."""
    _reduce(document, ask, _said(document.active_object()).without_point(index))


def add_box(document: Document, ask: Ask, *, box: list[float]) -> None:
    """Gives the active object the box where they belong together, and begins an object otherwise."""
    active = document.state.active_object
    if active is not None and active.prompt.box_xyxy is None and _has_include_inside(active.prompt, box):
        document.refine(active.id, ask(_said(active).with_box(box)))
    else:
        document.add(ask(Prompt().with_box(box)))


def move_box(document: Document, ask: Ask, *, box: list[float]) -> None:
    """Replaces the active object's box."""
    _answer(document, ask(_prompt_with_a_box(document).with_box(box)))


def remove_box(document: Document, ask: Ask) -> None:
    """Removes the active object's box."""
    _reduce(document, ask, _prompt_with_a_box(document).with_box(None))


def choose(document: Document, ask: Ask, *, level: int) -> None:
    """Shows another candidate of the active object."""
    document.choose(level)


def accept(document: Document, ask: Ask) -> None:
    """Lets the next prompt begin an object."""
    document.select(None)


def select(document: Document, ask: Ask, *, object: int | None) -> None:  # noqa: A002 the protocol's own word
    """Lets the next prompt refine this object."""
    document.select(object)


def rename(document: Document, ask: Ask, *, object: int, name: str) -> None:  # noqa: A002
    """Names an object."""
    document.rename(object, name.strip())


def set_visible(document: Document, ask: Ask, *, object: int, visible: bool) -> None:  # noqa: A002
    """Shows or hides an object."""
    document.set_visible(object, visible)


def delete(document: Document, ask: Ask, *, object: int) -> None:  # noqa: A002
    """Removes an object."""
    document.delete(object)


def clear(document: Document, ask: Ask) -> None:
    """Removes every object."""
    document.clear()


def undo(document: Document, ask: Ask) -> None:
    """Goes one step back, where there is one."""
    document.undo()


def redo(document: Document, ask: Ask) -> None:
    """Takes one undo back, where there is one."""
    document.redo()


INTENTS: dict[str, Intent] = {
    intent.__name__: intent
    for intent in (
        add_point, move_point, remove_point, add_box, move_box, remove_box, choose, accept, select, rename,
        set_visible, delete, clear, undo, redo,
    )
}  # fmt: skip
"""Message kind to what it does."""


def _said(active: SegmentedObject) -> Prompt:
    """What the user has said about the object, and which candidate of the last answer is refined now."""
    return replace(active.prompt, level=active.level)


def _answer(document: Document, answer: Masks) -> None:
    active = document.state.active_object
    if active is None:
        document.add(answer)
    else:
        document.refine(active.id, answer)


def _reduce(document: Document, ask: Ask, prompt: Prompt) -> None:
    """Gives the active object a prompt that says less than before; the object goes with its last prompt."""
    active = document.active_object()
    if prompt.is_empty:
        document.delete(active.id)
    elif len(prompt.points_xy) == 0 and prompt.box_xyxy is None:
        document.restore_mask(active.id, prompt)
    else:
        document.refine(active.id, ask(prompt))


def _prompt_with_a_box(document: Document) -> Prompt:
    active = document.active_object()
    if active.prompt.box_xyxy is None:
        raise PromptError(f"{active.name} has no box", hint="draw one first")
    return _said(active)


def _has_include_inside(prompt: Prompt, box: list[float]) -> bool:
    x0, y0, x1, y1 = box
    x, y = prompt.points_xy[:, 0], prompt.points_xy[:, 1]
    return bool(((prompt.labels == INCLUDE) & (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)).any())
