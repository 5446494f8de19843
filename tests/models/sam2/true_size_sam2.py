"""A SAM 2 of true sizes with a shallow encoder and random weights."""

import json

from tests.models.sam.true_size_sam import randomise

WIDTHS = (16, 32, 64, 128)


def config(side=1024, **decoder):
    """The config of a network with 1024 px, maps of 256, 128 and 64, 256 channels, and a small encoder."""
    from transformers import Sam2Config, Sam2HieraDetConfig

    backbone = Sam2HieraDetConfig(
        hidden_size=WIDTHS[0],
        image_size=[side, side],
        blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=list(WIDTHS),
        num_attention_heads_per_stage=[1, 2, 4, 8],
        global_attention_blocks=[3],
    )
    vision = {
        "backbone_config": backbone.to_dict(),
        "backbone_channel_list": list(WIDTHS[::-1]),
        "backbone_feature_sizes": [[side // shrunk, side // shrunk] for shrunk in (4, 8, 16)],
    }
    return Sam2Config(vision_config=vision, prompt_encoder_config={"image_size": side}, mask_decoder_config=decoder)


def new_sam2(side=1024, **decoder):
    """The network, in evaluation mode."""
    from transformers import Sam2Model

    model = randomise(Sam2Model(config(side, **decoder)))
    return model.eval()


def save_sam2(folder, side=1024, **decoder):
    """A ``save_pretrained`` folder with the image processor's file."""
    new_sam2(side, **decoder).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        json.dumps(
            {
                "image_processor_type": "Sam2ImageProcessorFast",
                "image_mean": [0.485, 0.456, 0.406],
                "image_std": [0.229, 0.224, 0.225],
                "size": {"height": side, "width": side},
                "mask_size": {"height": side // 4, "width": side // 4},
            }
        )
    )
    return folder
