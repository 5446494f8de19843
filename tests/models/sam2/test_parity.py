"""The same masks and scores as plain transformers calls with its processor's arithmetic, on a SAM 2 of true sizes."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from samwidget.core.measure import iou
from samwidget.predict.predictor import SamPredictor
from tests.models.sam2.true_size_sam2 import save_sam2

SIZES = [(7, 900), (1023, 1025), (900, 600)]
# Shares of width and height, so that each prompt fits every image.
PROMPTS = {
    "one point": {"points": [(0.4, 0.6)], "labels": [1]},
    "points": {"points": [(0.4, 0.6), (0.1, 0.2), (0.9, 0.5)], "labels": [1, 0, 1]},
    "box": {"box": (0.1, 0.2, 0.7, 0.9)},
    "points and box": {"points": [(0.4, 0.6), (0.6, 0.3)], "labels": [1, 0], "box": (0.1, 0.2, 0.7, 0.9)},
    "point and mask": {"points": [(0.4, 0.6)], "labels": [1], "mask": True},
    "mask and box": {"box": (0.1, 0.2, 0.7, 0.9), "mask": True},
    "mask": {"mask": True},
}
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
    def predict(self, points, labels, box, mask, multimask_output):
        scale = np.array([1024 / self.image_hw[1], 1024 / self.image_hw[0]])
        inputs = {}
        if points is not None:
            inputs["input_points"] = torch.tensor(points * scale, dtype=torch.float32)[None, None]
            inputs["input_labels"] = torch.tensor(labels)[None, None]
        if box is not None:
            inputs["input_boxes"] = torch.tensor(box * np.tile(scale, 2), dtype=torch.float32)[None, None]
        if mask is not None:
            inputs["input_masks"] = torch.tensor(mask)[None]
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
        points = np.array(prompt["points"]) * size if "points" in prompt else None
        labels = np.array(prompt["labels"]) if "labels" in prompt else None
        box = np.array(prompt["box"]) * np.tile(size, 2) if "box" in prompt else None
        mask = earlier if "mask" in prompt else None
        multimask_output = name not in SINGLE_MASK
        actual = predictor.predict(points, labels, box, mask, multimask_output=multimask_output)
        masks, scores, logits = plain.predict(points, labels, box, mask, multimask_output)
        assert actual.masks.shape == (3 if multimask_output else 1, *image_hw)
        assert logits.std() > 0.1, "the weights must make logits that mean something"
        assert np.abs(actual.low_res_logits - logits).max() < 0.01 * logits.std()
        np.testing.assert_allclose(actual.scores, scores, atol=0.01)
        for candidate, reference in zip(actual.masks, masks, strict=True):
            assert iou(candidate, reference) >= 0.999
