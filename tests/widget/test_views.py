"""Several views of one widget, several widgets, and what a view asks for besides masks."""

import numpy as np

from tests.drawn_photo import decoded, smooth_photo
from tests.widget.fakes import TIMEOUT_S, FakePredictor

CLICK = {"x": 60, "y": 40, "label": 1}


def masks_of(widget, name):
    return {one["mask"] for message, _ in widget.wire.all("masks", re=name) for one in message["masks"]}


def test_hello_brings_the_photo_while_the_encoder_runs(make):
    predictor = FakePredictor()
    predictor.encode_gate.shut()
    widget = make(smooth_photo(), predictor)
    assert predictor.encode_gate.reached.wait(TIMEOUT_S)
    name = widget.say("hello")
    message, (data,) = widget.wire.wait_for("image")
    assert (message["size_hw"], message["mime"]) == ([96, 128], "image/png")
    assert np.array_equal(decoded(data), widget.image)
    widget.wire.wait_for("done", re=name)
    assert widget.wire.kinds(name) == ["ack", "done"]


def test_a_second_view_gets_every_mask_that_the_document_names(make):
    widget = make()
    widget.do("add_point", **CLICK)
    widget.do("accept")
    widget.do("add_point", x=20, y=20, label=1)
    for count in (1, 2):
        name = widget.say("hello")
        widget.wire.wait_for("image", count=count)
        widget.wire.wait_for("masks", re=name)
        shown = widget.document
        wanted = {found["mask"] for found in shown["objects"]} | {one["mask"] for one in shown["candidates"]}
        assert masks_of(widget, name) == wanted


def test_a_view_that_missed_something_gets_everything_again_and_then_done(make):
    widget = make()
    widget.do("add_point", **CLICK)
    sent = len(widget.wire.sent)
    widget.do("hello")
    kinds = [message["kind"] for message, _ in widget.wire.sent[sent:]]
    # The picture for the saved notebook comes from a thread of its own, whenever that has drawn it.
    assert [kind for kind in kinds if kind != "trait:_snapshot"] == [
        *("ack", "image", "masks"),
        *(f"trait:{name}" for name in ("document", "status", "models", "saving", "images")),
        "done",
    ]


def test_a_view_that_opens_after_a_failure_hears_of_it(make):
    predictor = FakePredictor()
    predictor.fail_encode = [RuntimeError("no luck")]
    widget = make(predictor=predictor)
    widget.wire.wait_for("error")
    name = widget.say("hello")
    error, _ = widget.wire.wait_for("error", re=name)
    assert "no luck" in error["message"]


def test_masks_are_sent_again_where_undo_brings_them_back(make):
    widget = make()
    first = widget.do("add_point", **CLICK)
    widget.do("clear")
    again = widget.do("undo")
    assert masks_of(widget, again) == masks_of(widget, first)


def test_what_every_view_has_is_not_sent_again(make):
    widget = make()
    widget.do("add_point", **CLICK)
    for kind, fields in (("choose", {"level": 2}), ("rename", {"object": 1, "name": "cup"}), ("accept", {})):
        assert widget.wire.kinds(widget.do(kind, **fields)) == ["ack", "done"]


def test_two_widgets_never_meet(make):
    one, other = make(), make()
    name = one.do("add_point", **CLICK)
    other.wait(TIMEOUT_S)
    assert other.objects == ()
    assert other.wire.all("masks") == []
    assert other.wire.kinds(name) == []
    other.do("add_point", id=name, **CLICK)
    assert [len(one.objects), len(other.objects)] == [1, 1]


def test_an_image_has_the_same_name_in_every_kernel_and_another_image_another_one(make):
    first, again, other = make(), make(np.zeros((96, 128, 3), np.uint8)), make(np.ones((96, 128, 3), np.uint8))
    assert first.document["image"] == again.document["image"] == "ca433a4ae833a781"
    assert other.document["image"] != first.document["image"]


def test_two_widgets_may_share_a_predictor(make):
    predictor = FakePredictor()
    one, other = make(predictor=predictor), make(predictor=predictor)
    one.do("add_point", **CLICK)
    other.do("add_point", x=20, y=20, label=1)
    assert one.predictor is other.predictor
    assert not np.array_equal(one.masks, other.masks)


def test_a_cell_that_is_run_again_begins_anew(make):
    predictor, image = FakePredictor(), smooth_photo()
    first = make(image, predictor)
    first.do("add_point", **CLICK)
    second = make(image, predictor)
    second.say("hello")
    second.wire.wait_for("image")
    assert second.objects == ()
    assert len(first.objects) == 1


def test_detail_gets_a_reply_while_the_encoder_runs(make):
    predictor = FakePredictor()
    predictor.encode_gate.shut()
    widget = make(smooth_photo(), predictor)
    name = widget.say("detail", box=[10.4, 20.6, 50.1, 60.2], width=1000)
    message, (data,) = widget.wire.wait_for("detail", re=name)
    assert message["box"] == [10, 20, 51, 61]
    assert message["mime"] == "image/png"
    assert np.array_equal(decoded(data), widget.image[20:61, 10:51])
