"""SAM-HQ networks with random weights and a decoder of true sizes, and transformers' forward without its fault."""

import json

import torch

from tests.models.sam.true_size_sam import randomise

HIDDEN = 64


def new_sam_hq(side=256, **vision):
    """The network in evaluation mode: a decoder of true channels, a small encoder whose second layer is global."""
    from transformers import SamHQConfig, SamHQModel

    vision = {
        "image_size": side,
        "hidden_size": HIDDEN,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "global_attn_indexes": [1, 2],
        "mlp_dim": 2 * HIDDEN,
        **vision,
    }
    config = SamHQConfig(
        vision_config=vision,
        prompt_encoder_config={"image_size": side, "image_embedding_size": side // 16},
        mask_decoder_config={"vit_dim": vision["hidden_size"]},
    )
    return randomise(SamHQModel(config)).eval()


def save_sam_hq(folder, side=256, **vision):
    """A ``save_pretrained`` folder with the image processor's file."""
    new_sam_hq(side, **vision).save_pretrained(folder)
    preprocessing = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
    sizes = {"size": {"longest_edge": side}, "pad_size": {"height": side, "width": side}}
    entries = {"image_processor_type": "SamImageProcessor", "processor_class": "SamHQProcessor"}
    (folder / "preprocessor_config.json").write_text(json.dumps({**preprocessing, **sizes, **entries}))
    return folder


def mend(model):
    """Makes ``SamHQModel`` compute the masks from the transformed image tokens, as the official package does.

    ``SamHQMaskDecoder`` of transformers 4.54 to 5.24 gives its second result the name ``iou_token_out`` and goes on
    with the tokens from before, height and width exchanged.
    """
    model.mask_decoder.transformer = _WithSecondResult(model.mask_decoder.transformer)
    return model


class _WithSecondResult(torch.nn.Module):
    """Writes the transformed image tokens over those that the decoder goes on with."""

    def __init__(self, transformer):
        super().__init__()
        self._transformer = transformer

    def forward(self, image_embeddings, **others):
        tokens, image_tokens = self._transformer(image_embeddings=image_embeddings, **others)
        grid = image_tokens[:, 0].transpose(1, 2).view(image_embeddings.shape)
        image_embeddings.copy_(grid.transpose(2, 3))
        return tokens, image_tokens
