"""Clicks one after another: which prompt came before, and that its mask is read with the next click."""

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch

from samwidget.core.prompt import Prompt, make_prompt
from samwidget.models.nano.network import NanoNetwork, init_weights
from samwidget.models.nano.previous_masks import PreviousMasks, previous_prompt
from samwidget.models.nano.segmenter import NanoSegmenter

THREE = make_prompt([[30, 40], [100, 20], [60, 60]], [1, 0, 1])
BOX = [10, 20, 80, 70]


def new_segmenter():
    torch.manual_seed(0)
    network = init_weights(NanoNetwork())
    torch.nn.init.normal_(network.decoder.shortcut.weight[:, 7], 4.0, 1.0)  # a mask before that makes a difference
    return NanoSegmenter(network, "test")


@pytest.fixture
def segmenter():
    return new_segmenter()


@pytest.fixture(scope="module")
def photo():
    return np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (THREE, make_prompt([[30, 40], [100, 20]], [1, 0])),
        (make_prompt([[30, 40], [60, 60]]), make_prompt([30, 40])),
        (make_prompt([30, 40]), None),
        (make_prompt(box=BOX), None),
        (make_prompt([50, 50], [0], box=BOX), make_prompt(box=BOX)),
        (replace(THREE, level=2), replace(make_prompt([[30, 40], [100, 20]], [1, 0]), level=2)),
        (make_prompt([[9, 9], [50, 50]], [0, 1]), None),  # nothing was included before
        (make_prompt([[30, 40], [60, 60]], mask=np.zeros((4, 4))), None),  # the caller brings the mask
        (make_prompt(np.arange(40).reshape(20, 2)), make_prompt(np.arange(32).reshape(16, 2))),
        (Prompt(), None),
    ],
)
def test_the_previous_prompt(prompt, expected):
    assert previous_prompt(prompt) == expected


def default_mask(segmenter, embedding, prompt):
    return segmenter.decode(embedding, [prompt], multimask_output=False)[0][0, 0].numpy()


@pytest.mark.parametrize("multimask", [True, False])
def test_a_click_is_read_with_the_mask_before_it(segmenter, photo, multimask):
    embedding = segmenter.encode(photo)
    mask = default_mask(segmenter, embedding, make_prompt([30, 40]))
    mask = default_mask(segmenter, embedding, make_prompt([[30, 40], [100, 20]], [1, 0], mask=mask))
    by_hand = make_prompt(THREE.points_xy, THREE.labels, mask=mask)
    expected, _ = segmenter.decode(embedding, [by_hand], multimask_output=multimask)
    logits, _ = segmenter.decode(embedding, [THREE], multimask_output=multimask)
    assert torch.equal(logits, expected)
    without, _ = segmenter.decode(
        embedding, [make_prompt(THREE.points_xy, THREE.labels, mask=0 * mask)], multimask_output=multimask
    )
    assert not torch.equal(logits, without)


@pytest.mark.parametrize("level", range(3))
def test_the_candidate_that_the_user_holds_to_is_the_mask_before(segmenter, photo, level):
    embedding = segmenter.encode(photo)
    first, two = make_prompt([30, 40]), make_prompt([[30, 40], [100, 20]], [1, 0])
    candidates, _ = segmenter.decode(embedding, [first], multimask_output=True)
    expected, _ = segmenter.decode(embedding, [replace(two, mask=candidates[0, level].numpy())], multimask_output=True)
    logits, _ = segmenter.decode(embedding, [replace(two, level=level)], multimask_output=True)
    assert torch.equal(logits, expected)
    assert np.array_equal(default_mask(segmenter, embedding, replace(two, level=level)), expected[0, level])


def test_masks_depend_on_image_and_prompt_alone(segmenter, photo):
    embedding = segmenter.encode(photo)
    for clicks in (1, 2):  # as a person who clicks thrice, with previews of other clicks between
        default_mask(segmenter, embedding, make_prompt(THREE.points_xy[:clicks], THREE.labels[:clicks]))
        for x in range(40):
            default_mask(segmenter, embedding, make_prompt([[x, 9]] * clicks))
    after_clicks = default_mask(segmenter, embedding, THREE)
    new = new_segmenter()
    assert np.array_equal(default_mask(new, new.encode(photo), THREE), after_clicks)


def test_a_prompt_with_a_mask_is_not_remembered_as_the_prompt_without(segmenter, photo):
    embedding = segmenter.encode(photo)
    expected = default_mask(segmenter, embedding, THREE)
    segmenter = new_segmenter()
    embedding = segmenter.encode(photo)
    mask = np.full(embedding.frame.logits_hw, -9.0)
    default_mask(segmenter, embedding, make_prompt(THREE.points_xy[:2], THREE.labels[:2], mask=mask))
    assert np.array_equal(default_mask(segmenter, embedding, THREE), expected)


def test_a_known_previous_mask_is_not_computed_again(segmenter, photo):
    embedding = segmenter.encode(photo)
    default_mask(segmenter, embedding, make_prompt(THREE.points_xy[:2], THREE.labels[:2]))
    runs = []
    segmenter._network.decoder.register_forward_hook(lambda *_: runs.append(1))
    default_mask(segmenter, embedding, THREE)
    assert len(runs) == 1
    default_mask(segmenter, segmenter.encode(photo), THREE)  # another embedding, so all three
    assert len(runs) == 1 + 3


def test_what_is_remembered_is_little_and_keeps_no_image(segmenter, photo):
    memory, embedding = PreviousMasks(), segmenter.encode(photo)
    for x in range(600):
        memory.put(embedding, make_prompt([x, 1]), np.zeros((1, 1), np.float32))
        memory.get(embedding, make_prompt([0, 1]))  # in use all the time, so it stays
    remembered = [x for x in range(600) if memory.get(embedding, make_prompt([x, 1])) is not None]
    assert remembered == [0, *range(89, 600)]
    assert memory.get(segmenter.encode(photo), make_prompt([0, 1])) is None
    embedding_lives = weakref.ref(embedding)
    del embedding
    gc.collect()
    assert embedding_lives() is None
