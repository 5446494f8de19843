"""What a checkpoint says about images: the network's input is that of transformers' own processor, or loading fails."""

import json
import shutil

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from transformers.models import sam

from samwidget.core.prompt import make_prompt
from samwidget.errors import ModelError
from samwidget.models.loader import load
from samwidget.models.sam.preprocessing import Preprocessing, read_preprocessing

SIDE = 64
# The Pillow one; where there is a choice, the other needs torchvision.
ImageProcessor = getattr(sam, "SamImageProcessorPil", sam.SamImageProcessor)
IS_VERSION_5 = int(transformers.__version__.split(".")[0]) >= 5
FITS = {
    "size": {"longest_edge": SIDE},
    "pad_size": {"height": SIDE, "width": SIDE},
}
VARIANTS = {
    "default": {},
    "own mean and std": {"image_mean": [0.1, 0.5, 0.9], "image_std": [0.3, 0.2, 0.5]},
    "not normalised": {"do_normalize": False},
    "not rescaled": {"do_rescale": False, "image_mean": [120.0, 110.0, 100.0], "image_std": [60.0, 60.0, 60.0]},
    "own factor": {"rescale_factor": 1 / 127.5, "image_mean": [1.0, 1.0, 1.0], "image_std": [1.0, 1.0, 1.0]},
    "nearest": {"resample": 0},
    "lanczos": {"resample": 1},
    "bicubic": {"resample": 3},
    "smaller than its padding": {"size": {"longest_edge": 40}},
    "MedSAM": {"do_normalize": False, "resample": 3, "image_mean": [0, 0, 0], "image_std": [1, 1, 1]},
}


@pytest.fixture(scope="module")
def image(photo):
    return photo(90, 150)


@pytest.fixture
def checkpoint(small_sam_folder, tmp_path):
    """checkpoint(file=entries, ...): a folder with these files beside config and weights."""

    def make(**files):
        for file in ("config.json", "model.safetensors"):
            shutil.copy(small_sam_folder / file, tmp_path)
        for file, entries in files.items():
            (tmp_path / f"{file}.json").write_text(json.dumps(entries))
        return tmp_path

    return make


def saved(folder, processor, form):
    """The folder, with the file that this version or the one before of transformers writes for a processor."""
    if form == "transformers 4":
        processor.save_pretrained(folder)
        assert (folder / "preprocessor_config.json").exists()
    else:
        sam.SamProcessor(processor).save_pretrained(folder)
        assert not (folder / "preprocessor_config.json").exists()
    return folder


def network_input(segmenter, image, monkeypatch):
    inputs = []
    encode_input = segmenter.encode_input
    monkeypatch.setattr(segmenter, "encode_input", lambda pixels, **rest: inputs.append(pixels) or encode_input(pixels))
    embedding = segmenter.encode(image)
    return inputs[0].numpy(), embedding


