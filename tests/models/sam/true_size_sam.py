"""A SAM of true sizes with a shallow encoder and random weights, in both of its implementations."""

import json

import torch

from samwidget.models.sam.official_checkpoint import official_name
from tests.models.sam.torchvision_stand_in import torchvision_stand_in

HIDDEN, LAYERS, HEADS = 64, 2, 2
GLOBAL_ATTENTION = (1,)


def randomise(model, seed=0):
    """Weights of a size that keeps signals alive; transformers' own would leave logits near zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        # Transformers 4 keeps the positional embedding as a buffer.
        for name, parameter in sorted([*model.named_parameters(), *model.named_buffers()]):
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
    return {official_name(name): tensor for name, tensor in model.state_dict().items()}


def official_predictor(model):
    """The official package's predictor with the weights of a transformers ``SamModel``."""
    with torchvision_stand_in():
        from segment_anything import SamPredictor
        from segment_anything.build_sam import _build_sam
    sam = _build_sam(HIDDEN, LAYERS, HEADS, GLOBAL_ATTENTION)
    # The buffers for normalising are not persistent.
    sam.load_state_dict(official_weights(model))
    return SamPredictor(sam.eval())
