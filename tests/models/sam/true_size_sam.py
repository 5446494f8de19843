"""A SAM of true sizes with a shallow encoder and random weights, in both of its implementations."""

import json
import re

import torch

from tests.models.sam.torchvision_stand_in import torchvision_stand_in

HIDDEN, LAYERS, HEADS = 64, 2, 2
GLOBAL_ATTENTION = (1,)

# The names of transformers, and those of the official package.
_RENAMES = (
    (r"^shared_image_embedding\.positional_embedding", "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"),
    (r"^prompt_encoder\.mask_embed\.conv1", "prompt_encoder.mask_downscaling.0"),
    (r"^prompt_encoder\.mask_embed\.layer_norm1", "prompt_encoder.mask_downscaling.1"),
    (r"^prompt_encoder\.mask_embed\.conv2", "prompt_encoder.mask_downscaling.3"),
    (r"^prompt_encoder\.mask_embed\.layer_norm2", "prompt_encoder.mask_downscaling.4"),
    (r"^prompt_encoder\.mask_embed\.conv3", "prompt_encoder.mask_downscaling.6"),
    (r"^prompt_encoder\.point_embed\.", "prompt_encoder.point_embeddings."),
    (r"^vision_encoder\.neck\.conv1", "image_encoder.neck.0"),
    (r"^vision_encoder\.neck\.layer_norm1", "image_encoder.neck.1"),
    (r"^vision_encoder\.neck\.conv2", "image_encoder.neck.2"),
    (r"^vision_encoder\.neck\.layer_norm2", "image_encoder.neck.3"),
    (r"^vision_encoder\.patch_embed\.projection", "image_encoder.patch_embed.proj"),
    (r"^vision_encoder\.layers\.", "image_encoder.blocks."),
    (r"^vision_encoder\.", "image_encoder."),
    (r"^mask_decoder\.upscale_conv1", "mask_decoder.output_upscaling.0"),
    (r"^mask_decoder\.upscale_layer_norm", "mask_decoder.output_upscaling.1"),
    (r"^mask_decoder\.upscale_conv2", "mask_decoder.output_upscaling.3"),
    (r"(iou_prediction_head|mlps\.\d)\.layers\.0", r"\1.layers.1"),
    (r"(iou_prediction_head|mlps\.\d)\.proj_in", r"\1.layers.0"),
    (r"(iou_prediction_head|mlps\.\d)\.proj_out", r"\1.layers.2"),
    (r"layer_norm", "norm"),
)


def randomise(model, seed=0):
    """Weights of a size that keeps signals alive; transformers' own would leave logits near zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            if "positional_embedding" in name:
                parameter.copy_(noise)
            elif "norm" in name and name.endswith("weight"):
                parameter.copy_(1 + 0.1 * noise)
            elif parameter.ndim < 2:
                parameter.copy_(0.1 * noise)
            else:
                fan_in = parameter[0].numel() if "embed." not in name else 1
                parameter.copy_(noise * fan_in**-0.5)
    return model


def save_sam(folder, **vision):
    """A ``save_pretrained`` folder; by default 1024 px, 4096 tokens, 256 channels and the shallow encoder above."""
    from transformers import SamConfig, SamModel

    vision = {
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "global_attn_indexes": list(GLOBAL_ATTENTION),
        "mlp_dim": 4 * HIDDEN,
        **vision,
    }
    prompt_encoder = {"image_size": vision.get("image_size", 1024)}
    prompt_encoder["image_embedding_size"] = prompt_encoder["image_size"] // 16
    randomise(SamModel(SamConfig(vision_config=vision, prompt_encoder_config=prompt_encoder))).save_pretrained(folder)
    preprocessing = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessing))
    return folder


def official_weights(model):
    """The weights of a transformers ``SamModel`` by the names of the official package."""
    weights = {}
    for name, tensor in model.state_dict().items():
        if name.startswith("prompt_encoder.shared_embedding"):
            continue
        for pattern, replacement in _RENAMES:
            name = re.sub(pattern, replacement, name)
        weights[name] = tensor
    return weights


def official_predictor(model):
    """The official package's predictor with the weights of a transformers ``SamModel``."""
    with torchvision_stand_in():
        from segment_anything import SamPredictor
        from segment_anything.build_sam import _build_sam
    sam = _build_sam(HIDDEN, LAYERS, HEADS, GLOBAL_ATTENTION)
    # The buffers for normalising are not persistent.
    sam.load_state_dict(official_weights(model))
    return SamPredictor(sam.eval())
