"""The search by words with a model whose objects one can count, and on a small SAM 3 with random weights."""

from threading import Event

import numpy as np
import pytest
import torch

from samwidget.core import Frame
from samwidget.errors import ModelError, PromptError, UnsupportedModelError
from samwidget.models import Embedding
from samwidget.models.segmenter import SAM_EVERYTHING
from samwidget.predict.find import search_words
from samwidget.predict.predictor import SamPredictor


class Reader:
    """Knows two objects of an image of 8 x 8: a coin above a leaf, with the scores 0.9 and 0.6. Logits are 4 x 4."""

    name = signature = family = "reader"
    cleans_masks = False
    everything_defaults = SAM_EVERYTHING
    precision = "float32"
    device = torch.device("cpu")

    def __init__(self):
        self.known = {"coin": (0, 0.9), "leaf": (2, 0.6), "nothing": (4, 0.8)}
        self.encodes = 0
        self.calls = []

    def to(self, device):
        pass

    def encode(self, image, *, threads=None):
        self.encodes += 1
        return Embedding({"x": torch.zeros(1)}, Frame.stretched((8, 8), (4, 4), (4, 4)), self.signature)

    def check_phrase(self, phrase):
        if len(phrase) > 20:
            raise PromptError("too long")

    def find(self, embedding, wanted, *, score_min, threads=None):
        self.calls.append(wanted)
        row, score = self.known.get(wanted.phrase, (0, 0.0))
        logits = torch.full((1, 4, 4), -5.0)
        logits[0, row : row + 2, 1:3] = 5
        is_hit = score > score_min
        return logits[:is_hit], torch.tensor([score])[:is_hit]


@pytest.fixture
def predictor():
    predictor = SamPredictor(Reader())
    predictor.set_image(np.zeros((8, 8, 3), np.uint8))
    return predictor


def test_each_object_knows_its_score_and_its_phrase(predictor):
    found_objects = predictor.find(["leaf", "coin"])
    assert [(item.phrase, round(item.score, 3)) for item in found_objects] == [("coin", 0.9), ("leaf", 0.6)]
    coin, leaf = found_objects
    np.testing.assert_array_equal(coin.mask[:4, 2:6], True)
    assert (coin.area, coin.box_xyxy) == (16, (2, 0, 6, 4))
    assert (leaf.area, leaf.box_xyxy) == (16, (2, 4, 6, 8))
    for item in found_objects:
        x, y = item.point_xy
        assert item.mask[int(y), int(x)]
        assert item.candidate is None
    assert len({item.id for item in found_objects}) == 2


def test_several_phrases_cost_one_encode(predictor):
    predictor.find(["coin", "leaf", "star"])
    predictor.find("coin")
    assert (predictor.encodes, len(predictor._segmenter.calls)) == (1, 4)


def test_phrases_are_streamed_the_best_first(predictor):
    steps = list(predictor.search_words(predictor.embedding, ["leaf", "star", "coin"]))
    assert [(step.done, step.total) for step in steps] == [(1, 3), (2, 3), (3, 3)]
    assert [[item.phrase for item in step.added] for step in steps] == [["leaf"], [], ["coin"]]
    assert [[item.phrase for item in step.objects] for step in steps] == [["leaf"], ["leaf"], ["coin", "leaf"]]
    assert steps[-1].seconds_left == 0


def test_the_threshold(predictor):
    both = ["coin", "leaf"]
    assert len(predictor.find(both, threshold=0.7)) == 1
    assert len(predictor.find(both, threshold=0)) == 2
    assert len(predictor.find(both, threshold=1)) == 0


def test_no_hit_and_an_empty_mask(predictor):
    assert predictor.find("star") == []
    assert predictor.find("nothing") == []


def test_cancel(predictor):
    cancel = Event()
    steps = predictor.search_words(predictor.embedding, ["leaf", "coin"], cancel=cancel)
    assert len(next(steps).objects) == 1
    cancel.set()
    assert list(steps) == []
    assert predictor.find(["leaf", "coin"], cancel=cancel) == []


def test_what_the_model_is_asked(predictor):
    predictor.find("  red \n coin ", boxes=[1, 2, 3, 4], excluded_boxes=[[5, 5, 6, 7], [0, 0, 8, 8]])
    predictor.find(boxes=np.array([[1, 2, 3, 4]]))
    predictor.find(["coin", "coin", " coin"])
    words, boxes, once = predictor._segmenter.calls
    assert words.phrase == "red coin"
    assert words.examples == ((1, 2, 3, 4),)
    assert words.excluded == ((5, 5, 6, 7), (0, 0, 8, 8))
    assert (boxes.phrase, boxes.examples) == (None, ((1, 2, 3, 4),))
    assert once.phrase == "coin"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "no phrase and no box"),
        ({"excluded_boxes": [[1, 2, 3, 4]]}, "only excluded boxes"),
        ({"text": ""}, "a phrase is empty"),
        ({"text": " \n"}, "a phrase is empty"),
        ({"text": ["coin", " "]}, "a phrase is empty"),
        ({"text": []}, "no phrase in the list"),
        ({"text": 5}, "a phrase is no text"),
        ({"text": b"coin"}, "a phrase is no text"),
        ({"text": ["coin", None]}, "a phrase is no text: None"),
        ({"text": ["coin", "x" * 300]}, "too long"),
        ({"text": "coin", "boxes": [1, 2, 3]}, "shape"),
        ({"text": "coin", "boxes": [[[1, 2, 3, 4]]]}, "shape"),
        ({"text": "coin", "boxes": ["a", "b", "c", "d"]}, "must be numbers"),
        ({"text": "coin", "boxes": [[1, 2, float("nan"), 4]]}, "box"),
        ({"text": "coin", "boxes": [[3, 3, 3, 3]]}, "box"),
        ({"text": "coin", "boxes": [[20, 20, 30, 30]]}, "outside"),
        ({"text": "coin", "threshold": 1.5}, "threshold is 1.5"),
        ({"text": "coin", "threshold": "0.5"}, "threshold is '0.5'"),
    ],
    ids=str,
)
def test_wrong_arguments(predictor, arguments, message):
    with pytest.raises(PromptError, match=message):
        predictor.find(**arguments)
    assert predictor._segmenter.calls == []
    assert len(predictor.find("coin")) == 1


def test_no_image():
    with pytest.raises(PromptError, match="no image is set"):
        SamPredictor(Reader()).find("coin")
    assert len(SamPredictor(Reader()).find("coin", image=np.zeros((8, 8, 3), np.uint8))) == 1


def test_a_model_that_cannot_read(predictor):
    nano = SamPredictor.from_pretrained(device="cpu")
    nano.set_image(np.zeros((8, 8, 3), np.uint8))
    assert (nano.reads_words, predictor.reads_words) == (False, True)
    with pytest.raises(UnsupportedModelError, match="nano cannot read words") as caught:
        nano.find("coin")
    assert "facebook/sam3" in caught.value.hint
    assert "similar" in caught.value.hint


def test_an_embedding_of_another_model(predictor):
    embedding = SamPredictor.from_pretrained(device="cpu").embed(np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(ModelError, match="the embedding was made by"):
        list(search_words(predictor, embedding, "coin"))
