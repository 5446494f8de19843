"""The bundled model: its protocol and its edge cases. How good its masks are is measured elsewhere."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from samwidget.core.prompt import Prompt, make_prompt
from samwidget.errors import ModelError, ModelNotFoundError, PromptError, UnsupportedModelError
from samwidget.models.nano.network import NanoNetwork, init_weights
from samwidget.models.nano.segmenter import MODEL_TYPE, NanoSegmenter, _resize, frame_of
from samwidget.models.registry import BUNDLED_FOLDER
from samwidget.models.segmenter import Embedding


@pytest.fixture(scope="module")
def segmenter():
    torch.manual_seed(0)
    return NanoSegmenter(init_weights(NanoNetwork()), "test")


@pytest.fixture(scope="module")
def photo():
    return np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)


@pytest.fixture(scope="module")
def embedding(segmenter, photo):
    return segmenter.encode(photo)


PROMPTS = [
    make_prompt([30, 40]),
    make_prompt([[30, 40], [100, 20], [60, 60]], [1, 0, 1]),
    make_prompt(box=[10, 20, 80, 70]),
    make_prompt([50, 50], box=[10, 20, 80, 70]),
    make_prompt([50, 50], mask=np.full((192, 256), 3.0)),
    Prompt(),
]


@pytest.mark.parametrize("multimask", [True, False])
def test_shapes_and_ranges(segmenter, embedding, multimask):
    logits, scores = segmenter.decode(embedding, PROMPTS, multimask_output=multimask)
    candidates = 3 if multimask else 1
    assert logits.shape == (len(PROMPTS), candidates, *embedding.frame.logits_hw)
    assert scores.shape == (len(PROMPTS), candidates)
    assert logits.dtype == scores.dtype == torch.float32
    assert torch.isfinite(logits).all()
    assert ((scores >= 0) & (scores <= 1)).all()


def test_a_prompt_gets_the_same_masks_alone_and_among_others(segmenter, embedding):
    many = PROMPTS * 3
    logits, scores = segmenter.decode(embedding, many, multimask_output=True)
    for index, prompt in enumerate(many):
        alone, score = segmenter.decode(embedding, [prompt], multimask_output=True)
        torch.testing.assert_close(logits[index], alone[0], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(scores[index], score[0], atol=1e-5, rtol=1e-4)


def test_the_one_mask_of_clicks_is_the_best_candidate(segmenter, embedding):
    prompts = [*PROMPTS, make_prompt([[30 + x, 40] for x in range(4)])]
    candidates, scores = segmenter.decode(embedding, prompts, multimask_output=True)
    single_masks, _ = segmenter.decode(embedding, prompts, multimask_output=False)
    is_best = [
        torch.equal(single[0], three[score.argmax()])
        for single, three, score in zip(single_masks, candidates, scores, strict=True)
    ]
    assert is_best == [True, True, False, False, True, False, True]


def test_no_prompts_give_no_masks(segmenter, embedding):
    logits, scores = segmenter.decode(embedding, [], multimask_output=True)
    assert logits.shape == (0, 3, *embedding.frame.logits_hw)
    assert scores.shape == (0, 3)


def test_clicks_lie_on_their_side(segmenter, embedding):
    prompt = make_prompt([[30, 40], [100, 20]], [1, 0])
    logits, _ = segmenter.decode(embedding, [prompt], multimask_output=True)
    columns, rows = embedding.frame.image_to_logits(prompt.points_xy).astype(int).T
    assert (logits[0, :, rows[0], columns[0]] > 0).all()
    assert (logits[0, :, rows[1], columns[1]] < 0).all()


@pytest.mark.parametrize("size", [(1, 1), (7, 3000), (3000, 7), (512, 512), (33, 47), (600, 800)])
def test_every_size_of_image(segmenter, size):
    embedding = segmenter.encode(np.full((*size, 3), 99, np.uint8))
    frame = embedding.frame
    assert frame.image_hw == size
    assert 440 <= max(frame.content_hw) <= 880
    assert all(side % 32 == 0 for side in frame.input_hw)
    click = make_prompt([size[1] / 2, size[0] / 2])
    logits, _ = segmenter.decode(embedding, [click], multimask_output=False)
    assert logits.shape[2:] == frame.logits_hw == (frame.input_hw[0] // 2, frame.input_hw[1] // 2)


@pytest.mark.parametrize(
    ("image_hw", "content_hw", "input_hw"),
    [
        ((3000, 4000), (480, 640), (480, 640)),
        ((500, 500), (500, 500), (512, 512)),  # as it is
        ((90, 120), (384, 512), (384, 512)),  # no smaller than this
        ((1080, 1920), (416, 739), (416, 768)),  # as many pixels as 4 to 3
        ((1920, 1080), (739, 416), (768, 416)),
        ((100, 1000), (88, 880), (96, 896)),
    ],
)
def test_frames_of_photos(image_hw, content_hw, input_hw):
    frame = frame_of(image_hw)
    assert (frame.content_hw, frame.input_hw) == (content_hw, input_hw)
    assert frame.logits_hw == (input_hw[0] // 2, input_hw[1] // 2)


@pytest.mark.parametrize("size", [(300, 400), (1500, 2000), (90, 120), (41, 1000)])
@pytest.mark.filterwarnings("error")
def test_a_photo_is_resized_as_pillow_does_it(size):
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    noise.flags.writeable = False  # as the widget's are
    height, width = frame_of(size).content_hw
    expected = np.asarray(Image.fromarray(noise).resize((width, height), Image.Resampling.BILINEAR), int)
    assert np.abs(_resize(noise, (height, width)).numpy() - expected).max() <= 1


def test_decoding_leaves_the_network_as_it_was(segmenter, embedding):
    before, _ = segmenter.decode(embedding, PROMPTS[:1], multimask_output=True)
    copy = before.clone()
    segmenter.decode(embedding, PROMPTS[1:3], multimask_output=True)
    again, _ = segmenter.decode(embedding, PROMPTS[:1], multimask_output=True)
    assert torch.equal(before, copy)
    assert torch.equal(before, again)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_number_of_threads_changes_nothing(segmenter, photo, embedding, threads):
    encoded = segmenter.encode(photo, threads=threads)
    for name, tensor in embedding.tensors.items():
        torch.testing.assert_close(encoded.tensors[name], tensor)
    expected = segmenter.decode(embedding, PROMPTS, multimask_output=True, threads=1)
    decoded = segmenter.decode(embedding, PROMPTS, multimask_output=True, threads=threads)
    assert all(map(torch.equal, decoded, expected))


def test_each_prompt_is_computed_with_one_openmp_thread(segmenter, embedding):
    before, counts = torch.get_num_threads(), []
    hook = segmenter._network.decoder.register_forward_pre_hook(lambda *_: counts.append(torch.get_num_threads()))
    try:
        segmenter.decode(embedding, PROMPTS, multimask_output=True, threads=2)
    finally:
        hook.remove()
    assert counts == [1, 1]
    assert torch.get_num_threads() == before


def test_a_mask_prompt_of_another_size_is_refused(segmenter, embedding):
    with pytest.raises(PromptError, match="256"):
        segmenter.decode(embedding, [make_prompt([9, 9], mask=np.zeros((256, 256)))], multimask_output=True)


@pytest.mark.parametrize("name", ["context", "deep", "middle", "fine"])
def test_an_embedding_with_other_tensors_is_refused(segmenter, embedding, name):
    tensors = dict(embedding.tensors)
    for change in (lambda: tensors.update({name: tensors[name][..., :-1]}), lambda: tensors.pop(name)):
        change()
        damaged = Embedding(tensors, embedding.frame, embedding.signature)
        with pytest.raises(ModelError, match=f"no tensor '{name}'"):
            segmenter.decode(damaged, PROMPTS[:1], multimask_output=True)


def write_bundle(folder, model_type=MODEL_TYPE, change=None):
    torch.manual_seed(1)
    weights = {name: value.half() for name, value in init_weights(NanoNetwork()).state_dict().items()}
    if change is not None:
        change(weights)
    save_file(weights, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))


def test_a_folder_is_loaded_and_signed(tmp_path, photo):
    write_bundle(tmp_path)
    segmenter = NanoSegmenter.from_folder(tmp_path)
    assert (segmenter.family, segmenter.name) == ("nano", "nano")
    assert (segmenter.cleans_masks, segmenter.device.type) == (True, "cpu")
    assert segmenter.encode(photo).signature == segmenter.signature
    assert segmenter.signature == NanoSegmenter.from_folder(tmp_path).signature
    (tmp_path / "other").mkdir()
    write_bundle(tmp_path / "other", change=lambda weights: weights["encoder.stem.bias"].add_(1))
    assert NanoSegmenter.from_folder(tmp_path / "other").signature != segmenter.signature


def test_folders_that_do_not_fit(tmp_path):
    with pytest.raises(ModelNotFoundError, match=r"config\.json"):
        NanoSegmenter.from_folder(tmp_path)
    write_bundle(tmp_path, model_type="sam")
    with pytest.raises(UnsupportedModelError, match="sam"):
        NanoSegmenter.from_folder(tmp_path)
    write_bundle(tmp_path, change=lambda weights: weights.pop("encoder.stem.bias"))
    with pytest.raises(ModelError, match="does not fit"):
        NanoSegmenter.from_folder(tmp_path)


def test_weights_that_cannot_be_read(tmp_path):
    write_bundle(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="cannot be read"):
        NanoSegmenter.from_folder(tmp_path)


def test_what_ships_is_small():
    weights = BUNDLED_FOLDER / "model.safetensors"
    if not weights.is_file():
        pytest.skip("no bundled weights in this checkout")
    assert weights.stat().st_size <= 20_000_000
    assert (BUNDLED_FOLDER / "CARD.md").is_file()
    NanoSegmenter.from_folder()


def test_a_stack_has_a_part_for_each_prompt(segmenter, embedding):
    tensors = {name: torch.cat([tensor, tensor]) for name, tensor in embedding.tensors.items()}
    stack = replace(embedding, tensors=tensors)
    prompts = [make_prompt((30, 40)), make_prompt((60, 20))]
    for made, expected in zip(
        segmenter.decode(stack, prompts, multimask_output=True),
        segmenter.decode(embedding, prompts, multimask_output=True),
        strict=True,
    ):
        torch.testing.assert_close(made, expected, atol=1e-3, rtol=1e-3)
    with pytest.raises(ModelError, match="no tensor"):
        segmenter.decode(stack, prompts[:1], multimask_output=True)
