"""The masks of many prompts: progress, a turn for clicks, and nothing changed where they are stopped."""

import threading

import numpy as np
import pytest

from samwidget.errors import ClosedError, ModelError, PromptError, StoppedError
from tests.new_thread import started
from tests.widget.fakes import TIMEOUT_S, FakePredictor, WiredWidget

BOXES = [[x, 10, x + 20, 40] for x in range(1, 101)]


@pytest.fixture
def predictor():
    return FakePredictor()


@pytest.fixture
def widget(predictor):
    with WiredWidget(predictor=predictor) as made:
        made.wait(TIMEOUT_S)
        yield made


def making(widget):
    """What the views heard of the progress, each once."""
    told = [message["value"].get("making") for message, _ in widget.wire.all("trait:status")]
    return [now for before, now in zip([None, *told], told, strict=False) if now != before]


def test_boxes_are_made_in_steps_and_added_in_one(widget):
    told = []
    added = widget.add_boxes(BOXES, names=[str(n) for n in range(100)], progress=lambda *now: told.append(now))
    assert [item.prompts.box_xyxy.tolist() for item in added] == BOXES
    assert [item.name for item in widget.objects] == [str(n) for n in range(100)]
    assert told[-1] == (100, 100)
    progress = making(widget)
    assert progress[0] == {"done": 8, "total": 100}
    assert progress[-1] is None
    counts = [now["done"] for now in progress[:-1]]
    assert counts == sorted(set(counts))
    widget.undo()
    assert widget.objects == ()


def test_few_boxes_show_no_progress(widget):
    widget.add_boxes(BOXES[:8])
    assert making(widget) == []


def test_a_click_has_its_turn_between_two_steps(widget, predictor):
    predictor.decode_gate.shut()
    call = started(lambda: widget.add_boxes(BOXES))
    assert predictor.decode_gate.reached.wait(TIMEOUT_S)
    widget.say("add_point", x=60, y=40, label=1)
    predictor.decode_gate.open()
    assert len(call.result(TIMEOUT_S)) == 100
    assert [len(item.prompts.points_xy) for item in widget.objects] == [1, *[0] * 100]
    assert widget.document["active"] == 1


def test_stop_on_the_screen_leaves_all_as_it_was(widget, predictor):
    predictor.decode_gate.shut()
    call = started(lambda: widget.add_boxes(BOXES))
    assert predictor.decode_gate.reached.wait(TIMEOUT_S)
    name = widget.say("stop_making")
    widget.wire.wait_for("done", re=name)
    with pytest.raises(StoppedError, match="0 of 100 masks; no object was added") as raised:
        call.result(TIMEOUT_S)
    assert raised.value.hint
    predictor.decode_gate.open()
    widget.wait(TIMEOUT_S)
    assert (widget.objects, widget.document["can_undo"], widget.status.get("making")) == ((), False, None)
    assert len(predictor.asked) == 8, "it goes on although it was stopped"
    widget.do("stop_making")  # nothing to stop
    assert len(widget.add_boxes(BOXES)) == 100


def test_a_network_that_fails_and_an_error_of_the_callback_leave_all_as_it_was(widget, predictor):
    predictor.fail_decode = [RuntimeError("out of luck")]
    with pytest.raises(ModelError, match="out of luck"):
        widget.add_boxes(BOXES)

    def refuse(done, total):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        widget.add_boxes(BOXES, progress=refuse)
    widget.wait(TIMEOUT_S)
    assert (widget.objects, widget.document["can_undo"], widget.status.get("making")) == ((), False, None)


def test_closing_ends_the_call(widget, predictor):
    predictor.decode_gate.shut()
    call = started(lambda: widget.add_boxes(BOXES))
    assert predictor.decode_gate.reached.wait(TIMEOUT_S)
    closing = threading.Thread(target=widget.close)
    closing.start()
    with pytest.raises(ClosedError, match="closed before the masks were made"):
        call.result(TIMEOUT_S)
    predictor.decode_gate.open()
    closing.join(TIMEOUT_S)


def test_a_callback_may_add_boxes(widget):
    counts = []

    def add(w):
        if len(w.objects) == 1:  # it is called for its own change, too
            counts.append(len(w.add_boxes(BOXES)))

    widget.on_change(add)
    widget.do("add_point", x=60, y=40, label=1)
    widget.wait(TIMEOUT_S)
    assert counts == [100]


@pytest.mark.parametrize(
    ("points", "labels", "expected"),
    [
        ([[5, 6], [50, 60]], None, [([[5, 6]], [1]), ([[50, 60]], [1])]),
        (np.array([[5, 6]]), [1], [([[5, 6]], [1])]),
        ([[[5, 6], [9, 9]], [50, 60]], [[1, 0], 1], [([[5, 6], [9, 9]], [1, 0]), ([[50, 60]], [1])]),
        ([], None, []),
    ],
)
def test_an_object_for_each_point_or_group(widget, points, labels, expected):
    added = widget.add_points(points, labels, class_names="cell")
    prompts = [(item.prompts.points_xy.tolist(), item.prompts.labels.tolist()) for item in added]
    assert prompts == expected
    assert {item.class_name for item in added} <= {"cell"}


@pytest.mark.parametrize(
    "call",
    [
        lambda w: w.add_points([5, 6]),
        lambda w: w.add_points(7),
        lambda w: w.add_points([[5, 6]], [1, 1]),
        lambda w: w.add_points([[5, 6]], [2]),
        lambda w: w.add_points([[5, 6], [500, 6]]),
        lambda w: w.add_points([[5, 6], np.zeros((0, 2))]),
        lambda w: w.add_points([[5, 6]], names=["a", "b"]),
        lambda w: w.add_points([[5, 6], [np.nan, 6]]),
    ],
)
def test_wrong_points_add_nothing(widget, predictor, call):
    with pytest.raises(PromptError) as raised:
        call(widget)
    assert raised.value.hint
    assert (widget.objects, predictor.asked) == ((), [])
