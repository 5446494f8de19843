"""One predictor in several threads, in other processes, with its number of threads, and with a broken model."""

import copy
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from samwidget.core.prompt import make_prompt
from samwidget.errors import ModelError, ModelNotFoundError, PromptError
from samwidget.predict.predictor import SamPredictor
from samwidget.predict.shared import open_predictor
from tests.predict.fake_segmenter import FakeSegmenter


class Brightness(FakeSegmenter):
    """Every logit of its masks is the mean of the image, so a mask tells which image it is of."""

    def __init__(self, **options):
        super().__init__(**options)
        self.threads_asked = []

    def encode(self, image, *, threads=None):
        self.threads_asked.append(threads)
        return super().encode(image)

    def decode(self, embedding, prompts, *, multimask_output, threads=None):
        self.threads_asked.append(threads)
        logits, scores = super().decode(embedding, prompts, multimask_output=multimask_output)
        return torch.full_like(logits, float(embedding.tensors["mean"])), scores


def image_of(value):
    return np.full((30, 40, 3), value, np.uint8)


def brightness_of(predictor):
    return float(predictor.predict([[1, 1]]).low_res_logits[0, 0, 0])


# What is set belongs to the thread that set it.


def test_eight_threads_get_masks_of_their_own_images():
    predictor, meeting = SamPredictor(Brightness()), threading.Barrier(8, timeout=60)

    def work(value):
        predictor.set_image(image_of(value))
        meeting.wait()  # all images are set
        first = brightness_of(predictor)
        predictor.set_image(image_of(value + 100))
        meeting.wait()
        return first, brightness_of(predictor)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [(value, value + 100) for value in range(8)]


def test_another_thread_has_no_image_until_it_sets_one():
    predictor = SamPredictor(Brightness())
    predictor.set_image(image_of(7))
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: predictor.frame).result() is None
        with pytest.raises(PromptError, match="no image is set in this thread") as caught:
            pool.submit(brightness_of, predictor).result()
        assert "share embed(image) and give it to predict_many" in caught.value.hint
        pool.submit(predictor.set_image, image_of(9)).result()
        assert pool.submit(brightness_of, predictor).result() == 9
        pool.submit(predictor.reset_image).result()
    assert brightness_of(predictor) == 7


def test_threads_share_an_embedding():
    predictor = SamPredictor(Brightness())
    embedding = predictor.embed(image_of(7))
    with ThreadPoolExecutor(2) as pool:
        masks = pool.submit(predictor.predict_many, [make_prompt([1, 1])], embedding).result()
    assert float(masks[0].logits[0, 0, 0]) == 7


# The number of threads.


def test_each_call_tells_the_segmenter_the_number_of_threads(monkeypatch):
    monkeypatch.setenv("SAMWIDGET_THREADS", "5")
    prompts, image = [make_prompt([1, 1])], image_of(7)
    for predictor, own in ((SamPredictor(Brightness()), 5), (SamPredictor(Brightness(), threads=3), 3)):
        assert predictor.thread_count == own
        embedding = predictor.embed(image)
        predictor.predict_many(prompts, embedding)
        predictor.set_image(image_of(8))
        predictor.predict([[1, 1]])
        assert predictor._segmenter.threads_asked == [own] * 4
        predictor._segmenter.threads_asked.clear()
        predictor.embed(image_of(9), threads=2)
        predictor.predict_many(prompts, embedding, threads=2)
        predictor.everything(image, points_per_side=1, threads=2)
        assert set(predictor._segmenter.threads_asked) == {2}
    assert SamPredictor.from_pretrained(device="cpu", threads=1).thread_count == 1


# A model that gives no numbers.


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("part", ["logits", "scores"])
def test_answers_that_are_not_finite_are_an_error(part, value):
    class Broken(FakeSegmenter):
        def decode(self, embedding, prompts, *, multimask_output, threads=None):
            logits, scores = super().decode(embedding, prompts, multimask_output=multimask_output)
            (logits[-1, 0, 3] if part == "logits" else scores[-1])[0] = value
            return logits, scores

    predictor = SamPredictor(Broken())
    embedding = predictor.embed(image_of(7))
    for prompts in ([make_prompt([1, 1])], [make_prompt([1, 1]), make_prompt([2, 2])]):
        with pytest.raises(ModelError, match="fake gave infinite logits or scores, or some that are not numbers"):
            predictor.predict_many(prompts, embedding)
    predictor.set_image(image_of(7))
    with pytest.raises(ModelError, match="not numbers"):
        predictor.predict([[1, 1]])
    with pytest.raises(ModelError, match="not numbers"):
        predictor.everything(image_of(7), points_per_side=2)


# Copies.


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_a_copy_of_a_predictor_by_name_is_loaded_again(copied):
    predictor = SamPredictor.from_pretrained(device="cpu", clean=False, threads=1, cache_bytes_max=1000)
    predictor.set_image(image_of(7))
    again = copied(predictor)
    assert again is not predictor
    assert again._segmenter is not predictor._segmenter
    assert (again.name, again.signature, again.device) == (predictor.name, predictor.signature, predictor.device)
    assert (again._clean, again.thread_count, again._locked._cache.bytes_max) == (False, 1, 1000)
    assert again.frame is None
    again.set_image(image_of(7))
    np.testing.assert_allclose(again.predict([[20, 15]]).scores, predictor.predict([[20, 15]]).scores, atol=1e-5)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_predictor_of_a_segmenter_says_that_it_cannot_be_copied(copied):
    with pytest.raises(TypeError, match="make it with from_pretrained"):
        copied(SamPredictor(FakeSegmenter()))


FORKED = """
import os, signal
import numpy as np
from samwidget import Prompt, SamPredictor

predictor = SamPredictor.from_pretrained(device="cpu", threads=2)
prompts = [Prompt(points_xy=[[x, 15]], labels=[1]) for x in (5, 15, 25, 35)]
embedding = predictor.embed(np.zeros((30, 40, 3), np.uint8))
before = predictor.predict_many(prompts, embedding)
child = os.fork()
if child == 0:
    signal.alarm(30)
    image = np.full((30, 40, 3), 200, np.uint8)
    predictor.predict_many(prompts, predictor.embed(image))
    after = predictor.predict_many(prompts, embedding)
    same = all(np.allclose(a.logits, b.logits, atol=1e-4) for a, b in zip(before, after))
    os._exit(0 if same else 3)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print("the same")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_goes_on_with_the_predictor():
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", FORKED], capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("the same\n", "")


@pytest.mark.parametrize("name", ["", "x" * 300, "a\0b", "~nobody-of-this-name/sam"])
def test_names_that_no_file_can_have_are_no_models(name):
    with pytest.raises(ModelNotFoundError) as caught:
        open_predictor(name, "cpu", "auto", None)
    assert caught.value.hint
