"""Settings: what a person may set on a widget, and the sentence that refuses anything else with its remedy.

Owns the types of those traits. ``traits`` says which there are, and ``wire.inbox`` guards what a page sets.
"""

from __future__ import annotations

from numbers import Real
from typing import Any, NoReturn

import traitlets

from samwidget.widget.protocol.fields import short_text

_HEIGHT_MAX = 100_000  # CSS pixels


class _Setting(traitlets.TraitType[Any, Any]):
    """A trait whose error says what it was set to, and what it may be."""

    def error(self, obj: Any, value: Any, error: Any = None, info: Any = None) -> NoReturn:
        """Raises the TraitError."""
        raise _refusal(str(self.name), value, self.info())


class Switch(_Setting, traitlets.Bool[Any, Any]):
    """True or False."""

    info_text = "True or False"


class Choice(_Setting):
    """One of some words.

    Args:
        words: that it may be.
        default: one of them.
    """

    def __init__(self, words: tuple[str, ...], default: str) -> None:
        super().__init__(default)
        self._words = words

    def validate(self, obj: Any, value: Any) -> str:
        """Returns the value where it is one of the words."""
        # Only strings are compared: an array would compare to another array.
        return value if isinstance(value, str) and value in self._words else self.error(obj, value)

    def info(self) -> str:
        """Returns the words as a list."""
        return " or ".join(map(repr, self._words))


class Between(_Setting):
    """A finite number in a range, as a float; numbers of numpy are numbers too.

    Args:
        minimum: the lowest number.
        maximum: the highest number.
        default: a number between them.
    """

    def __init__(self, minimum: float, maximum: float, default: float) -> None:
        super().__init__(default)
        self._range = (minimum, maximum)

    def validate(self, obj: Any, value: Any) -> float:
        """Returns the number where it is in the range."""
        return float(value) if _is_between(value, *self._range) else self.error(obj, value)

    def info(self) -> str:
        """Returns the range."""
        minimum, maximum = self._range
        return f"a number from {minimum:g} to {maximum:g}"


class Published(traitlets.Dict):
    """A dict that only the kernel writes."""

    def __set__(self, obj: Any, value: Any) -> NoReturn:
        raise traitlets.TraitError(f"{self.name} is read-only: change the objects with the methods of the widget")


def css_height(height: Any) -> str | None:
    """Returns a height as CSS has it, where a number is one of pixels; raises TraitError where it is none."""
    if height is None or (isinstance(height, str) and height):
        return height
    if _is_between(height, 1, _HEIGHT_MAX):
        return f"{height}px"
    raise _refusal("height", height, "a number of pixels from 1, or a CSS length such as '20em'")


def _is_between(value: Any, minimum: float, maximum: float) -> bool:
    # NaN is in no range, and a number that is too large for a float is not in these.
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    return is_number and bool(minimum <= value <= maximum)


def _refusal(name: str, value: object, remedy: str) -> traitlets.TraitError:
    return traitlets.TraitError(f"{name} is {short_text(value)}: give {remedy}")
