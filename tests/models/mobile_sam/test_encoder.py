"""The encoder against a slow one that the test folder has; threads, pieces and precision do not change the result."""

import pytest
import torch

from samwidget.models.mobile_sam import encoder
from samwidget.models.mobile_sam.encoder import TinyVitEncoder
from samwidget.models.mobile_sam.official_checkpoint import model_of
from tests.models.mobile_sam.plain_tiny_vit import plain_tiny_vit
from tests.models.mobile_sam.random_mobile_sam import random_weights

SIDE = 192  # grids of 48, 24 and 12 tokens, so windows of 7 and 14 reach beyond them


@pytest.fixture(scope="module")
def weights():
    return random_weights()


@pytest.fixture
def network(weights):
    return model_of(weights, "mobile_sam.pt", SIDE).vision_encoder.requires_grad_(False)


@pytest.fixture(scope="module")
def pixels():
    return torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def reference(weights, pixels):
    return plain_tiny_vit(weights, pixels)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("numbers_at_once", [1, 2**14, 2**30])
def test_it_is_the_same_in_pieces(network, pixels, reference, monkeypatch, threads, numbers_at_once):
    monkeypatch.setattr(encoder, "_NUMBERS_AT_ONCE", numbers_at_once)
    embedding = TinyVitEncoder(network)(pixels, threads=threads)
    assert embedding.shape == reference.shape == (1, 256, SIDE // 16, SIDE // 16)
    assert (embedding - reference).abs().max() < 1e-4 * reference.std()


def test_images_that_are_not_square(network, weights):
    pixels = torch.randn(1, 3, 64, 160, generator=torch.Generator().manual_seed(1))
    reference = plain_tiny_vit(weights, pixels)
    assert (TinyVitEncoder(network)(pixels, threads=2) - reference).abs().max() < 1e-4 * reference.std()


def test_bfloat16_layers(network, pixels, reference):
    network.layers.to(torch.bfloat16)
    embedding = TinyVitEncoder(network)(pixels, threads=1)
    assert embedding.dtype == torch.float32
    assert 0 < (embedding - reference).std() < 0.02 * reference.std()


def test_weights_that_change_are_used(network, pixels, reference):
    tiny_vit = TinyVitEncoder(network)
    network.layers[1].blocks[0].attn.attention_biases += 1.0 * torch.arange(49)
    assert (tiny_vit(pixels, threads=1) - reference).abs().max() > 0.01 * reference.std()
