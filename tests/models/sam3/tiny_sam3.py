"""Small SAM 3 networks with random weights, in folders as the hub has them: clicks and words, or words alone.

The tokenizer has a token for each letter, so a phrase takes as many tokens as it has letters, and two more.
"""

import torch

from tests.models.sam.true_size_sam import randomise

SIDE, QUERIES, POSITIONS = 112, 10, 16
BACKBONE = {
    "model_type": "sam3_vit_model",
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": SIDE,
    "window_size": 4,
    "global_attn_indexes": [1],
    "pretrain_image_size": 56,
}
VISION = {
    "model_type": "sam3_vision_model",
    "backbone_config": BACKBONE,
    "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]],
}
LAYERS = {"num_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
TEXT = {
    "vocab_size": 600,
    "hidden_size": 32,
    "intermediate_size": 64,
    "projection_dim": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": POSITIONS,
}
PARTS = {
    "vision_config": VISION,
    "geometry_encoder_config": LAYERS,
    "detr_encoder_config": LAYERS,
    "detr_decoder_config": {**LAYERS, "num_queries": QUERIES},
    "mask_decoder_config": {"num_attention_heads": 4},
}


def detector_config(is_lite=False):
    """The config of a detector for images of 112 x 112 with ten queries; ``is_lite`` has the small text encoder."""
    from transformers import Sam3Config

    if is_lite:
        from transformers import Sam3LiteTextConfig

        return Sam3LiteTextConfig(**PARTS, text_config=TEXT)
    text = {"model_type": "clip_text_model", "bos_token_id": 1, "eos_token_id": 2, **TEXT}
    return Sam3Config(**PARTS, text_config=text)


def save_tokenizer(folder):
    """CLIP's tokenizer without merges."""
    from transformers import CLIPTokenizer

    letters = [chr(code) for code in range(33, 127)]
    tokens = ["<pad>", "<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    CLIPTokenizer(vocab={token: index for index, token in enumerate(tokens)}, merges=[]).save_pretrained(folder)


def lively(detector):
    """Random weights in float32 with which all that is looked for is there, and a part of the queries is a hit."""
    randomise(detector)
    with torch.no_grad():
        for module in detector.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_var.fill_(1)
        detector.detr_decoder.presence_head.layer3.bias.fill_(20)
    return detector


def save_words(folder, is_lite=False):
    """A checkpoint of ``sam3``, or of ``sam3_lite_text``."""
    import transformers

    network_class = transformers.Sam3LiteTextModel if is_lite else transformers.Sam3Model
    lively(network_class(detector_config(is_lite))).save_pretrained(folder)
    save_tokenizer(folder)
    return folder


def save_sam3(folder):
    """A checkpoint of ``sam3_video``, as that of facebook/sam3: words and clicks."""
    from transformers import Sam3TrackerVideoConfig, Sam3VideoConfig, Sam3VideoModel

    tracker = Sam3TrackerVideoConfig(
        vision_config=VISION,
        image_size=SIDE,
        prompt_encoder_config={"image_size": SIDE, "patch_size": 14},
        memory_attention_num_layers=1,
    )
    model = Sam3VideoModel(
        Sam3VideoConfig(detector_config=detector_config(), tracker_config=tracker, low_res_mask_size=32)
    )
    randomise(model.tracker_model)
    randomise(model.tracker_neck)
    lively(model.detector_model)
    model.save_pretrained(folder)
    save_tokenizer(folder)
    return folder
