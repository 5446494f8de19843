"""Classes: how the list of classes and the classes of objects change. Pure functions of ``State``.

``document`` makes a step of the history of what they return. The same state comes back where nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from samwidget.core import ObjectClass, SegmentedObject, least_used_colour
from samwidget.document.state import State, check_unlocked
from samwidget.errors import PromptError


def add_class(state: State, name: str) -> State:
    """Returns the state with a class behind the others; one that is there already stays as it is."""
    if any(item.name == name for item in state.classes):
        return state
    colour = least_used_colour(item.colour for item in state.classes)
    return replace(state, classes=(*state.classes, ObjectClass(name, colour)))


def rename_class(state: State, name: str, new_name: str) -> State:
    """Returns the state in which the class and its objects have the new name, locked objects too.

    Raises:
        PromptError: there is no class ``name``, or another one has the new name.
    """
    index = state.class_index(name)
    if new_name == name:
        return state
    if any(item.name == new_name for item in state.classes):
        raise PromptError(f"there is a class {new_name} already", hint="give the objects that class instead")
    renamed = replace(state.classes[index], name=new_name)
    return replace(
        state,
        classes=(*state.classes[:index], renamed, *state.classes[index + 1 :]),
        active_class=new_name if state.active_class == name else state.active_class,
        objects=tuple(
            replace(item, class_name=new_name) if item.class_name == name else item for item in state.objects
        ),
    )


def delete_class(state: State, name: str) -> State:
    """Returns the state without the class; its objects keep their colour and have no class.

    Raises:
        PromptError: there is no such class, or one of its objects is locked.
    """
    index = state.class_index(name)
    for item in state.objects:
        if item.class_name == name:
            check_unlocked(item)
    return replace(
        state,
        classes=state.classes[:index] + state.classes[index + 1 :],
        active_class=None if state.active_class == name else state.active_class,
        objects=tuple(replace(item, class_name=None) if item.class_name == name else item for item in state.objects),
    )


def activate_class(state: State, name: str | None) -> State:
    """Returns the state in which new objects get the class; None gives them none.

    Raises:
        PromptError: there is no such class.
    """
    if name is not None:
        state.class_index(name)
    return state if name == state.active_class else replace(state, active_class=name)


def set_class(
    state: State,
    object_ids: Sequence[int],
    name: str | None,
    recolour: Callable[[Sequence[SegmentedObject], Sequence[SegmentedObject]], Sequence[SegmentedObject]],
) -> State:
    """Returns the state in which the objects have the class and its colour. A class that is not there yet is added.

    Args:
        state: before.
        object_ids: of the objects.
        name: of the class; None takes theirs away.
        recolour: gives the objects that lose their class colours of their own, beside the others.

    Raises:
        PromptError: there is no object with one of the ids, or one of the objects is locked.
    """
    changed = {
        state.objects[index].id: state.objects[index]
        for index in state.indices(object_ids)
        if state.objects[index].class_name != name
    }
    for item in changed.values():
        check_unlocked(item)
    if not changed:
        return state
    classless = [replace(item, class_name=None) for item in changed.values()]
    if name is None:
        others = [item for item in state.objects if item.id not in changed]
        after = recolour(classless, others)
    else:
        state = add_class(state, name)
        after = [in_class(state, item, name) for item in classless]
    by_id = {item.id: item for item in after}
    return replace(state, objects=tuple(by_id.get(item.id, item) for item in state.objects))


def in_class(state: State, item: SegmentedObject, name: str | None) -> SegmentedObject:
    """Returns the object with a class of the state and its colour; with None the object as it is."""
    if name is None:
        return item
    return replace(item, class_name=name, colour=state.classes[state.class_index(name)].colour)
