"""``w.find_similar`` and its message: objects like the chosen ones, in one step, with their class; wrong requests.

The fake photo of 128 x 96 has three coins of 16 pixels radius, side by side; a click finds the nearest.
"""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from samwidget.core import Frame, Prompt, SegmentedObject, make_prompt
from samwidget.errors import ModelError, PromptError
from samwidget.predict.find import search_similar
from tests.widget.fakes import TIMEOUT_S, FakeEmbedding, FakePredictor

COINS = [(24, 48), (64, 48), (104, 48)]


class Looker(FakePredictor):
    """Its features are 4 where a coin is, and 0 elsewhere, in the first of six numbers; the others are noise."""

    def __init__(self):
        super().__init__()
        self.search_similar = partial(search_similar, self)

    def predict_many(self, prompts, *args, **kwargs):
        nearest = [min(COINS, key=lambda coin: np.hypot(*(coin - prompt.points_xy[0]))) for prompt in prompts]
        return super().predict_many([make_prompt(coin) for coin in nearest], *args, **kwargs)

    def embed_with_source(self, image, *, threads=None):
        result = super().embed_with_source(image, threads=threads)
        cells = np.random.default_rng(0).normal(0, 0.3, (6, 64, 64)).astype(np.float32)
        rows, columns = np.mgrid[:64, :64] * 2 + 1  # a cell is 2 x 2 pixels; below 96 there is padding
        for x, y in COINS:
            cells[0, np.hypot(columns - x, rows - y) < 16] += 4
        embedding = FakeEmbedding(result.embedding.frame)
        embedding.tensors = {"image_embeddings": torch.from_numpy(cells)[None]}
        return SimpleNamespace(embedding=embedding, from_cache=False)


@pytest.fixture
def looker():
    return Looker()


@pytest.fixture
def widget(make, looker):
    widget = make(predictor=looker)
    widget.add([COINS[0]], class_name="coin")
    return widget


def centres(objects):
    return sorted(round((item.box_xyxy[0] + item.box_xyxy[2]) / 2 / 8) for item in objects)


def on_the_screen(widget):
    """Ids of what was found and not replaced by something better."""
    ids = set()
    for message, _ in widget.wire.all("found"):
        ids -= ids if message["is_whole"] else set(message["removed"])
        ids |= {item["id"] for item in message["added"]}
    return sorted(ids)


def test_the_others_are_found_in_one_step_with_the_class_of_the_example(widget, looker):
    first = widget.objects[0]
    objects = widget.find_similar(first.id)
    assert centres(objects) == [8, 13]
    assert [item.class_name for item in objects] == ["coin", "coin"]
    assert len(widget.objects) == 3
    assert looker.encodes == 1
    assert widget.undo()
    assert [item.id for item in widget.objects] == [first.id]


def test_the_active_object_is_the_example_where_none_is_given(widget):
    widget.select(widget.objects[0].id)
    assert len(widget.find_similar()) == 2


def test_objects_and_ids_may_be_mixed_and_limits_are_obeyed(widget):
    first = widget.objects[0]
    second = widget.add([COINS[1]])
    assert centres(widget.find_similar([first, second.id])) == [13]
    widget.undo()
    assert 8 not in centres(widget.find_similar(first, excluded=second))
    widget.undo()
    assert widget.find_similar(first, likeness_thresh=1.0) == ()
    assert len(widget.find_similar(first, max_objects=1)) == 1


def test_what_is_there_already_is_not_found_again(widget):
    widget.add([COINS[1]])
    assert centres(widget.find_similar(widget.objects[0])) == [13]


def test_keep_false_leaves_them_on_the_screen(widget):
    assert widget.find_similar(widget.objects[0], keep=False) == ()
    assert len(widget.objects) == 1
    found, _ = widget.wire.wait_for("found", phase="done")
    assert found["search_kind"] == "similar"
    widget.do("keep_found", ids=on_the_screen(widget))
    assert [item.class_name for item in widget.objects] == ["coin"] * 3


def test_the_browser_asks_for_the_selected_or_the_active_object(widget):
    number = widget.objects[0].id
    widget.do("find_similar", objects=[number], excluded=[])
    assert len(on_the_screen(widget)) == 2
    widget.do("discard_found")
    widget.select(number)
    widget.do("find_similar", objects=None, excluded=[])
    assert len(widget.objects) == 1


def test_a_click_before_the_request_counts(make, looker):
    widget = make(predictor=looker)
    widget.wait(TIMEOUT_S)
    x, y = COINS[0]
    widget.say("add_point", x=x, y=y, label=1)
    widget.do("find_similar", objects=None, excluded=[])
    assert widget.wire.all("found")[-1][0]["phase"] == "done"


def test_cancel_keeps_what_was_found(widget, looker):
    looker.decode_gate.shut()
    widget.say("find_similar", objects=[widget.objects[0].id], excluded=[])
    assert looker.decode_gate.reached.wait(TIMEOUT_S)
    widget.do("cancel_everything")
    looker.decode_gate.open()
    assert widget.wire.all("found")[-1][0]["phase"] == "cancelled"
    assert len(widget.objects) == 1


def other_image():
    frame = Frame.padded((50, 60), 256, 64)
    logits = np.full(frame.logits_hw, 5, np.float32)
    return SegmentedObject(1, "stranger", "#123456", logits, 1.0, frame, Prompt(mask=logits), None)


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        (None, "no object is chosen"),
        ([], "no object is chosen"),
        (99, "no object"),
        ("coin", "the ids are"),
        (1.5, "the ids are"),
        (True, "the ids are"),
        (other_image(), "another image"),
    ],
)
def test_a_wrong_example_changes_nothing(widget, objects, message):
    with pytest.raises(PromptError, match=message):
        widget.find_similar(objects)
    assert len(widget.objects) == 1


def test_an_example_as_large_as_the_image_is_refused(widget):
    full = widget.add_masks([np.ones((96, 128), bool)])[0]
    with pytest.raises(PromptError, match="covers the whole image"):
        widget.find_similar(full)
    assert len(widget.objects) == 2


def test_the_browser_is_told_what_is_wrong(widget):
    widget.accept()
    name = widget.say("find_similar", objects=None, excluded=[])
    error, _ = widget.wire.wait_for("error", re=name)
    assert "o object is chosen" in error["message"]
    name = widget.say("find_similar", objects=[99], excluded=[])
    widget.wire.wait_for("error", re=name)


def test_no_hit_adds_nothing(make, looker):
    widget = make(predictor=looker)
    square = np.zeros((96, 128), bool)
    square[:10, :10] = True
    item = widget.add_masks([square])[0]
    assert widget.find_similar(item, likeness_thresh=0.9) == ()
    assert len(widget.objects) == 1


def test_a_model_that_fails_is_an_error_and_loses_nothing(widget, looker):
    looker.fail_decode.append(RuntimeError("out of luck"))
    with pytest.raises(ModelError, match="out of luck"):
        widget.find_similar(widget.objects[0])
    assert len(widget.objects) == 1
