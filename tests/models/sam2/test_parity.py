"""The same masks and scores as plain transformers calls with its processor's arithmetic, on a SAM 2 of true sizes."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from samwidget.predict.predictor import SamPredictor
from tests.models.parity import PROMPTS, arguments, assert_same, network_inputs
from tests.models.sam2.true_size_sam2 import save_sam2

SIZES = [(7, 900), (1023, 1025), (900, 600)]
SINGLE_MASK = {"points and box", "mask and box", "point and mask"}


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    from transformers import Sam2Model

    folder = save_sam2(tmp_path_factory.mktemp("true-size-sam2"))
    return SamPredictor.from_pretrained(folder, device="cpu"), Sam2Model.from_pretrained(folder).eval()


class Plain:
    """transformers' ``Sam2Model``; what ``Sam2Processor`` does is written out, since it needs torchvision."""

    @torch.no_grad()
    def __init__(self, model, image):
        self.model, self.image_hw = model, image.shape[:2]
        levels = torch.from_numpy(image).permute(2, 0, 1)[None]
        resized = F.interpolate(levels, (1024, 1024), mode="bilinear", antialias=True).float() / 255
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
        self.embeddings = model.get_image_embeddings((resized - mean) / std)

    @torch.no_grad()
    def predict(self, *, multimask_output, **prompt):
        scale = np.array([1024 / self.image_hw[1], 1024 / self.image_hw[0]])
        inputs = network_inputs(scale, **prompt)
        output = self.model(image_embeddings=list(self.embeddings), multimask_output=multimask_output, **inputs)
        masks = F.interpolate(output.pred_masks[0], self.image_hw, mode="bilinear", align_corners=False) > 0
        return masks[0].numpy(), output.iou_scores[0, 0].numpy(), output.pred_masks[0, 0].numpy()


@pytest.mark.parametrize("image_hw", SIZES, ids=str)
def test_plain_transformers(both, photo, image_hw):
    predictor, model = both
    image, size = photo(*image_hw), np.array(image_hw[::-1], np.float64)
    predictor.set_image(image)
    plain = Plain(model, image)
    earlier = predictor.predict(size[None] / 2, [1]).low_res_logits[:1]
    for name, prompt in PROMPTS.items():
        inputs = arguments(prompt, image_hw, earlier)
        multimask_output = name not in SINGLE_MASK
        actual = predictor.predict(**inputs, multimask_output=multimask_output)
        assert actual.masks.shape == (3 if multimask_output else 1, *image_hw)
        assert_same(actual, plain.predict(**inputs, multimask_output=multimask_output))
