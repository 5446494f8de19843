"""Message: what every message has, in both directions, and how a value becomes JSON."""

# No `from __future__ import annotations` here: the classes are built from their annotations, and at once.

import json
import re
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

T = TypeVar("T")
MessageType = TypeVar("MessageType", bound="Message")

PROTOCOL_VERSION: Literal[1] = 1


def _kind_of(class_name: str) -> str:
    """Name on the wire: ``add_point`` for AddPoint, ``masks`` for MasksReply."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", class_name.removesuffix("Reply")).lower()


class Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag=_kind_of):
    """What every message has besides its kind."""

    v: Literal[1] = PROTOCOL_VERSION


def by_kind(base: type[MessageType]) -> dict[str, type[MessageType]]:
    """Returns the class of each kind of message in one direction."""
    return {str(message_type.__struct_config__.tag): message_type for message_type in base.__subclasses__()}


def to_json(value: msgspec.Struct) -> dict[str, Any]:
    """Returns the value as JSON has it: dicts and lists, without the fields that are UNSET."""
    # msgspec.to_builtins keeps tuples, and the traits are read in Python too, where [0, 0] is not (0, 0).
    try:
        decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(value))
    except UnicodeEncodeError:  # half a surrogate pair, as in a path that is not UTF-8; no view could read it
        text = json.dumps(msgspec.to_builtins(value), ensure_ascii=False)
        decoded = json.loads(text.encode(errors="replace"))
    return decoded


def optional(value: T | None) -> T | UnsetType:
    """Returns the value, or UNSET, which leaves its field out of the message, where it is None."""
    return UNSET if value is None else value
