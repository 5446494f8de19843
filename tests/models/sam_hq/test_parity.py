"""The same masks and scores as transformers' ``SamHQModel`` with its processor, but for a fault that is mended here."""

import numpy as np
import pytest
import torch

from samwidget.core.measure import iou
from samwidget.predict.predictor import SamPredictor
from tests.models.sam_hq.random_sam_hq import mend, new_sam_hq, save_sam_hq

# The side of the network's input and the size of the image. At the true side, 1024, transformers takes minutes.
SIZES = [(512, (600, 900)), (256, (7, 900)), (256, (1023, 1025)), (256, (1, 1))]
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
IN_LARGE_NETWORK = {"one point", "points and box"}
SINGLE_MASK = {"points and box", "mask and box", "point and mask"}


class Plain:
    """``SamHQModel`` and its image processor, called as their documentation says."""

    def __init__(self, model, image, side):
        from transformers.models import sam

        # The Pillow one; where there is a choice, the other needs torchvision.
        processor = getattr(sam, "SamImageProcessorPil", sam.SamImageProcessor)
        self.model = model
        self.processor = processor(size={"longest_edge": side}, pad_size={"height": side, "width": side})
        # Said outright, since it would take an image of one pixel for channels first.
        self.sizes = self.processor(image, return_tensors="pt", input_data_format="channels_last")
        embeddings, intermediate = model.get_image_embeddings(self.sizes.pop("pixel_values"))
        self.image = {"image_embeddings": embeddings, "intermediate_embeddings": intermediate}
        self.side = side

    @torch.no_grad()
    def predict(self, points, labels, box, mask, multimask_output):
        """Masks, scores and logits; several are sorted by score."""
        (original,), (reshaped,) = self.sizes["original_sizes"].tolist(), self.sizes["reshaped_input_sizes"].tolist()
        scale = np.array([reshaped[1] / original[1], reshaped[0] / original[0]])
        inputs = {}
        if points is not None:
            inputs["input_points"] = torch.tensor(points * scale, dtype=torch.float32)[None, None]
            inputs["input_labels"] = torch.tensor(labels)[None, None]
        if box is not None:
            inputs["input_boxes"] = torch.tensor(box * np.tile(scale, 2), dtype=torch.float32)[None, None]
        if mask is not None:
            inputs["input_masks"] = torch.tensor(mask)[None]
        output = self.model(**self.image, multimask_output=multimask_output, **inputs)
        (masks,) = self.processor.post_process_masks(
            output.pred_masks,
            self.sizes["original_sizes"],
            self.sizes["reshaped_input_sizes"],
            pad_size={"height": self.side, "width": self.side},
        )
        return masks[0].numpy(), output.iou_scores[0, 0].numpy(), output.pred_masks[0, 0].numpy()


@pytest.mark.parametrize(("side", "image_hw"), SIZES, ids=str)
def test_transformers_gives_the_same(side, image_hw, photo, tmp_path):
    from transformers import SamHQModel

    folder = save_sam_hq(tmp_path, side)
    predictor = SamPredictor.from_pretrained(folder, device="cpu")
    image, size = photo(*image_hw), np.array(image_hw[::-1], np.float64)
    predictor.set_image(image)
    plain = Plain(mend(SamHQModel.from_pretrained(folder).eval()), image, side)
    earlier = predictor.predict(size[None] / 2, [1]).low_res_logits[:1]
    for name, prompt in PROMPTS.items():
        if side == 512 and name not in IN_LARGE_NETWORK:
            continue
        points = np.array(prompt["points"]) * size if "points" in prompt else None
        labels = np.array(prompt["labels"]) if "labels" in prompt else None
        box = np.array(prompt["box"]) * np.tile(size, 2) if "box" in prompt else None
        mask = earlier if "mask" in prompt else None
        multimask_output = name not in SINGLE_MASK
        actual = predictor.predict(points, labels, box, mask, multimask_output=multimask_output)
        masks, scores, logits = plain.predict(points, labels, box, mask, multimask_output)
        assert actual.masks.shape == (3 if multimask_output else 1, *image_hw)
        assert logits.std() > 0.1, "the weights must make logits that mean something"
        order = np.argsort(-actual.scores)
        assert np.abs(actual.low_res_logits[order] - logits).max() < 0.01 * logits.std()
        np.testing.assert_allclose(actual.scores[order], scores, atol=0.01)
        for candidate, reference in zip(actual.masks[order], masks, strict=True):
            assert iou(candidate, reference.astype(np.bool_)) >= 0.999


@torch.no_grad()
def test_transformers_still_has_the_fault():
    """Once this fails, transformers is mended: ``mend`` and this test can go."""
    inputs = {
        "pixel_values": torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(0)),
        "input_points": torch.tensor([[[[50.0, 90.0]]]]),
        "multimask_output": False,
    }
    plain, mended = new_sam_hq()(**inputs), mend(new_sam_hq())(**inputs)
    torch.testing.assert_close(plain.iou_scores, mended.iou_scores)
    assert (plain.pred_masks - mended.pred_masks).abs().max() > mended.pred_masks.std()
