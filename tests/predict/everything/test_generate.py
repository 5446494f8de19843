"""The search with a fake model: the points it asks, what it yields and keeps when cancelled, and its memory."""

import dataclasses
import inspect
import threading
import tracemalloc
from itertools import chain

import numpy as np
import pytest
import torch

import samwidget
from samwidget.compat import to_sam_dicts
from samwidget.core.frame import Frame
from samwidget.core.objects import SegmentedObject
from samwidget.errors import ClosedError, ModelError, PromptError
from samwidget.models.sam.segmenter import SamSegmenter
from samwidget.models.segmenter import Embedding, EverythingDefaults
from samwidget.predict.everything.options import EverythingOptions
from samwidget.predict.predictor import SamPredictor

IMAGE = np.zeros((120, 160, 3), np.uint8)
SIDE = 64


class Discs:
    """Its candidates are a disc about the point, a smaller one of a higher score, and noise of a low score.

    It sees no image, so each crop looks like the whole; ``asked`` holds the points of every call.
    """

    name, family, signature, cleans_masks = "discs", "sam", "discs 1", False
    everything_defaults = EverythingDefaults(points_per_side=4, pred_iou_thresh=0.5, stability_score_thresh=0.5)
    device = torch.device("cpu")

    def __init__(self, radius=6.0, error=None):
        self.radius, self.error = radius, error
        self.encoded, self.asked = [], []

    def encode(self, image, *, threads=None):
        self.encoded.append(image.shape[:2])
        return Embedding({"none": torch.zeros(1)}, Frame.padded(image.shape[:2], SIDE, SIDE), self.signature)

    def decode(self, embedding, prompts, *, multimask_output, threads=None):
        assert multimask_output
        if self.error is not None:
            raise self.error
        self.asked.append([tuple(prompt.points_xy[0].tolist()) for prompt in prompts])
        rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
        logits, scores = [], []
        for prompt in prompts:
            x, y = embedding.frame.image_to_logits(prompt.points_xy[0])
            distance = np.hypot(rows - y, columns - x)
            noise = np.where((rows + columns) % 2 < 1, 5.0, -5.0)
            logits.append([8 * (self.radius - distance), 8 * (self.radius - 0.5 - distance), noise])
            scores.append([0.6, 0.7 + 0.1 * y / SIDE + 0.01 * x / SIDE, 0.1])
        return torch.tensor(np.array(logits), dtype=torch.float32), torch.tensor(scores, dtype=torch.float32)


def make_predictor(**options):
    return SamPredictor(Discs(**options))


def points(objects):
    return sorted(found_object.point_xy for found_object in objects)


def test_each_point_finds_its_disc():
    predictor = make_predictor()
    objects = predictor.everything(IMAGE)
    grid = [((i + 0.5) * 40, (j + 0.5) * 30) for i in range(4) for j in range(4)]
    assert points(objects) == sorted(grid)
    assert sorted(chain(*predictor._segmenter.asked)) == sorted(grid)
    # The smaller disc of each point has the higher score and takes the larger one's place.
    assert {found_object.level for found_object in objects} == {1}
    assert [found_object.score for found_object in objects] == sorted(
        (found_object.score for found_object in objects), reverse=True
    )
    for found_object in objects:
        x, y = found_object.point_xy
        mask = found_object.mask
        assert mask[int(y), int(x)]
        assert found_object.area == np.count_nonzero(mask) == pytest.approx(np.pi * (5.5 * 160 / SIDE) ** 2, rel=0.1)
        assert found_object.crop_xyxy == (0, 0, 160, 120)


def test_progress_tells_what_changed():
    visible, done = {}, []
    for progress in make_predictor().generate_masks(IMAGE):
        for id_ in progress.removed:
            del visible[id_]
        visible.update({found_object.id: found_object for found_object in progress.added})
        done.append(progress.done)
        assert {found_object.id for found_object in progress.objects} == set(visible)
        assert progress.total == 16
        assert progress.seconds_left >= 0
    assert done == sorted(set(done))
    assert done[-1] == 16
    assert progress.seconds_left == 0
    assert [found_object.id for found_object in make_predictor().everything(IMAGE)] == [
        found_object.id for found_object in progress.objects
    ]


