"""Everything: a search step by step between the user's clicks, and what becomes of what it found.

The fake network finds a disc of 16 pixels radius at each point of a 4 x 4 grid in a photo of 128 x 96.
"""

import gc
import signal
import threading
import weakref
import zlib

import numpy as np
import pytest

from samwidget.core.objects import FoundObject
from samwidget.core.rle import RunLengths
from samwidget.errors import ClosedError, ModelError, PromptError
from samwidget.predict.everything.generate import Progress
from samwidget.widget.wire.parse import parse_reply
from tests.widget.fakes import TIMEOUT_S, FakePredictor, Gate, WiredWidget
from tests.widget.test_lifetime import forget

CLICK = {"x": 60, "y": 40, "label": 1}
ALL = {"points_per_side": None}


class View:
    """What a browser makes of the `found` messages."""

    def __init__(self, widget):
        self.found, self.phase, self.masks = {}, "none", {}
        for message, buffers in list(widget.wire.sent):
            if message["kind"] == "found":
                self.hear(message, buffers)

    def hear(self, message, buffers):
        parse_reply(message)
        assert len(buffers) == len(message["masks"]) == len(message["added"])
        assert ("frame" in message) == bool(buffers)
        self.phase = message["phase"]
        if message["is_whole"]:
            self.found = {}
        for number in message["removed"]:
            del self.found[number]
        for entry, header, data in zip(message["added"], message["masks"], buffers, strict=True):
            assert entry["mask"] == header["mask"]
            assert entry["id"] not in self.found
            self.found[entry["id"]] = entry
            self.masks[entry["mask"]] = data


def ended(widget, phase="done"):
    widget.wire.wait_for("found", phase=phase)
    return View(widget)


def before_prediction(predictor, number, act):
    """Calls `act` before the network's `number`-th prediction."""
    predictions = []

    def predict_many(*args, real=predictor.predict_many, **kwargs):
        predictions.append(None)
        if len(predictions) == number:
            act()
        return real(*args, **kwargs)

    predictor.predict_many = predict_many


def in_background(work):
    """The thread that runs `work`, and a list that will hold what it returned or raised."""
    result = []

    def run():
        try:
            result.append(work())
        except BaseException as error:
            result.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, result


@pytest.fixture
def held(make):
    """A widget whose search waits for its first prediction, and its predictor."""
    predictor = FakePredictor()
    widget = make(predictor=predictor)
    widget.wait(TIMEOUT_S)
    predictor.decode_gate.shut()
    name = widget.say("everything", **ALL)
    assert predictor.decode_gate.reached.wait(TIMEOUT_S)
    return widget, predictor, name


# The search itself.


def test_a_search_tells_the_views_step_by_step_and_changes_no_object(make):
    widget = make()
    name = widget.do("everything", **ALL)
    view = View(widget)
    assert view.phase == "done"
    assert len(view.found) == 16
    first, *steps, last = [message for message, _ in widget.wire.all("found")]
    assert (first["phase"], first["is_whole"], first["total"]) == ("running", True, 0)
    assert "seconds_left" not in first
    done = [message["done"] for message in steps]
    assert done == sorted(done)
    assert done[0] == 1
    assert (last["done"], last["total"], last["added"]) == (16, 16, [])
    assert widget.wire.kinds(name) == ["ack", "done"]
    assert widget.objects == ()
    assert not widget.document["can_undo"]


def test_a_found_mask_is_described_as_it_is(make):
    widget = make()
    widget.do("everything", points_per_side=4)
    entry = View(widget).found[16]  # point 5 of the grid, the middle of its three candidates
    assert entry["box"] == [32, 20, 64, 52]
    assert (entry["score"], entry["colour"][0]) == (0.9, "#")
    assert entry["area"] == pytest.approx(np.pi * 16**2, rel=0.02)
    data = View(widget).masks[entry["mask"]]
    assert max(zlib.decompress(data)) > 127
    assert widget.predictor.asked[0].labels.tolist() == [1]


def test_the_browser_may_ask_for_fewer_or_more_points(make):
    widget = make()
    widget.do("everything", points_per_side=8)
    assert widget.wire.all("found")[-1][0]["total"] == 64


