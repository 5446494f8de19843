"""Files of the official SAM-HQ: the same weights and masks as in a folder of transformers."""

import torch

from samwidget.core.prompt import make_prompt
from samwidget.models.loader import load
from samwidget.models.sam_hq.official_checkpoint import official_name
from tests.models.sam_hq.random_sam_hq import new_sam_hq, save_sam_hq

# What the package segment-anything-hq 0.3 has beside SAM's names; there is no official network of the test's size.
NAMES = {
    "mask_decoder.hf_token.weight",
    *(f"mask_decoder.hf_mlp.layers.{layer}.{part}" for layer in range(3) for part in ("weight", "bias")),
    *(
        f"mask_decoder.{name}.{layer}.{part}"
        for name in ("compress_vit_feat", "embedding_encoder", "embedding_maskfeature")
        for layer in (0, 1, 3)
        for part in ("weight", "bias")
    ),
}


def test_masks_are_those_of_the_folder(tmp_path, photo):
    weights = {official_name(name): tensor for name, tensor in new_sam_hq(64).state_dict().items()}
    assert weights.keys() > NAMES
    torch.save(weights, tmp_path / "sam_hq_vit_b.pth")
    segmenters = load(tmp_path / "sam_hq_vit_b.pth", device="cpu"), load(save_sam_hq(tmp_path, 64), device="cpu")
    assert [segmenter.family for segmenter in segmenters] == ["sam_hq", "sam_hq"]
    image, prompts = photo(40, 60), [make_prompt([[20, 10]]), make_prompt(box=[5, 5, 30, 20])]
    results = [
        segmenter.decode(segmenter.encode(image, threads=1), prompts, multimask_output=True, threads=1)
        for segmenter in segmenters
    ]
    for part, reference in zip(*results, strict=True):
        assert torch.equal(part, reference)
