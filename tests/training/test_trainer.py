"""The trainer on a few drawn photos: it stops, saves and resumes."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

pytest.importorskip("cv2")


from samwidget.core.prompt import make_prompt
from samwidget.models.nano.segmenter import NanoSegmenter
from samwidget.training import train, trainer
from samwidget.training.backbone import new_network
from samwidget.training.data import CropSampler
from samwidget.training.photo_cache import PhotoCache
from samwidget.training.trainer import Settings, Trainer, rate_factor


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
    # The schedule of that run has ended, so resuming it starts a new one.
    train.main([*common, "--folder", str(tmp_path / "two"), "--resume", str(tmp_path / "two" / "state.pt")])
    again = torch.load(tmp_path / "two" / "state.pt", weights_only=True)
    assert again["step"] > state["step"]
    assert again["steps_since_start"] < again["step"]


def test_a_new_schedule_takes_the_new_rates(crops, tmp_path):
    old = make_trainer(crops, tmp_path)
    for new_schedule, rates in ((False, {8e-4, 5e-5}), (True, {8e-4, 0.5})):
        settings = replace(old.settings, backbone_rate=0.5)
        new = Trainer(new_network(0, with_backbone=False), crops, settings, tmp_path)
        new.load_state(old.state(), new_schedule=new_schedule)
        assert {group["base_rate"] for group in new.optimizer.param_groups} == rates


def test_the_rate_rises_stays_and_falls():
    assert rate_factor(0.0, 0, 10) == pytest.approx(0.1)
    assert rate_factor(0.3, 50, 10) == 1
    assert rate_factor(2 / 3, 50, 10) == pytest.approx(0.5)
    assert rate_factor(1.0, 50, 10) == trainer.LOWEST_RATE
