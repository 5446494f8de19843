"""Messages of the browser, through the whole kernel side, on a fake network."""

import threading

import numpy as np
import pytest

from samwidget.errors import ModelError
from samwidget.widget.wire.parse import parse_reply
from tests.widget.fakes import TIMEOUT_S, FakePredictor

CLICK = {"x": 60, "y": 40, "label": 1}
ELSEWHERE = {"x": 20, "y": 70, "label": 1}


def ids(widget):
    return [found["id"] for found in widget.document["objects"]]


def shown_kinds(widget, name):
    """The replies to a request, and the document between them."""
    return [
        message["kind"]
        for message, _ in widget.wire.sent
        if message.get("re") == name or message["kind"] == "trait:document"
    ]


def test_a_click_is_acknowledged_then_masked_then_documented_then_done(make):
    widget = make()
    name = widget.do("add_point", **CLICK)
    assert shown_kinds(widget, name) == ["ack", "masks", "trait:document", "done"]
    message, buffers = widget.wire.wait_for("masks", re=name)
    assert len(message["masks"]) == len(buffers) == 3
    shown = widget.document["objects"][0]
    assert shown["points"] == [[60.0, 40.0, 1]]
    candidates = [one["mask"] for one in widget.document["candidates"]]
    assert shown["mask"] == candidates[1]
    assert {one["mask"] for one in message["masks"]} == set(candidates)


def test_every_message_sent_follows_the_protocol(make):
    widget = make()
    widget.say("hello")
    widget.say("add_point", x=-5, y=0, label=1)
    widget.do("add_point", **CLICK)
    widget.do("choose", level=0)
    widget.say("detail", box=[0, 0, 20, 20], width=10)
    widget.wire.wait_for("detail")
    widget.say("hover", **ELSEWHERE)
    widget.wire.wait_for("preview")
    for message, buffers in widget.wire.sent:
        if not message["kind"].startswith("trait:"):
            parse_reply(message)
            assert len(buffers) == {"image": 1, "detail": 1}.get(message["kind"], len(message.get("masks", ())))


def test_the_handler_only_acknowledges(make):
    predictor = FakePredictor()
    predictor.encode_gate.shut()
    widget = make(predictor=predictor)
    name = widget.say("add_point", **CLICK)
    assert widget.wire.kinds(name) == ["ack"]
    acks = [
        thread
        for (message, _), thread in zip(widget.wire.sent, widget.wire.threads, strict=True)
        if message["kind"] == "ack"
    ]
    assert acks == [threading.current_thread()]
    predictor.encode_gate.open()
    widget.wire.wait_for("done", re=name)


def test_clicks_made_before_the_network_is_ready_are_kept_in_order(make):
    predictor = FakePredictor()
    predictor.encode_gate.shut()
    widget = make(predictor=predictor)
    widget.say("add_point", **CLICK)
    widget.say("accept")
    last = widget.say("add_point", **ELSEWHERE)
    assert widget.document["objects"] == []
    predictor.encode_gate.open()
    widget.wire.wait_for("done", re=last)
    assert [found["points"] for found in widget.document["objects"]] == [[[60.0, 40.0, 1]], [[20.0, 70.0, 1]]]


def test_the_status_goes_through_its_phases(make):
    widget = make()
    widget.wait(TIMEOUT_S)
    phases = [message["value"]["phase"] for message, _ in widget.wire.all("trait:status")]
    assert phases == ["encoding", "ready"]
    assert widget.status["network"] == "fake"
    assert widget.status["device"] == "CPU"
    assert "error" not in widget.status


@pytest.mark.parametrize("threads", [None, 3])
def test_the_predictor_is_told_the_widgets_number_of_threads(make, threads):
    widget = make(threads=threads)
    widget.do("add_point", **CLICK)
    widget.everything(points_per_side=2)
    assert set(widget.predictor.threads_asked) == ({threads} if threads else {None, 2})  # a search names the number
    widget.predictor.threads_asked.clear()
    widget.everything(points_per_side=2, threads=1)
    assert set(widget.predictor.threads_asked) == {1}


@pytest.mark.parametrize("error", [SystemExit(2), KeyboardInterrupt()])
def test_an_encoder_that_ends_the_program_is_a_failure_that_may_be_tried_again(make, error):
    predictor = FakePredictor()
    predictor.fail_encode = [error]
    widget = make(predictor=predictor)
    message, _ = widget.wire.wait_for("error")
    assert type(error).__name__ in message["message"]
    assert widget.status["phase"] == "failed"
    widget.do("retry")
    assert widget.status["phase"] == "ready"
    predictor.fail_decode = [error]
    refused = widget.say("add_point", **CLICK)
    widget.wire.wait_for("error", re=refused)
    widget.do("add_point", **CLICK)
    assert len(widget.document["objects"]) == 1


