"""A small network of each family, saved as a user would have it: ``SMALL_NETWORKS``, by ``model_type`` of the config.

Weights are random. Decoders have their true channels, encoders and images are small.
"""

import pytest

from tests.models.mobile_sam.random_mobile_sam import save_mobile_sam
from tests.models.sam.true_size_sam import randomise, save_sam
from tests.models.sam2.true_size_sam2 import config as sam2_config
from tests.models.sam2.true_size_sam2 import save_sam2
from tests.models.sam_hq.random_sam_hq import save_sam_hq

SIDE, SIDE_OF_SAM3 = 64, 112


def save_small_sam(folder):
    return save_sam(folder, image_size=SIDE, hidden_size=16, num_hidden_layers=1, global_attn_indexes=[0], mlp_dim=16)


def save_small_sam_hq(folder):
    needs("SamHQModel")
    return save_sam_hq(folder, side=SIDE)


def save_small_sam2(folder):
    needs("Sam2Model")
    return save_sam2(folder, side=SIDE)


def save_small_sam2_video(folder):
    """As Meta's checkpoints of SAM 2 are on the hub."""
    needs("Sam2VideoModel")
    from transformers import Sam2VideoConfig, Sam2VideoModel

    config = sam2_config(SIDE).to_dict()
    parts = {name: config[name] for name in ("vision_config", "prompt_encoder_config", "mask_decoder_config")}
    randomise(Sam2VideoModel(Sam2VideoConfig(**parts, image_size=SIDE))).save_pretrained(folder)
    return folder


def save_small_edgetam(folder):
    pytest.importorskip("timm", reason="the encoder of EdgeTAM is in the package timm")
    needs("EdgeTamModel")
    from transformers import EdgeTamConfig, EdgeTamModel

    backbone = {
        "model_type": "timm_wrapper",
        "architecture": "repvit_m1",
        "num_classes": 2,
        "label_names": ["LABEL_0", "LABEL_1"],
        "model_args": {"in_chans": 3, "features_only": True, "out_indices": [0, 1, 2, 3]},
    }
    sizes = [[SIDE // shrunk, SIDE // shrunk] for shrunk in (4, 8, 16)]
    config = EdgeTamConfig(
        vision_config={
            "model_type": "edgetam_vision_model",
            "backbone_config": backbone,
            "backbone_feature_sizes": sizes,
        },
        prompt_encoder_config={"image_size": SIDE},
    )
    model = EdgeTamModel(config)
    randomise(model.prompt_encoder)
    randomise(model.mask_decoder)
    model.save_pretrained(folder)
    return folder


def save_small_sam3_tracker(folder):
    needs("Sam3TrackerModel")
    from transformers import Sam3TrackerConfig, Sam3TrackerModel

    backbone = {
        "model_type": "sam3_vit_model",
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": SIDE_OF_SAM3,
        "window_size": 4,
        "global_attn_indexes": [1],
        "pretrain_image_size": SIDE_OF_SAM3 // 2,
    }
    vision = {"backbone_config": backbone, "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]]}
    config = Sam3TrackerConfig(
        vision_config={"model_type": "sam3_vision_model", **vision},
        prompt_encoder_config={"image_size": SIDE_OF_SAM3, "patch_size": 14},
    )
    randomise(Sam3TrackerModel(config)).save_pretrained(folder)
    return folder


def save_small_sam3_video(folder):
    needs("Sam3VideoModel")
    from tests.models.sam3.tiny_sam3 import save_sam3

    return save_sam3(folder)


def needs(name):
    """Skips the test where this transformers has no such class."""
    import transformers

    if not hasattr(transformers, name):
        pytest.skip(f"transformers {transformers.__version__} has no {name}")


# A function writes the network into a folder and returns what ``model=`` takes: the folder, or a file in it.
SMALL_NETWORKS = {
    "sam": save_small_sam,
    "sam_hq": save_small_sam_hq,
    "sam2": save_small_sam2,
    "sam2_video": save_small_sam2_video,
    "edgetam": save_small_edgetam,
    "sam3_tracker": save_small_sam3_tracker,
    "sam3_video": save_small_sam3_video,
    "mobile_sam": save_mobile_sam,
}
