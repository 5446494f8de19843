"""What ``w.session`` is: the images of a widget as Python reads them. Owns no data; ``turning`` has it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import overload

import numpy as np
import numpy.typing as npt

from samwidget.core import SegmentedObject, Size
from samwidget.widget.turning import Turning


class SessionView:
    """The session of a widget: its images, and the file that keeps their objects."""

    def __init__(self, turning: Turning) -> None:
        self._turning = turning

    @property
    def path(self) -> Path | None:
        """Of the session file; None where there is none."""
        return self._turning.path

    @property
    def images(self) -> SessionImages:
        """All images, in order."""
        return SessionImages(self._turning)

    def __repr__(self) -> str:
        return f"Session({self.path and str(self.path)!r}, {len(self._turning)} images)"


class ImageView:
    """One image of a widget. It reads what is asked for now, so it never is out of date."""

    def __init__(self, turning: Turning, index: int) -> None:
        self._turning = turning
        self._index = index

    @property
    def index(self) -> int:
        """Number of the image, from 0; ``w.go_to(index)`` shows it."""
        return self._index

    @property
    def name(self) -> str:
        """Of its file, with the folder where several files have the same name; ``image 3`` for one from memory."""
        return self._turning.source(self._index).name

    @property
    def path(self) -> Path | None:
        """Of its file; None for an image from memory or from the web."""
        return self._turning.source(self._index).path

    @property
    def size_hw(self) -> Size | None:
        """Height and width in pixels; None where nobody has opened the image yet."""
        return self._turning.size_hw(self._index)

    @property
    def state(self) -> str:
        """``new``, ``in_work``, ``done``, ``skipped`` or ``to_check``; may be set.

        An image is new until something is made on it, and then in work, unless somebody has set its state.
        """
        return self._turning.table.state(self._index)

    @state.setter
    def state(self, state: str) -> None:
        self._turning.set_states([self._index], state)

    @property
    def problem(self) -> str:
        """Why the image cannot be shown, or what has happened to it; empty where all is well."""
        return self._turning.table.problem(self._index)

    @property
    def objects(self) -> tuple[SegmentedObject, ...]:
        """Its objects. Those of an image that is not shown are read from the session file now.

        Raises:
            SessionError: the file cannot be read.
        """
        return self._turning.objects(self._index)

    def read(self) -> npt.NDArray[np.uint8]:
        """Returns its pixels, read now: (H, W, 3) uint8 RGB; raises ImageError where that is not possible."""
        return self._turning.read(self._index)

    def __repr__(self) -> str:
        count = self._turning.table.object_count(self._index)
        return f"<image {self.index}: {self.name}, {self.state}, {count} object{'' if count == 1 else 's'}>"


class SessionImages(Sequence[ImageView]):
    """All images of a widget, in order."""

    def __init__(self, turning: Turning) -> None:
        self._turning = turning

    def __len__(self) -> int:
        return len(self._turning)

    @overload
    def __getitem__(self, index: int) -> ImageView: ...

    @overload
    def __getitem__(self, index: slice) -> list[ImageView]: ...

    def __getitem__(self, index: int | slice) -> ImageView | list[ImageView]:
        numbers = range(len(self))[index]
        if isinstance(numbers, range):
            return [ImageView(self._turning, number) for number in numbers]
        return ImageView(self._turning, numbers)

    def __repr__(self) -> str:
        if len(self) <= 10:
            return repr(list(self))
        return f"[{', '.join(map(repr, self[:5]))}, ... {len(self) - 5} more]"