@pytest.mark.parametrize(
    ("device", "precision", "text"),
    [("cpu", "bfloat16", "CPU bfloat16"), ("cuda:0", "float16", "CUDA float16"), ("mps", "float32", "MPS")],
)
def test_the_status_names_a_precision_that_is_not_the_exact_one(make, device, precision, text):
    predictor = FakePredictor()
    predictor.device, predictor.precision = device, precision
    widget = make(predictor=predictor)
    widget.wait(TIMEOUT_S)
    assert widget.status["device"] == text


def test_an_encoder_that_fails_keeps_the_clicks_and_may_be_tried_again(make):
    predictor = FakePredictor()
    predictor.fail_encode = [ModelError("it fell over", hint="press Retry"), RuntimeError("and again")]
    predictor.encode_gate.shut()
    widget = make(predictor=predictor)
    first = widget.say("add_point", **CLICK)
    predictor.encode_gate.open()
    widget.wire.wait_for("error")
    assert widget.status["phase"] == "failed"
    assert widget.status["error"] == {"code": "model", "message": "It fell over.", "hint": "Press Retry."}
    second = widget.say("add_point", x=70, y=40, label=1)
    again = widget.say("retry")
    error, _ = widget.wire.wait_for("error", re=again)
    assert "RuntimeError: and again" in error["message"]
    assert widget.wire.kinds(first) == widget.wire.kinds(second) == ["ack"]
    widget.do("retry")
    widget.wire.wait_for("done", re=second)
    assert widget.status["phase"] == "ready"
    assert "error" not in widget.status
    assert widget.document["objects"][0]["points"] == [[60.0, 40.0, 1], [70.0, 40.0, 1]]


def test_retry_while_all_is_well_encodes_nothing(make):
    widget = make()
    widget.wait(TIMEOUT_S)
    widget.do("retry")
    assert widget.predictor.encodes == 1


def test_a_decode_that_fails_leaves_the_document_as_it_was(make):
    widget = make()
    widget.do("add_point", **CLICK)
    before = widget.document
    widget.predictor.fail_decode = [RuntimeError("no luck")]
    name = widget.say("add_point", **ELSEWHERE)
    error, _ = widget.wire.wait_for("error", re=name)
    assert (error["code"], "no luck" in error["message"]) == ("model", True)
    assert error["hint"]
    assert widget.document == before
    widget.do("add_point", **ELSEWHERE)
    assert len(widget.document["objects"][0]["points"]) == 2


def test_only_the_newest_hover_gets_a_reply(make):
    predictor = FakePredictor()
    predictor.decode_gate.shut()
    widget = make(predictor=predictor)
    first = widget.say("hover", x=1, y=1, label=1)
    assert predictor.decode_gate.reached.wait(TIMEOUT_S)
    names = [widget.say("hover", x=n, y=5, label=1) for n in range(10, 20)]
    predictor.decode_gate.open()
    widget.wire.wait_for("preview", re=names[-1])
    previewed = [message["re"] for message, _ in widget.wire.all("preview")]
    assert previewed == [first, names[-1]]
    assert all(widget.wire.kinds(name) == ["ack"] for name in names[:-1])


def test_clicks_go_before_a_waiting_hover(make):
    predictor = FakePredictor()
    predictor.decode_gate.shut()
    widget = make(predictor=predictor)
    widget.say("add_point", **CLICK)
    assert predictor.decode_gate.reached.wait(TIMEOUT_S)
    hover = widget.say("hover", **ELSEWHERE)
    click = widget.say("accept")
    predictor.decode_gate.open()
    widget.wire.wait_for("preview", re=hover)
    order = [message["re"] for message, _ in widget.wire.sent if message["kind"] in {"done", "preview"}]
    assert order.index(click) < order.index(hover)


def test_a_click_reuses_its_preview(make):
    widget = make()
    widget.say("hover", **CLICK)
    preview, _ = widget.wire.wait_for("preview")
    asked = len(widget.predictor.asked)
    widget.do("add_point", **CLICK)
    assert len(widget.predictor.asked) == asked
    assert widget.document["objects"][0]["mask"] == preview["masks"][0]["mask"]


