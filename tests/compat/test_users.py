"""The calls of programs that are built on the reference, on both packages: what they compute is the same.

Each is written after the public code of the program that it names, which shows what its users read and write.
"""

import base64
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

HEIGHT, WIDTH = 120, 160


@pytest.fixture
def image(photo):
    return photo(HEIGHT, WIDTH)


def on_both(pair, program):
    """What a program computes with our package, and with the reference."""
    return program(pair.ours, pair.sam), program(pair.official, pair.official_sam)


def few_pixels_differ(masks, others):
    assert masks.shape == others.shape
    assert np.count_nonzero(np.asarray(masks) != np.asarray(others)) <= max(1, 1e-3 * np.size(others))


def test_an_endpoint_that_sends_features_to_the_browser(small, image):
    """CVAT's serverless function."""

    def program(package, sam):
        sam.to(device=torch.device("cpu"))
        predictor = package.SamPredictor(sam)
        predictor.set_image(np.array(image))
        features = predictor.get_image_embedding()
        blob = base64.b64encode(features.cpu().numpy() if features.is_cuda else features.numpy())
        return np.frombuffer(base64.b64decode(blob), np.float32)

    ours, official = on_both(small, program)
    assert np.abs(ours - official).max() < 1e-4 * official.std()


def test_a_labelling_backend(small, image):
    """Label Studio: a box as (1, 4), labels as a list beside no points, float labels, features as an array."""

    def program(package, sam):
        predictor = package.SamPredictor(sam)
        predictor.set_image(np.ascontiguousarray(image, dtype=np.uint8))
        embedding = predictor.get_image_embedding().cpu().numpy()
        by_box, probabilities, _ = predictor.predict(
            point_coords=None,
            point_labels=np.array([]),
            box=np.array([20, 10, 90, 80])[None, :],
            multimask_output=False,
        )
        by_points, _, _ = predictor.predict(
            point_coords=np.array([[30, 40], [90, 100]], dtype=np.float32),
            point_labels=np.array([1, 0], dtype=np.float32),
            box=None,
            multimask_output=False,
        )
        coords = np.concatenate([np.array([[30.0, 40.0]]), np.array([[0.0, 0.0]])], axis=0)[None, :, :]
        coords = predictor.transform.apply_coords(coords, image.shape[:2]).astype(np.float32)
        mask = by_box[0, :, :].astype(np.uint8) * 255
        return embedding.shape, mask, by_points > predictor.model.mask_threshold, coords, float(probabilities[0])

    ours, official = on_both(small, program)
    assert ours[0] == official[0]
    few_pixels_differ(ours[1], official[1])
    few_pixels_differ(ours[2], official[2])
    np.testing.assert_array_equal(ours[3], official[3])
    assert abs(ours[4] - official[4]) < 1e-3


def test_masks_of_a_map(small, image):
    """samgeo: options as a dict, positional arguments, image_format, boxes as tensors, records sorted by area."""
    thresholds = {"pred_iou_thresh": 0.6, "stability_score_thresh": 0.4, "stability_score_offset": 0.5}

    def program(package, sam):
        generator, predictor = (
            package.SamAutomaticMaskGenerator(sam, points_per_side=6, **thresholds),
            package.SamPredictor(sam, **{}),
        )
        numbers = np.zeros(image.shape[:2])
        for index, record in enumerate(sorted(generator.generate(image), key=lambda record: record["area"])):
            numbers[record["segmentation"]] = index
        predictor.set_image(image[..., ::-1], image_format="BGR")
        masks, scores, _ = predictor.predict(np.array([[50, 60]]), np.array([1]), None, None, True, False)
        best = masks[scores.argmax(axis=0)] * 255
        boxes = predictor.transform.apply_boxes_torch(torch.tensor([[5, 6, 70, 80], [30, 20, 99, 90]]), (HEIGHT, WIDTH))
        batch, _, _ = predictor.predict_torch(point_coords=None, point_labels=None, boxes=boxes, multimask_output=True)
        return numbers > 0, best, batch[:, 1, :, :].squeeze(1).cpu().numpy().astype("uint8")

    for ours, official in zip(*on_both(small, program), strict=True):
        few_pixels_differ(ours, official)


def test_boxes_of_a_detector(small, image):
    """Grounded SAM: float boxes in place, an image set after the boxes, one mask of several objects, no_grad."""

    def program(package, sam):
        predictor = package.SamPredictor(sam.to("cpu").eval())
        boxes = torch.tensor([[0.5, 0.5, 0.4, 0.6], [0.3, 0.3, 0.2, 0.2]]) * torch.tensor([WIDTH, HEIGHT] * 2)
        boxes[:, :2] -= boxes[:, 2:] / 2
        boxes[:, 2:] += boxes[:, :2]
        transformed = predictor.transform.apply_boxes_torch(boxes, image.shape[:2]).to(predictor.device)
        predictor.set_image(image)
        with torch.no_grad():
            masks, scores, _ = predictor.predict_torch(
                point_coords=None, point_labels=None, boxes=transformed.to(sam.device), multimask_output=False
            )
        union = (masks.sum(dim=0) > 0)[0] * 1
        return union.cpu().numpy(), masks[0, 0].detach().cpu().numpy(), scores.numpy().round(2)

    ours, official = on_both(small, program)
    few_pixels_differ(ours[0], official[0])
    few_pixels_differ(ours[1], official[1])
    np.testing.assert_allclose(ours[2], official[2], atol=0.011)


