"""What the parity tests of all families share: the table of prompts, plain calls of transformers, the comparison."""

import numpy as np
import torch

from samwidget.core.measure import iou

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


def arguments(prompt, image_hw, mask):
    """The arguments of all predictors, in image pixels."""
    size = np.array(image_hw[::-1], np.float64)
    points, box = prompt.get("points"), prompt.get("box")
    return {
        "point_coords": None if points is None else np.array(points) * size,
        "point_labels": None if points is None else np.array(prompt["labels"]),
        "box": None if box is None else np.array(box) * np.tile(size, 2),
        "mask_input": mask if prompt.get("mask") else None,
    }


def network_inputs(scale, point_coords, point_labels, box, mask_input):
    """The same as transformers' models take it; ``scale`` is that of x and y."""
    inputs = {}
    if point_coords is not None:
        inputs["input_points"] = torch.tensor(point_coords * scale, dtype=torch.float32)[None, None]
        inputs["input_labels"] = torch.tensor(point_labels)[None, None]
    if box is not None:
        inputs["input_boxes"] = torch.tensor(box * np.tile(scale, 2), dtype=torch.float32)[None, None]
    if mask_input is not None:
        inputs["input_masks"] = torch.tensor(mask_input)[None]
    return inputs


class PlainSam:
    """A model of transformers that takes SAM's images, and SAM's image processor, called as the documentation does."""

    def __init__(self, model, image, side=1024):
        # The Pillow one; where there is a choice, the other needs torchvision.
        from transformers.models import sam

        processor = getattr(sam, "SamImageProcessorPil", sam.SamImageProcessor)
        self.model = model
        self.pad_size = {"height": side, "width": side}
        self.processor = processor(size={"longest_edge": side}, pad_size=self.pad_size)
        # Said outright, since it would take an image of one pixel for channels first.
        self.sizes = self.processor(image, return_tensors="pt", input_data_format="channels_last")
        self.image = self.embeddings(self.sizes.pop("pixel_values"))

    def embeddings(self, pixels):
        return {"image_embeddings": self.model.get_image_embeddings(pixels)}

    @torch.no_grad()
    def predict(self, *, multimask_output, **prompt):
        """Masks, scores and logits."""
        (original,), (reshaped,) = self.sizes["original_sizes"].tolist(), self.sizes["reshaped_input_sizes"].tolist()
        scale = np.array([reshaped[1] / original[1], reshaped[0] / original[0]])
        output = self.model(**self.image, multimask_output=multimask_output, **network_inputs(scale, **prompt))
        (masks,) = self.processor.post_process_masks(
            output.pred_masks,
            self.sizes["original_sizes"],
            self.sizes["reshaped_input_sizes"],
            pad_size=self.pad_size,
        )
        return masks[0].numpy(), output.iou_scores[0, 0].numpy(), output.pred_masks[0, 0].numpy()


def assert_same(actual, reference, order=slice(None)):
    """Compares the masks of a predictor, in this order, with masks, scores and logits."""
    masks, scores, logits = reference
    assert actual.low_res_logits.dtype == np.float32
    assert actual.low_res_logits.shape == logits.shape
    assert logits.std() > 0.1, "the weights must make logits that mean something"
    assert np.abs(actual.low_res_logits[order] - logits).max() < 0.01 * logits.std()
    np.testing.assert_allclose(actual.scores[order], scores, atol=0.01)
    assert actual.masks.shape == masks.shape
    for mask, reference_mask in zip(actual.masks[order], masks, strict=True):
        assert iou(mask, reference_mask.astype(np.bool_)) >= 0.999
