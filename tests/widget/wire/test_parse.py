import json
import math
from pathlib import Path

import pytest

from samwidget.errors import MessageError
from samwidget.widget.protocol.message import to_json
from samwidget.widget.protocol.replies import REPLIES
from samwidget.widget.protocol.requests import REQUESTS
from samwidget.widget.wire.parse import parse, parse_reply, request_id

EXAMPLES = json.loads((Path(__file__).parents[2] / "shared" / "messages.json").read_text(encoding="utf-8"))
TO_KERNEL, TO_BROWSER = EXAMPLES["browser_to_kernel"], EXAMPLES["kernel_to_browser"]


def cases(direction, which):
    return [
        pytest.param(example, id=f"{kind}-{n}-{example.get('reason', 'valid')}")
        for kind, examples in direction["kinds"].items()
        for n, example in enumerate(examples[which])
    ]


def broken_anyway(direction):
    return [pytest.param(example, id=example["reason"]) for example in direction["any"]]


def test_the_kinds_are_exactly_those_of_the_shared_examples():
    assert set(REQUESTS) == set(TO_KERNEL["kinds"])
    assert set(REPLIES) == set(TO_BROWSER["kinds"])


def test_every_kind_has_valid_and_broken_examples():
    for direction in (TO_KERNEL, TO_BROWSER):
        for kind, examples in direction["kinds"].items():
            assert examples["valid"], kind
            assert examples["broken"], kind


@pytest.mark.parametrize("message", cases(TO_KERNEL, "valid"))
def test_valid_requests_are_read(message):
    request = parse(message)
    assert (type(request), request.id) == (REQUESTS[message["kind"]], message["id"])
    assert to_json(request) == message


@pytest.mark.parametrize("example", [*cases(TO_KERNEL, "broken"), *broken_anyway(TO_KERNEL)])
def test_broken_requests_are_refused_with_a_remedy(example):
    with pytest.raises(MessageError) as caught:
        parse(example["message"])
    assert caught.value.code == "message"
    assert caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("example", cases(TO_BROWSER, "valid"))
def test_valid_replies_pass(example):
    parse_reply(example["message"])


@pytest.mark.parametrize("example", [*cases(TO_BROWSER, "broken"), *broken_anyway(TO_BROWSER)])
def test_broken_replies_do_not_pass(example):
    with pytest.raises(MessageError):
        parse_reply(example["message"])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_cannot_write_are_refused(value):
    with pytest.raises(MessageError, match="finite"):
        parse({"v": 1, "kind": "add_point", "id": "r1", "x": value, "y": 1, "label": 1})
    with pytest.raises(MessageError, match="finite"):
        parse({"v": 1, "kind": "add_box", "id": "r1", "box": [0, 0, value, 1]})


@pytest.mark.parametrize(
    "content",
    [
        {"v": 1, "kind": "rename", "id": "r1", "object": 1, "name": "n" * 70_000},
        {"v": 1, "kind": "add_box", "id": "r1", "box": [0.5] * 20_000},
        {"v": 1, "kind": "undo", "id": "r1", **{f"field{n}": n for n in range(10_000)}},
    ],
    ids=["one long string", "one long list", "many fields"],
)
def test_messages_beyond_64_kb_are_refused(content):
    with pytest.raises(MessageError, match="larger than 64 kB"):
        parse(content)


def test_buffers_from_the_browser_are_refused():
    with pytest.raises(MessageError, match="1 buffers"):
        parse({"v": 1, "kind": "undo", "id": "r1"}, [b"bytes"])


@pytest.mark.parametrize(
    ("content", "expected"),
    [({"id": "r1"}, "r1"), ({"id": 7}, None), ({"id": "i" * 65}, None), ({}, None), (None, None), ([1], None)],
)
def test_a_broken_message_gets_a_reply_by_name_where_it_has_one(content, expected):
    assert request_id(content) == expected
