"""What all readers of files share: text and JSON of a file, boxes and polygons of strangers, and what is left out.

A file that cannot be read at all is a FormatError, which names file and line. A part of it that cannot be taken is left
out, and one warning at the end names all such parts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from samwidget.core import PIXELS_MAX, Size
from samwidget.errors import FormatError, warn_user
from samwidget.formats.labels import FloatBox
from samwidget.formats.names import describe_value

KnownSize = Size | Callable[[str], Size | None] | None
"""Height and width of images whose size a file does not have: of all, of the one with a file name, or not known."""

_NAMED_MAX = 5
_WRONG = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What a value of another form raises; FormatError is a ValueError."""


class LeftOut:
    """The parts of a file that were not taken as they are.

    Args:
        path: of the file or folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._texts: list[str] = []

    def add(self, where: str, text: str) -> None:
        """Adds a part: where it is in the file, and what is wrong with it or was changed."""
        self._texts.append(f"{where}: {text}")

    @contextmanager
    def without(self, where: str) -> Iterator[None]:
        """A block that reads one part of the file; where it raises, the part is left out."""
        try:
            yield
        except FormatError as error:
            self.add(where, f"left out, {error}")
        except _WRONG as error:
            self.add(where, f"left out, it cannot be read ({type(error).__name__}: {str(error)[:80]})")

    def warn(self) -> None:
        """Gives a SamWidgetWarning that names the first parts, if there are any."""
        if self._texts:
            more = len(self._texts) - _NAMED_MAX
            texts = "; ".join(self._texts[:_NAMED_MAX]) + (f"; and {more} more" if more > 0 else "")
            warn_user(f"{self._path.name} was not taken as it is: {texts}")


def read_bytes(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        FormatError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise FormatError(f"there is no file {path}", hint=f"the current folder is {Path.cwd()}") from error
    except OSError as error:
        raise FormatError(f"{path} cannot be read", hint=error.strerror or str(error)) from error


def read_text(path: Path) -> str:
    """The UTF-8 text of a file, without a byte order mark.

    Raises:
        FormatError: it cannot be read, or is not such text.
    """
    data = read_bytes(path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FormatError(f"{path.name}, line {line}, is not UTF-8 text", hint="save the file as UTF-8") from error


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object of a file.

    Raises:
        FormatError: it cannot be read, or holds something else.
    """
    try:
        value = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise FormatError(
            f"{path.name}, line {error.lineno}, column {error.colno}, is not JSON: {error.msg}",
            hint="the file may be cut off; write it again",
        ) from error
    except (RecursionError, ValueError) as error:  # nested too deeply, or a number of too many digits
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{path.name} is not JSON that can be read", hint=str(error)[:200]) from error
    if not isinstance(value, dict):
        raise FormatError(f"{path.name} holds {describe_value(value)}", hint="a JSON object in braces is needed")
    return value


def list_of(value: dict[str, Any], key: str, path: Path) -> list[Any]:
    """The list under a key; empty where the key is missing.

    Raises:
        FormatError: it is not a list.
    """
    items = value.get(key) or []
    if not isinstance(items, list):
        raise FormatError(f"{key} in {path.name} is {describe_value(items)}", hint="it must be a list")
    return items


def checked_size(height: Any, width: Any) -> Size:
    """Height and width of an image.

    Raises:
        FormatError: they are not whole numbers from 1, or too large.
    """
    try:
        size = (int(height), int(width))
    except (TypeError, ValueError, OverflowError):
        size = (0, 0)
    if min(size) < 1 or size[0] * size[1] > PIXELS_MAX:
        raise FormatError(
            f"the image has {describe_value(width)} x {describe_value(height)} pixels",
            hint=f"give width and height, at most {PIXELS_MAX} pixels",
        )
    return size


def known_size(size_hw: KnownSize, file_name: str) -> Size | None:
    """Height and width of the image with this name; None where it is not known."""
    return size_hw(file_name) if callable(size_hw) else size_hw


def checked_box(box: Sequence[Any], size_hw: Size) -> FloatBox:
    """A box x0, y0, x1, y1, cut at the border of the image.

    Raises:
        FormatError: it is empty, outside the image or not four finite numbers.
    """
    x0, y0, x1, y1 = (float(number) for number in box)
    height, width = size_hw
    cut = (max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height)))
    if not all(map(math.isfinite, (x0, y0, x1, y1))) or cut[0] >= cut[2] or cut[1] >= cut[3]:
        raise FormatError(
            f"the box {describe_value(list(box))} has no pixel of the image, {width} x {height}",
            hint="give x and y in image pixels, the minimum first",
        )
    return cut


def checked_ring(points: Any) -> npt.NDArray[np.float64]:
    """(N, 2) x, y of a ring of at least three corners; a flat list ``x0, y0, x1, y1, ...`` is a ring, too.

    Raises:
        FormatError: another form, or numbers that are not finite.
    """
    ring = np.asarray(points, np.float64)
    if ring.ndim == 1 and len(ring) % 2 == 0:
        ring = ring.reshape(-1, 2)
    if ring.ndim != 2 or ring.shape[1] != 2 or len(ring) < 3 or not np.isfinite(ring).all():
        raise FormatError(f"the polygon is {describe_value(points)}", hint="give three corners or more, x and y each")
    return ring


def score_or_none(value: Any) -> float | None:
    """A score, 0 to 1; None where the file has none that is a number."""
    try:
        score = float(value)
    except (TypeError, ValueError):
        return None
    return min(max(score, 0.0), 1.0) if math.isfinite(score) else None
