"""The table of handlers covers every kind, each in its lane, and agrees with the classes and the examples."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

from docs import make_messages
from samwidget.widget.handlers import HANDLERS, Lane
from samwidget.widget.protocol.replies import REPLIES
from samwidget.widget.protocol.requests import REQUESTS
from tests.widget.fakes import TIMEOUT_S

ROOT = Path(__file__).parents[2]
EXAMPLES = json.loads((ROOT / "tests/shared/messages.json").read_text(encoding="utf-8"))
LANES = {
    Lane.NOW: {"everything", "cancel_everything", "stop_making", "retry", "use_bundled", "save_session",
               "thumbnails", "use_model", "cancel_model", "find", "find_similar"},
    Lane.EXPORT: {"export"},
    Lane.PREVIEW: {"hover"},
    Lane.PICTURES: {"hello", "detail", "list_images", "list_models"},
    Lane.IN_ORDER: {
        "add_point", "move_point", "remove_point", "add_box", "move_box", "remove_box", "choose", "accept", "select",
        "rename", "set_visible", "delete", "clear", "undo", "redo", "keep_found", "discard_found",
        "delete_objects", "set_locked", "reorder", "add_class", "rename_class", "delete_class", "activate_class",
        "set_class", "paint", "fill_polygon", "merge", "split", "subtract", "intersect", "adjust", "scribble",
        "restore_objects", "polygons", "set_polygons", "copy_objects",
    },
    Lane.TURNING: {"go_to", "accept_image", "set_image_state"},
}  # fmt: skip


def test_the_table_has_a_row_for_each_kind():
    assert set(HANDLERS) == set(REQUESTS.values())


def test_each_kind_is_in_its_lane():
    kinds = {message_type: kind for kind, message_type in REQUESTS.items()}
    for lane in Lane:
        assert {kinds[message_type] for message_type, row in HANDLERS.items() if row.lane is lane} == LANES[lane]


def test_the_page_about_the_protocol_has_each_kind():
    page = (ROOT / "docs/protocol.md").read_text(encoding="utf-8")
    to_kernel, to_browser = page.split("## Browser to kernel")[1].split("## Kernel to browser")
    for text, message_types in ((to_kernel, REQUESTS), (to_browser, REPLIES)):
        rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
        assert {kind for cell in rows for kind in re.findall(r"`(\w+)`", cell)} >= set(message_types)


@pytest.mark.parametrize("kind", REQUESTS)
def test_each_example_reaches_a_handler_that_takes_it(kind, make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a session file is written there
    widget = make()
    widget.wait(TIMEOUT_S)
    for number, example in enumerate(EXAMPLES["browser_to_kernel"]["kinds"][kind]["valid"]):
        name = f"{kind}-{number}"
        widget.hear({**example, "id": name})
        widget.wait(TIMEOUT_S)
        widget._controller.saving._worker.call(lambda: None)
        replies = [message for message, _ in widget.wire.sent if message.get("re") == name]
        assert replies[0]["kind"] == "ack"
        # There is no object yet, so some kinds are refused; no handler may fail for another reason.
        assert {message["code"] for message in replies if message["kind"] == "error"} <= {"prompt"}


def test_the_schema_agrees_with_the_examples():
    schema = make_messages.schema()
    for direction, name in (("browser_to_kernel", "Request"), ("kernel_to_browser", "Reply")):
        check = jsonschema.Draft202012Validator({**schema, "$ref": f"#/$defs/{name}"})
        for kind, examples in EXAMPLES[direction]["kinds"].items():
            for example in examples["valid"]:
                assert check.is_valid(example.get("message", example)), kind
            for example in examples["broken"]:
                assert not check.is_valid(example["message"]), (kind, example["reason"])


def test_the_traits_agree_with_the_schema(make):
    widget = make()
    widget.do("add_point", x=60, y=40, label=1)
    widget.do("add_box", box=[20, 20, 60, 60])
    schema = make_messages.schema()
    jsonschema.validate(widget.document, {**schema, "$ref": "#/$defs/DocumentSummary"})
    jsonschema.validate(widget.status, {**schema, "$ref": "#/$defs/NetworkStatus"})


def test_what_is_made_from_the_messages_is_fresh():
    advice = "run python -m docs.make_messages"
    assert json.loads(make_messages.SCHEMA_FILE.read_text(encoding="utf-8")) == make_messages.schema(), advice
    assert make_messages.TYPESCRIPT_FILE.read_text(encoding="utf-8") == make_messages.typescript(), advice