def test_an_object_is_what_a_document_holds():
    found_object = make_predictor().everything(IMAGE)[0]
    masks = found_object.candidate
    taken = SegmentedObject(
        1, "disc", "#e8590c", masks.logits[0], float(masks.scores[0]), masks.frame, masks.prompt, None
    )
    np.testing.assert_array_equal(taken.mask, found_object.mask)
    assert (taken.area, taken.box_xyxy, taken.score) == (found_object.area, found_object.box_xyxy, found_object.score)
    np.testing.assert_allclose(masks.prompt.points_xy[0], found_object.point_xy)


def test_the_official_records():
    found_object = make_predictor().everything(IMAGE)[0]
    (record,) = to_sam_dicts([found_object])
    x0, y0, x1, y1 = found_object.box_xyxy
    np.testing.assert_array_equal(record.pop("segmentation"), found_object.mask)
    assert record == {
        "area": found_object.area,
        "bbox": [x0, y0, x1 - x0 - 1, y1 - y0 - 1],
        "predicted_iou": found_object.score,
        "point_coords": [list(found_object.point_xy)],
        "stability_score": found_object.stability,
        "crop_box": [0, 0, 160, 120],
    }
    (record,) = to_sam_dicts([found_object], "uncompressed_rle")
    assert record["segmentation"] == {"size": [120, 160], "counts": found_object.run_lengths.to_counts()}


def test_cancel_keeps_what_was_found():
    cancel = threading.Event()
    predictor = make_predictor()
    search = predictor.generate_masks(IMAGE, points_per_side=40, cancel=cancel)
    before = [next(search) for _ in range(3)][-1]
    cancel.set()
    assert list(search) == []
    assert 0 < before.done < before.total
    assert before.objects
    assert sum(map(len, predictor._segmenter.asked)) == before.done


def test_cancel_from_another_thread_ends_a_call_that_waits():
    cancel, predictor = threading.Event(), make_predictor()
    decode = predictor._segmenter.decode

    def decode_and_cancel(*arguments, **options):
        if sum(map(len, predictor._segmenter.asked)) > 5:
            threading.Thread(target=cancel.set).start()
            assert cancel.wait(60)
        return decode(*arguments, **options)

    predictor._segmenter.decode = decode_and_cancel
    objects = predictor.everything(IMAGE, points_per_side=40, cancel=cancel)
    assert 5 < sum(map(len, predictor._segmenter.asked)) < 1600
    assert objects


def test_cancelled_before_it_begins():
    cancel, predictor = threading.Event(), make_predictor()
    cancel.set()
    assert predictor.everything(IMAGE, cancel=cancel) == []
    assert predictor.encodes == 0


def test_a_slow_network_is_asked_few_points_at_once(monkeypatch):
    from samwidget.predict.everything import pace

    now = [0.0]
    monkeypatch.setattr(pace.time, "monotonic", lambda: now[0])
    predictor = make_predictor()
    decode = predictor._segmenter.decode

    def slow(embedding, prompts, **options):
        now[0] += 0.03 * len(prompts)
        return decode(embedding, prompts, **options)

    predictor._segmenter.decode = slow
    steps = list(predictor.generate_masks(IMAGE, points_per_side=8, threads=1))
    assert {len(batch) for batch in predictor._segmenter.asked[1:-1]} == {3}
    for step in steps:
        assert step.seconds_left == pytest.approx(0.03 * (step.total - step.done))


def test_a_quick_network_is_asked_no_more_than_a_batch(monkeypatch):
    from samwidget.predict.everything import pace

    monkeypatch.setattr(pace.time, "monotonic", lambda: 0.0)
    predictor = make_predictor()
    predictor.everything(IMAGE, points_per_side=8, points_per_batch=10)
    assert [len(batch) for batch in predictor._segmenter.asked] == [1, 10, 10, 10, 10, 10, 10, 3]


