"""The messages between browser and kernel: their kinds, fields and limits. docs/protocol.md says what they mean.

Owns the checks, in both directions; knows no widget. Its twin is ``frontend/src/protocol.ts``, and
``tests/shared/messages.json`` holds both to the same examples.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from samwidget.errors import MessageError

PROTOCOL_VERSION = 1
MESSAGE_BYTES_MAX = 64 * 1024
ID_CHARACTERS_MAX = 64
NAME_CHARACTERS_MAX = 80

RequestKind = Literal[
    "hello", "hover", "add_point", "move_point", "remove_point", "add_box", "move_box", "remove_box", "choose",
    "accept", "select", "rename", "set_visible", "delete", "clear", "undo", "redo", "detail", "retry",
    "everything", "cancel_everything", "keep_found", "discard_found",
]  # fmt: skip
AnswerKind = Literal["ack", "image", "masks", "preview", "found", "done", "detail", "error"]

Check = Callable[[Any], str]
"""Says what is wrong with a value, or "" where nothing is."""


@dataclass(frozen=True)
class Request:
    """A message from the browser that follows the protocol.

    Attributes:
        kind: what is asked.
        id: names the request in its answers.
        fields: the fields of this kind, checked.
    """

    kind: RequestKind
    id: str
    fields: Mapping[str, Any] = field(default_factory=dict)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> str:
    return "" if _is_number(value) else "must be a finite number"


def _whole(low: int, high: int) -> Check:
    def check(value: Any) -> str:
        return "" if _is_whole(value) and low <= value <= high else f"must be a whole number from {low} to {high}"

    return check


def _numbers(count: int) -> Check:
    def check(value: Any) -> str:
        good = isinstance(value, (list, tuple)) and len(value) == count and all(map(_is_number, value))
        return "" if good else f"must be {count} finite numbers"

    return check


def _flag(value: Any) -> str:
    return "" if isinstance(value, bool) else "must be true or false"


def _text(value: Any) -> str:
    return "" if isinstance(value, str) else "must be a string"


def _id(value: Any) -> str:
    good = isinstance(value, str) and 0 < len(value) <= ID_CHARACTERS_MAX
    return "" if good else f"must be a string of 1 to {ID_CHARACTERS_MAX} characters"


def check_name(value: Any) -> str:
    """What is wrong with the name of an object, or "" where nothing is."""
    good = isinstance(value, str) and len(value) <= NAME_CHARACTERS_MAX and bool(value.strip())
    return "" if good else f"must be a string of 1 to {NAME_CHARACTERS_MAX} characters, not all blank"


def _or_null(check: Check) -> Check:
    return lambda value: "" if value is None else check(value)


def _frame(value: Any) -> str:
    names = ("image_hw", "input_hw", "content_hw", "logits_hw")
    good = isinstance(value, Mapping) and set(value) == set(names) and not any(_numbers(2)(value[n]) for n in names)
    return "" if good else f"must hold {', '.join(names)}, two numbers each"


def _masks(count: int | None = None) -> Check:
    def is_entry(entry: Any) -> bool:
        return (
            isinstance(entry, Mapping)
            and set(entry) == {"mask", "window", "scale"}
            and isinstance(entry["mask"], str)
            and not _numbers(4)(entry["window"])
            and _is_number(entry["scale"])
            and entry["scale"] > 0
        )

    def check(value: Any) -> str:
        good = isinstance(value, Sequence) and all(map(is_entry, value)) and count in {None, len(value)}
        return "" if good else "must list entries of mask, window and a positive scale"

    return check


def _whole_numbers(low: int, high: int) -> Check:
    is_wrong = _whole(low, high)

    def check(value: Any) -> str:
        good = isinstance(value, (list, tuple)) and not any(map(is_wrong, value))
        return "" if good else f"must list whole numbers from {low} to {high}"

    return check


def _one_of(*words: str) -> Check:
    return lambda value: "" if isinstance(value, str) and value in words else f"must be one of {', '.join(words)}"


# Larger than any object's id or any photo's width in pixels; keeps numbers within what JavaScript counts exactly.
_LARGE = 2**53 - 1
_POINT: dict[str, Check] = {"x": _number, "y": _number, "label": _whole(0, 1)}
_BOX: dict[str, Check] = {"box": _numbers(4)}
_OBJECT: dict[str, Check] = {"object": _whole(0, _LARGE)}

REQUESTS: dict[RequestKind, dict[str, Check]] = {
    "hello": {},
    "hover": _POINT,
    "add_point": _POINT,
    "move_point": {"index": _whole(0, _LARGE), "x": _number, "y": _number},
    "remove_point": {"index": _whole(0, _LARGE)},
    "add_box": _BOX,
    "move_box": _BOX,
    "remove_box": {},
    "choose": {"level": _whole(0, 2)},
    "accept": {},
    "select": {"object": _or_null(_OBJECT["object"])},
    "rename": {**_OBJECT, "name": check_name},
    "set_visible": {**_OBJECT, "visible": _flag},
    "delete": _OBJECT,
    "clear": {},
    "undo": {},
    "redo": {},
    "detail": {**_BOX, "width": _whole(1, _LARGE)},
    "retry": {},
    "everything": {"points_per_side": _or_null(_whole(4, 64))},
    "cancel_everything": {},
    "keep_found": {"ids": _whole_numbers(0, _LARGE)},
    "discard_found": {},
}
"""The fields of each kind from the browser; all of them are required."""

_FOUND: dict[str, Check] = {
    "id": _whole(0, _LARGE),
    "mask": _text,
    "colour": _text,
    "score": _number,
    "stability": _number,
    "area": _whole(1, _LARGE),
    "box": _numbers(4),
}


def _found(value: Any) -> str:
    good = isinstance(value, Sequence) and all(
        isinstance(entry, Mapping)
        and entry.keys() == _FOUND.keys()
        and not any(check(entry[name]) for name, check in _FOUND.items())
        for entry in value
    )
    return "" if good else f"must list entries of {', '.join(_FOUND)}"


_PICTURES: dict[str, Check] = {"image": _text, "frame": _frame}
ANSWERS: dict[AnswerKind, dict[str, Check]] = {
    "ack": {"re": _id},
    "image": {"image": _text, "size_hw": _numbers(2), "mime": _text},
    "masks": {"re": _id, **_PICTURES, "masks": _masks()},
    "preview": {"re": _id, **_PICTURES, "score": _number, "masks": _masks(1)},
    "found": {
        "re": _id,
        **_PICTURES,
        "search": _text,
        "phase": _one_of("running", "done", "cancelled", "failed", "none"),
        "done": _whole(0, _LARGE),
        "total": _whole(0, _LARGE),
        "seconds_left": _number,
        "is_whole": _flag,
        "added": _found,
        "removed": _whole_numbers(0, _LARGE),
        "masks": _masks(),
    },
    "done": {"re": _id},
    "detail": {"re": _id, "image": _text, "box": _numbers(4), "mime": _text},
    "error": {"re": _id, "code": _text, "message": _text, "hint": _text},
}
"""The fields of each kind from the kernel."""

MAY_LACK: dict[str, frozenset[str]] = {
    "masks": frozenset({"re"}),
    "found": frozenset({"re", "frame", "seconds_left"}),
    "error": frozenset({"re"}),
}
"""Fields of answers that are left out where there is nothing to say, such as ``re`` where nobody asked."""


def parse(content: Any, buffers: Sequence[Any] = ()) -> Request:
    """Request from what the browser sent.

    Args:
        content: the decoded JSON.
        buffers: the binary buffers that came with it; the browser sends none.

    Raises:
        MessageError: the message does not follow the protocol; the text names what was seen.
    """
    if not isinstance(content, Mapping):
        raise MessageError(f"the message is {_seen(content)}", hint="send an object")
    _check_size(content)
    if len(buffers):
        raise MessageError(f"the message came with {len(buffers)} buffers", hint="send JSON only")
    _check_version(content)
    kind = content.get("kind")
    if not isinstance(kind, str) or kind not in REQUESTS:
        raise MessageError(f"there is no message of kind {_seen(kind)}", hint=f"use one of {', '.join(REQUESTS)}")
    if problem := _id(content.get("id")):
        raise MessageError(f"id is {_seen(content.get('id'))}", hint=f"id {problem}")
    fields = {name: value for name, value in content.items() if name not in {"v", "kind", "id"}}
    _check_fields(kind, fields, REQUESTS[kind])
    return Request(kind, content["id"], fields)


def request_id(content: Any) -> str | None:
    """The id of a message, also of a broken one; None where it has none that an answer could name."""
    found = content.get("id") if isinstance(content, Mapping) else None
    return found if not _id(found) else None


def check_answer(message: Any) -> None:
    """Raises MessageError where a message from the kernel does not follow the protocol."""
    if not isinstance(message, Mapping):
        raise MessageError(f"the message is {_seen(message)}", hint="send an object")
    _check_version(message)
    kind = message.get("kind")
    if not isinstance(kind, str) or kind not in ANSWERS:
        raise MessageError(f"there is no message of kind {_seen(kind)}", hint=f"use one of {', '.join(ANSWERS)}")
    fields = {name: value for name, value in message.items() if name not in {"v", "kind"}}
    lacking = MAY_LACK.get(kind, frozenset()) - fields.keys()
    wanted = {name: check for name, check in ANSWERS[kind].items() if name not in lacking}
    _check_fields(kind, fields, wanted)


def _check_version(content: Mapping[str, Any]) -> None:
    version = content.get("v")
    if not _is_whole(version) or version != PROTOCOL_VERSION:
        raise MessageError(
            f"the message speaks version {_seen(version)}, this kernel speaks {PROTOCOL_VERSION}",
            hint="reload the page; after an upgrade of samwidget, restart the kernel too",
        )


def _check_fields(kind: str, fields: Mapping[str, Any], wanted: Mapping[str, Check]) -> None:
    if unknown := sorted(str(name) for name in fields.keys() - wanted.keys()):
        raise MessageError(f"{kind} has no field {', '.join(unknown)[:80]}", hint=_fields_hint(kind, wanted))
    if missing := [name for name in wanted if name not in fields]:
        raise MessageError(f"{kind} lacks {', '.join(missing)}", hint=_fields_hint(kind, wanted))
    for name, check in wanted.items():
        if problem := check(fields[name]):
            raise MessageError(f"{name} of {kind} is {_seen(fields[name])}", hint=f"{name} {problem}")


def _fields_hint(kind: str, wanted: Mapping[str, Check]) -> str:
    return f"{kind} takes {', '.join(wanted)}" if wanted else f"{kind} takes no fields"


def _check_size(content: Mapping[str, Any]) -> None:
    size = 0
    # Counts as it writes and stops early: a message of 100 MB must not cost a second on the kernel's main thread.
    for piece in json.JSONEncoder(default=str).iterencode(content):
        size += len(piece)
        if size > MESSAGE_BYTES_MAX:
            raise MessageError(
                f"the message is larger than {MESSAGE_BYTES_MAX // 1024} kB", hint="prompts are points and boxes"
            )


def _seen(value: Any) -> str:
    """What was seen, short enough for a sentence."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
