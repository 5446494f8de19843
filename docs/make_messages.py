"""Writes what is made from the messages' classes: their JSON Schema, and their TypeScript half.

Run ``python -m docs.make_messages``. The sources are ``samwidget/widget/protocol`` and ``traits.py``; a test fails
where a file that is made from them is out of date.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from samwidget.widget.protocol.fields import NAME_CHARACTERS_MAX
from samwidget.widget.protocol.message import PROTOCOL_VERSION
from samwidget.widget.protocol.replies import REPLIES
from samwidget.widget.protocol.requests import REQUESTS
from samwidget.widget.traits import DocumentSummary, ImagesSummary, ModelsStatus, NetworkStatus, SessionStatus

ROOT = Path(__file__).parent.parent
SCHEMA_FILE = ROOT / "tests/shared/messages.schema.json"
TYPESCRIPT_FILE = ROOT / "samwidget/frontend/src/messages.ts"

HEAD = """// Messages and traits: their types, and checks of what the kernel sends.
// Made by `python -m docs.make_messages` from samwidget/widget/protocol and traits.py: change those.

import { type Check, flag, integer, list, number, oneOf, optional, positive, record, text, tuple } from "./checks.ts";
"""

Schema = dict[str, Any]


def schema() -> Schema:
    """JSON Schema of every message and of the traits that the kernel writes."""
    traits = [DocumentSummary, NetworkStatus, ModelsStatus, SessionStatus, ImagesSummary]
    types = [*REQUESTS.values(), *REPLIES.values(), *traits]
    _, definitions = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    for definition in definitions.values():
        for name, field in definition["properties"].items():
            if field.pop("default", None) is not None:  # we always write it
                definition["required"].append(name)
    for part in _parts(definitions):
        for bound in ("minimum", "maximum"):
            if isinstance(part.get(bound), float):  # keeps infinity out, which JSON cannot write
                del part[bound]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Made by `python -m docs.make_messages` from samwidget/widget/protocol and traits.py.",
        "$defs": {"Request": _one_of(REQUESTS), "Reply": _one_of(REPLIES), **definitions},
    }


def typescript() -> str:
    """The text of messages.ts."""
    definitions = schema()["$defs"]
    structs = {name: definition for name, definition in definitions.items() if "properties" in definition}
    aliases = {
        part["title"]: part for struct in structs.values() for part in _parts(struct["properties"]) if "title" in part
    }
    requests = [message_type.__name__ for message_type in REQUESTS.values()]
    replies = [message_type.__name__ for message_type in REPLIES.values()]

    lines = [HEAD, f"export const PROTOCOL_VERSION = {PROTOCOL_VERSION};"]
    lines += [f"export const NAME_LENGTH_MAX = {NAME_CHARACTERS_MAX};", ""]
    for name in sorted(aliases):
        lines += [f"/** {_doc(aliases[name])} */", f"export type {name} = {_type(aliases[name], is_alias=True)};"]
    for name, struct in structs.items():
        # The browser adds version, id and what it follows to a request when it sends it.
        left_out = {"v", "id", "after"} if name in requests else {"v"} if name in replies else set()
        lines += _interface(name, struct, left_out, is_reply=name in replies)
    lines += ["", _union("Request", requests), "", _union("Reply", replies), "", "export const REQUEST_KINDS = ["]
    lines += [f'  "{kind}",' for kind in REQUESTS]
    lines += ['] as const satisfies readonly Request["kind"][];', ""]

    checks = _Checks(structs)
    fields = [f"  {kind}: {checks.of_fields(message.__name__, '  ')}," for kind, message in REPLIES.items()]
    lines += [f"const is{name} = {check};" for name, check in checks.named.items()]
    lines += ["", "/** The fields of each kind from the kernel, with their checks. */", "export const REPLY_FIELDS = {"]
    return "\n".join([*lines, *fields, '} satisfies Record<Reply["kind"], Record<string, Check>>;', ""])


def _one_of(kinds: Mapping[str, type[msgspec.Struct]]) -> Schema:
    return {"oneOf": [{"$ref": f"#/$defs/{message_type.__name__}"} for message_type in kinds.values()]}


def _parts(value: Any) -> Iterator[Schema]:
    """Every schema inside a schema."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _parts(inner)


