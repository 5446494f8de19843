"""The values that all file formats share: labelled objects in labelled images in a data set. Frozen, without I/O.

Owns what a file can say about objects. Readers of all formats return these values, and writers take them; the widget
makes them of its objects and makes objects of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from samwidget.core import RunLengths, SegmentedObject, Size
from samwidget.errors import FormatError

FloatBox = tuple[float, float, float, float]
"""x0, y0, x1, y1 in image pixels, the maximum exclusive."""

NO_CLASS = "object"
"""The class that a file names where an object has none and the format needs one. Readers take it back as none."""


@dataclass(frozen=True, eq=False)
class LabelledObject:
    """An object as a file has it.

    Attributes:
        run_lengths: the mask at the image's size; None where the file has only a box.
        box: the box where there is no mask; None where there is one.
        class_name: what the object is; None where nobody has said.
        name: of this object; None where it has none.
        score: an estimate of the mask's IoU, 0 to 1; None where there is none.

    Raises:
        ValueError: both a mask and a box, or neither.
    """

    run_lengths: RunLengths | None = None
    box: FloatBox | None = None
    class_name: str | None = None
    name: str | None = None
    score: float | None = None

    def __post_init__(self) -> None:
        if (self.run_lengths is None) == (self.box is None):
            raise ValueError("an object has either a mask or a box")

    @property
    def box_xyxy(self) -> FloatBox:
        """The box, or the box around the mask; zeros where the mask is empty."""
        if self.run_lengths is None:
            assert self.box is not None
            return self.box
        return self.run_lengths.box_xyxy or (0, 0, 0, 0)

    @property
    def area(self) -> float:
        """Pixels in the mask, or in the box where there is no mask."""
        if self.run_lengths is not None:
            return self.run_lengths.area
        x0, y0, x1, y1 = self.box_xyxy
        return (x1 - x0) * (y1 - y0)


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """An image and its objects.

    Attributes:
        file_name: of the image, as a file names it; folders are parted by ``/``.
        size_hw: height and width in pixels, rotated as the EXIF tag says.
        objects: in drawing order, later ones on top.
        path: of the image on this machine; None where it is not known, or not a file.
        read: returns the pixels, (H, W, 3) uint8 RGB; None where they cannot be had.
    """

    file_name: str
    size_hw: Size
    objects: tuple[LabelledObject, ...] = ()
    path: Path | None = None
    read: Callable[[], npt.NDArray[np.uint8]] | None = None

    def pixels(self) -> npt.NDArray[np.uint8]:
        """The pixels of the image, (H, W, 3) uint8 RGB.

        Raises:
            FormatError: they cannot be had, or have another size.
            ImageError: the file cannot be read.
        """
        if self.read is None:
            raise FormatError(f"the pixels of {self.file_name} are not known", hint="open the image in a widget")
        pixels = self.read()
        if pixels.shape[:2] != self.size_hw:
            raise FormatError(
                f"{self.file_name} has {pixels.shape[1]} x {pixels.shape[0]} pixels, and its masks have "
                f"{self.size_hw[1]} x {self.size_hw[0]}",
                hint="give the image as it was when its objects were made",
            )
        return pixels


@dataclass(frozen=True, eq=False)
class DataSet:
    """Labelled images and their classes.

    Attributes:
        images: what readers return is a tuple. A writer goes through them once, so they may be made one by one.
        class_names: in their order; classes that only objects have come behind them.
    """

    images: Iterable[LabelledImage]
    class_names: Sequence[str] = ()


class ClassNumbers:
    """Numbers the classes from 0, in the order of a list, and adds those that come later.

    Args:
        names: the classes that have numbers already.

    Attributes:
        names: all classes so far, in the order of their numbers.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = list(dict.fromkeys(names))
        self._numbers = {name: number for number, name in enumerate(self.names)}

    def of(self, class_name: str | None) -> int:
        """The number of a class; without a class that of ``NO_CLASS``."""
        name = NO_CLASS if class_name is None else class_name
        if name not in self._numbers:
            self._numbers[name] = len(self.names)
            self.names.append(name)
        return self._numbers[name]


def class_or_none(name: str) -> str | None:
    """The class that a file names; None for ``NO_CLASS`` and for a blank name."""
    return None if name.strip() in ("", NO_CLASS) else name.strip()


def class_names_of(names: Iterable[str]) -> tuple[str, ...]:
    """The classes of a file that are classes, each once, in their order."""
    return tuple(dict.fromkeys(name.strip() for name in names if class_or_none(name) is not None))


def labelled_object(item: SegmentedObject) -> LabelledObject:
    """An object of the document as files have it: its mask at its own threshold."""
    return LabelledObject(item.to_run_lengths(), class_name=item.class_name, name=item.name, score=float(item.score))