def test_a_click_has_its_turn_between_two_steps(held):
    widget, predictor, name = held
    click = widget.say("add_point", **CLICK)
    predictor.decode_gate.open()
    widget.wire.wait_for("done", re=name)
    order = [
        message.get("re", message.get("done"))
        for message, _ in widget.wire.sent
        if message["kind"] in {"done", "found"}
    ]
    assert order[:3] == [0, 1, click]
    assert len(widget.objects) == 1
    assert len(View(widget).found) == 16


def test_a_better_mask_takes_the_place_of_another(make):
    def found_object(number, *, candidate=None):
        mask = np.zeros((96, 128), bool)
        mask[10:20, number : number + 10] = True
        return FoundObject(number, RunLengths.from_mask(mask), 0.9, 0.95, (5.0, 5.0), 0, (0, 0, 128, 96), candidate)

    a, b, without_specks = found_object(1), found_object(2), found_object(2)
    steps = [
        Progress(1, 2, 0.5, (a,), (a,), ()),
        Progress(2, 2, 0.0, (b,), (b,), (1,)),
        Progress(2, 2, 0.0, (without_specks,), (without_specks,), (2,)),
    ]

    class Scripted(FakePredictor):
        def generate_masks(self, image, cancel, threads):
            return iter(steps)

    widget = make(predictor=Scripted())
    widget.do("everything", **ALL)
    view = View(widget)
    assert list(view.found) == [2]
    colours = [entry["colour"] for message, _ in widget.wire.all("found") for entry in message["added"]]
    assert len(set(colours)) == 1  # the masks that went are nobody's neighbours
    widget.do("keep_found", ids=[2])
    assert np.array_equal(widget.masks[0], b.mask)
    assert widget.objects[0].prompts.mask is not None


def test_a_search_waits_for_the_photo(make):
    predictor = FakePredictor()
    predictor.encode_gate.shut()
    widget = make(predictor=predictor)
    name = widget.say("everything", **ALL)
    running, _ = widget.wire.wait_for("found")
    assert (running["phase"], running["total"]) == ("running", 0)
    predictor.encode_gate.open()
    widget.wire.wait_for("done", re=name)
    assert len(View(widget).found) == 16


def test_a_new_search_takes_the_place_of_the_last(held):
    widget, predictor, first = held
    second = widget.say("everything", points_per_side=5)
    widget.wire.wait_for("done", re=first)
    predictor.decode_gate.open()
    widget.wire.wait_for("done", re=second)
    names = {message["search"] for message, _ in widget.wire.all("found")}
    assert len(names) == 2
    assert widget.wire.all("found")[-1][0]["total"] == 25
    assert len(View(widget).found) == len(widget._controller.everything._search.found_masks)


# Cancel, failure, close.


def test_cancel_gets_a_reply_while_a_step_runs_and_keeps_what_was_found(make):
    predictor = FakePredictor()
    widget = make(predictor=predictor)
    widget.wait(TIMEOUT_S)
    gate = Gate(is_open=False)
    before_prediction(predictor, 2, gate.wait)
    search = widget.say("everything", **ALL)
    assert gate.reached.wait(TIMEOUT_S)
    cancel = widget.say("cancel_everything")
    # No wait: the reply is sent before the message handler returns, and the network still waits at its gate.
    assert widget.wire.kinds(cancel) == ["ack", "done"]
    assert widget.wire.kinds(search) == ["ack", "done"]
    sent = len(widget.wire.all("found"))
    gate.open()
    widget.wait(TIMEOUT_S)
    view = View(widget)
    assert (view.phase, list(view.found)) == ("cancelled", [1])
    assert len(widget.wire.all("found")) == sent, "a step that ended after the cancel was told"
    widget.do("keep_found", ids=[1])
    assert len(widget.objects) == 1


def test_cancel_before_the_first_prediction_leaves_an_empty_search(held):
    widget, predictor, _ = held
    widget.do("cancel_everything")
    assert (View(widget).phase, View(widget).found) == ("cancelled", {})
    predictor.decode_gate.open()
    widget.do("discard_found")
    assert View(widget).phase == "none"


def test_cancel_without_a_search_does_nothing(make):
    widget = make()
    assert widget.wire.kinds(widget.do("cancel_everything")) == ["ack", "done"]
    assert widget.wire.all("found") == []


