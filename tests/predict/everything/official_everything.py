"""The official ``SamAutomaticMaskGenerator``, with a small SAM of its own or with a ``SamPredictor``."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F

from samwidget.core.prompt import make_prompt
from tests.models.sam.torchvision_stand_in import torchvision_stand_in
from tests.models.sam.true_size_sam import GLOBAL_ATTENTION, HEADS, HIDDEN, LAYERS, official_weights, randomise

SIDE = 256


def generator(model, **options):
    with torchvision_stand_in():
        from segment_anything import SamAutomaticMaskGenerator
    return SamAutomaticMaskGenerator(model, **options)


def generator_over(predictor, **options):
    """The official generator, with the masks of a ``SamPredictor``."""
    made = generator(SimpleNamespace(image_encoder=SimpleNamespace(img_size=1024)), **options)
    made.predictor = _OfficialWords(predictor)
    return made


def two_small_sams(seed=0):
    """A transformers ``SamModel`` and an official ``Sam`` with the same random weights: 256 px, decoder of true size.

    The weights are changed so that there are many masks of all sizes, and that scores and stabilities lie on both sides
    of the thresholds.
    """
    from transformers import SamConfig, SamModel

    vision = {
        "image_size": SIDE,
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "global_attn_indexes": list(GLOBAL_ATTENTION),
        "mlp_dim": 4 * HIDDEN,
    }
    prompts = {"image_size": SIDE, "image_embedding_size": SIDE // 16}
    model = randomise(SamModel(SamConfig(vision_config=vision, prompt_encoder_config=prompts)), seed).eval()
    with torch.no_grad():
        for head in model.mask_decoder.output_hypernetworks_mlps:
            # The features are positive on average, so this lowers all logits, and only peaks are above 0.
            head.proj_out.weight.mul_(30)
            head.proj_out.bias.sub_(6)
        for convolution in (model.mask_decoder.upscale_conv1, model.mask_decoder.upscale_conv2):
            # Neighbouring sub-pixels become similar; otherwise all masks would be single pixels.
            weight = convolution.weight
            weight.copy_(2 * weight.mean((2, 3), keepdim=True) + 0.3 * weight)
        model.mask_decoder.iou_prediction_head.proj_out.weight.mul_(0.1)
        model.mask_decoder.iou_prediction_head.proj_out.bias.add_(0.8)
    official = _official_sam()
    official.load_state_dict(official_weights(model))
    return model, official.eval()


def _official_sam():
    with torchvision_stand_in():
        from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
    return Sam(
        image_encoder=ImageEncoderViT(
            img_size=SIDE,
            depth=LAYERS,
            embed_dim=HIDDEN,
            num_heads=HEADS,
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
            use_rel_pos=True,
            global_attn_indexes=GLOBAL_ATTENTION,
            window_size=14,
        ),
        prompt_encoder=PromptEncoder(256, (SIDE // 16, SIDE // 16), (SIDE, SIDE), 16),
        mask_decoder=MaskDecoder(transformer_dim=256, transformer=TwoWayTransformer(2, 256, 8, 2048)),
        pixel_mean=[123.675, 116.28, 103.53],
        pixel_std=[58.395, 57.12, 57.375],
    )


class _OfficialWords:
    """A ``SamPredictor`` with the methods that the official generator calls."""

    def __init__(self, predictor):
        self._predictor = predictor
        self._embedding = None
        self.device = torch.device("cpu")
        self.model = SimpleNamespace(mask_threshold=0.0)
        # Points stay in image pixels, which SamPredictor takes.
        self.transform = SimpleNamespace(apply_coords=lambda points, _image_hw: points)

    def set_image(self, image):
        self._embedding = self._predictor.embed(np.ascontiguousarray(image))

    def reset_image(self):
        self._embedding = None

    def predict_torch(self, points, labels, multimask_output, return_logits):
        assert multimask_output
        assert return_logits
        assert (labels == 1).all()
        results = self._predictor.predict_many([make_prompt(point) for point in points.numpy()], self._embedding)
        frame = self._embedding.frame
        logits = torch.from_numpy(np.stack([masks.logits for masks in results]))
        logits = F.interpolate(logits, frame.input_hw, mode="bilinear", align_corners=False)
        logits = logits[..., : frame.content_hw[0], : frame.content_hw[1]]
        logits = F.interpolate(logits, frame.image_hw, mode="bilinear", align_corners=False)
        return logits, torch.from_numpy(np.stack([masks.scores for masks in results])), None
