"""Names and values of others in error messages: which names are unknown, and which known one the user probably meant.

A misspelt column or key that was ignored would change what is computed without a word. So every reader of a table, of
JSON or of YAML refuses the names that it does not know, and calls this for the message.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

_WORD = re.compile(r"[\w.$-]+")
_CHARACTERS_MAX = 200


def describe_unknown(names: Iterable[str], known: Iterable[str]) -> str:
    """The names that are not known, each with the closest known one: ``labels (did you mean input_labels?)``.

    Args:
        names: as the user wrote them.
        known: all names that mean something.

    Returns:
        A text for an error message; empty if all names are known.
    """
    known_names = sorted(set(known))
    unknown = [name for name in dict.fromkeys(names) if name not in known_names]
    return ", ".join(_with_closest(name[:80], known_names) for name in unknown[:5]) + (", ..." if unknown[5:] else "")


def describe_value(value: object) -> str:
    """The beginning of a value as Python writes it, for an error message; its type where it cannot be written.

    A value of strangers may be nested too deeply for that, or be a number of too many digits.
    """
    try:
        text = repr(value)
    except (RecursionError, ValueError):
        return f"a {type(value).__name__}"
    return text if len(text) <= _CHARACTERS_MAX else f"{text[:_CHARACTERS_MAX]}..."


def _with_closest(name: str, known: list[str]) -> str:
    folded = {_folded(candidate): candidate for candidate in known}
    # `labels` is nearer to `input_labels` than its spelling says: the one is a part of the other.
    parts = [candidate for candidate in known if len(name) > 2 and _folded(name) in _folded(candidate)]
    close = parts or [folded[match] for match in get_close_matches(_folded(name), folded, 1)]
    written = name if _WORD.fullmatch(name) else repr(name)
    return f"{written} (did you mean {close[0]}?)" if close else written


def _folded(name: str) -> str:
    return name.strip().lower().replace("-", "_").replace(" ", "_")