def test_crops_are_encoded_and_their_objects_lie_in_the_image():
    predictor = make_predictor(radius=4.0)
    image = np.random.default_rng(0).integers(0, 255, (400, 600, 3), dtype=np.uint8)
    objects = predictor.everything(image, crop_n_layers=1)
    assert predictor._segmenter.encoded == [(400, 600)] + [(268, 368)] * 4
    crops = {found_object.crop_xyxy for found_object in objects}
    assert len(crops) == 5
    for found_object in objects:
        x, y = found_object.point_xy
        assert found_object.mask[int(y), int(x)]
        assert (found_object.candidate is None) == (found_object.crop_xyxy != (0, 0, 600, 400))
    # No object is cut off by an edge of its crop.
    assert not any(
        found_object.crop_xyxy == (0, 0, 368, 268)
        and (found_object.box_xyxy[2] > 348 or found_object.box_xyxy[3] > 248)
        for found_object in objects
    )
    predictor.everything(image, crop_n_layers=1)
    assert predictor.encodes == 5


def test_points_of_ones_own():
    grid = np.array([[0.1, 0.2], [0.9, 0.2]])
    predictor = make_predictor()
    assert points(predictor.everything(IMAGE, point_grids=[grid])) == [(16, 24), (144, 24)]


def test_small_regions_go_at_the_end():
    predictor = make_predictor(radius=1.2)
    steps = list(predictor.generate_masks(IMAGE, point_grids=[[[0.5, 0.5], [0.1, 0.9]]], min_mask_region_area=20_000))
    # The background has fewer than 20,000 pixels, so the last step, which asks no point, fills it.
    assert steps[-2].done == steps[-1].done == 2
    assert len(steps[-2].objects) == 2
    ((filled,), removed) = steps[-1].added, steps[-1].removed
    assert (filled.area, filled.candidate) == (160 * 120, None)
    assert sorted(removed) == sorted(found_object.id for found_object in steps[-2].objects)
    assert steps[-1].objects == (filled,)


def test_thresholds_of_zero_keep_all():
    predictor = make_predictor()
    objects = predictor.everything(
        IMAGE, point_grids=[[[0.5, 0.5]]], pred_iou_thresh=0, stability_score_thresh=0, box_nms_thresh=1
    )
    assert sorted(found_object.level for found_object in objects) == [0, 1, 2]


