"""The calls of the reference's generator notebook, side by side."""

from pathlib import Path

import numpy as np
import pytest
import torch

from samwidget.errors import PromptError
from samwidget.images import load_rgb

PHOTO = load_rgb(Path(__file__).parents[2] / "notebooks/photos/coffee.jpg")[::2, ::2]
# The weights are random, so the thresholds are low.
LOW = {"points_per_side": 8, "pred_iou_thresh": 0.6, "stability_score_thresh": 0.4, "stability_score_offset": 0.5}
CROPS = {"crop_n_layers": 1, "crop_n_points_downscale_factor": 2}


def records(pair, image=PHOTO, **options):
    """Of both packages."""
    both = (pair.ours, pair.sam), (pair.official, pair.official_sam)
    return [package.SamAutomaticMaskGenerator(model=model, **options).generate(image) for package, model in both]


def as_mask(segmentation):
    if isinstance(segmentation, np.ndarray):
        return segmentation
    mask_module = pytest.importorskip("pycocotools.mask")
    if isinstance(segmentation["counts"], list):
        segmentation = mask_module.frPyObjects(segmentation, *segmentation["size"])
    return mask_module.decode(segmentation).astype(bool)


def assert_same_records(ours, official, *, at_least):
    assert len(official) >= at_least
    assert len(ours) == len(official)
    for record, other in zip(ours, official, strict=True):
        assert list(record) == list(other)
        for key in ("bbox", "crop_box", "point_coords"):
            assert type(record[key]) is type(other[key]) is list
        for key in ("area", "predicted_iou", "stability_score"):
            assert type(record[key]) is type(other[key])
        assert {type(value) for value in record["bbox"]} == {type(value) for value in other["bbox"]}
        assert record["crop_box"] == other["crop_box"]
        assert np.abs(np.subtract(record["bbox"], other["bbox"])).max() <= 1
        np.testing.assert_allclose(record["point_coords"], other["point_coords"], atol=1e-9)
        np.testing.assert_allclose(record["predicted_iou"], other["predicted_iou"], atol=1e-4)
        np.testing.assert_allclose(record["stability_score"], other["stability_score"], atol=0.01)
        a, b = as_mask(record["segmentation"]), as_mask(other["segmentation"])
        assert np.count_nonzero(a ^ b) <= max(1, 0.01 * np.count_nonzero(b))
        assert record["area"] == np.count_nonzero(a)


@pytest.mark.parametrize("output_mode", ["binary_mask", "uncompressed_rle", "coco_rle"])
def test_each_form(small, output_mode):
    ours, official = records(small, **LOW, output_mode=output_mode)
    assert_same_records(ours, official, at_least=10)
    first, other = ours[0]["segmentation"], official[0]["segmentation"]
    assert type(first) is type(other)
    if output_mode == "binary_mask":
        assert (first.dtype, first.shape) == (other.dtype, other.shape)
        first &= True  # it can be written to
    else:
        assert first.keys() == other.keys()
        assert first["size"] == other["size"]
        assert type(first["counts"]) is type(other["counts"])


@pytest.mark.parametrize(
    "options",
    [
        CROPS,
        {**CROPS, "min_mask_region_area": 100, "box_nms_thresh": 0.9},
        {"min_mask_region_area": 0.5, "points_per_batch": 7},
        {"pred_iou_thresh": -1.0, "stability_score_thresh": 0.0, "points_per_side": 3},
        {
            "points_per_side": None,
            "point_grids": [np.array([[0.25, 0.5], [0.5, 0.5]])],
            "pred_iou_thresh": 0,
        },
    ],
    ids=["crops", "crops and small regions", "small batches", "all", "a grid"],
)
def test_options(small, options):
    if options.get("min_mask_region_area"):
        pytest.importorskip("cv2")
    ours, official = records(small, **{**LOW, **options})
    # Without a threshold the reference also returns masks without pixels.
    assert_same_records(ours, [record for record in official if record["area"]], at_least=1)


def test_a_network_of_true_size(true_size):
    options = {
        "points_per_side": 2,
        "pred_iou_thresh": -9,
        "stability_score_thresh": 0.0,
        "stability_score_offset": 0.01,
    }
    ours, official = records(true_size, PHOTO, **options)
    assert_same_records(ours, official, at_least=1)