def _interface(name: str, struct: Schema, left_out: set[str], *, is_reply: bool) -> list[str]:
    fields = struct["properties"]
    lines = ["", f"/** {_doc(struct)} */", f"export interface {name} {{"]
    for field, value in fields.items():
        if field not in left_out:
            lines.append(f"  {field}{'' if field in struct['required'] else '?'}: {_type(value)};")
    if is_reply and "mime" in fields:
        lines.append("  bytes: Uint8Array;")
    if is_reply and "masks" in fields:
        lines.append("  buffers: Uint8Array[];")
    return [*lines, "}"]


def _doc(value: Schema) -> str:
    return " ".join(str(value["description"]).replace("``", "`").split())


def _union(name: str, members: list[str]) -> str:
    line = f"export type {name} = {' | '.join(members)};"
    return line if len(line) <= 120 else "\n  | ".join([f"export type {name} =", *members]) + ";"


def _name(reference: Schema) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _type(value: Schema, *, is_alias: bool = False) -> str:
    """A value's type in TypeScript: its name where it has one, unless this is where the name is defined."""
    if "title" in value and not is_alias:
        return str(value["title"])
    if "$ref" in value:
        return _name(value)
    if "anyOf" in value:
        return " | ".join(_type(choice) for choice in value["anyOf"])
    if "enum" in value:
        return " | ".join(json.dumps(choice) for choice in value["enum"])
    if "prefixItems" in value:
        return f"[{', '.join(_type(item) for item in value['prefixItems'])}]"
    if "items" in value:
        return f"{_type(value['items'])}[]"
    return "number" if value["type"] == "integer" else str(value["type"])


class _Checks:
    """Writes checks in the words of checks.ts.

    Attributes:
        named: the checks that others mention by name, each after those that it mentions itself.
    """

    def __init__(self, structs: dict[str, Schema]) -> None:
        self._structs = structs
        self.named: dict[str, str] = {}

    def of_fields(self, name: str, indent: str = "") -> str:
        """The check of each field of a struct, as the text of an object."""
        struct = self._structs[name]
        lines = ["{"]
        for field, value in struct["properties"].items():
            if field not in {"v", "kind"}:
                check = self._of(value)
                lines.append(f"  {field}: {check if field in struct['required'] else f'optional({check})'},")
        return f"\n{indent}".join([*lines, "}"])

    def _of(self, value: Schema, *, is_alias: bool = False) -> str:
        if "$ref" in value:
            name = _name(value)
            if name not in self.named:
                self.named[name] = f"record({self.of_fields(name)})"
            return f"is{name}"
        if "title" in value and not is_alias:
            name = str(value["title"])
            if name not in self.named:
                self.named[name] = self._of(value, is_alias=True)
            return f"is{name}"
        if "enum" in value:
            return f"oneOf({', '.join(json.dumps(choice) for choice in value['enum'])})"
        if "prefixItems" in value:
            return f"tuple({', '.join(self._of(item) for item in value['prefixItems'])})"
        if "items" in value:
            return f"list({self._of(value['items'])})"
        if value["type"] == "integer":
            return f"integer({value['minimum']})"
        if value["type"] == "number":
            return "positive" if "exclusiveMinimum" in value else "number"
        return {"string": "text", "boolean": "flag"}[value["type"]]


if __name__ == "__main__":
    SCHEMA_FILE.write_text(json.dumps(schema(), indent=2) + "\n", encoding="utf-8")
    TYPESCRIPT_FILE.write_text(typescript(), encoding="utf-8")