def test_the_network_has_defaults_of_its_own():
    predictor = make_predictor()
    predictor._segmenter.everything_defaults = EverythingDefaults(2, 0.65, 0.5, 1.0)
    assert len(predictor.everything(IMAGE)) == 4
    assert len(predictor.everything(IMAGE, pred_iou_thresh=0.9)) == 0
    assert SamSegmenter.everything_defaults == (32, 0.88, 0.95, 1.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"points_per_side": 0}, "points_per_side is 0: give a whole number, 1 to 1000"),
        ({"points_per_side": np.True_}, "points_per_side is True: give a whole number, 1 to 1000"),
        ({"points_per_side": 1.5}, "points_per_side is 1.5"),
        ({"points_per_side": "8"}, "points_per_side is '8': give a whole number, 1 to 1000"),
        ({"points_per_side": 10**6}, "points_per_side is 1000000: give a whole number, 1 to 1000"),
        ({"points_per_side": float("inf")}, "points_per_side is inf"),
        ({"points_per_batch": 0}, "points_per_batch is 0: give a whole number, 1 or more"),
        ({"points_per_batch": "many"}, "points_per_batch is 'many'"),
        ({"pred_iou_thresh": "0.5"}, "pred_iou_thresh is '0.5'"),
        ({"pred_iou_thresh": 88}, "pred_iou_thresh is 88: give a number from 0 to 1"),
        ({"stability_score_thresh": -0.1}, "stability_score_thresh is -0.1"),
        ({"stability_score_offset": -1}, "stability_score_offset is -1: give a number from 0"),
        ({"box_nms_thresh": float("nan")}, "box_nms_thresh is nan"),
        ({"crop_nms_thresh": 2}, "crop_nms_thresh is 2"),
        ({"crop_n_layers": -1}, "crop_n_layers is -1"),
        ({"crop_overlap_ratio": 1.0}, "crop_overlap_ratio is 1.0"),
        ({"min_mask_region_area": -5}, "min_mask_region_area is -5"),
        ({"crop_n_layers": 2, "crop_n_points_downscale_factor": 3}, "leave none: give a smaller"),
        ({"points_per_side": 4, "point_grids": [[[0.5, 0.5]]]}, "both given: give one of them"),
        ({"point_grids": [[[0.5, 0.5]]], "crop_n_layers": 1}, "1 point grids for the image and 1 layers"),
        ({"point_grids": [[0.5, 0.5]]}, r"shape \(2,\): give \(N, 2\)"),
        ({"point_grids": [[[50, 50]]]}, "values from 50 to 50: give shares"),
        ({"point_grids": "dense"}, "point_grids is 'dense': give a list of"),
        ({"point_grids": 5}, "point_grids is 5: give a list of"),
        ({"point_grids": [[[0.5, 0.5], [0.5]]]}, "a point grid is not an array of numbers: give a list of"),
    ],
)
def test_parameters_out_of_range(options, message):
    predictor = make_predictor()
    with pytest.raises(PromptError, match=message):
        predictor.generate_masks(IMAGE, **options)  # at once, not at the first step
    assert predictor.encodes == 0


def test_errors_of_the_network_come_through():
    with pytest.raises(ModelError, match="broken"):
        make_predictor(error=RuntimeError("broken")).everything(IMAGE)
    predictor = make_predictor()
    predictor.close()
    with pytest.raises(ClosedError):
        predictor.everything(IMAGE)


def test_a_search_holds_no_pictures():
    """For 100 points on 12 megapixels, 300 full-size masks would take 3.6 GB, and their logits 14 GB."""
    predictor, image = make_predictor(radius=5.0), np.zeros((3000, 4000, 3), np.uint8)
    predictor.embed(image)
    tracemalloc.start()
    objects = predictor.everything(image, points_per_side=10, box_nms_thresh=1)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(objects) == 200
    assert sum(found_object.area for found_object in objects) > 40e6
    assert held < 20e6
    assert peak < 60e6


def test_the_methods_show_their_options():
    public = inspect.signature(samwidget.generate_masks).parameters.values()
    options = [parameter for parameter in public if parameter.name != "predictor"]
    assert len(options) == 15
    for method in (make_predictor().everything, make_predictor().generate_masks):
        assert list(inspect.signature(method).parameters.values()) == options
    fields = [(field.name, field.default) for field in dataclasses.fields(EverythingOptions)]
    assert [(option.name, option.default) for option in options[1:-2]] == fields


@pytest.mark.parametrize("caller", ["function", "generate_masks", "everything"])
def test_each_option_arrives(caller, monkeypatch):
    received = []
    monkeypatch.setattr(
        "samwidget.predict.everything.generate.search", lambda *arguments: received.append(arguments) or iter(())
    )
    monkeypatch.setattr(EverythingOptions, "__post_init__", lambda self: None)
    predictor, cancel = make_predictor(), threading.Event()
    values = {field.name: f"the value of {field.name}" for field in dataclasses.fields(EverythingOptions)}
    if caller == "function":
        samwidget.generate_masks(predictor, IMAGE, **values, cancel=cancel, threads=3)
    else:
        getattr(predictor, caller)(IMAGE, **values, cancel=cancel, threads=3)
    ((searched_by, image, options, cancelled_by, threads),) = received
    assert (searched_by, cancelled_by, threads) == (predictor, cancel, 3)
    assert image is IMAGE
    assert dataclasses.asdict(options) == values
