"""The search for similar objects, on a photo of discs whose masks are known."""

import itertools
import math
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from samwidget.core import RunLengths, make_prompt
from samwidget.errors import ModelError, PromptError
from samwidget.models.segmenter import Embedding
from samwidget.predict import SamPredictor
from samwidget.predict.everything import pace
from samwidget.predict.find import search_similar
from tests.models.small_networks import SMALL_NETWORKS
from tests.predict.find.discs import FRAME, RADIUS, SIDE, Discs

COINS = [(40, 40), (100, 40), (160, 40), (40, 120), (128, 128), (220, 200)]
BUTTONS = [(220, 60), (60, 220)]
RUSTY = [(140, 220), (200, 130)]


def photo(*, buttons=BUTTONS, rusty=()):
    kinds = dict.fromkeys(COINS, "coin") | dict.fromkeys(buttons, "button") | dict.fromkeys(rusty, "rusty coin")
    return Discs(kinds)


def centres(objects):
    boxes = [item.box_xyxy for item in objects]
    return sorted((round((x0 + x1) / 2), round((y0 + y1) / 2)) for x0, y0, x1, y1 in boxes)


def squares():
    """Three squares of one colour on plain ground."""
    image = np.full((192, 256, 3), 30, np.uint8)
    image[60:100, 20:60] = image[60:100, 100:140] = image[110:150, 190:230] = (220, 180, 40)
    return image


def find(discs, examples, excluded=(), **options):
    objects = ()
    for progress in search_similar(discs, discs.embedding, examples, excluded, **options):
        objects = progress.objects
    return objects


def test_one_example_finds_the_others_of_its_kind_and_itself_not_again():
    discs = photo()
    assert centres(find(discs, [discs.mask(COINS[0])])) == sorted(COINS[1:])


def test_a_found_object_has_the_mask_of_the_whole_object_and_the_point_that_found_it():
    discs = photo()
    item = find(discs, [discs.mask(COINS[0])])[0]
    x, y = item.point_xy
    assert item.level == 1
    assert item.mask[int(y), int(x)]
    assert item.area == pytest.approx(np.pi * RADIUS**2, rel=0.03)
    assert item.candidate.prompt.points_xy.tolist() == [[x, y]]


def test_a_second_example_that_looks_another_way_finds_more():
    discs = photo(buttons=(), rusty=RUSTY)
    one = find(discs, [discs.mask(COINS[0])], likeness_thresh=0.7)
    two = find(discs, [discs.mask(COINS[0]), discs.mask(RUSTY[0])], likeness_thresh=0.7)
    assert centres(one) == sorted(COINS[1:])
    assert centres(two) == sorted([*COINS[1:], RUSTY[1]])


def test_what_looks_like_an_excluded_example_is_not_found():
    discs = photo(rusty=RUSTY)
    wide = find(discs, [discs.mask(COINS[0])], likeness_thresh=0.2)
    without = find(discs, [discs.mask(COINS[0])], [discs.mask(RUSTY[0])], likeness_thresh=0.2)
    assert RUSTY[1] in centres(wide)
    assert centres(without) == sorted(COINS[1:])


def test_the_threshold_and_the_number_limit_what_is_found():
    discs = photo()
    coin = [discs.mask(COINS[0])]
    assert len(find(discs, coin, max_objects=2)) == 2
    assert find(discs, coin, likeness_thresh=1.0) == ()


def test_each_progress_says_what_was_added():
    discs = photo()
    seen = set()
    for progress in search_similar(discs, discs.embedding, [discs.mask(COINS[0])]):
        seen -= set(progress.removed)
        seen |= {item.id for item in progress.added}
        assert seen == {item.id for item in progress.objects}
        assert progress.done <= progress.total


def test_cancel_keeps_what_was_found():
    discs, cancel = photo(), threading.Event()
    steps = search_similar(discs, discs.embedding, [discs.mask(COINS[0])], cancel=cancel)
    first = next(steps)
    cancel.set()
    assert list(steps) == []
    assert first.done < first.total


def test_two_that_touch_are_found_as_two():
    touching = (100, 100), (128, 100)
    discs = Discs(dict.fromkeys([(40, 200), (200, 200), *touching], "coin"))
    assert centres(find(discs, [discs.mask((40, 200))])) == sorted([(200, 200), *touching])