def test_features_in_a_file(small, image, tmp_path):
    """An annotation tool that computes features at night, and clicks by day with another predictor."""

    def program(package, sam):
        predictor = package.SamPredictor(sam)
        predictor.set_image(image)
        sizes = {"original_size": predictor.original_size, "input_size": predictor.input_size}
        np.savez(tmp_path / "features.npz", features=predictor.get_image_embedding().cpu().numpy())
        (tmp_path / "sizes.json").write_text(json.dumps(sizes))

        predictor = package.SamPredictor(sam)
        sizes = json.loads((tmp_path / "sizes.json").read_text())
        predictor.reset_image()
        predictor.features = torch.from_numpy(np.load(tmp_path / "features.npz")["features"]).to(predictor.device)
        predictor.original_size, predictor.input_size = sizes["original_size"], sizes["input_size"]
        predictor.is_image_set = True
        return predictor.predict(np.array([[50, 60]]), np.array([1]))[0]

    few_pixels_differ(*on_both(small, program))


def test_a_mask_of_a_step_is_the_prompt_of_the_next(small, image):
    """A few-shot method: the best low-res logits of a batch, features next to masks, prompts in several steps."""

    def program(package, sam):
        predictor = package.SamPredictor(sam)
        predictor.set_image(image)
        points = predictor.transform.apply_coords_torch(torch.tensor([[[40.0, 50.0]]]), predictor.original_size)
        labels = torch.ones(1, 1)
        _, scores, logits = predictor.predict_torch(point_coords=points, point_labels=labels, multimask_output=True)
        best = scores.argmax()
        _, _, logits = predictor.predict_torch(
            point_coords=points, point_labels=labels, mask_input=logits[:, best, None], multimask_output=False
        )
        features = predictor.get_image_embedding().squeeze().permute(1, 2, 0)
        small_masks = F.interpolate(logits, size=features.shape[:2], mode="bilinear", align_corners=False)
        masks, _, _ = predictor.predict(
            point_coords=np.array([[40, 50]]),
            point_labels=np.array([1]),
            box=np.array([10, 10, 100, 100])[None],
            mask_input=logits[0].cpu().numpy(),
        )
        return (small_masks > predictor.model.mask_threshold).numpy(), masks

    for ours, official in zip(*on_both(small, program), strict=True):
        few_pixels_differ(ours, official)


def test_the_parts_are_kept_apart(new_sam, small, image):
    """Programs that keep the three parts of a model, move them by themselves, and put them back."""

    def program(package, sam):
        sam.image_encoder = sam.image_encoder.eval().to("cpu")
        sam.prompt_encoder, sam.mask_decoder = sam.prompt_encoder.eval(), sam.mask_decoder.float()
        assert not sam.training
        assert not sam.mask_decoder.training
        for parameter in sam.parameters():
            parameter.requires_grad = False
        transform = package.ResizeLongestSide(sam.image_encoder.img_size)
        pixels = torch.as_tensor(transform.apply_image(image)).permute(2, 0, 1).float()
        features = sam.image_encoder(sam.preprocess(pixels)[None])
        box = transform.apply_boxes_torch(torch.tensor([[10.0, 10, 100, 100]]), image.shape[:2])
        sparse, dense = sam.prompt_encoder(points=None, boxes=box, masks=None)
        logits, _ = sam.mask_decoder(features, sam.prompt_encoder.get_dense_pe(), sparse, dense, False)
        return (sam.postprocess_masks(logits, pixels.shape[-2:], image.shape[:2]) > 0).numpy()

    few_pixels_differ(program(small.ours, new_sam()), program(small.official, small.official_sam))
    for parameter in small.official_sam.parameters():
        parameter.requires_grad = True


@pytest.mark.parametrize("setting", ["inference mode", "autocast", "default dtype"])
def test_settings_around_the_calls(small, image, setting):
    predictor = small.ours.SamPredictor(small.sam)
    predictor.set_image(image)
    expected = predictor.predict(np.array([[50, 60]]), np.array([1]))
    boxes = predictor.transform.apply_boxes_torch(torch.tensor([[5.0, 6, 70, 80]]), (HEIGHT, WIDTH))
    expected_batch = predictor.predict_torch(None, None, boxes)
    if setting == "default dtype":
        torch.set_default_dtype(torch.float64)
    contexts = {"inference mode": torch.inference_mode(), "autocast": torch.autocast("cpu", dtype=torch.bfloat16)}
    try:
        with contexts.get(setting, torch.enable_grad()):
            other = small.ours.SamPredictor(small.sam)
            other.set_image(image)
            assert other.features.dtype == torch.float32
            results = other.predict(np.array([[50, 60]]), np.array([1])), other.predict_torch(None, None, boxes)
    finally:
        torch.set_default_dtype(torch.float32)
    for arrays, expectation in zip(results, (expected, expected_batch), strict=True):
        for array, value in zip(arrays, expectation, strict=True):
            np.testing.assert_array_equal(np.asarray(array), np.asarray(value))
