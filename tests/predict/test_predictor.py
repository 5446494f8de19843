"""SamPredictor with a fake segmenter: state, cache, threads, memory and errors."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from samwidget.core.prompt import Prompt, make_prompt
from samwidget.errors import ClosedError, ImageError, ModelError, PromptError, SamWidgetWarning
from samwidget.models.segmenter import Embedding
from samwidget.predict.predictor import SamPredictor
from tests.predict.fake_segmenter import SIDE, FakeSegmenter


def an_image(seed=0, height=30, width=40):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def predictor():
    return SamPredictor(FakeSegmenter())


def test_the_known_vocabulary(predictor):
    predictor.set_image(an_image())
    masks, scores, low_res_logits = predictor.predict(np.array([[20, 15]]), np.array([1]))
    assert (masks.shape, masks.dtype) == ((3, 30, 40), np.bool_)
    assert (scores.shape, scores.dtype) == ((3,), np.float32)
    assert (low_res_logits.shape, low_res_logits.dtype) == ((3, SIDE, SIDE), np.float32)
    assert masks[:, 15, 20].all()
    assert masks.sum((1, 2)).tolist() == sorted(masks.sum((1, 2)))
    assert predictor.frame.image_hw == (30, 40)
    assert (predictor.name, predictor.device) == ("fake", torch.device("cpu"))
    predictor.reset_image()
    assert predictor.frame is None


def test_one_mask_and_full_size_logits(predictor):
    predictor.set_image(an_image())
    prompt_arguments = {"box": [10, 10, 20, 20], "multimask_output": False}
    logits = predictor.predict(**prompt_arguments, return_logits=True).masks
    assert (logits.shape, logits.dtype) == ((1, 30, 40), np.float32)
    np.testing.assert_array_equal(predictor.predict(**prompt_arguments).masks, logits > 0)


@pytest.mark.parametrize("shape", [(SIDE, SIDE), (1, SIDE, SIDE)])
def test_earlier_logits_are_a_prompt(predictor, shape):
    predictor.set_image(an_image())
    assert len(predictor.predict(mask_input=np.zeros(shape, np.float32)).masks) == 3


@pytest.mark.parametrize(
    ("prompt_arguments", "message"),
    [
        ({}, "the prompt is empty"),
        ({"point_coords": [[41, 5]]}, "outside the image of 40 x 30"),
        ({"point_coords": [[-1, 5]]}, "outside the image"),
        ({"box": [50, 0, 60, 10]}, "outside the image"),
        ({"point_coords": [[1, 5]], "point_labels": [1, 0]}, "one label per point"),
        ({"point_coords": [[np.nan, 5]]}, "NaN"),
        ({"box": [5, 5, 5, 9]}, "no area"),
        ({"mask_input": np.zeros((1, 256, 256))}, r"shape \(256, 256\), this model's logits are \(16, 16\)"),
    ],
)
def test_prompts_that_do_not_fit(predictor, prompt_arguments, message):
    predictor.set_image(an_image())
    with pytest.raises(PromptError, match=message):
        predictor.predict(**prompt_arguments)


@pytest.mark.parametrize("size", [(50, 3), (3, 3), (4, 1)])
def test_a_picture_of_three_rows_has_rows_and_no_channels_in_them(predictor, size):
    photo = Image.fromarray(an_image()).resize(size)
    predictor.set_image(photo)
    assert predictor.frame.image_hw == size[::-1]
    predictor.everything(photo, points_per_side=1)
    with pytest.raises(ImageError, match="give a PIL image") if size[1] == 3 else contextlib.nullcontext():
        predictor.set_image(np.asarray(photo))


def test_predicting_comes_after_setting_an_image(predictor):
    with pytest.raises(PromptError, match=r"no image is set.*set_image\(image\)"):
        predictor.predict([[1, 1]])


def test_what_is_no_embedding(predictor):
    with pytest.raises(ModelError, match="the embedding is a list") as caught:
        predictor.predict_many(predictor.embed(np.zeros((20, 30, 3), np.uint8)), [])
    assert "embed" in caught.value.hint


def test_a_failing_image_leaves_the_previous_one(predictor, tmp_path):
    predictor.set_image(an_image())
    frame = predictor.frame
    with pytest.raises(ImageError):
        predictor.set_image(tmp_path / "missing.png")
    predictor._segmenter.error = RuntimeError("the encoder broke")
    with pytest.raises(ModelError, match="the encoder broke"):
        predictor.set_image(an_image(seed=1, height=9))
    assert predictor.frame is frame
    predictor._segmenter.error = None
    assert predictor.predict([[1, 1]]).masks.shape == (3, 30, 40)


def test_the_same_photo_is_encoded_once(predictor):
    for image in (an_image(), an_image(1), an_image(), an_image().copy(order="F")):
        predictor.set_image(image)
    assert predictor.encodes == 2
    # The same bytes in another shape are another photo.
    predictor.embed(an_image().reshape(40, 30, 3))
    assert predictor.encodes == 3


def test_the_least_recently_used_embedding_goes_first():
    # One fake embedding is 4 + 12 bytes.
    predictor = SamPredictor(FakeSegmenter(), cache_bytes_max=40)
    for seed in (0, 1, 0, 2, 0):
        predictor.embed(an_image(seed))
    assert predictor.encodes == 3
    predictor.embed(an_image(1))
    assert predictor.encodes == 4


def test_a_folder_spares_the_next_kernel_the_encode(tmp_path):
    first = SamPredictor(FakeSegmenter(), cache_folder=tmp_path / "cache")
    expected = first.embed(an_image())
    second = SamPredictor(FakeSegmenter(), cache_folder=tmp_path / "cache")
    embedding = second.embed(an_image())
    assert (first.encodes, second.encodes) == (1, 0)
    assert embedding.frame == expected.frame
    for name, tensor in expected.tensors.items():
        assert torch.equal(embedding.tensors[name], tensor)
        assert embedding.tensors[name].dtype == tensor.dtype
    other = SamPredictor(FakeSegmenter(signature="fake 2"), cache_folder=tmp_path / "cache")
    other.embed(an_image())
    assert other.encodes == 1


def test_each_call_tells_whether_the_cache_had_the_embedding(tmp_path):
    predictor = SamPredictor(FakeSegmenter(), cache_folder=tmp_path)
    embedding, from_cache = predictor.embed_with_source(an_image())
    assert not from_cache
    again = predictor.embed_with_source(an_image())
    assert again.embedding is embedding
    assert again.from_cache
    # Another user of the same predictor encodes another image: the reply for this image stays the same.
    assert not predictor.embed_with_source(an_image(1)).from_cache
    assert predictor.embed_with_source(an_image()).from_cache
    assert SamPredictor(FakeSegmenter(), cache_folder=tmp_path).embed_with_source(an_image()).from_cache


def test_embeddings_of_other_networks_are_refused(predictor):
    embedding = SamPredictor(FakeSegmenter(signature="fake 2")).embed(an_image())
    with pytest.raises(ModelError, match="'fake 2'"):
        predictor.predict_many([make_prompt([1, 1])], embedding)


@pytest.mark.parametrize("prompts", [
    make_prompt([1, 1]), [None], [make_prompt([1, 1]), {"points": [[1, 1]]}], [[1, 1]], np.ones((2, 2)), "ab", 5,
])  # fmt: skip
def test_many_prompts_are_a_list_of_prompts(predictor, prompts):
    embedding = predictor.embed(np.zeros((20, 30, 3), np.uint8))
    with pytest.raises(PromptError, match=r"the prompts .*: give a list with a Prompt for each object"):
        predictor.predict_many(prompts, embedding)
    assert len(predictor.predict_many((make_prompt([x, 1]) for x in (1, 2)), embedding)) == 2


def test_many_prompts_on_a_given_embedding(predictor):
    embedding = predictor.embed(an_image())
    prompts = [make_prompt([5, 5]), make_prompt(box=[10, 10, 30, 20])]
    results = predictor.predict_many(prompts, embedding, multimask_output=False)
    assert [masks.prompt for masks in results] == prompts
    assert [len(masks) for masks in results] == [1, 1]
    assert results[0].to_bool()[0, 5, 5]
    assert predictor.predict_many([], embedding) == []
    assert predictor.frame is None
    with pytest.raises(PromptError, match="empty"):
        predictor.predict_many([prompts[0], Prompt()], embedding)


def test_eight_threads_get_the_answers_of_one(predictor):
    embedding = predictor.embed(an_image())
    prompts = [make_prompt([(x, y)]) for x in range(2, 40, 5) for y in range(2, 30, 5)]
    alone = [masks.logits for masks in predictor.predict_many(prompts, embedding)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda prompt: predictor.predict_many([prompt], embedding)[0].logits, prompts))
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_array_equal(a, b)
    assert predictor._segmenter.most_running == 1


def test_threads_that_want_the_same_photo_share_one_encode():
    segmenter = FakeSegmenter()
    segmenter.gate.clear()
    predictor = SamPredictor(segmenter)
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(predictor.embed, an_image()) for _ in range(8)]
        threading.Timer(0.1, segmenter.gate.set).start()
        embeddings = [future.result(timeout=60) for future in futures]
    assert predictor.encodes == 1
    assert all(embedding is embeddings[0] for embedding in embeddings)


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9.00 GB)"),
    ],
)
def test_a_full_device_moves_the_network_to_the_cpu_and_says_so(error):
    # "meta" stands for a GPU: tensors move there without one.
    predictor = SamPredictor(FakeSegmenter(device="meta", full_devices=("meta",), error=error))
    with pytest.warns(SamWidgetWarning, match="meta is out of memory"):
        predictor.set_image(an_image())
    assert predictor.device == torch.device("cpu")
    assert "runs on the CPU" in predictor.note
    assert predictor.predict([[20, 15]]).masks[:, 15, 20].all()
    assert predictor.encodes == 1


class OnGpu(Embedding):
    """Has data on the CPU, as an embedding on a GPU would; those of "meta" have none."""

    def to(self, device):
        assert device == torch.device("cpu")
        return FakeSegmenter().encode(an_image())


def test_a_device_that_fills_up_later_keeps_the_image():
    segmenter = FakeSegmenter(device="meta")
    predictor = SamPredictor(segmenter)
    predictor.set_image(an_image())
    on_gpu = predictor._set_image.embedding
    predictor._set_image.embedding = OnGpu(on_gpu.tensors, on_gpu.frame, on_gpu.signature)
    segmenter.full_devices = ("meta",)
    with pytest.warns(SamWidgetWarning):
        assert predictor.predict([[20, 15]]).masks[:, 15, 20].all()
    assert predictor.predict([[20, 15]]).masks[:, 15, 20].all()
    moved = predictor._set_image.embedding
    assert moved.tensors["mean"].device == torch.device("cpu")
    assert predictor.predict([[20, 15]]).masks[:, 15, 20].all()
    assert predictor._set_image.embedding is moved, "a click moved the embedding again"


def test_a_full_cpu_is_an_error_with_a_remedy():
    predictor = SamPredictor(FakeSegmenter(full_devices=("cpu",), error=MemoryError()))
    with pytest.raises(ModelError, match="smaller model"):
        predictor.set_image(an_image())


def test_after_closing_nothing_works_and_nothing_is_held(predictor):
    predictor.set_image(an_image())
    predictor.close()
    predictor.close()
    assert predictor._locked._segmenter is None
    assert predictor.name == "fake"
    for call in (
        lambda: predictor.set_image(an_image()),
        lambda: predictor.predict([[1, 1]]),
        lambda: predictor.device,
    ):
        with pytest.raises(ClosedError, match="closed"):
            call()


@pytest.mark.parametrize(("clean", "of_network", "expected"), [(None, True, 1), (None, False, 2), (True, False, 1)])
def test_cleaning_is_the_networks_choice_unless_said(clean, of_network, expected):
    from samwidget.core.regions import connected_regions

    class TwoDiscs(FakeSegmenter):
        cleans_masks = of_network

        def decode(self, embedding, prompts, *, multimask_output, threads=None):
            logits, scores = super().decode(embedding, prompts, multimask_output=multimask_output)
            other, _ = super().decode(embedding, [make_prompt([38, 28])], multimask_output=multimask_output)
            return torch.maximum(logits, other), scores

    predictor = SamPredictor(TwoDiscs(), clean=clean)
    predictor.set_image(an_image())
    mask = predictor.predict([[6, 6]], multimask_output=False).masks[0]
    assert len(connected_regions(mask)[1]) - 1 == expected
