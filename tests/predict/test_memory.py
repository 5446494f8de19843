"""Many images and many prompts leave nothing in memory. Objects are counted, since the memory of a process varies.

``SAMWIDGET_LONG_TESTS=1`` counts over 200 images and 10,000 prompts, which takes a minute or two.
"""

import gc
import os

import numpy as np
import pytest
import torch

from samwidget.core.prompt import make_prompt
from samwidget.models.loader import load
from samwidget.predict.predictor import SamPredictor
from tests.models.sam.true_size_sam import save_sam

IMAGES, PROMPTS = (200, 10_000) if os.environ.get("SAMWIDGET_LONG_TESTS") else (40, 800)
BATCH = PROMPTS // IMAGES


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory):
    folder = save_sam(
        tmp_path_factory.mktemp("small-sam"), image_size=64, hidden_size=16, num_hidden_layers=1, mlp_dim=16
    )
    return load(folder, device="cpu")


def counts_of(segmenter, predictor):
    """Bytes of the decoder and the cache, and tensors and arrays that anything still refers to."""
    gc.collect()
    kinds = [type(value) for value in gc.get_objects()]
    return (
        segmenter._decoder.byte_count,
        predictor._locked._cache.byte_count,
        kinds.count(torch.Tensor),
        kinds.count(np.ndarray),
    )


def test_many_images_and_many_prompts_leave_nothing_behind(segmenter):
    rng = np.random.default_rng(0)
    room_for = 8
    predictor = SamPredictor(segmenter, cache_bytes_max=room_for * 256 * 16 * 4)
    counts = []
    for index in range(IMAGES):
        predictor.set_image(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8))
        points = rng.uniform(0, 48, (BATCH, 2))
        masks = predictor.predict_many([make_prompt([point]) for point in points], multimask_output=index % 2 == 0)
        assert len(masks) == BATCH
        del masks
        if index >= room_for and index % 8 == 0:
            counts.append(counts_of(segmenter, predictor))
    assert predictor.encodes == IMAGES
    assert segmenter.decoded_by == "samwidget"
    assert len(set(counts)) == 1, counts