def test_a_network_that_fails_is_an_error_and_what_was_found_stays(make):
    predictor = FakePredictor()
    widget = make(predictor=predictor)
    before_prediction(predictor, 2, lambda: predictor.fail_decode.append(RuntimeError("no luck")))
    name = widget.say("everything", **ALL)
    error, _ = widget.wire.wait_for("error", re=name)
    assert (error["code"], "no luck" in error["message"]) == ("model", True)
    view = ended(widget, "failed")
    assert 1 in view.found
    widget.do("keep_found", ids=[1])
    assert widget.masks[-1][12, 16]


def test_a_search_without_a_network_fails_and_shows_nothing(make):
    predictor = FakePredictor()
    predictor.fail_encode = [ModelError("no weights")]
    widget = make(predictor=predictor)
    name = widget.say("everything", **ALL)
    error, _ = widget.wire.wait_for("error", re=name)
    assert error["message"] == "No weights."
    assert View(widget).phase == "none"


def test_closing_ends_the_search_and_whoever_waits_for_it(held):
    widget, predictor, _ = held
    cancel = widget._controller.everything._search.cancel
    thread, result = in_background(widget.everything)  # takes the place of the browser's search
    widget.wire.wait_for("found", 3)
    worker = widget._controller.worker.thread
    widget.close()
    predictor.decode_gate.open()
    thread.join(TIMEOUT_S)
    worker.join(TIMEOUT_S)
    assert isinstance(result[0], ClosedError)
    assert cancel.is_set()
    assert not worker.is_alive()
    assert len(predictor.asked) <= 2
    with pytest.raises(ClosedError):
        widget.everything()


def test_a_widget_that_is_dropped_ends_its_search():
    predictor = FakePredictor()
    widget = WiredWidget(predictor=predictor)
    widget.wait(TIMEOUT_S)
    predictor.decode_gate.shut()
    widget.say("everything", **ALL)
    assert predictor.decode_gate.reached.wait(TIMEOUT_S)
    search, cancel = weakref.ref(widget._controller.everything), widget._controller.everything._search.cancel
    worker = widget._controller.worker.thread
    forget(widget)
    del widget
    gc.collect()
    assert cancel.is_set()
    predictor.decode_gate.open()
    worker.join(TIMEOUT_S)
    gc.collect()
    assert len(predictor.asked) == 1
    assert search() is None


# Keep and discard.


def test_keeping_is_one_step_of_the_history(make):
    widget = make()
    widget.do("add_point", **CLICK)
    widget.do("everything", **ALL)
    view = View(widget)
    colours = [view.found[number]["colour"] for number in (16, 1)]
    name = widget.do("keep_found", ids=[16, 1, 16])
    assert [found.name for found in widget.objects] == ["object 1", "object 2", "object 3"]
    assert [found.area for found in widget.objects[1:]] == sorted(
        (view.found[n]["area"] for n in (1, 16)), reverse=True
    )
    assert sorted(found.colour for found in widget.objects[1:]) == sorted(colours)
    assert widget.document["active"] == 1, "the object that the user was refining is still theirs"
    # The bytes are those that every view has; the objects come before the found ones go.
    assert [kind for kind in widget.wire.kinds() if kind != "trait:_snapshot"][-3:] == [
        "trait:document",
        "found",
        "done",
    ]
    assert widget.wire.kinds(name) == ["ack", "done"]
    assert View(widget).phase == "none"
    assert widget.undo()
    assert len(widget.objects) == 1
    assert widget.redo()
    assert len(widget.objects) == 3


def test_a_kept_object_is_refined_by_clicks(make):
    widget = make()
    widget.do("everything", **ALL)
    widget.do("keep_found", ids=[16])
    (kept,) = widget.objects
    assert kept.prompts.points_xy.tolist() == [[48, 36]]
    assert (kept.score, kept.level) == (pytest.approx(0.9), 1)
    widget.select(kept.id)
    widget.do("add_point", x=100, y=80, label=1)
    refined = widget.objects[0]
    assert len(refined.prompts.points_xy) == 2
    assert refined.mask[80, 100]
    assert refined.level == 1


