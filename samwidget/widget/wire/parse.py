"""Parse: reads a message into its class, or explains which field is wrong, what it holds and what it must be.

The classes, with the limits of each field, are in ``protocol``. ``inbox`` calls it on the kernel's main thread: a click
takes less than 10 microseconds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from samwidget.errors import MessageError
from samwidget.widget.protocol import PROTOCOL_VERSION, REPLIES, REQUESTS, Message, MessageId, Reply, Request

MessageType = TypeVar("MessageType", bound=Message)

MESSAGE_BYTES_MAX = 64 * 1024


def parse(content: object, buffers: Sequence[object] = ()) -> Request:
    """Returns the request that the browser sent.

    Args:
        content: the decoded JSON.
        buffers: the binary buffers that came with it; the browser sends none.

    Raises:
        MessageError: the message does not follow the protocol; the text names the field and what it held.
    """
    if isinstance(content, Mapping):
        _check_size(content)
    if len(buffers):
        raise MessageError(f"the message came with {len(buffers)} buffers", hint="send JSON only")
    return _convert(content, REQUESTS)


def parse_reply(content: object) -> Reply:
    """Returns the message that the kernel sent; raises MessageError where it does not follow the protocol."""
    return _convert(content, REPLIES)


def request_id(content: object) -> str | None:
    """Returns the id of a message, also of a broken one; None where it has none that a reply could name."""
    try:
        return msgspec.convert(content.get("id"), MessageId) if isinstance(content, Mapping) else None
    except msgspec.ValidationError:
        return None


def _convert(content: object, message_types: Mapping[str, type[MessageType]]) -> MessageType:
    if not isinstance(content, Mapping):
        raise MessageError(f"the message is {_shortened(content)}", hint="send an object")
    version, kind = content.get("v"), content.get("kind")
    if type(version) is not int or version != PROTOCOL_VERSION:
        raise MessageError(
            f"the message has protocol version {_shortened(version)}, this kernel has version {PROTOCOL_VERSION}",
            hint="reload the page; after an upgrade of samwidget, restart the kernel too",
        )
    message_type = message_types.get(kind) if isinstance(kind, str) else None
    if message_type is None:
        raise MessageError(
            f"there is no message of kind {_shortened(kind)}", hint=f"use one of {', '.join(message_types)}"
        )
    try:
        return msgspec.convert(content, message_type)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:  # the latter from a field's name
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
        f"{name} of {kind} is {_shortened(content[name])}", hint=f"{name} must be {fields[name]['description']}"
    )


def _check_size(content: Mapping[Any, Any]) -> None:
    size = 0
    # Counts as it writes and stops early: a message of 100 MB must not cost a second on the kernel's main thread.
    for piece in json.JSONEncoder(default=str).iterencode(content):
        size += len(piece)
        if size > MESSAGE_BYTES_MAX:
            raise MessageError(
                f"the message is larger than {MESSAGE_BYTES_MAX // 1024} kB", hint="prompts are points and boxes"
            )


def _shortened(value: object) -> str:
    """Returns the value as text that is short enough for a sentence."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
