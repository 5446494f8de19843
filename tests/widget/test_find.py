"""``w.find`` and its message: what words find becomes objects with the phrase as class, in one step; wrong requests."""

from functools import partial

import numpy as np
import pytest

from samwidget.errors import ModelError, PromptError, UnsupportedModelError
from samwidget.predict.find import search_words
from tests.widget.fakes import TIMEOUT_S, FakePredictor


class Reader(FakePredictor):
    """Knows a coin, left, with the score 0.9, and a leaf, right, with 0.6; each 32 x 48 of 128 x 96 pixels.

    A tree has three times as many, and the score 0.8.
    """

    def __init__(self, reads_words=True):
        super().__init__()
        self.reads_words = reads_words
        self.fail_find = []
        self.wanted = []
        self.search_words = partial(search_words, self)

    def check_words(self, phrases):
        if not self.reads_words:
            raise UnsupportedModelError("fake cannot read words", hint='load "facebook/sam3"')
        for phrase in phrases:
            if len(phrase) > 40:
                raise PromptError(f"the phrase has {len(phrase)} tokens", hint="a few words")

    def find_wanted(self, embedding, wanted, *, score_min, threads):
        self.decode_gate.wait()
        if self.fail_find:
            raise self.fail_find.pop(0)
        self.wanted.append(wanted)
        objects = {"coin": (8, 16, 0.9), "leaf": (40, 16, 0.6), "tree": (8, 48, 0.8)}
        left, width, score = objects.get(wanted.phrase, (8, 16, 0.0))
        logits = np.full((1, *embedding.frame.logits_hw), -10, np.float32)
        logits[0, 12:36, left : left + width] = 10
        count = int(score > score_min)
        return logits[:count], np.array([score], np.float32)[:count]


@pytest.fixture
def reader():
    return Reader()


@pytest.fixture
def widget(make, reader):
    return make(predictor=reader)


def test_objects_get_their_phrase_as_class_in_one_step(widget, reader):
    coin, leaf = sorted(widget.find(["coin", "leaf"]), key=lambda item: -item.score)
    assert (coin.class_name, leaf.class_name) == ("coin", "leaf")
    assert widget.classes == ("coin", "leaf")
    assert (round(coin.score, 3), round(leaf.score, 3)) == (0.9, 0.6)
    assert coin.mask[48, 32]
    assert not coin.mask[48, 96]
    assert leaf.mask[48, 96]
    assert reader.encodes == 1
    assert widget.undo()
    assert widget.objects == ()
    assert widget.classes == ()


def test_new_classes_are_in_the_order_of_the_phrases(widget):
    """Objects are in the order of their sizes: later ones are drawn over earlier ones."""
    objects = widget.find(["coin", "tree", "leaf"])
    assert [item.class_name for item in objects] == ["tree", "coin", "leaf"]
    assert widget.classes == ("coin", "tree", "leaf")
    assert widget.undo()
    assert widget.classes == ()


def test_a_class_that_is_there_is_used(make, reader):
    widget = make(predictor=reader, classes=["leaf", "tree"])
    (leaf,) = widget.find("leaf")
    assert leaf.class_name == "leaf"
    assert widget.classes == ("leaf", "tree")


def test_keep_false_leaves_them_on_the_screen(widget):
    assert widget.find("coin", keep=False) == ()
    assert widget.objects == ()
    found, _ = widget.wire.wait_for("found", phase="done")
    assert (found["search_kind"], found["phrase"]) == ("words", "coin")
    assert [item["score"] for message, _ in widget.wire.all("found") for item in message["added"]] == [
        pytest.approx(0.9, abs=1e-3)
    ]
    widget.do("keep_found", ids=[0])
    assert [item.class_name for item in widget.objects] == ["coin"]


