"""The guard between the page and the widget: whatever a page sends is answered, and nothing is raised."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from samwidget.errors import ClosedError
from samwidget.widget.protocol.requests import Hover
from samwidget.widget.traits import SETTINGS
from samwidget.widget.wire.inbox import Inbox
from samwidget.widget.wire.outbox import Outbox
from samwidget.widget.wire.parse import MESSAGE_BYTES_MAX, parse_reply
from tests.widget.fakes import TIMEOUT_S, WiredWidget

EXAMPLES = json.loads((Path(__file__).parents[2] / "shared" / "messages.json").read_text(encoding="utf-8"))
VALID = [example for kind in EXAMPLES["browser_to_kernel"]["kinds"].values() for example in kind["valid"]]

any_text = st.text(st.characters(), max_size=100)  # with halves of surrogate pairs
scalars = st.none() | st.booleans() | st.floats() | any_text | st.integers() | st.integers(0, 3)
huge = st.sampled_from(
    [10**400, -(10**4000), "x" * (MESSAGE_BYTES_MAX + 1), [0] * MESSAGE_BYTES_MAX, math.nan, "\ud800"]
)
anything = st.recursive(
    scalars | huge,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)
field_names = st.sampled_from(sorted({name for example in VALID for name in example} | {"after"})) | any_text


@st.composite
def mutated(draw):
    """A valid message in which up to three fields are other values, missing or new."""
    message = {**draw(st.sampled_from(VALID)), "id": draw(st.sampled_from(["r1", "r2", "r3"]))}
    for name in draw(st.lists(field_names, max_size=3)):
        if draw(st.booleans()):
            message[name] = draw(anything)
        else:
            message.pop(name, None)
    return message


contents = anything | mutated()
buffer_lists = st.just([]) | st.lists(st.binary(max_size=4), max_size=2)


def nested(depth):
    value = 0
    for _ in range(depth):
        value = [value]
    return value


class Sender:
    """The part of a widget that sends: keeps what Jupyter could put on the wire, and fails for the rest."""

    def __init__(self):
        self.sent = []

    def send(self, content, buffers):
        json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
        parse_reply(content)
        self.sent.append(content)

    def send_state(self, key):
        self.sent.append({"kind": f"trait:{key}"})


def inbox_of(take=lambda request: None):
    sender, taken, again = Sender(), [], []

    def record(request):
        taken.append(request)
        take(request)

    return Inbox(Outbox(sender), record, again.append), sender, taken, again


@settings(max_examples=1000, deadline=None)
@given(contents, buffer_lists)
def test_whatever_comes_has_one_answer_and_an_accepted_message_is_taken_once(content, buffers):
    inbox, sender, taken, _ = inbox_of()
    inbox.receive(content, buffers)
    (reply,) = sender.sent
    if taken:
        assert (reply["kind"], reply["re"]) == ("ack", taken[0].id)
    elif reply["kind"] != "resend":
        assert reply["kind"] == "error"
        assert reply["code"] == "message"
        assert reply["message"].endswith((".", "…", "?", "!"))
        assert len(reply["message"]) + len(reply["hint"]) < 1500


@pytest.fixture(scope="module")
def shared_widget(tmp_path_factory):
    """One widget for all examples of a test, in a folder where it may save."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("saved"))
        widget = WiredWidget(model_menu=False)  # otherwise an example loads a model
        widget.wait(TIMEOUT_S)
        yield widget
        widget._controller.saving._worker.call(lambda: None)  # it saves in this folder
        widget.close()


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(st.lists(mutated(), max_size=4))
def test_a_message_that_fails_leaves_the_document_as_it_was(shared_widget, messages):
    if len(shared_widget.document["objects"]) > 100:  # each copy of the objects doubles them
        for item in shared_widget.document["objects"]:
            shared_widget.unlock(item["id"])
        shared_widget.clear()
    for number, message in enumerate(messages):
        before, sent = shared_widget.document, len(shared_widget.wire.sent)
        message["id"] = f"{sent}-{number}" if isinstance(message.get("id"), str) else message.get("id")
        shared_widget.hear(message)
        if message.get("kind") != "everything":
            shared_widget.wait(TIMEOUT_S)
        errors = [reply for reply, _ in shared_widget.wire.sent[sent:] if reply["kind"] == "error"]
        assert {error["code"] for error in errors} <= {"message", "prompt", "session", "model"}
        if errors:
            assert shared_widget.document == before


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(st.dictionaries(st.sampled_from(sorted(SETTINGS)) | any_text, anything | st.sampled_from([0.5, "box", "dark"])))
def test_whatever_settings_come_they_are_set_together_or_stay(shared_widget, changes):
    before = {name: getattr(shared_widget, name) for name in SETTINGS}
    sent = len(shared_widget.wire.sent)
    shared_widget.set_state(changes)
    after = {name: getattr(shared_widget, name) for name in SETTINGS}
    errors = [reply for reply, _ in list(shared_widget.wire.sent[sent:]) if reply["kind"] == "error"]
    if errors:
        assert [error["code"] for error in errors] == ["message"]
        assert after == before
        restored = {reply["kind"] for reply, _ in shared_widget.wire.sent[sent:]}
        assert restored >= {f"trait:{name}" for name in SETTINGS}, "the views have shown what was refused"
    else:
        assert after == {**before, **{name: value for name, value in changes.items() if name in SETTINGS}}