def test_hover_beside_an_active_object_shows_what_a_click_would_make_of_it(make):
    widget = make()
    widget.do("add_point", **CLICK)
    widget.do("choose", level=2)
    name = widget.say("hover", **ELSEWHERE)
    preview, _ = widget.wire.wait_for("preview", re=name)
    assert len(widget.predictor.asked[-1].points_xy) == 2
    assert widget.predictor.asked[-1].level == 2, "the candidate that was chosen is refined"
    widget.do("add_point", **ELSEWHERE)
    assert widget.document["objects"][0]["mask"] == preview["masks"][0]["mask"]
    assert preview["score"] == pytest.approx(0.7)


def test_points_are_moved_and_removed_and_the_object_goes_with_its_last(make):
    widget = make()
    widget.do("add_point", **CLICK)
    widget.do("add_point", x=80, y=40, label=0)
    widget.do("move_point", index=1, x=90, y=50)
    assert widget.document["objects"][0]["points"] == [[60.0, 40.0, 1], [90.0, 50.0, 0]]
    widget.do("remove_point", index=0)
    assert widget.document["objects"][0]["points"] == [[90.0, 50.0, 0]]
    widget.do("remove_point", index=0)
    assert ids(widget) == []
    assert widget.document["active"] is None
    widget.do("undo")
    assert widget.document["active"] == 1


@pytest.mark.parametrize(
    ("box", "expected"),
    [([40, 20, 90, 80], [[40, 20, 90, 80]]), ([70, 50, 90, 80], [None, [70, 50, 90, 80]])],
    ids=["around the point it belongs to the object", "elsewhere it begins another"],
)
def test_a_box_joins_the_active_object_where_they_belong_together(make, box, expected):
    widget = make()
    widget.do("add_point", **CLICK)
    widget.do("add_box", box=box)
    assert [found["prompt_box"] for found in widget.document["objects"]] == expected


def test_boxes_in_a_row_make_objects(make):
    widget = make()
    for x in (0, 30, 60):
        widget.do("add_box", box=[x, 0, x + 25, 30])
    assert ids(widget) == [1, 2, 3]
    widget.do("move_box", box=[50, 10, 70, 30])
    assert widget.document["objects"][2]["prompt_box"] == [50, 10, 70, 30]
    widget.do("add_point", x=60, y=20, label=1)
    widget.do("remove_box")
    assert widget.document["objects"][2]["prompt_box"] is None
    widget.do("remove_point", index=0)
    assert ids(widget) == [1, 2]


def test_objects_are_named_hidden_selected_deleted_and_cleared(make):
    widget = make()
    for point in (CLICK, ELSEWHERE):
        widget.do("add_point", **point)
        widget.do("accept")
    widget.do("rename", object=1, name="  cup ")
    widget.do("set_visible", object=2, visible=False)
    widget.do("select", object=1)
    shown = widget.document
    assert [(found["name"], found["visible"]) for found in shown["objects"]] == [("cup", True), ("object 2", False)]
    assert (shown["active"], len(shown["candidates"])) == (1, 3)
    widget.do("delete", object=1)
    assert (ids(widget), widget.document["active"]) == ([2], None)
    widget.do("clear")
    assert ids(widget) == []
    for _ in range(2):
        widget.do("undo")
    assert ids(widget) == [1, 2]
    widget.do("redo")
    assert ids(widget) == [2]


def test_a_name_without_an_object_names_the_active_one_in_order_with_the_clicks(make):
    widget = make()
    for name, point in (("cup", CLICK), ("spoon", ELSEWHERE)):
        widget.say("add_point", **point)
        widget.say("rename", object=None, name=name)
        last = widget.say("accept")
    widget.wire.wait_for("done", re=last)
    assert [found["name"] for found in widget.document["objects"]] == ["cup", "spoon"]
    error, _ = widget.wire.wait_for("error", re=widget.say("rename", object=None, name="tree"))
    assert error["code"] == "prompt"
    assert [found["name"] for found in widget.document["objects"]] == ["cup", "spoon"]


def test_undo_with_nothing_to_undo_is_done_without_a_change(make):
    widget = make()
    name = widget.do("undo")
    assert widget.wire.kinds(name) == ["ack", "done"]
    assert widget.document["revision"] == 0


def test_the_list_shows_the_chosen_candidate(make):
    widget = make()
    widget.do("add_point", **CLICK)
    areas = []
    for level in range(3):
        widget.do("choose", level=level)
        found = widget.document["objects"][0]
        assert found["level"] == level
        assert found["mask"] == widget.document["candidates"][level]["mask"]
        areas.append(found["area"])
    assert areas == sorted(areas)
    assert len(set(areas)) == 3


