"""The bundled network as ONNX graphs gives what torch gives; onnxruntime runs them."""

import numpy as np
import onnxruntime
import pytest
import torch

from samwidget.core import Frame
from samwidget.errors import ModelError
from samwidget.models import encoder_pixels, export_graphs
from samwidget.models.nano import PromptTensors, normalise_pixels
from samwidget.models.nano.graphs import FEATURES, PROMPT
from samwidget.models.nano.segmenter import NanoSegmenter
from samwidget.models.nano.window import OUTSIDE_LOGIT

HEIGHT, WIDTH = 192, 224  # more cells than a small grid, on which torch makes no window


@pytest.fixture(scope="module")
def graphs():
    return export_graphs((HEIGHT, WIDTH))


@pytest.fixture(scope="module")
def network():
    return NanoSegmenter.from_folder().network


@pytest.fixture(scope="module")
def features(graphs, network):
    """What torch and onnxruntime make of the same pixels."""
    image = np.random.default_rng(1).integers(0, 40, (HEIGHT, WIDTH, 3), np.uint8)
    image[35:65, 25:55] += 200  # an object in a part of the image
    pixels = normalise_pixels(torch.from_numpy(image))[None].contiguous()
    with torch.inference_mode():
        expected = network.encoder(pixels)
    computed = onnxruntime.InferenceSession(graphs.encoder).run(None, {"pixels": pixels.numpy()})
    return expected, dict(zip(FEATURES, computed, strict=True))


def test_features_are_those_of_torch(features):
    expected, computed = features
    for name in FEATURES:
        np.testing.assert_allclose(computed[name], expected[name].numpy(), atol=5e-4)


@pytest.mark.parametrize(
    ("points", "box", "has_mask"),
    [
        ([[40, 50, 1]], None, False),
        ([[40, 50, 1], [90, 30, 0], [30, 60, 1]], None, True),
        ([], [20, 30, 60, 70], False),
    ],
    ids=["click", "clicks with the mask before", "box"],
)
def test_masks_and_scores_are_those_of_torch(graphs, network, features, points, box, has_mask):
    expected_features, computed_features = features
    rows = torch.tensor(points or [[0, 0, -1]], dtype=torch.float32)
    mask = torch.randn(1, 1, HEIGHT // 2, WIDTH // 2, generator=torch.Generator().manual_seed(2)) - 4
    mask[..., 17:33, 12:28] += 8
    prompt = PromptTensors(
        rows[None, None, :, :2],
        rows[None, None, :, 2],
        torch.tensor([[box or [0, 0, 0, 0]]], dtype=torch.float32),
        torch.tensor([[float(box is not None)]]),
        mask,
        torch.tensor([[float(has_mask)]]),
    )
    with torch.inference_mode():
        logits, scores, _ = network.decoder(expected_features, prompt)
    fields = ("points_xy", "labels", "boxes", "has_box", "mask", "has_mask")
    inputs = {name: getattr(prompt, field).numpy() for name, field in zip(PROMPT, fields, strict=True)}
    computed = onnxruntime.InferenceSession(graphs.decoder).run(None, {**computed_features, **inputs})
    expected = logits[0, 0].numpy()
    assert (expected == OUTSIDE_LOGIT).all(0).any(), "the window is a part of the image"
    np.testing.assert_allclose(computed[0], expected, atol=5e-3)
    np.testing.assert_allclose(computed[1], scores[0, 0].numpy(), atol=1e-4)


def test_pixels_are_those_that_the_encoder_reads():
    frame, pixels = encoder_pixels(np.zeros((1000, 1500, 3), np.uint8))
    assert frame == Frame((1000, 1500), (480, 704), (453, 679), (240, 352))
    assert pixels.shape == (453, 679, 3)
    assert pixels.dtype == np.uint8


def test_without_onnx_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"samwidget\[page\]"):
        export_graphs((HEIGHT, WIDTH))
