"""State: one snapshot of the objects. It never changes.

``document`` makes a new one for each change, and ``history`` stores them.
"""

from __future__ import annotations

import contextlib
import operator
import reprlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from samwidget.core import Masks, ObjectClass, SegmentedObject
from samwidget.errors import PromptError


class FoundObjects(Protocol):
    """What a search of everything has found, as a snapshot holds it."""

    def arrays(self) -> Iterator[npt.NDArray[Any]]:
        """Yields the arrays that it holds in memory, always the same ones."""


@dataclass(frozen=True, eq=False)
class State:
    """The objects at one moment. Snapshots share the arrays that did not change between them.

    Attributes:
        objects: in drawing order, later ones on top.
        active: id of the object that the next prompt refines; None where the next prompt adds an object.
        candidates: for each of ``objects`` the candidates of its prompt. None for a mask that the user passed in, and
            for an object that everything found.
        found_objects: what a search has found, while the user may keep or discard it; None where there is nothing.
        classes: what objects can be, in the order of the list; each name is there once.
        active_class: name of the class that new objects get; None where they get none.
    """

    objects: tuple[SegmentedObject, ...] = ()
    active: int | None = None
    candidates: tuple[Masks | None, ...] = ()
    found_objects: FoundObjects | None = None
    classes: tuple[ObjectClass, ...] = ()
    active_class: str | None = None

    def __post_init__(self) -> None:
        assert len(self.objects) == len(self.candidates)
        assert self.active is None or any(item.id == self.active for item in self.objects)
        class_names = {None, *(item.name for item in self.classes)}
        assert len(class_names) == len(self.classes) + 1
        assert {self.active_class, *(item.class_name for item in self.objects)} <= class_names

    @property
    def active_object(self) -> SegmentedObject | None:
        """The object that the next prompt refines; None where the next prompt adds an object."""
        return None if self.active is None else self.objects[self.index(self.active)]

    @property
    def active_candidates(self) -> Masks | None:
        """The candidates of the active object, in the network's own order; None where it has none."""
        return None if self.active is None else self.candidates[self.index(self.active)]

    def index(self, object_id: int) -> int:
        """Index of an object in ``objects``.

        Raises:
            PromptError: there is no object with this id.
        """
        with contextlib.suppress(TypeError):  # a user may give anything, such as a number of NumPy or torch
            number = operator.index(object_id)
            for index, item in enumerate(self.objects):
                if item.id == number:
                    return index
        ids = [item.id for item in self.objects]
        hint = f"the ids are {reprlib.repr(ids)}" if ids else "there are no objects"
        raise PromptError(f"there is no object {reprlib.repr(object_id)}", hint=hint)

    def indices(self, object_ids: Sequence[int]) -> tuple[int, ...]:
        """Indices of objects in ``objects``, in the order of the ids, each once.

        Raises:
            PromptError: there is no object with one of the ids.
        """
        return tuple(dict.fromkeys(self.index(object_id) for object_id in object_ids))

    def class_index(self, name: str) -> int:
        """Index of a class in ``classes``.

        Raises:
            PromptError: there is no class with this name.
        """
        names = [item.name for item in self.classes]
        if name not in names:
            hint = f"the classes are {', '.join(names):.200}" if names else "there are no classes"
            raise PromptError(f"there is no class {name:.80}", hint=hint)
        return names.index(name)

    def shown_level(self, index: int) -> int | None:
        """The level of the candidate that ``objects[index]`` shows; None where it has no candidates."""
        candidates, level = self.candidates[index], self.objects[index].level
        if candidates is None:
            return None
        return candidates.best if level is None else level

    def memory(self) -> Iterator[tuple[object, int]]:
        """What the snapshot holds in memory, with its size in bytes. The same array may come more than once."""
        for item, candidates in zip(self.objects, self.candidates, strict=True):
            logits = None if candidates is None else candidates.logits
            for array in (item.logits, item.prompt.mask, logits):
                if array is not None:
                    yield _owned(array)
            if item.run_lengths is not None:
                yield item.run_lengths, item.run_lengths.byte_count
        if self.found_objects is not None:
            yield from map(_owned, self.found_objects.arrays())


def check_unlocked(item: SegmentedObject) -> None:
    """Raises PromptError where an object is locked."""
    if item.locked:
        raise PromptError(f"{item.name} is locked", hint=f"unlock it in the list of objects, or with unlock({item.id})")


def _owned(array: npt.NDArray[Any]) -> tuple[object, int]:
    """The array that owns the memory, with its size: an object's logits are a view of one candidate among three."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array, array.nbytes