class UnreadText(str):
    def encode(self, *_):
        raise AssertionError("a text that is too long was read")

    __repr__ = __hash__ = encode


class UnreadList(list):
    def __iter__(self):
        raise AssertionError("a list that is too long was read")

    __repr__ = __iter__


class UnreadDict(dict):
    def keys(self):
        raise AssertionError("an object that is too large was read")

    __iter__ = values = items = __repr__ = keys


LONG = UnreadText("n" * (MESSAGE_BYTES_MAX + 1))


@pytest.mark.parametrize(
    "content",
    [
        LONG,
        {"v": 1, "kind": "undo", "id": LONG},
        {"v": 1, "kind": LONG, "id": "r1"},
        {"v": 1, "kind": "rename", "id": "r1", "object": 1, "name": LONG},
        {"v": 1, "kind": "keep_found", "id": "r1", "ids": UnreadList([0] * MESSAGE_BYTES_MAX)},
        {"v": 1, "kind": "add_box", "id": "r1", "box": [UnreadList([0] * MESSAGE_BYTES_MAX)]},
        UnreadDict({n: n for n in range(MESSAGE_BYTES_MAX)}),
        {"v": 1, "kind": "add_box", "id": "r1", "box": UnreadDict({n: n for n in range(MESSAGE_BYTES_MAX)})},
    ],
    ids=["text", "an id", "a kind", "a name", "a list", "a list in a list", "an object", "an object in an object"],
)
def test_what_is_too_large_is_refused_by_its_length_and_not_read(content):
    inbox, sender, taken, _ = inbox_of()
    inbox.receive(content, [])
    assert [(reply["kind"], reply["code"]) for reply in sender.sent] == [("error", "message")]
    assert "larger than 64 kB" in sender.sent[0]["message"]
    assert taken == []


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"kind": "add_box", "box": nested(1000)}, "nested more than 8 deep"),
        ({"kind": "add_box", "box": nested(100_000)}, "nested more than 8 deep"),
        ({"kind": "add_point", "x": 10**400, "y": 1, "label": 1}, "number is too long"),
        ({"kind": "add_point", "x": 1, "y": 1, "label": 10**400}, "number is too long"),
        ({"kind": "delete", "object": 1 << 3_000_000}, "number is too long"),
        ({"v": 10**5000, "kind": "undo"}, "number is too long"),
        ({"kind": "keep_found", "ids": [[]] * 30_000}, "larger than 64 kB"),
        ({"kind": "undo", **{str(n): n for n in range(10_000)}}, "larger than 64 kB"),
    ],
    ids=["1,000 deep", "100,000 deep", "x", "label", "object", "version", "many lists", "many fields"],
)
def test_what_nobody_could_mean_is_refused(fields, problem):
    inbox, sender, taken, _ = inbox_of()
    inbox.receive({"v": 1, "id": "r1", **fields}, [])
    assert [(reply["kind"], reply["re"]) for reply in sender.sent] == [("error", "r1")]
    assert problem in sender.sent[0]["message"]
    assert taken == []