def test_the_browser_asks(widget, reader):
    widget.do("find", phrases=["coin", " leaf "], boxes=[[1, 2, 30, 40]], excluded_boxes=[[50, 5, 60, 9]])
    found, _ = widget.wire.wait_for("found", phase="done")
    assert (found["phrase"], found["done"], found["total"]) == ("coin, leaf", 2, 2)
    coin, leaf = reader.wanted
    assert (coin.phrase, leaf.phrase) == ("coin", "leaf")
    assert coin.examples == leaf.examples == ((1, 2, 30, 40),)
    assert coin.excluded == ((50, 5, 60, 9),)
    widget.do("keep_found", ids=[0, 1000])
    assert {item.class_name for item in widget.objects} == {"coin", "leaf"}


def test_boxes_alone_and_the_threshold(widget, reader):
    assert widget.find(boxes=[[1, 2, 30, 40]]) == ()
    assert reader.wanted[0].phrase is None
    assert widget.find("leaf", threshold=0.7) == ()
    assert len(widget.find("leaf", threshold=0.1)) == 1


def test_no_hit_changes_nothing(widget):
    widget.add([[20, 20]])
    assert widget.find("star") == ()
    assert len(widget.objects) == 1
    widget.do("find", phrases=["star"], boxes=[], excluded_boxes=[])
    found, _ = widget.wire.wait_for("found", phase="done", phrase="star")
    assert found["added"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"text": ""}, "a phrase is empty"),
        ({"text": "  "}, "a phrase is empty"),
        ({"text": 7}, "a phrase is no text"),
        ({"text": "x" * 300}, "300 characters, at most 80"),
        ({"text": "x" * 50}, "50 tokens"),
        ({"text": ["coin", "\ud800"]}, "the name is"),
        ({}, "no phrase and no box"),
        ({"text": "coin", "boxes": [1, 2]}, "shape"),
        ({"text": "coin", "boxes": [[500, 500, 600, 600]]}, "outside"),
        ({"text": "coin", "threshold": 2}, "threshold"),
    ],
    ids=str,
)
def test_wrong_arguments_lose_nothing(widget, reader, arguments, message):
    widget.add([[20, 20]])
    widget.find("coin", keep=False)
    with pytest.raises(PromptError, match=message) as caught:
        widget.find(**arguments)
    assert caught.value.hint
    assert len(widget.objects) == 1
    assert len(reader.wanted) == 1
    assert len(widget.find("coin")) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"phrases": [" "], "boxes": []},
        {"phrases": ["x" * 300], "boxes": []},
        {"phrases": ["coin"], "boxes": [[1, 2, 3]]},
        {"phrases": ["coin"]},
    ],
    ids=str,
)
def test_wrong_messages(widget, fields):
    name = widget.say("find", excluded_boxes=[], **fields)
    error, _ = widget.wire.wait_for("error", re=name)
    assert error["code"] == "message"


def test_a_model_that_cannot_read(make):
    widget = make(predictor=Reader(reads_words=False))
    widget.wait(TIMEOUT_S)
    assert "reads_words" not in widget.status
    widget.add([[20, 20]])
    with pytest.raises(UnsupportedModelError, match="cannot read words") as caught:
        widget.find("coin")
    assert "facebook/sam3" in caught.value.hint
    name = widget.say("find", phrases=["coin"], boxes=[], excluded_boxes=[])
    error, _ = widget.wire.wait_for("error", re=name)
    assert "cannot read words" in error["message"]
    assert len(widget.objects) == 1


def test_the_status_says_that_the_model_reads(widget):
    widget.wait(TIMEOUT_S)
    assert widget.status["reads_words"] is True


def test_a_model_that_fails(widget, reader):
    reader.fail_find = [RuntimeError("no luck")]
    with pytest.raises(ModelError, match="no luck"):
        widget.find("coin")
    assert len(widget.find("coin")) == 1


def test_what_was_kept_is_refined_by_a_click(widget):
    """Its mask is the prompt then, beside the point."""
    (coin,) = widget.find("coin")
    widget.select(coin.id)
    widget.do("add_point", x=100, y=20, label=1)
    (refined,) = widget.objects
    assert refined.mask[20, 100]
    assert refined.mask[48, 32]
    assert refined.class_name == "coin"
