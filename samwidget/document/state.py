"""State: one snapshot of what the user has made. A value: ``document`` changes it, ``history`` keeps those before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from samwidget.core import Masks, SegmentedObject
from samwidget.errors import PromptError


@dataclass(frozen=True, eq=False)
class State:
    """The objects at one moment. Snapshots share the arrays that did not change between them.

    Attributes:
        objects: in drawing order, later ones on top.
        active: id of the object that the next prompt refines; None where the next prompt begins one.
        answers: beside each object the network's answer it was taken from; None where it was
            given as a mask, or found among everything.
    """

    objects: tuple[SegmentedObject, ...] = ()
    active: int | None = None
    answers: tuple[Masks | None, ...] = ()

    def __post_init__(self) -> None:
        assert len(self.objects) == len(self.answers)
        assert self.active is None or any(found.id == self.active for found in self.objects)

    @property
    def active_object(self) -> SegmentedObject | None:
        """The object that the next prompt refines."""
        return None if self.active is None else self.objects[self.index(self.active)]

    @property
    def candidates(self) -> Masks | None:
        """The masks that the network proposed for the active object, in its own order."""
        return None if self.active is None else self.answers[self.index(self.active)]

    def index(self, object_id: int) -> int:
        """Place of an object in the list; raises PromptError where there is none of that id."""
        for index, found in enumerate(self.objects):
            if found.id == object_id:
                return index
        ids = [found.id for found in self.objects]
        raise PromptError(
            f"there is no object {object_id}", hint=f"the ids are {ids}" if ids else "there are no objects"
        )

    def shown_level(self, index: int) -> int | None:
        """Which candidate the object at ``index`` shows; None where it shows no candidate."""
        answer, level = self.answers[index], self.objects[index].level
        if answer is None:
            return None
        return answer.best if level is None else level

    def held(self) -> Iterator[tuple[object, int]]:
        """What the snapshot keeps alive and how many bytes that is, some of it more than once."""
        for found, answer in zip(self.objects, self.answers, strict=True):
            height, width = found.frame.image_hw
            yield found, height * width // 8  # an object that was measured keeps its mask, a bit a pixel
            for array in (found.logits, found.pixels, found.prompt.mask, None if answer is None else answer.logits):
                if array is not None:
                    owner = _owner(array)
                    yield owner, owner.nbytes


def _owner(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array that holds the memory: an object's logits are a view of one candidate among three."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array
