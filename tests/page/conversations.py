"""Conversations between a view and its kernel, which the kernel of a page must lead as Python's does.

``tests/shared/conversations`` has the requests and what Python replied: the kinds of the messages, the document and
what a search has found. ``python -m tests.page.conversations`` writes the replies anew, after a change of the kernel.
"""

import json
from pathlib import Path

from tests.widget.fakes import TIMEOUT_S, WiredWidget

FOLDER = Path(__file__).parents[1] / "shared/conversations"
LAST = {"done", "error", "preview"}


def lead(requests):
    """The replies of the Python kernel to each request, as the files have them.

    After a search there are no colours: how many points it asks in a step depends on the time, and so does their order.
    """
    has_colours = all(request["kind"] != "everything" for request in requests)
    with WiredWidget() as widget:
        widget.wait()
        found = {}
        return [_reply(widget, request, found, has_colours) for request in requests]


def _reply(widget, request, found, has_colours):
    wire, begin = widget.wire, len(widget.wire.sent)
    fields = {name: value for name, value in request.items() if name != "kind"}
    re = widget.say(request["kind"], **fields)
    with wire._bell:
        assert wire._bell.wait_for(lambda: _has_ended(wire, re), TIMEOUT_S), request
    messages = [message for message, _ in wire.sent[begin:]]
    for message in messages:
        _note_found(found, message)
    error = next((message for message in messages if message["kind"] == "error"), None)
    preview = next((message for message in messages if message["kind"] == "preview"), None)
    return {
        "kinds": [message["kind"].removeprefix("trait:") for message in messages if _is_reply(message, re)],
        "document": summary(widget.document, has_colours),
        "found": sorted(found.values(), key=lambda item: item["id"]),
        **({} if error is None else {"code": error["code"]}),
        **({} if preview is None else {"score": preview["score"]}),
    }


def _has_ended(wire, re):
    return any(message.get("re") == re and message["kind"] in LAST for message, _ in wire.sent)


def _is_reply(message, re):
    return message["kind"] != "found" and (message.get("re") == re or message["kind"] == "trait:document")


def _note_found(found, message):
    if message["kind"] != "found":
        return
    if message["is_whole"]:
        found.clear()
    for number in message["removed"]:
        del found[number]
    for item in message["added"]:
        found[item["id"]] = {name: value for name, value in item.items() if name not in ("mask", "colour")}


def summary(document, has_colours):
    """The document without names of bytes: each mask is the number of its first appearance."""
    left_out = set() if has_colours else {"colour"}
    numbers = {}
    for item in [*document["objects"], *document["candidates"]]:
        numbers.setdefault(item["mask"], len(numbers))
    renamed = {
        name: [
            {key: numbers[value] if key == "mask" else value for key, value in item.items() if key not in left_out}
            for item in document[name]
        ]
        for name in ("objects", "candidates")
    }
    return {**{name: value for name, value in document.items() if name not in ("image", "revision")}, **renamed}


def read(path):
    """The requests of a file, and the replies to each."""
    steps = json.loads(path.read_text())["steps"]
    return [step["request"] for step in steps], [step.get("reply") for step in steps]


def main():
    for path in sorted(FOLDER.glob("*.json")):
        content = json.loads(path.read_text())
        requests, _ = read(path)
        replies = json.loads(json.dumps(lead(requests)))
        steps = ",\n".join(
            json.dumps({"request": request, "reply": reply}) for request, reply in zip(requests, replies, strict=True)
        )
        path.write_text(f'{{"about": {json.dumps(content["about"])}, "steps": [\n{steps}\n]}}\n')


if __name__ == "__main__":
    main()
