"""Decoding on parts of an embedding: the same masks as on the whole one, and what lies beyond a part is not guessed."""

from dataclasses import replace

import numpy as np
import pytest

from samwidget.core import iou, make_prompt
from samwidget.predict import SamPredictor
from samwidget.predict.find.parts import masks_near
from tests.predict.find.discs import Discs

SQUARES_XY = [(60, 60), (300, 90), (560, 420), (70, 400)]
HALF = 15


class Counting:
    """A predictor that remembers the frames of the embeddings it decoded."""

    def __init__(self, predictor):
        self.predictor, self.frames = predictor, []

    def predict_many(self, prompts, embedding, *, threads=None):
        self.frames.append(embedding.frame)
        return self.predictor.predict_many(prompts, embedding, threads=threads)


@pytest.fixture(scope="module")
def squares():
    """A predictor with the embedding of four squares."""
    image = np.full((480, 640, 3), 30, np.uint8)
    for x, y in SQUARES_XY:
        image[y - HALF : y + HALF, x - HALF : x + HALF] = (220, 180, 40)
    predictor = SamPredictor.from_pretrained(threads=1)
    return predictor, predictor.embed(image)


@pytest.mark.parametrize("with_box", [False, True])
def test_an_object_well_inside_its_part_has_the_mask_that_it_has_on_the_whole(squares, with_box):
    predictor, embedding = squares
    boxes = [(x - HALF, y - HALF, x + HALF, y + HALF) for x, y in SQUARES_XY]
    prompts = [make_prompt(box=box) for box in boxes] if with_box else [make_prompt(point) for point in SQUARES_XY]
    counting = Counting(predictor)
    near = masks_near(counting, embedding, prompts, 40, threads=1)
    assert {frame.input_hw for frame in counting.frames} == {(128, 128)}
    for part, whole, prompt in zip(near, predictor.predict_many(prompts, embedding), prompts, strict=True):
        assert part.prompt == prompt
        assert part.frame == whole.frame
        assert part.logits.shape == whole.logits.shape
        assert iou(part.to_bool()[whole.best], whole.to_bool()[whole.best]) > 0.9


def test_the_answers_of_a_prompt_do_not_depend_on_the_others_in_its_stack(squares):
    predictor, embedding = squares
    prompts = [make_prompt(point) for point in SQUARES_XY]
    together = masks_near(predictor, embedding, prompts, 40, threads=2)
    for prompt, masks in zip(prompts, together, strict=True):
        (alone,) = masks_near(predictor, embedding, [prompt], 40, threads=1)
        np.testing.assert_allclose(alone.logits, masks.logits, atol=1e-3)
        np.testing.assert_allclose(alone.scores, masks.scores, atol=1e-4)


def test_a_candidate_that_goes_on_beyond_its_part_has_no_score(squares):
    predictor, embedding = squares

    class Covering(Counting):
        def predict_many(self, prompts, embedding, *, threads=None):
            made = super().predict_many(prompts, embedding, threads=threads)
            return [replace(masks, logits=np.full_like(masks.logits, 5)) for masks in made]

    (masks,) = masks_near(Covering(predictor), embedding, [make_prompt((320, 240))], 40, threads=1)
    assert masks.scores.tolist() == [0, 0, 0]


@pytest.mark.parametrize("reach", [40, 400])
def test_other_models_and_large_objects_are_decoded_on_the_whole_embedding(squares, reach):
    predictor, embedding = squares
    discs = Discs({(40, 40): "coin"})
    for decoder, whole in ((discs, discs.embedding), (predictor, embedding))[: 1 if reach == 40 else 2]:
        counting = Counting(decoder)
        masks_near(counting, whole, [make_prompt((40, 40))], reach, threads=1)
        assert counting.frames == [whole.frame]
