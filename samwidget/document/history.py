"""History: undo and redo as a list of snapshots, limited by bytes.

Owns the order of the snapshots and their memory. ``document`` makes each snapshot and knows what changed in it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from samwidget.document.state import State


@dataclass(frozen=True, eq=False)
class Steps:
    """All that a session file keeps of a document.

    Attributes:
        states: the snapshots of the history, oldest first; never empty.
        position: index of the present one.
        next_id: of the next object, so that no id is used twice.
    """

    states: tuple[State, ...] = (State(),)
    position: int = 0
    next_id: int = 1


class History:
    """The present snapshot, with those before it and the undone ones after it.

    Snapshots share arrays, so a step costs the candidates of one prompt (three of 256 x 256 floats are 768 kB). An
    array counts once, however many snapshots hold it.

    Args:
        first: the present snapshot.
        bytes_max: of arrays and masks; beyond it the oldest steps are dropped. The present snapshot and the one before
            it are never dropped.
    """

    def __init__(self, first: State, *, bytes_max: int = 256 * 2**20) -> None:
        self._states = [first]
        self._position = 0
        self._bytes_max = bytes_max
        self._bytes = 0
        self._holders: Counter[int] = Counter()  # by id of the array: how many references the snapshots hold
        self._hold(first)

    @property
    def present(self) -> State:
        """The snapshot that undo and redo leave."""
        return self._states[self._position]

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return self._position > 0

    @property
    def can_redo(self) -> bool:
        """Whether there is an undone step."""
        return self._position + 1 < len(self._states)

    @property
    def byte_count(self) -> int:
        """Bytes that the snapshots hold."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._states)

    def steps(self, next_id: int) -> Steps:
        """All snapshots and the position among them."""
        return Steps(tuple(self._states), self._position, next_id)

    def restore(self, steps: Steps) -> None:
        """Replaces all snapshots."""
        for state in self._states:
            self._release(state)
        self._states, self._position = list(steps.states), steps.position
        for state in self._states:
            self._hold(state)

    def push(self, state: State) -> None:
        """Adds a step: ``state`` becomes the present snapshot, and undone steps are dropped."""
        for undone in self._states[self._position + 1 :]:
            self._release(undone)
        del self._states[self._position + 1 :]
        self._states.append(state)
        self._hold(state)
        while self._bytes > self._bytes_max and len(self._states) > 2:
            self._release(self._states.pop(0))
        self._position = len(self._states) - 1

    def amend(self, state: State) -> None:
        """Replaces the present snapshot, for a change that is no step, such as a selection."""
        self._release(self.present)
        self._states[self._position] = state
        self._hold(state)

    def undo(self) -> bool:
        """Goes one step back; returns False where there is none."""
        if not self.can_undo:
            return False
        self._position -= 1
        return True

    def redo(self) -> bool:
        """Goes forward to the step that was undone last; returns False where there is none."""
        if not self.can_redo:
            return False
        self._position += 1
        return True

    def _hold(self, state: State) -> None:
        for owner, size in state.memory():
            self._holders[id(owner)] += 1
            if self._holders[id(owner)] == 1:
                self._bytes += size

    def _release(self, state: State) -> None:
        for owner, size in state.memory():
            self._holders[id(owner)] -= 1
            if self._holders[id(owner)] == 0:
                del self._holders[id(owner)]
                self._bytes -= size
