"""A MobileSAM with random weights by their official names: true decoder, shallow and narrow encoder."""

import torch

from samwidget.models.mobile_sam.network import TinyVit, TinyVitSize
from samwidget.models.sam import official_name
from tests.models.sam.true_size_sam import randomise

SMALL = TinyVitSize((8, 16, 24, 32), (1, 1, 2, 1), (2, 3, 4), (7, 14, 7))


def random_weights(size=SMALL, seed=0):
    """Each convolution with a batch norm, and the classifier that the official files have too."""
    generator = torch.Generator().manual_seed(seed)

    def noise(*shape):
        return torch.randn(shape, generator=generator)

    weights = {}
    for name, tensor in TinyVit(size).state_dict().items():
        name = f"image_encoder.{name}"
        layer = name.rpartition(".")[0]
        if name.endswith("norm.weight") or ".neck.1.w" in name or ".neck.3.w" in name:
            weights[name] = 1 + 0.1 * noise(*tensor.shape)
        elif tensor.ndim == 4 and ".neck." not in name:
            weights[f"{layer}.c.weight"] = noise(*tensor.shape) * tensor[0].numel() ** -0.5
            weights[f"{layer}.bn.weight"] = 1 + 0.1 * noise(len(tensor))
            weights[f"{layer}.bn.bias"] = 0.1 * noise(len(tensor))
            weights[f"{layer}.bn.running_mean"] = 0.1 * noise(len(tensor))
            weights[f"{layer}.bn.running_var"] = 0.5 + torch.rand(len(tensor), generator=generator)
            weights[f"{layer}.bn.num_batches_tracked"] = torch.tensor(7)
        elif f"{layer}.bn.bias" in weights:
            pass  # the batch norm has it
        elif tensor.ndim < 2 or "biases" in name:
            weights[name] = 0.3 * noise(*tensor.shape)
        else:
            weights[name] = noise(*tensor.shape) * tensor[0].numel() ** -0.5
    weights |= {"image_encoder.norm_head.weight": noise(8), "image_encoder.head.weight": noise(10, 8)}
    return weights | random_decoder(size.out_channels)


def random_decoder(channels):
    """SAM's decoder."""
    from transformers import SamConfig, SamModel

    config = SamConfig(
        vision_config={"hidden_size": 8, "num_hidden_layers": 0, "num_attention_heads": 1, "image_size": 64},
        prompt_encoder_config={"hidden_size": channels},
        mask_decoder_config={"hidden_size": channels},
    )
    weights = randomise(SamModel(config)).state_dict()
    return {official_name(name): tensor for name, tensor in weights.items() if not name.startswith("vision_encoder.")}


def save_mobile_sam(folder):
    torch.save(random_weights(), folder / "mobile_sam.pt")
    return folder / "mobile_sam.pt"
