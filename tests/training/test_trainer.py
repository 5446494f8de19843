"""The trainer on a drawn data set: it learns nothing here, but stops, saves and resumes."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

pytest.importorskip("cv2")

import cv2

from samwidget.core.prompt import make_prompt
from samwidget.models.nano.prompt_maps import PromptTensors
from samwidget.models.nano.segmenter import NanoSegmenter
from samwidget.training import train, trainer
from samwidget.training.augment import add_lines, change_light, paste
from samwidget.training.backbone import new_network
from samwidget.training.data import Batch, CropSampler, background_region, join_neighbours, random_border_pixel
from samwidget.training.losses import UNLIKELY_WEIGHT, prompt_loss
from samwidget.training.photo_cache import VOID, PhotoCache
from samwidget.training.trainer import Settings, Trainer, rate_factor


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for dataset in ("coco_free", "ccp_clothing"):
        for kind in ("images", "masks"):
            (folder / "train" / dataset / kind).mkdir(parents=True)
        for index in range(2):
            ids = Image.new("L", (120, 90))
            draw = ImageDraw.Draw(ids)
            draw.ellipse((20, 20, 70, 70), fill=1)
            draw.rectangle((80, 10, 110, 60), fill=2)
            draw.rectangle((80, 70, 110, 85), fill=VOID)
            colours = rng.integers(0, 255, (256, 3), np.uint8)
            Image.fromarray(colours[np.asarray(ids)]).save(folder / "train" / dataset / "images" / f"{index}.png")
            ids.save(folder / "train" / dataset / "masks" / f"{index}.png")
    return folder


@pytest.fixture
def crops(data, tmp_path):
    return CropSampler(PhotoCache(data / "train", tmp_path / "cache"), objects=2)


@pytest.fixture(autouse=True)
def small_crops(monkeypatch):
    monkeypatch.setattr(trainer, "SIZES", (64,))
    monkeypatch.setattr(trainer, "EARLY_SIZE_SHARES", (1.0,))
    monkeypatch.setattr(trainer, "LATE_SIZE_SHARES", (1.0,))
    monkeypatch.setattr(trainer, "CROPS_OF_SIZE", {64: 1})


def make_trainer(crops, folder):
    ticks = iter(range(0, 10_000, 10))
    settings = Settings(minutes=1.0, warm_up_steps=2, objects=2)
    return Trainer(new_network(0, with_backbone=False), crops, settings, folder, clock=lambda: float(next(ticks)))


def test_resuming_is_exact(crops, tmp_path):
    unbroken = make_trainer(crops, tmp_path / "whole")
    unbroken.run(steps_max=4)

    first = make_trainer(crops, tmp_path / "parts")
    first.run(steps_max=2)
    torch.manual_seed(99)
    second = make_trainer(crops, tmp_path / "parts")
    second.load_state(torch.load(tmp_path / "parts" / "state.pt", weights_only=True))
    second.run(steps_max=2)

    assert (second.step, second.elapsed_s) == (unbroken.step, unbroken.elapsed_s)
    for resumed, expected in (
        (second.network.state_dict(), unbroken.network.state_dict()),
        (second.average, unbroken.average),
    ):
        assert all(torch.equal(resumed[name], expected[name]) for name in expected)
    assert torch.equal(second.state()["torch_rng"], unbroken.state()["torch_rng"])


def test_a_run_ends_with_its_schedule_and_exports(crops, tmp_path):
    run = make_trainer(crops, tmp_path)
    run.run()
    assert run.progress >= 1
    lines = [json.loads(line) for line in (tmp_path / "curve.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, run.step + 1))
    assert {"state.pt", "before_cool_down.pt"} <= {path.name for path in tmp_path.iterdir()}
    segmenter = NanoSegmenter.from_folder(tmp_path / "snapshot")
    embedding = segmenter.encode(np.zeros((50, 60, 3), np.uint8))
    logits, _ = segmenter.decode(embedding, [make_prompt([20, 20])], multimask_output=True)
    assert torch.isfinite(logits).all()


def test_the_command_resumes_from_shipped_weights(data, tmp_path):
    common = ["--data", str(data), "--cache", str(tmp_path / "cache"), "--minutes", "0.001"]
    make_trainer(CropSampler(PhotoCache(data / "train", tmp_path / "cache"), 2), tmp_path / "one").export()
    train.main([*common, "--folder", str(tmp_path / "two"), "--resume", str(tmp_path / "one" / "snapshot")])
    state = torch.load(tmp_path / "two" / "state.pt", weights_only=True)
    assert state["step"] >= 1
    # The schedule of that run is over: going on from it begins another.
    train.main([*common, "--folder", str(tmp_path / "two"), "--resume", str(tmp_path / "two" / "state.pt")])
    again = torch.load(tmp_path / "two" / "state.pt", weights_only=True)
    assert again["step"] > state["step"]
    assert again["steps_since_start"] < again["step"]


def test_batches_are_what_they_say(crops):
    batch = crops.batch(np.random.default_rng(0), 3, (64, 96))
    assert batch.pixels.shape == (3, 3, 64, 96)
    assert batch.targets.shape == batch.valid.shape == (3, 2, 32, 48)
    assert batch.targets.amax((2, 3)).min() > 0.5
    assert batch.targets.max() <= 1
    assert abs(float(batch.pixels.mean())) < 1.5


def test_clothes_are_parts_and_their_wearer_is_not(data, tmp_path):
    shutil.copytree(data / "train" / "ccp_clothing", tmp_path / "train" / "ccp_clothing")
    crops = CropSampler(PhotoCache(tmp_path / "train", tmp_path / "cache"), objects=4)
    seen = set()
    for seed in range(20):
        batch = crops.batch(np.random.default_rng(seed), 1, (64, 96))
        seen |= set(batch.is_unlikely[0].tolist())
    assert seen == {True, False}


def test_one_click_on_a_part_teaches_the_single_mask_less():
    logits = torch.zeros(1, 2, 4, 8, 8, requires_grad=True)
    scores = torch.full((1, 2, 4), 0.5)
    targets, valid = torch.ones(1, 2, 8, 8), torch.ones(1, 2, 8, 8)
    batch = Batch(torch.zeros(1, 3, 16, 16), targets, valid, torch.tensor([[True, False]]))
    zero, mask = torch.zeros(1, 2), torch.zeros(1, 2, 8, 8)
    click = PromptTensors(torch.zeros(1, 2, 1, 2), torch.ones(1, 2, 1), torch.zeros(1, 2, 4), zero, mask, zero)
    for prompts, share in ((click, UNLIKELY_WEIGHT), (replace(click, has_box=torch.ones(1, 2)), 1.0)):
        loss, _ = prompt_loss(logits, scores, torch.zeros(1, 2, 1, 1, 1), batch, prompts)
        (gradient,) = torch.autograd.grad(loss, logits)
        pull = gradient.abs().sum((3, 4))[0]
        assert float(pull[0, 0] / pull[1, 0]) == pytest.approx(share)
        torch.testing.assert_close(pull[0, 1:], pull[1, 1:])


def test_a_new_schedule_takes_the_new_rates(crops, tmp_path):
    old = make_trainer(crops, tmp_path)
    for new_schedule, rates in ((False, {8e-4, 5e-5}), (True, {8e-4, 0.5})):
        settings = replace(old.settings, backbone_rate=0.5)
        new = Trainer(new_network(0, with_backbone=False), crops, settings, tmp_path)
        new.load_state(old.state(), new_schedule=new_schedule)
        assert {group["base_rate"] for group in new.optimizer.param_groups} == rates


def test_the_same_generator_draws_the_same_crops(crops):
    first, second = (crops.batch(np.random.default_rng((7, 3)), 2, (64, 64)) for _ in range(2))
    assert torch.equal(first.pixels, second.pixels)
    assert torch.equal(first.targets, second.targets)


def test_objects_that_touch_are_taken_together():
    ids = np.zeros((20, 40), np.uint8)
    ids[5:15, 2:10], ids[5:15, 10:18], ids[5:15, 30:38] = 1, 2, 3
    rng = np.random.default_rng(0)
    assert join_neighbours(rng, ids, np.array([3])) is None
    assert np.array_equal(join_neighbours(rng, ids, np.array([1, 2])), (ids == 1) | (ids == 2))
    # One that is not among the present ones is too small to be asked for, alone or with others.
    assert join_neighbours(rng, ids, np.array([1, 3])) is None


def test_a_pasted_object_can_touch_another():
    ids = np.zeros((60, 60), np.uint8)
    ids[20:40, 20:40] = 1
    for seed in range(10):
        rng, pasted = np.random.default_rng(seed), ids.copy()
        x, y = random_border_pixel(rng, ids)
        assert 20 in (x, y) or 39 in (x, y)
        rgb, donor = np.zeros((60, 60, 3), np.uint8), np.full((30, 30, 3), 200, np.uint8)
        paste(rng, rgb, pasted, donor, np.ones((30, 30), bool), 250, (x, y))
        assert pasted[y, x] == 250
        assert rgb[y, x].min() > 100
    assert random_border_pixel(rng, np.zeros((9, 9), np.uint8)) is None


def test_a_line_grows_out_of_an_object():
    for seed in range(10):
        ids = np.zeros((80, 80), np.uint8)
        ids[30:50, 30:50] = 7
        before, rgb = ids.copy(), np.zeros((80, 80, 3), np.uint8)
        add_lines(np.random.default_rng(seed), rgb, ids, 249)
        assert set(np.unique(ids)) == {0, 7}
        assert np.count_nonzero(ids) > np.count_nonzero(before)
        assert cv2.connectedComponents((ids > 0).astype(np.uint8))[0] == 2  # ground, and one object


def test_background_regions_hold_no_object():
    ids = np.zeros((64, 64), np.uint8)
    ids[20:40, 20:40] = 1
    rgb = np.zeros((64, 64, 3), np.uint8)
    rgb[:32] = (90, 140, 220)
    attempts = [background_region(np.random.default_rng(seed), rgb, ids, may_be_all=True) for seed in range(12)]
    regions = [region for region in attempts if region is not None]
    assert regions
    assert not any((region & (ids > 0)).any() for region in regions)


def test_the_rate_rises_stays_and_falls():
    assert rate_factor(0.0, 0, 10) == pytest.approx(0.1)
    assert rate_factor(0.3, 50, 10) == 1
    assert rate_factor(2 / 3, 50, 10) == pytest.approx(0.5)
    assert rate_factor(1.0, 50, 10) == trainer.LOWEST_RATE


def test_changed_light_keeps_size_and_what_is_seen():
    rng = np.random.default_rng(0)
    photo = np.zeros((48, 64, 3), np.uint8)
    photo[:, 32:] = 255
    for _ in range(100):
        changed = change_light(rng, photo)
        assert changed.shape == photo.shape
        assert changed.dtype == np.uint8
        assert changed[:, 44:].mean() > changed[:, :20].mean() + 40
