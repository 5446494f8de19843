"""Image table: the state, the number of objects and the problem of each image of a widget, in memory.

Pure data, shared by threads: ``turning`` changes it, the filmstrip and ``w.session.images`` read it. Where it is kept
on disk is up to ``image_store``.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence

from samwidget.widget.protocol.fields import ImageState
from samwidget.widget.protocol.message import optional
from samwidget.widget.protocol.replies import ImageRow
from samwidget.widget.traits import StateCounts

STATES: tuple[ImageState, ...] = ("new", "in_work", "done", "skipped", "to_check")
OPEN = "open"
"""The state in a session file where nobody has set one: then it is new, or in work."""


class ImageTable:
    """One row for each image.

    Args:
        names: of the images, in order.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._lock = threading.Lock()
        self._names = tuple(names)
        # Rows of which nothing is known are in no dictionary: a folder of 100,000 images costs nothing.
        self._set_states: dict[int, ImageState] = {}
        self._contents: dict[int, tuple[int, tuple[str, ...], bool]] = {}
        self._problems: dict[int, str] = {}
        self._counts = Counter({"new": len(self._names)})
        self._revision = 0

    def __len__(self) -> int:
        return len(self._names)

    @property
    def revision(self) -> int:
        """Grows with each change of a row."""
        return self._revision

    @property
    def counts(self) -> StateCounts:
        """How many images are in each state."""
        return StateCounts(**{state: self._counts[state] for state in STATES})

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all images, in order."""
        return self._names

    def name(self, index: int) -> str:
        """The name of an image."""
        return self._names[index]

    def state(self, index: int) -> ImageState:
        """The state of an image: as somebody has set it; otherwise in work where something was made on it."""
        state = self._set_states.get(index)
        if state is not None:
            return state
        count, _, has_changed = self._contents.get(index, _NOTHING)
        return "in_work" if count or has_changed else "new"

    def object_count(self, index: int) -> int:
        """How many objects an image has."""
        return self._contents.get(index, _NOTHING)[0]

    def problem(self, index: int) -> str:
        """Why an image cannot be shown, or what has happened to it; empty where all is well."""
        return self._problems.get(index, "")

    def set_state(self, index: int, state: str) -> None:
        """Sets the state of an image; ``OPEN``, and what is no state, leaves it to what was made on it."""
        with self._lock:
            before = self.state(index)
            self._set_states.pop(index, None)
            self._set_states.update((index, known) for known in STATES if known == state)
            self._count(before, index)

    def set_content(self, index: int, object_count: int, class_names: tuple[str, ...], has_changed: bool) -> None:
        """Says what was made on an image: its objects, their classes, and whether its history has a step."""
        content = (object_count, class_names, has_changed)
        with self._lock:
            if self._contents.get(index, _NOTHING) != content:
                before = self.state(index)
                self._contents[index] = content
                self._count(before, index)

    def set_problem(self, index: int, problem: str) -> None:
        """Says why an image cannot be shown; empty where all is well."""
        with self._lock:
            if self._problems.get(index, "") != problem:
                self._problems[index] = problem
                self._revision += 1

    def next_open(self, index: int) -> int | None:
        """The next image that is neither done nor skipped and can be shown, from the start again behind the last one.

        Returns:
            None where there is none but this one.
        """
        count = len(self)
        for step in range(1, count):
            candidate = (index + step) % count
            if self.state(candidate) not in ("done", "skipped") and not self.problem(candidate):
                return candidate
        return None

    def rows(
        self, first: int, count: int, states: Sequence[str] | None, class_name: str | None
    ) -> tuple[list[ImageRow], int]:
        """Rows of the list, and how many pass the filter.

        Args:
            first: number of the first row, of those that pass.
            count: how many rows at most.
            states: one of which an image must have; None takes all.
            class_name: a class of which an image must have an object; None takes all.
        """
        with self._lock:
            if states is None and class_name is None:
                indices: Sequence[int] = range(len(self))
            else:
                indices = [index for index in range(len(self)) if self._passes(index, states, class_name)]
            return [self._row(index) for index in indices[first : first + count]], len(indices)

    def _passes(self, index: int, states: Sequence[str] | None, class_name: str | None) -> bool:
        return (states is None or self.state(index) in states) and (
            class_name is None or class_name in self._contents.get(index, _NOTHING)[1]
        )

    def _row(self, index: int) -> ImageRow:
        object_count, class_names, _ = self._contents.get(index, _NOTHING)
        return ImageRow(
            index=index,
            name=self._names[index],
            state=self.state(index),
            objects=object_count,
            classes=list(class_names),
            problem=optional(self.problem(index) or None),
        )

    def _count(self, before: str, index: int) -> None:
        self._counts[before] -= 1
        self._counts[self.state(index)] += 1
        self._revision += 1


_NOTHING: tuple[int, tuple[str, ...], bool] = (0, (), False)
