"""The same masks and scores as the official package and as plain transformers calls, on a SAM of true sizes."""

import numpy as np
import pytest
import torch

from samwidget.core.measure import iou

SIZES = [(1, 1), (7, 3000), (1023, 1025), (900, 600), (3000, 4000)]

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
# Every size meets every prompt; the rest of the table is thinned, since a decode takes a tenth of a second or more.
SIZE_WITH_BOTH_OUTPUTS = (900, 600)
SINGLE_MASK = {"points and box", "mask and box", "box"}
ALSO_PLAIN = {"one point", "points and box", "mask and box"}


def arguments(prompt, image_hw, mask):
    """The arguments of all three predictors, in image pixels."""
    size = np.array(image_hw[::-1], np.float64)
    points, box = prompt.get("points"), prompt.get("box")
    return {
        "point_coords": None if points is None else np.array(points) * size,
        "point_labels": None if points is None else np.array(prompt["labels"]),
        "box": None if box is None else np.array(box) * np.tile(size, 2),
        "mask_input": mask if prompt.get("mask") else None,
    }


class Plain:
    """transformers' ``SamModel`` and image processor, called as its documentation does."""

    def __init__(self, model, image):
        # The Pillow one; where there is a choice, the other needs torchvision.
        from transformers.models import sam

        self.model = model
        self.processor = getattr(sam, "SamImageProcessorPil", sam.SamImageProcessor)()
        # Said outright, since it would take an image of one pixel for channels first.
        self.sizes = self.processor(image, return_tensors="pt", input_data_format="channels_last")
        self.embeddings = model.get_image_embeddings(self.sizes.pop("pixel_values"))

    @torch.no_grad()
    def predict(self, point_coords, point_labels, box, mask_input, multimask_output):
        (original,), (reshaped,) = self.sizes["original_sizes"].tolist(), self.sizes["reshaped_input_sizes"].tolist()
        scale = np.array([reshaped[1] / original[1], reshaped[0] / original[0]])
        inputs = {}
        if point_coords is not None:
            inputs["input_points"] = torch.tensor(point_coords * scale, dtype=torch.float32)[None, None]
            inputs["input_labels"] = torch.tensor(point_labels)[None, None]
        if box is not None:
            inputs["input_boxes"] = torch.tensor(box * np.tile(scale, 2), dtype=torch.float32)[None, None]
        if mask_input is not None:
            inputs["input_masks"] = torch.tensor(mask_input)[None]
        output = self.model(image_embeddings=self.embeddings, multimask_output=multimask_output, **inputs)
        (masks,) = self.processor.post_process_masks(
            output.pred_masks, self.sizes["original_sizes"], self.sizes["reshaped_input_sizes"]
        )
        return masks[0].numpy(), output.iou_scores[0, 0].numpy(), output.pred_masks[0, 0].numpy()


def assert_same(actual, reference):
    masks, scores, logits = reference
    assert actual.low_res_logits.dtype == np.float32
    assert actual.low_res_logits.shape == logits.shape
    assert logits.std() > 0.1, "the weights must make logits that mean something"
    assert np.abs(actual.low_res_logits - logits).max() < 0.01 * logits.std()
    np.testing.assert_allclose(actual.scores, scores, atol=0.01)
    assert actual.masks.shape == masks.shape
    for mask, reference_mask in zip(actual.masks, masks, strict=True):
        assert iou(mask, reference_mask.astype(np.bool_)) >= 0.999


@pytest.mark.parametrize("image_hw", SIZES, ids=str)
def test_official_and_plain_transformers(true_size, photo, image_hw):
    image = photo(*image_hw)
    true_size.ours.set_image(image)
    true_size.official.set_image(image)
    plain = Plain(true_size.plain, image)
    earlier = true_size.ours.predict(np.array([[0.5, 0.5]]) * image_hw[::-1], [1]).low_res_logits[:1]
    for name, prompt in PROMPTS.items():
        inputs = arguments(prompt, image_hw, earlier)
        for multimask_output in (True, False) if image_hw == SIZE_WITH_BOTH_OUTPUTS else (name not in SINGLE_MASK,):
            actual = true_size.ours.predict(**inputs, multimask_output=multimask_output)
            assert actual.masks.shape == (3 if multimask_output else 1, *image_hw)
            assert_same(actual, true_size.official.predict(**inputs, multimask_output=multimask_output))
            if name in ALSO_PLAIN:
                assert_same(actual, plain.predict(**inputs, multimask_output=multimask_output))


def test_full_size_logits(true_size, photo):
    image = photo(300, 500)
    true_size.ours.set_image(image)
    true_size.official.set_image(image)
    inputs = arguments(PROMPTS["points"], (300, 500), None)
    actual = true_size.ours.predict(**inputs, return_logits=True)
    logits, _, _ = true_size.official.predict(**inputs, return_logits=True)
    assert actual.masks.dtype == np.float32
    assert np.abs(actual.masks - logits).max() < 0.01 * logits.std()


def test_many_prompts_get_the_masks_of_each_alone(true_size, photo):
    from samwidget.core.prompt import make_prompt

    image = photo(300, 500)
    true_size.ours.set_image(image)
    inputs = [arguments(prompt, (300, 500), None) for prompt in list(PROMPTS.values())[:4]]
    prompts = [
        make_prompt(values["point_coords"], values["point_labels"], values["box"]) for values in [*inputs, inputs[0]]
    ]
    for masks, alone in zip(true_size.ours.predict_many(prompts), [*inputs, inputs[0]], strict=True):
        np.testing.assert_allclose(masks.logits, true_size.ours.predict(**alone).low_res_logits, atol=1e-4)


def test_torchvision_is_not_imported(true_size):
    import sys

    assert "torchvision" not in sys.modules
