"""The same objects as transformers' own forward: phrases, example boxes, several phrases, odd sizes, three networks.

Its processor needs torchvision, so what it does to images and boxes is written out. Where transformers needs
torchvision for boxes, it gets a stand-in that pools with a plain loop.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from samwidget.core.measure import iou
from samwidget.models.finder import Wanted
from samwidget.models.loader import load
from tests.models.sam3.test_box_pooling import plain_loop
from tests.models.sam3.tiny_sam3 import QUERIES, SIDE

WANTED = {
    "words": Wanted("coin"),
    "two words": Wanted("red leaf"),
    "words and an example": Wanted("coin", ((0.1, 0.2, 0.4, 0.6),)),
    "words and two kinds of boxes": Wanted("coin", ((0.1, 0.2, 0.4, 0.6), (0.5, 0.5, 0.6, 0.9)), ((0.7, 0.1, 1, 0.3),)),
    "an example alone": Wanted(None, ((0.1, 0.2, 0.4, 0.6),)),
    "an excluded box": Wanted("coin", (), ((0.1, 0.2, 0.4, 0.6),)),
}


def roi_align(features, boxes, bins):
    pooled = [
        plain_loop(image.numpy(), box.tolist(), bins)
        for image, rows in zip(features, boxes, strict=True)
        for box in rows
    ]
    return torch.from_numpy(np.stack(pooled)).float()


@pytest.fixture(scope="module")
def networks(sam3_folder, words_folders):
    """By ``model_type``: our segmenter, and transformers' detector read from the same folder."""
    from transformers import Sam3LiteTextModel, Sam3Model, Sam3VideoModel

    video = Sam3VideoModel.from_pretrained(sam3_folder).eval()
    return {
        "sam3_video": (load(sam3_folder, device="cpu"), video.detector_model),
        "sam3": (load(words_folders["sam3"], device="cpu"), Sam3Model.from_pretrained(words_folders["sam3"]).eval()),
        "sam3_lite_text": (
            load(words_folders["sam3_lite_text"], device="cpu"),
            Sam3LiteTextModel.from_pretrained(words_folders["sam3_lite_text"]).eval(),
        ),
    }


@torch.no_grad()
def plain_objects(model, image, wanted, folder):
    """Logits, scores and full-size masks of all queries, the best first, as transformers' documentation does it."""
    from transformers import CLIPTokenizer

    levels = torch.from_numpy(image).permute(2, 0, 1)[None]
    resized = F.interpolate(levels, (SIDE, SIDE), mode="bilinear", antialias=True).float()
    by_pillow = Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    rounded_twice = torch.from_numpy(np.array(by_pillow)).permute(2, 0, 1)[None].float()
    assert (resized - rounded_twice).abs().max() <= 1
    # A level more or less is all the difference, and random weights on so few pixels make it a large one.
    resized = rounded_twice / 255
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    text = tokenizer(wanted.phrase or "visual", padding="max_length", max_length=16, return_tensors="pt")
    boxes = torch.tensor([*wanted.examples, *wanted.excluded]).reshape(1, -1, 4) / torch.tensor(
        [image.shape[1], image.shape[0]] * 2
    )
    low, high = boxes[..., :2], boxes[..., 2:]
    inputs = {
        "input_boxes": torch.cat([(low + high) / 2, high - low], -1),
        "input_boxes_labels": torch.tensor([[1] * len(wanted.examples) + [0] * len(wanted.excluded)]),
    }
    output = model(pixel_values=(resized - 0.5) / 0.5, **text, **(inputs if boxes.numel() else {}))
    scores = (output.pred_logits.sigmoid() * output.presence_logits.sigmoid())[0]
    order = scores.argsort(descending=True)
    logits = output.pred_masks[0, order]
    masks = F.interpolate(logits[None], image.shape[:2], mode="bilinear", align_corners=False)[0] > 0
    return logits, scores[order], masks.numpy()


def in_pixels(wanted, image_hw):
    size = np.array(image_hw[::-1] * 2)
    examples, excluded = (
        tuple(tuple((np.array(box) * size).tolist()) for box in boxes) for boxes in (wanted.examples, wanted.excluded)
    )
    return Wanted(wanted.phrase, examples, excluded)


@pytest.mark.parametrize("image_hw", [(30, 50), (141, 67)], ids=str)
@pytest.mark.parametrize("model_type", ["sam3_video", "sam3", "sam3_lite_text"])
def test_transformers_finds_the_same(networks, sam3_folder, photo, monkeypatch, model_type, image_hw):
    from transformers.models.sam3 import modeling_sam3
    from transformers.models.sam3_lite_text import modeling_sam3_lite_text

    torchvision = SimpleNamespace(ops=SimpleNamespace(roi_align=roi_align))
    for module in (modeling_sam3, modeling_sam3_lite_text):
        monkeypatch.setattr(module, "torchvision", torchvision, raising=False)
    ours, theirs = networks[model_type]
    image = photo(*image_hw)
    embedding = ours.encode(image)
    for name, shares in WANTED.items():
        wanted = in_pixels(shares, image_hw)
        logits, scores = ours.find(embedding, wanted, score_min=0)
        expected, expected_scores, expected_masks = plain_objects(theirs, image, wanted, sam3_folder)
        assert logits.shape == (QUERIES, *embedding.frame.logits_hw), name
        assert expected.std() > 0.1, "the weights must make logits that mean something"
        assert (logits - expected).abs().max() < 0.01 * expected.std(), name
        torch.testing.assert_close(scores, expected_scores, atol=1e-3, rtol=0)
        masks = F.interpolate(logits[None], image_hw, mode="bilinear", align_corners=False)[0].numpy() > 0
        assert any(mask.any() for mask in masks)
        for mask, expected_mask in zip(masks, expected_masks, strict=True):
            assert iou(mask, expected_mask) >= 0.999 or not (mask.any() or expected_mask.any()), name


def test_what_is_wanted_makes_a_difference(networks, photo):
    """Else the test above would compare the same numbers six times."""
    ours, _ = networks["sam3"]
    embedding = ours.encode(photo(30, 50))
    scores = [ours.find(embedding, in_pixels(wanted, (30, 50)), score_min=0)[1] for wanted in WANTED.values()]
    for index, earlier in enumerate(scores):
        assert all((earlier - later).abs().max() > 1e-3 for later in scores[index + 1 :])