def test_discarding_leaves_nothing(make):
    widget = make()
    widget.do("everything", **ALL)
    widget.do("discard_found")
    assert (View(widget).phase, View(widget).found) == ("none", {})
    error, _ = widget.wire.wait_for("error", re=widget.say("keep_found", ids=[1]))
    assert error["code"] == "prompt"
    assert widget.objects == ()


def test_undo_shows_what_was_discarded_again_and_redo_discards_it(make):
    widget = make()
    widget.do("add_point", **CLICK)
    widget.do("everything", **ALL)
    before = View(widget)
    widget.do("discard_found")
    assert widget.document["can_undo"]
    widget.do("undo")
    after = View(widget)
    assert (after.phase, after.found, after.masks) == ("done", before.found, before.masks)
    assert {message["search"] for message, _ in widget.wire.all("found")} == {widget.wire.all("found")[0][0]["search"]}
    assert len(widget.objects) == 1, "the click is a step of its own"
    widget.do("redo")
    assert (View(widget).phase, len(widget.objects)) == ("none", 1)
    assert [widget.undo(), widget.undo(), widget.undo(), widget.undo()] == [True, True, True, False]
    assert (View(widget).phase, widget.objects) == ("none", ())
    assert [widget.redo(), widget.redo()] == [True, True]
    assert len(View(widget).found) == 16
    widget.do("keep_found", ids=[16])
    assert len(widget.objects) == 2


def test_undo_of_a_keep_shows_the_choice_again(make):
    widget = make()
    widget.do("everything", **ALL)
    widget.do("keep_found", ids=[16, 1])
    widget.do("undo")
    assert widget.objects == ()
    assert len(View(widget).found) == 16
    widget.do("keep_found", ids=[16, 1, 4])
    assert len(widget.objects) == 3
    assert View(widget).phase == "none"


def test_undo_takes_a_search_back_before_the_click_before_it(held):
    widget, predictor, name = held
    click = widget.say("add_point", **CLICK)
    predictor.decode_gate.open()
    widget.wire.wait_for("done", re=name)
    widget.wire.wait_for("done", re=click)
    widget.do("undo")
    assert (View(widget).phase, len(widget.objects)) == ("none", 1)
    widget.do("undo")
    assert widget.objects == ()
    widget.do("redo")
    widget.do("redo")
    assert (View(widget).phase, len(widget.objects)) == ("done", 1)


def test_undo_ends_a_search_that_runs_and_redo_shows_what_it_had(make):
    predictor = FakePredictor()
    widget = make(predictor=predictor)
    gate = Gate(is_open=False)
    before_prediction(predictor, 2, gate.wait)
    widget.say("everything", **ALL)
    assert gate.reached.wait(TIMEOUT_S)
    undo = widget.say("undo")
    gate.open()
    widget.wire.wait_for("done", re=undo)
    assert View(widget).phase == "none"
    widget.do("redo")
    view = View(widget)
    assert view.phase == "cancelled"
    assert 1 in view.found


def test_a_search_of_python_that_was_kept_is_one_step(make):
    widget = make()
    widget.everything()
    assert widget.undo()
    assert (widget.objects, View(widget).phase) == ((), "none")
    assert not widget.document["can_undo"]


def test_keeping_what_was_not_found_changes_nothing(make):
    widget = make()
    widget.do("everything", **ALL)
    widget.wire.wait_for("error", re=widget.say("keep_found", ids=[1, 2]))
    assert widget.objects == ()
    assert len(View(widget).found) == 16
    widget.do("keep_found", ids=[])
    assert not widget.document["can_undo"]
    assert View(widget).phase == "none"


def test_a_second_view_gets_all_of_it(make):
    widget = make()
    widget.do("everything", **ALL)
    whole = View(widget)
    name = widget.say("hello")
    message, buffers = widget.wire.wait_for("found", re=name)
    assert (message["is_whole"], message["phase"], message["done"]) == (True, "done", 16)
    second = View.__new__(View)
    second.found, second.masks = {}, {}
    second.hear(message, buffers)
    assert second.found == whole.found
    assert second.masks == whole.masks
    widget.do("discard_found")
    name = widget.say("hello")
    widget.wire.wait_for("image", 2)
    widget._controller.photo.worker.call(lambda: None)
    assert widget.wire.all("found", re=name) == []


