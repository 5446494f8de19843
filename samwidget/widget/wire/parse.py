"""Parse: reads a message into its class, or explains which field is wrong, what it holds and what it must be.

The classes, with the limits of each field, are in ``protocol``. ``inbox`` calls it on the kernel's main thread: a click
takes less than 10 microseconds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from samwidget.errors import MessageError
from samwidget.widget.protocol.fields import MessageId, short_text
from samwidget.widget.protocol.message import PROTOCOL_VERSION, Message
from samwidget.widget.protocol.replies import REPLIES, Reply
from samwidget.widget.protocol.requests import REQUESTS, Request

MessageType = TypeVar("MessageType", bound=Message)

MESSAGE_BYTES_MAX = 64 * 1024
# The deepest message has a box in an object.
_DEPTH_MAX = 8
# No float is larger, and Python refuses to write down a number of 5,000 digits.
_NUMBER_BITS_MAX = 1024


def parse(content: object, buffers: Sequence[object] = ()) -> Request:
    """Returns the request that the browser sent.

    Args:
        content: the decoded JSON.
        buffers: the binary buffers that came with it; the browser sends none.

    Raises:
        MessageError: the message does not follow the protocol; the text names the field and what it held.
    """
    check_json(content)
    if len(buffers):
        raise MessageError(f"the message came with {len(buffers)} buffers", hint="send JSON only")
    return _convert(content, REQUESTS)


def parse_reply(content: object) -> Reply:
    """Returns the message that the kernel sent; raises MessageError where it does not follow the protocol."""
    return _convert(content, REPLIES)


def check_json(content: object) -> None:
    """Raises MessageError for decoded JSON that is too large or too deep, or holds what samwidget cannot write again.

    It adds up lengths, level by level, and stops as soon as there is too much: on the kernel's main thread a message of
    100 MB costs no more than a click.
    """
    left = MESSAGE_BYTES_MAX
    level: list[object] = [content]
    for _ in range(_DEPTH_MAX):
        inner: list[object] = []
        for value in level:
            left -= 4 + (len(value) if isinstance(value, str | Mapping | list | tuple) else 0)
            if left < 0:
                size = MESSAGE_BYTES_MAX // 1024
                raise MessageError(f"the message is larger than {size} kB", hint="prompts are points and boxes")
            if isinstance(value, Mapping):
                inner += value.keys()
                inner += value.values()
            elif isinstance(value, list | tuple):
                inner += value
            elif isinstance(value, str):
                _check_text(value)
            elif isinstance(value, int) and value.bit_length() > _NUMBER_BITS_MAX:
                raise MessageError("a number is too long", hint="send numbers of at most 300 digits")
        if not inner:
            return
        level = inner
    raise MessageError(f"the message is nested more than {_DEPTH_MAX} deep", hint="prompts are points and boxes")


def request_id(content: object) -> str | None:
    """Returns the id of a message, also of a broken one; None where it has none that a reply could name."""
    if not isinstance(content, Mapping):
        return None
    try:
        name = msgspec.convert(content.get("id"), MessageId)
        name.encode()
    except (msgspec.ValidationError, UnicodeEncodeError):  # half a surrogate pair cannot be sent back
        return None
    return name


def _convert(content: object, message_types: Mapping[str, type[MessageType]]) -> MessageType:
    if not isinstance(content, Mapping):
        raise MessageError(f"the message is {short_text(content)}", hint="send an object")
    version, kind = content.get("v"), content.get("kind")
    if type(version) is not int or version != PROTOCOL_VERSION:
        raise MessageError(
            f"the message has protocol version {short_text(version)}, this kernel has version {PROTOCOL_VERSION}",
            hint="reload the page; after an upgrade of samwidget, restart the kernel too",
        )
    message_type = message_types.get(kind) if isinstance(kind, str) else None
    if message_type is None:
        raise MessageError(
            f"there is no message of kind {short_text(kind)}", hint=f"use one of {', '.join(message_types)}"
        )
    try:
        return msgspec.convert(content, message_type)
    except msgspec.ValidationError as error:
        raise _explained(error, str(kind), content, message_type) from None


def _explained(error: Exception, kind: str, content: Mapping[Any, Any], message_type: type[Message]) -> MessageError:
    """Returns the error that names the field, what it holds and what it must be."""
    schema = msgspec.json.schema(message_type)["$defs"][message_type.__name__]
    fields, takes = schema["properties"], f"{kind} takes {', '.join(schema['properties'])}"
    if unknown := sorted(str(name) for name in content.keys() - fields.keys()):
        return MessageError(f"{kind} has no field {', '.join(unknown)[:80]}", hint=takes)
    if missing := [name for name in schema["required"] if name not in content]:
        return MessageError(f"{kind} lacks {', '.join(missing)}", hint=takes)
    path = re.search(r"`\$\.(\w+)", str(error))
    if path is None:
        return MessageError(f"{kind}: {error}", hint=takes)
    name = path[1]
    return MessageError(
        f"{name} of {kind} is {short_text(content[name])}", hint=f"{name} must be {fields[name]['description']}"
    )


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise MessageError(
            f"the text {short_text(text)} holds half a surrogate pair", hint="send the whole character"
        ) from None