def test_nothing_alike_is_nothing_found():
    discs = Discs({COINS[0]: "coin"})
    assert find(discs, [discs.mask(COINS[0])]) == ()


@pytest.mark.parametrize(
    ("examples", "options", "message"),
    [
        ([], {}, "no example"),
        ([np.zeros((SIDE, SIDE), bool)], {}, "empty"),
        ([np.ones((SIDE, SIDE), bool)], {}, "whole image"),
        ([np.ones((SIDE, 9), bool)], {}, "size"),
        (None, {"max_objects": 0}, "max_objects"),
        (None, {"max_objects": 1.5}, "max_objects"),
        (None, {"max_objects": math.nan}, "max_objects"),
        (None, {"max_objects": [1]}, "max_objects"),
        (None, {"likeness_thresh": "0.5"}, "likeness_thresh"),
        (None, {"likeness_thresh": 1.2}, "likeness_thresh"),
    ],
)
def test_bad_input_is_refused_before_the_model_runs(examples, options, message):
    discs = photo()
    masks = discs.masks("coin") if examples is None else [RunLengths.from_mask(mask) for mask in examples]
    with pytest.raises(PromptError, match=message):
        search_similar(discs, discs.embedding, masks, **options)
    assert discs.asked == []


def test_features_that_are_on_another_computer_are_an_error_with_a_remedy():
    import torch

    discs = photo()
    embedding = Embedding({"png": torch.zeros(9, dtype=torch.uint8)}, FRAME, "discs")
    with pytest.raises(ModelError, match="not on this computer"):
        search_similar(discs, embedding, [discs.mask(COINS[0])])


@pytest.mark.parametrize("family", ["nano", "sam", "sam2"])
def test_every_family_searches_without_another_encode(family, tmp_path):
    name = None if family == "nano" else SMALL_NETWORKS[family](tmp_path)
    predictor = SamPredictor.from_pretrained(name, threads=1)
    rng = np.random.default_rng(0)
    image = rng.integers(0, 40, (96, 128, 3), np.uint8)
    for x in (20, 60, 100):
        image[30:60, x : x + 20] += 180
    predictor.set_image(image)
    mask = np.zeros((96, 128), bool)
    mask[30:60, 20:40] = True
    for item in predictor.find_similar(mask, likeness_thresh=0.1, max_objects=3):
        assert item.mask.shape == mask.shape
    assert predictor.encodes == 1


def test_the_bundled_model_finds_the_other_two_squares():
    predictor = SamPredictor.from_pretrained(threads=1)
    mask = np.zeros((192, 256), bool)
    mask[60:100, 20:60] = True
    np.testing.assert_allclose(centres(predictor.find_similar(mask, image=squares())), [(120, 80), (210, 130)], atol=2)


def test_what_is_found_depends_on_no_clock(monkeypatch):
    """A slow machine asks at fewer points in a step, and finds the same."""
    predictor = SamPredictor.from_pretrained(threads=1)
    embedding = predictor.embed("notebooks/photos/coins.jpg")
    (coin,) = predictor.predict_many([make_prompt((45, 54))], embedding)
    example = RunLengths.from_mask(coin.to_bool()[coin.best])
    found = {}
    for speed, step_s in (("fast", 1e-3), ("slow", 1.0)):
        clock = itertools.count(step=step_s)
        monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda clock=clock: next(clock)))
        steps = list(search_similar(predictor, embedding, [example], likeness_thresh=0.02))
        found[speed] = len(steps), [(item.box_xyxy, item.point_xy) for item in steps[-1].objects]
    assert found["slow"][0] > 5 * found["fast"][0]
    assert found["slow"][1] == found["fast"][1]
    assert len(found["slow"][1]) > 20


def test_an_example_may_be_a_prompt():
    predictor = SamPredictor.from_pretrained(threads=1)
    objects = predictor.find_similar(make_prompt((40, 80)), image=squares())
    np.testing.assert_allclose(centres(objects), [(120, 80), (210, 130)], atol=2)


def test_without_an_image_the_error_says_what_to_do():
    predictor = SamPredictor.from_pretrained(threads=1)
    with pytest.raises(PromptError, match="no image is set"):
        predictor.find_similar(np.ones((9, 9), bool))
