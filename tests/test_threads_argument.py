"""``threads=`` is checked at once, wherever it is taken, and before a model is loaded."""

import subprocess
import sys

import numpy as np
import pytest

import samwidget
from samwidget.batch import Job, run_batch
from samwidget.errors import ModelError
from samwidget.formats.azure_ml import Deployment
from samwidget.models import thread_count
from samwidget.predict import SamPredictor
from samwidget.serving import open_service
from tests.predict.fake_segmenter import FakeSegmenter

IMAGE = np.zeros((8, 8, 3), np.uint8)
WRONG = [0, -1, "two", "2", True, False, np.True_, 1.5, float("nan"), 10.0, [2], b"2"]


def fake():
    return SamPredictor(FakeSegmenter())


def never_loaded(*_):
    pytest.fail("the model was loaded first")


TAKERS = {
    "thread_count": lambda threads: thread_count(threads),
    "SamWidget": lambda threads: samwidget.SamWidget(IMAGE, model="no/such-model", threads=threads),
    "SamPredictor": lambda threads: SamPredictor(FakeSegmenter(), threads=threads),
    "from_pretrained": lambda threads: SamPredictor.from_pretrained("./no-such-model", threads=threads),
    "embed": lambda threads: fake().embed(IMAGE, threads=threads),
    "predict_many": lambda threads: fake().predict_many([], fake().embed(IMAGE), threads=threads),
    "everything": lambda threads: fake().everything(IMAGE, threads=threads),
    "generate_masks": lambda threads: samwidget.generate_masks(fake(), IMAGE, threads=threads),
    "run_batch": lambda threads: run_batch(Job("no-such.csv", "out.csv"), threads=threads),
    "open_service": lambda threads: open_service(never_loaded, Deployment(), key=None, threads=threads),
}


@pytest.mark.parametrize("threads", WRONG, ids=repr)
@pytest.mark.parametrize("taker", TAKERS)
def test_a_wrong_number_of_threads_is_refused_at_once(taker, threads):
    with pytest.raises(ModelError, match="threads is") as caught:
        TAKERS[taker](threads)
    assert "whole number from 1" in caught.value.hint


@pytest.mark.parametrize(("threads", "count"), [(1, 1), (np.int32(3), 3), (64, 64)])
def test_whole_numbers_of_any_type_are_taken(threads, count):
    assert SamPredictor(FakeSegmenter(), threads=threads).thread_count == count
    assert type(thread_count(threads)) is int


def test_a_widget_refuses_it_without_torch():
    code = (
        "import sys, numpy, samwidget\n"
        "try: samwidget.SamWidget(numpy.zeros((8, 8, 3), 'uint8'), threads=0)\n"
        "except samwidget.ModelError: print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