@pytest.mark.parametrize(
    ("kind", "fields", "what"),
    [
        ("add_point", {"x": 500, "y": 5, "label": 1}, "outside the image"),
        ("add_box", {"box": [5, 5, 5, 9]}, "no area"),
        ("add_box", {"box": [500, 500, 600, 600]}, "outside the image"),
        ("move_point", {"index": 0, "x": 1, "y": 1}, "no object is active"),
        ("remove_box", {}, "no object is active"),
        ("choose", {"level": 0}, "no object is active"),
        ("select", {"object": 9}, "no object 9"),
        ("delete", {"object": 9}, "no object 9"),
        ("hover", {"x": -1, "y": 5, "label": 1}, "outside the image"),
        ("detail", {"box": [500, 500, 600, 600], "width": 10}, "no pixel of the image"),
    ],
)
def test_what_cannot_be_done_gets_a_reply_and_changes_nothing(make, kind, fields, what):
    widget = make()
    name = widget.say(kind, **fields)
    error, _ = widget.wire.wait_for("error", re=name)
    assert error["code"] == "prompt"
    assert what in error["message"].lower()
    assert error["hint"]
    assert widget.document["revision"] == 0


def test_move_box_without_a_box_gets_a_reply(make):
    widget = make()
    widget.do("add_point", **CLICK)
    for kind, fields in (("move_box", {"box": [0, 0, 9, 9]}), ("remove_box", {})):
        error, _ = widget.wire.wait_for("error", re=widget.say(kind, **fields))
        assert "has no box" in error["message"]


def test_a_replayed_message_is_acknowledged_and_not_carried_out_again(make):
    widget = make()
    name = widget.do("add_point", **CLICK)
    widget.say("add_point", id=name, **CLICK)
    widget.wire.wait_for("done", count=2, re=name)
    assert widget.wire.kinds(name) == ["ack", "masks", "done", "ack", "done"]
    widget.do("accept")
    assert ids(widget) == [1]
    assert len(widget.document["objects"][0]["points"]) == 1


def test_ids_are_remembered_but_not_for_ever(make, monkeypatch):
    monkeypatch.setattr("samwidget.widget.wire.inbox._IDS_MAX", 3)
    widget = make()
    for n in range(5):
        widget.do("accept", id=f"a{n}")
    widget.say("accept", id="a4")
    widget.wire.wait_for("done", count=2, re="a4")
    assert widget.wire.kinds("a4") == ["ack", "done", "ack", "done"]
    widget.say("accept", id="a0")
    widget.wire.wait_for("done", count=2, re="a0")


def test_every_broken_message_gets_a_reply_and_nothing_happens(make, messages):
    widget = make()
    widget.wait(TIMEOUT_S)
    examples = list(messages["browser_to_kernel"]["any"])
    for kind in messages["browser_to_kernel"]["kinds"].values():
        examples += kind["broken"]
    for n, example in enumerate(examples, start=1):
        widget.hear(example["message"])
        error, _ = widget.wire.wait_for("error", count=n)
        assert error["code"] == "message", example["reason"]
    assert widget.wire.all("ack") == []
    assert widget.document["revision"] == 0


def test_buffers_and_large_messages_get_a_reply(make):
    widget = make()
    widget.hear({"v": 1, "kind": "undo", "id": "r1"}, [b"bytes"])
    widget.hear({"v": 1, "kind": "rename", "id": "r2", "object": 1, "name": "n" * 100_000})
    assert [message["code"] for message, _ in widget.wire.all("error")] == ["message", "message"]


def test_a_message_to_a_closed_widget_is_dropped_quietly(make):
    widget = make()
    widget.wait(TIMEOUT_S)
    widget.close()
    before = len(widget.wire.sent)
    widget.say("add_point", **CLICK)
    assert len(widget.wire.sent) == before


def test_the_mask_on_the_wire_is_the_mask_in_python(make):
    rng = np.random.default_rng(3)
    widget = make(rng.integers(0, 255, (200, 120, 3), np.uint8))
    widget.do("add_point", x=60, y=40, label=1)
    assert widget.document["objects"][0]["area"] == int(widget.masks[0].sum())
    x0, y0, x1, y1 = widget.document["objects"][0]["box"]
    assert widget.masks[0][y0:y1, x0:x1].sum() == widget.masks[0].sum()
