"""SAM 2's encoder against transformers' forward: sizes that windows do not divide, threads, precision, coverage."""

import pytest
import torch

from samwidget.models.sam2 import Sam2Segmenter
from samwidget.models.sam2.encoder import Sam2Encoder, reason_not_covered
from tests.models.sam2.true_size_sam2 import new_sam2

CPU = torch.device("cpu")


def pixels(side):
    return torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def by_transformers(model, image):
    finest, finer, coarse = model.vision_encoder(image).fpn_hidden_states[:3]
    return model.mask_decoder.conv_s0(finest), model.mask_decoder.conv_s1(finer), coarse


@pytest.mark.parametrize("side", [64, 96, 160, 256])
@pytest.mark.parametrize("threads", [1, 2])
def test_transformers_gives_the_same(side, threads):
    """Windows have 8, 4, 14 and 7 tokens, the grid of the first stage a quarter of the side; one block is global."""
    model = new_sam2(side)
    assert reason_not_covered(model) == ""
    with torch.no_grad():
        maps = Sam2Encoder(model)(pixels(side), threads=threads)
    for actual, expected in zip(maps, by_transformers(model, pixels(side)), strict=True):
        assert actual.shape == expected.shape
        assert actual.dtype == torch.float32
        assert actual.is_contiguous()
        assert (actual - expected).abs().max() < 1e-4 * expected.std()


def test_one_piece_as_on_a_gpu(monkeypatch):
    from samwidget.models.sam2 import encoder

    model = new_sam2(160)
    monkeypatch.setattr(encoder._Pieces, "__init__", lambda self, *_: self.__dict__.update(_on_cpu=False, _threads=1))
    with torch.no_grad():
        maps = Sam2Encoder(model)(pixels(160))
    for actual, expected in zip(maps, by_transformers(model, pixels(160)), strict=True):
        assert (actual - expected).abs().max() < 1e-4 * expected.std()


def test_half_precision_is_that_of_the_blocks():
    segmenter = Sam2Segmenter(new_sam2(64), name="half", device=CPU, dtype=torch.bfloat16)
    encoder = segmenter._model.vision_encoder
    assert encoder.backbone.blocks[0].attn.qkv.weight.dtype == torch.bfloat16
    assert encoder.backbone.patch_embed.projection.weight.dtype == torch.float32
    assert encoder.neck.convs[0].weight.dtype == torch.float32
    with torch.no_grad():
        half = Sam2Encoder(segmenter._model)(pixels(64))
    for actual, expected in zip(half, by_transformers(new_sam2(64), pixels(64)), strict=True):
        assert actual.dtype == torch.float32
        assert (actual - expected).abs().mean() < 0.05 * expected.std()


def test_what_is_not_covered_goes_to_transformers(photo):
    class Adapted(torch.nn.Linear):
        pass

    plain, model = Sam2Segmenter(new_sam2(64), name="plain", device=CPU), new_sam2(64)
    layer = model.vision_encoder.backbone.blocks[1].mlp.proj_in
    replaced = Adapted(layer.in_features, layer.out_features)
    replaced.load_state_dict(layer.state_dict())
    model.vision_encoder.backbone.blocks[1].mlp.proj_in = replaced
    other = Sam2Segmenter(model, name="adapted", device=CPU)
    assert "proj_in" in other.not_covered["encoder"]
    expected, actual = plain.encode(photo(30, 50)), other.encode(photo(30, 50))
    assert (plain.encoded_by, other.encoded_by) == ("samwidget", "transformers")
    for name, tensor in expected.tensors.items():
        torch.testing.assert_close(actual.tensors[name], tensor, atol=1e-4, rtol=1e-4)
