"""History: undo and redo as a list of snapshots, bounded by bytes. Owns no meaning: any change is a new snapshot."""

from __future__ import annotations

from collections import Counter

from samwidget.document.state import State


class History:
    """Snapshots before and after the present one.

    Snapshots share arrays, so one step costs one answer of the network (three masks of 256 x 256 floats are 768 kB); an
    array is counted once, however many snapshots hold it.

    Args:
        first: the present.
        bytes_max: of arrays and masks; the oldest steps are forgotten beyond it. The present and the step before it
            never are.
    """

    def __init__(self, first: State, *, bytes_max: int = 256 * 2**20) -> None:
        self._states = [first]
        self._place = 0
        self._bytes_max = bytes_max
        self._bytes = 0
        self._holders: Counter[int] = Counter()
        self._hold(first)

    @property
    def present(self) -> State:
        """The snapshot that undo and redo move away from."""
        return self._states[self._place]

    @property
    def can_undo(self) -> bool:
        """Whether there is a step before the present."""
        return self._place > 0

    @property
    def can_redo(self) -> bool:
        """Whether there is an undone step after the present."""
        return self._place + 1 < len(self._states)

    @property
    def byte_count(self) -> int:
        """Bytes that the snapshots hold."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._states)

    def push(self, state: State) -> None:
        """Makes ``state`` the present; undone steps after it are forgotten."""
        for dropped in self._states[self._place + 1 :]:
            self._release(dropped)
        del self._states[self._place + 1 :]
        self._states.append(state)
        self._hold(state)
        while self._bytes > self._bytes_max and len(self._states) > 2:
            self._release(self._states.pop(0))
        self._place = len(self._states) - 1

    def amend(self, state: State) -> None:
        """Puts ``state`` in the place of the present: a change that is no step of its own, such as a selection."""
        self._release(self.present)
        self._states[self._place] = state
        self._hold(state)

    def undo(self) -> bool:
        """Goes one step back; False where there is none."""
        if not self.can_undo:
            return False
        self._place -= 1
        return True

    def redo(self) -> bool:
        """Takes one undo back; False where there is none."""
        if not self.can_redo:
            return False
        self._place += 1
        return True

    def _hold(self, state: State) -> None:
        for value, size in state.held():
            self._holders[id(value)] += 1
            if self._holders[id(value)] == 1:
                self._bytes += size

    def _release(self, state: State) -> None:
        for value, size in state.held():
            self._holders[id(value)] -= 1
            if self._holders[id(value)] == 0:
                del self._holders[id(value)]
                self._bytes -= size
