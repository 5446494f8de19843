"""Torch's settings in the caller's program change nothing: not the masks, and not what is kept for later."""

import contextlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from samwidget.core.prompt import make_prompt
from samwidget.models.threads import run_in_threads
from samwidget.predict.predictor import SamPredictor
from tests.models.sam.true_size_sam import save_sam
from tests.predict.fake_segmenter import FakeSegmenter

ROOT = Path(__file__).parents[2]
PROMPTS = [
    make_prompt([[20, 15]]),
    make_prompt([[20, 15], [30, 20], [5, 5]], [1, 1, 0]),
    make_prompt(box=[5, 5, 30, 25]),
]


@contextlib.contextmanager
def setting(name):
    """A setting of torch, while the block runs."""
    match name:
        case "autocast":
            with torch.autocast("cpu", torch.bfloat16):
                yield
        case "no_grad" | "enable_grad" | "inference_mode":
            with getattr(torch, name)():
                yield
        case "device":
            with torch.device("meta"):
                yield
        case "default device":
            torch.set_default_device("meta")
            try:
                yield
            finally:
                torch.set_default_device("cpu")  # after None, torch 2.6 cannot tell its default device any more
        case "default dtype":
            torch.set_default_dtype(torch.float64)
            try:
                yield
            finally:
                torch.set_default_dtype(torch.float32)
        case "deterministic":
            torch.use_deterministic_algorithms(True)
            try:
                yield
            finally:
                torch.use_deterministic_algorithms(False)


SETTINGS = [
    "autocast",
    "no_grad",
    "enable_grad",
    "inference_mode",
    "device",
    "default device",
    "default dtype",
    "deterministic",
]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = save_sam(
        tmp_path_factory.mktemp("small-sam"), image_size=64, hidden_size=16, num_hidden_layers=2, mlp_dim=16
    )
    return {"nano": None, "sam": folder}


@pytest.fixture(scope="module")
def expected(models):
    """The masks of each model where nothing is set."""
    return {name: masks_of(SamPredictor.from_pretrained(model, device="cpu")) for name, model in models.items()}


def an_image(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (30, 40, 3), dtype=np.uint8)


def masks_of(predictor, image=None, threads=2):
    """Logits and scores of the prompts, together with three candidates, and alone with one."""
    embedding = predictor.embed(an_image() if image is None else image)
    masks = [
        *predictor.predict_many(PROMPTS, embedding, threads=threads),
        *predictor.predict_many(PROMPTS[1:2], embedding, multimask_output=False, threads=threads),
    ]
    return [(item.logits, item.scores) for item in masks]


# Embeddings of SAM are kept on disk in half precision, and logits of -20 to 20 differ a little. bfloat16 has an eighth
# of its precision.
FROM_DISK = {"nano": 1e-4, "sam": 0.05}


def assert_equal(actual, expected, atol=1e-4):
    for pair, expected_pair in zip(actual, expected, strict=True):
        for array, expected_array in zip(pair, expected_pair, strict=True):
            assert array.dtype == expected_array.dtype
            # Sums are rounded in an order that depends on where the memory begins.
            np.testing.assert_allclose(array, expected_array, rtol=0, atol=atol)


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("model", ["nano", "sam"])
def test_the_masks_are_the_same_and_those_after_it_too(model, name, models, expected, tmp_path):
    with setting(name):
        predictor = SamPredictor.from_pretrained(models[model], device="cpu", cache_folder=tmp_path)
        assert_equal(masks_of(predictor), expected[model])
        predictor.embed(an_image(1))
    assert_equal(masks_of(predictor), expected[model])
    again = SamPredictor.from_pretrained(models[model], device="cpu", cache_folder=tmp_path)
    assert_equal(masks_of(again), expected[model], FROM_DISK[model])
    assert again.encodes == 0
    assert_equal(masks_of(predictor, an_image(1)), masks_of(again, an_image(1)), FROM_DISK[model])


@pytest.mark.parametrize("name", ["autocast", "default dtype"])
def test_a_new_process_reads_what_was_kept_under_a_setting(name, models, expected, tmp_path):
    with setting(name):
        SamPredictor.from_pretrained(models["sam"], device="cpu", cache_folder=tmp_path / "cache").embed(an_image())
    code = (
        "import sys, numpy as np\n"
        "from samwidget.predict.predictor import SamPredictor\n"
        "from tests.predict.test_caller_settings import masks_of\n"
        "predictor = SamPredictor.from_pretrained(sys.argv[1], device='cpu', cache_folder=sys.argv[2])\n"
        "np.savez(sys.argv[3], *[array for pair in masks_of(predictor) for array in pair])\n"
        "print(predictor.encodes)"
    )
    words = [sys.executable, "-c", code, models["sam"], tmp_path / "cache", tmp_path / "masks.npz"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0"]
    arrays = list(np.load(tmp_path / "masks.npz").values())
    assert_equal(list(zip(arrays[::2], arrays[1::2], strict=True)), expected["sam"], FROM_DISK["sam"])


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("model", ["nano", "sam"])
def test_a_predictor_that_was_used_before_the_setting_gives_the_same_masks(model, name, models, expected):
    predictor = SamPredictor.from_pretrained(models[model], device="cpu")
    masks_of(predictor, an_image(1))
    with setting(name):
        assert_equal(masks_of(predictor), expected[model])


@pytest.mark.parametrize("name", SETTINGS)
def test_everything_is_the_same(name, models):
    predictor = SamPredictor.from_pretrained(models["sam"], device="cpu")
    options = {"points_per_side": 4, "pred_iou_thresh": 0, "stability_score_thresh": 0}
    usual = predictor.everything(an_image(), **options)
    with setting(name):
        objects = predictor.everything(an_image(), **options)
    assert len(objects) == len(usual) > 0
    for item, usual_item in zip(objects, usual, strict=True):
        assert item.score == pytest.approx(usual_item.score, abs=1e-5)
        assert np.mean(item.mask != usual_item.mask) < 0.01


@pytest.mark.parametrize("name", SETTINGS)
def test_a_segmenter_and_its_threads_see_none_of_it_and_it_is_as_before_afterwards(name):
    seen = []

    class Curious(FakeSegmenter):
        def decode(self, embedding, prompts, *, multimask_output, threads=None):
            seen.extend(run_in_threads(lambda _: settings_here(), range(4), 2))
            return super().decode(embedding, prompts, multimask_output=multimask_output)

    predictor = SamPredictor(Curious())
    embedding = predictor.embed(an_image())
    with setting(name):
        before = settings_here()
        predictor.predict_many(PROMPTS, embedding)
        assert settings_here() == before
    assert set(seen) == {(False, False, False, "cpu")}


def settings_here():
    return (
        torch.is_autocast_enabled("cpu"),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.empty(0).device.type,
    )
