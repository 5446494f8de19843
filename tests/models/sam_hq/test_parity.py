"""The same masks and scores as transformers' ``SamHQModel`` with its processor, but for a fault that is mended here."""

import numpy as np
import pytest
import torch

from samwidget.predict.predictor import SamPredictor
from tests.models.parity import PROMPTS, PlainSam, arguments, assert_same
from tests.models.sam_hq.random_sam_hq import mend, new_sam_hq, save_sam_hq

# The side of the network's input and the size of the image. At the true side, 1024, transformers takes minutes.
SIZES = [(512, (600, 900)), (256, (7, 900)), (256, (1023, 1025)), (256, (1, 1))]
IN_LARGE_NETWORK = {"one point", "points and box"}
SINGLE_MASK = {"points and box", "mask and box", "point and mask"}


class PlainSamHq(PlainSam):
    """``SamHQModel`` and its image processor; several masks are sorted by score."""

    def embeddings(self, pixels):
        embeddings, intermediate = self.model.get_image_embeddings(pixels)
        return {"image_embeddings": embeddings, "intermediate_embeddings": intermediate}


@pytest.mark.parametrize(("side", "image_hw"), SIZES, ids=str)
def test_transformers_gives_the_same(side, image_hw, photo, tmp_path):
    from transformers import SamHQModel

    folder = save_sam_hq(tmp_path, side)
    predictor = SamPredictor.from_pretrained(folder, device="cpu")
    image, size = photo(*image_hw), np.array(image_hw[::-1], np.float64)
    predictor.set_image(image)
    plain = PlainSamHq(mend(SamHQModel.from_pretrained(folder).eval()), image, side)
    earlier = predictor.predict(size[None] / 2, [1]).low_res_logits[:1]
    for name, prompt in PROMPTS.items():
        if side == 512 and name not in IN_LARGE_NETWORK:
            continue
        inputs = arguments(prompt, image_hw, earlier)
        multimask_output = name not in SINGLE_MASK
        actual = predictor.predict(**inputs, multimask_output=multimask_output)
        assert actual.masks.shape == (3 if multimask_output else 1, *image_hw)
        assert_same(actual, plain.predict(**inputs, multimask_output=multimask_output), np.argsort(-actual.scores))


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