@pytest.mark.parametrize(
    "fields",
    [{"name": "a\ud83d"}, {"name": "cup", "id": "\udc00"}, {"name": "cup", "\ud800": 1}, {"kind": "\ud800"}],
    ids=["a name", "the id", "a field", "the kind"],
)
def test_half_a_surrogate_pair_is_refused_in_words_that_can_be_sent(fields):
    inbox, sender, taken, _ = inbox_of()
    inbox.receive({"v": 1, "kind": "rename", "id": "r1", "object": 1, **fields}, [])
    (reply,) = sender.sent
    assert "half a surrogate pair" in reply["message"]
    assert reply.get("re") == (None if "id" in fields else "r1"), "the reply names another request"
    assert taken == []


@pytest.mark.parametrize("buffers", [[b"bytes"], [memoryview(b"")], (b"a", b"b"), None, 7])
def test_wrong_buffers_are_refused(buffers):
    inbox, sender, taken, _ = inbox_of()
    inbox.receive({"v": 1, "kind": "undo", "id": "r1"}, buffers)
    assert [(reply["kind"], reply["re"]) for reply in sender.sent] == [("error", "r1")]
    assert taken == []


@pytest.mark.parametrize("error", [ClosedError("closed"), RuntimeError("a bug"), RecursionError(), MemoryError()])
def test_what_the_widget_raises_is_answered(error):
    def fail(request):
        raise error

    inbox, sender, _, _ = inbox_of(fail)
    inbox.receive({"v": 1, "kind": "undo", "id": "r1"}, [])
    assert [(reply["kind"], reply["re"]) for reply in sender.sent] == [("ack", "r1"), ("error", "r1")]


def test_a_change_is_refused_until_the_one_before_it_has_come():
    inbox, sender, taken, again = inbox_of()

    def say(kind, name, **fields):
        inbox.receive({"v": 1, "kind": kind, "id": name, **fields}, [])
        return sender.sent[-1]

    assert say("undo", "r2", after="r1") == {"v": 1, "kind": "resend", "re": "r2"}
    assert say("redo", "r3", after="r2") == {"v": 1, "kind": "resend", "re": "r3"}
    assert taken == []
    assert [say("accept", "r1")["kind"], say("undo", "r2", after="r1")["kind"]] == ["ack", "ack"]
    # The page has not heard that r2 was acknowledged.
    assert [say("undo", "r2", after="r1")["kind"], say("redo", "r3", after="r2")["kind"]] == ["ack", "ack"]
    assert [request.id for request in taken] == ["r1", "r2", "r3"]
    assert [request.id for request in again] == ["r2"]


def test_a_change_that_comes_again_is_not_taken_again_and_a_preview_is():
    inbox, sender, taken, again = inbox_of()
    for _ in range(2):
        inbox.receive({"v": 1, "kind": "undo", "id": "r1"}, [])
        inbox.receive({"v": 1, "kind": "hover", "id": "r2", "x": 1, "y": 1, "label": 1}, [])
    assert [request.id for request in taken] == ["r1", "r2", "r2"]
    assert [request.id for request in again] == ["r1"]
    assert isinstance(taken[1], Hover)
    assert [reply["kind"] for reply in sender.sent] == ["ack"] * 4