def test_the_attributes(small):
    ours, official = (
        package.SamAutomaticMaskGenerator(model, points_per_side=6, **CROPS)
        for package, model in ((small.ours, small.sam), (small.official, small.official_sam))
    )
    for name in vars(official):
        if name not in ("predictor", "point_grids"):
            assert getattr(ours, name) == getattr(official, name), name
    for grid, other in zip(ours.point_grids, official.point_grids, strict=True):
        np.testing.assert_array_equal(grid, other)
    assert ours.predictor.model is small.sam
    ours.predictor.set_image(PHOTO)
    assert ours.predictor.predict(box=np.array([10, 20, 90, 80]))[0].shape == (3, *PHOTO.shape[:2])


def test_attributes_may_be_changed(small):
    generator = small.ours.SamAutomaticMaskGenerator(small.sam, **LOW)
    count = len(generator.generate(PHOTO))
    generator.pred_iou_thresh = 1.0
    assert len(generator.generate(PHOTO)) < count


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"points_per_side": None}, AssertionError, "exactly one"),
        ({"point_grids": [np.zeros((1, 2))]}, AssertionError, "exactly one"),
        ({"output_mode": "png"}, AssertionError, "binary_mask, uncompressed_rle, coco_rle"),
        ({"points_per_side": 4, "crop_n_layers": 3, "crop_n_points_downscale_factor": 4}, ValueError, "leave none"),
    ],
)
def test_wrong_arguments(small, options, error, message):
    for package, model in ((small.ours, small.sam), (small.official, small.official_sam)):
        with pytest.raises((error, ZeroDivisionError)) as caught:
            package.SamAutomaticMaskGenerator(model, **options)
        if package is small.ours:
            assert message in str(caught.value)
            assert isinstance(caught.value, PromptError)


@pytest.mark.parametrize(("option", "value"), [
    ("pred_iou_thresh", 88), ("pred_iou_thresh", float("nan")), ("stability_score_thresh", "0.9"),
    ("min_mask_region_area", float("nan")), ("min_mask_region_area", "5"),
])  # fmt: skip
def test_wrong_options_are_refused_before_the_search(small, option, value):
    with pytest.raises(PromptError, match=f"{option} is {value!r}: give"):
        small.ours.SamAutomaticMaskGenerator(small.sam, **{option: value}).generate(PHOTO)


def test_another_threshold_is_refused(new_sam, small):
    sam = new_sam()
    sam.mask_threshold = 0.5
    with pytest.raises(AssertionError, match="mask_threshold of the model"):
        small.ours.SamAutomaticMaskGenerator(sam).generate(PHOTO)


def test_the_bundled_model(small):
    (record,) = small.ours.SamAutomaticMaskGenerator(
        "nano", points_per_side=1, pred_iou_thresh=0.1, stability_score_thresh=0.0, box_nms_thresh=0.0
    ).generate(PHOTO)
    assert record["segmentation"].shape == PHOTO.shape[:2]


def test_small_regions_of_masks_that_are_there(small):
    pytest.importorskip("cv2")
    from segment_anything.utils.amg import MaskData, batched_mask_to_box, mask_to_rle_pytorch

    masks = torch.zeros(4, 40, 50, dtype=torch.bool)
    masks[0, 5:20, 5:30] = True
    masks[0, 10:12, 10:12] = False  # a hole
    masks[1, 5:20, 5:30] = True  # the same box, with nothing to mend
    masks[2, 30:39, 30:49] = True
    masks[2, 0, 0] = True  # an island
    masks[3, 1, 1] = True  # nothing but an island

    def mended(generator):
        data = MaskData(rles=mask_to_rle_pytorch(masks), boxes=batched_mask_to_box(masks), number=torch.arange(4))
        data.to_numpy()
        returned = generator.postprocess_small_regions(data, 10, 0.7)
        assert returned is data
        return data

    ours, official = (mended(package.SamAutomaticMaskGenerator) for package in (small.ours, small.official))
    assert ours["rles"] == official["rles"]
    np.testing.assert_array_equal(ours["boxes"], official["boxes"])
    np.testing.assert_array_equal(ours["number"], official["number"])
    data = MaskData(rles=[], boxes=np.zeros((0, 4)))
    assert small.ours.SamAutomaticMaskGenerator.postprocess_small_regions(data, 10, 0.7) is data
