"""Input that nobody thought of: values and bytes, made by chance, or valid ones changed. Each follows from a seed."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

_SMALL: Sequence[Any] = (
    None, True, False, 0, 1, 2, 3, -1, -10, 0.5, -0.0, 1e308, -1e308, 5e-324, 2**31, 2**53, -(2**53), 2**63, 2**64,
    10**400, math.nan, math.inf, -math.inf, "", " ", "0", "1", "NaN", "None", "null", "[[1,2]]", "[[[1,2]],]", "(1,2)",
    "é", "😀", "\ud800", "\udfff", "\x00", "\n", "http://[", "http://\ud800", "data:,", "../../a", "__class__", [], {},
    [[]], [{}], {"": ""},
)  # fmt: skip
_KEYS = ("id", "kind", "v", "x", "mask", "image", "data", "columns", "", "é", "\ud800", "toString", "a" * 300)


def any_value(rng: Random, depth: int = 3) -> Any:
    """Returns a JSON value, and seldom one that is deep or long."""
    kind = rng.random()
    if kind < 0.002:
        return _deep(rng, rng.choice((100, 1_000, 100_000)))
    if kind < 0.006:
        return rng.choice('a["\\1 é') * rng.choice((300, 5_000, 100_000))
    if kind < 0.01:
        return rng.choice((1, -1)) * rng.choice((10**17, 10**30, 10**5000)) + rng.randrange(9)
    if depth and kind < 0.2:
        return [any_value(rng, depth - 1) for _ in range(rng.randrange(4))]
    if depth and kind < 0.35:
        return {any_key(rng): any_value(rng, depth - 1) for _ in range(rng.randrange(4))}
    if kind < 0.5:
        return rng.choice((rng.randrange(-300, 300), rng.uniform(-300, 300)))
    if kind < 0.6:
        return "".join(chr(rng.choice((rng.randrange(32, 127), rng.randrange(0x11_0000)))) for _ in range(5))
    return copy.deepcopy(rng.choice(_SMALL))


def any_key(rng: Random) -> str:
    """Returns the key of a JSON object."""
    return rng.choice(_KEYS)


def as_json(value: Any) -> str:
    """Returns a value as JSON text; values that the json module does not write become nested brackets."""
    try:
        return json.dumps(value)
    except (ValueError, RecursionError):
        return "[" * 50_000


def _deep(rng: Random, depth: int) -> Any:
    value: Any = 1
    is_list = rng.random() < 0.5
    for _ in range(depth):
        value = [value] if is_list else {"a": value}
    return value


def changed(rng: Random, value: Any) -> Any:
    """Returns a copy of a JSON value with one to three of its parts changed; seldom it is the same."""
    value = copy.deepcopy(value)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        holder = [value]
        places = list(_places(holder))
        place, key = rng.choice(places)
        _change_place(rng, place, key)
        value = holder[0] if holder else None
    return value


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Each container within a value with each of its keys, the outermost first."""
    places, pending = [], [value]
    while pending:
        container = pending.pop()
        for key in range(len(container)) if isinstance(container, list) else list(container):
            places.append((container, key))
            if isinstance(container[key], list | dict):
                pending.append(container[key])
    return places


def _change_place(rng: Random, container: Any, key: Any) -> None:
    def drop() -> None:
        del container[key]

    def put() -> None:
        container[key] = any_value(rng)

    def wrap() -> None:
        container[key] = rng.choice(([container[key]], {any_key(rng): container[key]}))

    def repeat() -> None:
        if isinstance(container, list):
            container.insert(key, container[key])
        else:
            container[any_key(rng)] = container[key]

    def nudge() -> None:
        old = container[key]
        if isinstance(old, bool) or not isinstance(old, int | float):
            container[key] = any_value(rng)
        else:
            container[key] = rng.choice((-old, old + 1, old * 10**6, [old], f"{old:g}" if abs(old) < 1e9 else "9"))

    def edit() -> None:
        old = container[key]
        container[key] = changed_text(rng, old) if isinstance(old, str) else any_value(rng)

    rng.choice((drop, put, wrap, repeat, nudge, edit))()


def changed_text(rng: Random, text: str) -> str:
    """Returns a text with a part cut out, doubled or replaced."""
    start, end = sorted(rng.randrange(len(text) + 1) for _ in range(2))
    middle = rng.choice(("", text[start:end] * 2, chr(rng.randrange(0x11_0000)), rng.choice("[](){},:\"'\\\n -+eE0")))
    return text[:start] + middle + text[end:]


def changed_bytes(rng: Random, data: bytes) -> bytes:
    """Returns bytes with one to three changes; seldom the same ones."""
    out = bytearray(data)
    for _ in range(rng.choice((0, 1, 1, 2, 3))):
        _BYTE_CHANGES[rng.randrange(len(_BYTE_CHANGES))](rng, out)
    return bytes(out)


def _flip(rng: Random, out: bytearray) -> None:
    if out:
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)


def _cut(rng: Random, out: bytearray) -> None:
    del out[rng.randrange(len(out) + 1) :]


def _remove(rng: Random, out: bytearray) -> None:
    start = rng.randrange(len(out) + 1)
    del out[start : start + rng.randrange(1, 40)]


def _insert(rng: Random, out: bytearray) -> None:
    start = rng.randrange(len(out) + 1)
    out[start:start] = rng.choice((rng.randbytes(rng.randrange(1, 30)), b"\n", b"\x00" * 9, b'"', b"[" * 2000, b"\xff"))


def _overwrite(rng: Random, out: bytearray) -> None:
    start = rng.randrange(len(out) + 1)
    out[start : start + 8] = rng.choice((b"\xff" * 8, b"\x00" * 8, rng.randbytes(8), b"\x7f" + b"\xff" * 7))


_BYTE_CHANGES: Sequence[Callable[[Random, bytearray], None]] = (_flip, _flip, _cut, _remove, _insert, _overwrite)