@pytest.mark.parametrize("form", ["transformers 4", "transformers 5"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_input_and_masks_are_those_of_the_checkpoints_processor(checkpoint, image, variant, form, monkeypatch):
    if form == "transformers 5" and not IS_VERSION_5:
        pytest.skip("this transformers writes the files of version 4")
    folder = saved(checkpoint(), ImageProcessor(**{**FITS, **VARIANTS[variant]}), form)
    processor = sam.SamProcessor(ImageProcessor.from_pretrained(folder))
    expected = processor(image, input_points=[[[30, 20]]], return_tensors="pt")
    segmenter = load(folder, device="cpu")
    pixels, embedding = network_input(segmenter, image, monkeypatch)
    # transformers rescales in float64, rounds to float32 and normalises; samwidget does both in one step in float32.
    scale = np.abs(expected["pixel_values"].numpy()).max()
    np.testing.assert_allclose(pixels, expected["pixel_values"].numpy(), atol=1e-6 * scale)
    assert embedding.frame.content_hw == tuple(expected["reshaped_input_sizes"][0].tolist())
    with torch.no_grad():
        reference = segmenter.model(
            pixel_values=expected["pixel_values"], input_points=expected["input_points"].float()
        ).pred_masks[0, 0]
    logits, _ = segmenter.decode(embedding, [make_prompt([[30, 20]])], multimask_output=True)
    assert (logits[0] - reference).abs().max() < 0.01 * reference.std()


def test_a_name_of_a_filter_means_that_filter(checkpoint, image, monkeypatch):
    """transformers without torchvision would take bilinear, whatever the name."""
    pixels, _ = network_input(load(checkpoint(preprocessor_config={"resample": "bicubic"})), image, monkeypatch)
    expected = ImageProcessor(**FITS, resample=3)(image, return_tensors="np")["pixel_values"]
    np.testing.assert_allclose(pixels, expected, atol=1e-5)


def test_no_file_is_what_metas_checkpoints_say(checkpoint, image):
    plain = load(checkpoint())
    usual = load(checkpoint(preprocessor_config=ImageProcessor(**FITS).to_dict()))
    assert plain.signature == usual.signature
    assert torch.equal(*(model.encode(image).tensors["image_embeddings"] for model in (plain, usual)))


def test_the_signature_holds_what_changes_pixels(checkpoint):
    signatures = {load(checkpoint(preprocessor_config={**FITS, **entries})).signature for entries in VARIANTS.values()}
    assert len(signatures) == len(VARIANTS)


def test_the_usual_signature_is_that_of_version_0_1_0():
    """Embeddings on disk and batch runs that began with it go on."""
    usual = "sam-preprocessing-1 mean [0.485, 0.456, 0.406] std [0.229, 0.224, 0.225]"
    assert Preprocessing().signature == usual
    assert (
        Preprocessing(resample=Image.Resampling.BOX, longest_edge=9).signature == f"{usual} resample BOX longest_edge 9"
    )


MEANS = [[0.1] * 3, [0.2] * 3]


@pytest.mark.parametrize(
    ("processor", "preprocessor", "mean"),
    [
        ({"image_processor": {"image_mean": MEANS[0]}}, {"image_mean": MEANS[1]}, MEANS[0]),
        ({"processor_class": "SamProcessor"}, {"image_mean": MEANS[1]}, MEANS[1]),
        ({"image_processor": None}, {"image_mean": MEANS[1]}, MEANS[1]),
        ({"image_processor": {}}, {"image_mean": MEANS[1]}, [0.485, 0.456, 0.406]),
        ({"image_mean": MEANS[0]}, None, MEANS[0]),
        ({"image_mean": MEANS[0]}, {}, [0.485, 0.456, 0.406]),
        (None, None, [0.485, 0.456, 0.406]),
    ],
)
def test_of_two_files_the_nested_entries_count(processor, preprocessor, mean):
    assert list(read_preprocessing(processor, preprocessor, SIDE).mean) == mean


def test_which_file_counts_is_as_in_transformers(checkpoint):
    if not IS_VERSION_5:
        pytest.skip("transformers 4 does not know nested entries")
    usual = ImageProcessor(**FITS).to_dict()
    files = {
        "processor_config": {"image_processor": {**usual, "image_mean": MEANS[0]}},
        "preprocessor_config": {**usual, "image_mean": MEANS[1]},
    }
    assert list(ImageProcessor.from_pretrained(checkpoint(**files)).image_mean) == MEANS[0]


@pytest.mark.parametrize(
    "entries",
    [
        {"image_mean": 0.5, "image_std": 0.25},
        {"pad_size": SIDE},
        {"size": {"longest_edge": float(SIDE), "shortest_edge": None}},
        {"do_normalize": None, "image_mean": None, "image_std": None},
        {"do_rescale": False, "rescale_factor": None},
        {"do_convert_rgb": False, "mask_size": {"longest_edge": 16}, "crop_size": None, "do_center_crop": None},
        {"_valid_processor_keys": ["images"], "processor_class": "SamProcessor", "data_format": "channels_first"},
        {"image_processor_type": "SamImageProcessorFast", "do_flip": False, "crop_pct": None},
    ],
    ids=str,
)
def test_what_changes_nothing_or_can_be_done_is_accepted(entries):
    assert read_preprocessing(None, entries, SIDE).longest_edge is None


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"do_resize": False}, "do_resize is False: samwidget always resizes"),
        ({"do_resize": None}, "do_resize is None"),
        ({"do_pad": False}, "do_pad is False"),
        ({"do_center_crop": True, "crop_size": SIDE}, "do_center_crop is True"),
        ({"do_normalize": "false"}, "do_normalize is 'false': write true or false"),
        ({"do_rescale": 1}, "do_rescale is 1"),
        ({"rescale_factor": 0}, "rescale_factor is 0: write a number above 0"),
        ({"rescale_factor": "1/255"}, "rescale_factor is '1/255'"),
        ({"rescale_factor": float("nan")}, "rescale_factor is nan"),
        ({"rescale_factor": True}, "rescale_factor is True"),
        ({"rescale_factor": 10**400}, "rescale_factor is 1000"),
        ({"image_mean": [0.5]}, r"image_mean is \[0.5\]: write three numbers"),
        ({"image_mean": None}, "image_mean is None"),
        ({"image_mean": [0.5, "0.5", 0.5]}, "image_mean"),
        ({"image_mean": {"r": 1}}, "image_mean"),
        ({"image_mean": [0.0, 0.0, 1e40]}, "image_mean"),
        ({"image_std": [1, 0, 1]}, r"image_std is \[1, 0, 1\]: .*above 0"),
        ({"image_std": [float("inf")] * 3}, "image_std"),
        ({"resample": 99}, "resample is 99: .* 0 nearest, .* 2 bilinear"),
        ({"resample": True}, "resample is True"),
        ({"resample": None}, "resample is None"),
        ({"resample": "cubic"}, "resample is 'cubic'"),
        ({"resample": [2]}, "resample"),
        ({"size": SIDE}, "size is 64: .*longest_edge"),
        ({"size": {"height": SIDE, "width": SIDE}}, "size is .*longer side"),
        ({"size": {"longest_edge": SIDE, "shortest_edge": 9}}, "size is"),
        ({"size": {"longest_edge": 1024}}, "size is .*the network reads 64 x 64 pixels"),
        ({"size": {"longest_edge": 0}}, "size is"),
        ({"size": {"longest_edge": 40.5}}, "size is"),
        ({"size": None}, "size is None"),
        ({"pad_size": {"height": SIDE, "width": 2 * SIDE}}, "pad_size is .*the network reads 64 x 64"),
        ({"pad_size": {"height": SIDE}}, "pad_size is"),
        ({"pad_size": None}, "pad_size is None"),
        ({"pad_size": True}, "pad_size is True"),
        ({"image_processor_type": "ViTImageProcessor"}, "image_processor_type is 'ViTImageProcessor'"),
        ({"image_processor_type": ["SamImageProcessor"]}, "image_processor_type"),
        ({"auto_map": {"AutoImageProcessor": "code.Own"}}, "auto_map is .*does not know this entry"),
        ({"window_level": 40}, "window_level is 40: samwidget does not know this entry"),
        ({"long": "x" * 100_000}, "long is 'xxx"),
    ],
    ids=str,
)
def test_what_samwidget_does_not_do_is_refused_by_name(entries, message):
    with pytest.raises(ModelError, match=message) as caught:
        read_preprocessing(None, entries, SIDE)
    assert caught.value.hint
    assert len(str(caught.value)) < 400
    with pytest.raises(ModelError, match=f"processor_config.json: image_processor.{next(iter(entries))}"):
        read_preprocessing({"image_processor": entries}, None, SIDE)


@pytest.mark.parametrize("nested", [[], "x", 3, False])
def test_nested_entries_of_another_kind(nested):
    with pytest.raises(ModelError, match="image_processor is"):
        read_preprocessing({"image_processor": nested}, None, SIDE)


@pytest.mark.parametrize("file", ["preprocessor_config", "processor_config"])
def test_a_checkpoint_that_is_refused_answers_nothing(checkpoint, file):
    entries = {"do_center_crop": True}
    with pytest.raises(ModelError, match="do_center_crop"):
        load(checkpoint(**{file: entries if file == "preprocessor_config" else {"image_processor": entries}}))


@pytest.mark.parametrize("text", ["{", "[]", "null", "\x00", '{"image_mean": 1'])
@pytest.mark.parametrize("file", ["preprocessor_config.json", "processor_config.json"])
def test_a_broken_file(checkpoint, file, text):
    folder = checkpoint()
    (folder / file).write_text(text)
    with pytest.raises(ModelError, match=file.replace(".", r"\.")):
        load(folder)