# Python.


def test_python_keeps_everything_in_one_step(make):
    widget = make()
    objects = widget.everything()
    assert len(objects) == 16
    assert objects == widget.objects
    assert [found.area for found in objects] == sorted((found.area for found in objects), reverse=True)
    assert View(widget).phase == "none"
    assert {message["phase"] for message, _ in widget.wire.all("found")} == {"running", "done", "none"}
    assert widget.undo()
    assert widget.objects == ()


def test_python_may_leave_the_choice_to_the_user(make):
    widget = make()
    assert widget.everything(keep=False, points_per_side=2) == ()
    assert widget.objects == ()
    view = View(widget)
    assert (view.phase, len(view.found)) == ("done", 4)
    widget.do("keep_found", ids=list(view.found)[:3])
    assert len(widget.objects) == 3


def test_objects_of_a_search_follow_the_threshold(make):
    widget = make(threshold=2.0)
    (found, *_) = widget.everything()
    assert found.threshold == 2.0
    assert found.area < np.pi * 16**2


@pytest.mark.parametrize(
    ("options", "error"),
    [({"points_per_side": 0}, PromptError), ({"pred_iou_thresh": 2}, PromptError), ({"points": 3}, TypeError)],
)
def test_options_that_are_wrong_are_raised(make, options, error):
    widget = make()
    with pytest.raises(error, match=next(iter(options))):
        widget.everything(**options)
    assert View(widget).phase == "none"
    assert len(widget.everything()) == 16


def test_cancel_in_the_browser_gives_python_what_was_found(held):
    widget, predictor, _ = held
    thread, result = in_background(lambda: widget.everything(points_per_batch=1))
    widget.wire.wait_for("found", 3)
    predictor.decode_gate.open()
    widget.wire.wait_for("found", done=2)
    widget.do("cancel_everything")
    thread.join(TIMEOUT_S)
    assert 2 <= len(result[0]) <= 16
    assert result[0] == widget.objects


@pytest.fixture
def heeds_interrupts():
    """A shell that runs tests in the background has them ignore interrupts; a kernel always heeds them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeds_interrupts")
def test_the_stop_button_leaves_what_was_found_on_the_screen(make):
    predictor = FakePredictor()
    widget = make(predictor=predictor)
    widget.wait(TIMEOUT_S)
    gate = Gate(is_open=False)

    def stop():
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        gate.wait()

    before_prediction(predictor, 2, stop)
    with pytest.raises(KeyboardInterrupt):
        widget.everything()
    view = ended(widget, "cancelled")
    assert list(view.found) == [1]
    gate.open()
    assert widget.objects == ()


def test_a_network_that_fails_is_raised_and_what_was_found_stays(make):
    predictor = FakePredictor()
    widget = make(predictor=predictor)
    before_prediction(predictor, 2, lambda: predictor.fail_decode.append(RuntimeError("no luck")))
    with pytest.raises(ModelError, match="no luck"):
        widget.everything()
    view = View(widget)
    assert (view.phase, list(view.found)) == ("failed", [1])


def test_a_callback_may_search(make):
    widget = make()
    counts = []

    def once(changed):
        if not counts:
            counts.append(0)
            counts[0] = len(changed.everything(points_per_side=2))

    widget.on_change(once)
    widget.do("add_point", **CLICK)
    widget._controller.worker.call(lambda: None)
    assert counts == [4]
    assert len(widget.objects) == 5


@pytest.mark.parametrize(("options", "error"), [
    ({"points": 4}, TypeError), ({"points_per_side": "4"}, PromptError), ({"image": 1}, TypeError),
    ({"point_grids": "dense"}, PromptError), ({"pred_iou_thresh": 88}, PromptError),
])  # fmt: skip
def test_a_wrong_option_leaves_what_an_earlier_search_has_found(make, options, error):
    widget = make()
    widget.everything(keep=False)
    shown = len(widget.wire.all("found"))
    with pytest.raises(error, match=rf"{next(iter(options))}"):
        widget.everything(**options)
    with pytest.raises(PromptError, match="no object 7"):
        widget.find_similar(7)
    assert len(widget.wire.all("found")) == shown, "the views hear of no search"
