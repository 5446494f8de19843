"""The evaluation of a model whose masks are all right, and of one whose masks are all wrong."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("cv2")

from samwidget.core.frame import Frame
from samwidget.models.segmenter import Embedding
from samwidget.training import evaluate as evaluation


class Oracle:
    """Its mask for every prompt is the red part of the photo."""

    name, family, signature, cleans_masks = "oracle", "test", "oracle", False
    device = torch.device("cpu")

    def __init__(self, is_right=True):
        self.is_right = is_right

    def encode(self, image, *, threads=None):
        red = torch.from_numpy(image[..., 0].astype(np.float32) - 127)
        size = image.shape[:2]
        return Embedding({"red": red if self.is_right else -red}, Frame(size, size, size, size), self.signature)

    def decode(self, embedding, prompts, *, multimask_output, threads=None):
        count = 3 if multimask_output else 1
        logits = embedding.tensors["red"].expand(len(prompts), count, -1, -1)
        return logits, torch.full((len(prompts), count), 1.0 if self.is_right else 0.0)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "data" / "val" / "discs"
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    rows, columns = np.mgrid[:60, :80]
    for index in range(3):
        ids = ((rows - 30) ** 2 + (columns - 40) ** 2 < 15**2).astype(np.uint8)
        rgb = np.full((60, 80, 3), 40, np.uint8)
        rgb[ids > 0] = (220, 20 * index, 60)
        Image.fromarray(rgb).save(folder / "images" / f"{index}.png")
        Image.fromarray(ids).save(folder / "masks" / f"{index}.png")
    return tmp_path / "data"


def test_a_network_that_knows_scores_one(photos):
    report, _ = evaluation.evaluate(Oracle(), photos / "val", objects=3, clicks=5)
    assert report["objects"] == 3
    for name in ("1_clicks", "5_clicks", "box", "1_click_best_of_3", "box_border_f"):
        assert report["mean"][name] == 1
    assert report["clicks_needed"]["0.90"] == report["off_centre"]["clicks_needed"]["0.90"] == 1
    assert report["off_centre"]["iou_by_click"] == [1] * 5
    assert 0.6 < report["mean"]["box_filled"] < 0.9
    assert report["mean"]["grabcut"] > 0.8


def test_a_network_that_does_not_scores_nothing(photos):
    report, _ = evaluation.evaluate(Oracle(is_right=False), photos / "val", objects=3, clicks=3)
    assert report["mean"]["3_clicks"] == 0
    assert report["clicks_needed"]["0.80"] == report["off_centre"]["clicks_needed"]["0.80"] == 3
    assert report["never_reached"]["0.80"] == report["off_centre"]["never_reached"]["0.80"] == 1


def test_no_click_is_wasted_on_a_mask_that_is_good_enough(photos):
    _, done = evaluation.evaluate(Oracle(), photos / "val", objects=2, clicks=9, baselines=False)
    assert [(len(result.ious_by_click), len(result.off_centre_ious)) for _, result in done] == [(5, 5)] * 2
    _, done = evaluation.evaluate(Oracle(is_right=False), photos / "val", objects=2, clicks=9, baselines=False)
    assert [(len(result.ious_by_click), len(result.off_centre_ious)) for _, result in done] == [(9, 9)] * 2


def test_the_second_robot_can_be_left_out(photos):
    report, _ = evaluation.evaluate(Oracle(), photos / "val", objects=2, clicks=3, baselines=False, off_centre=False)
    assert report["off_centre"]["iou_by_click"] == []
    assert "off the centre" not in evaluation.format_table(report)


def test_the_largest_objects_can_be_chosen(tmp_path):
    """One photo with five bars, 1 to 5 pixels wide: the three widest are ids 3, 4 and 5."""
    folder = tmp_path / "val" / "bars"
    ids = np.zeros((60, 80), np.uint8)
    for index in range(1, 6):
        ids[:, 12 * index : 13 * index] = index
    for kind, array in (("images", np.repeat(ids[..., None], 3, 2)), ("masks", ids)):
        (folder / kind).mkdir(parents=True)
        Image.fromarray(array).save(folder / kind / "0.png")
    listed = evaluation.list_photos(tmp_path / "val")
    chosen = evaluation.choose_objects(listed, 10, 0, largest=True)
    assert [int(result.truth[0].sum()) for result in chosen] == [5, 4, 3]


def test_what_the_ranking_loses(photos):
    """The right mask is the second candidate, which has a lower score than two empty ones."""

    class Confused(Oracle):
        def decode(self, embedding, prompts, *, multimask_output, threads=None):
            logits, scores = super().decode(embedding, prompts, multimask_output=multimask_output)
            if multimask_output:
                logits = torch.stack([logits[:, 0] * 0 - 1, logits[:, 1], logits[:, 2] * 0 - 1], 1)
                scores = torch.tensor([[0.9, 0.5, 0.8]]).expand(len(prompts), -1)
            return logits, scores

    report, _ = evaluation.evaluate(Confused(), photos / "val", objects=2, clicks=3, baselines=False)
    assert report["lost_by_ranking"] == {"box": 1, "1_click": 1, "3_clicks": 1, "mean": 1}
    report, _ = evaluation.evaluate(Oracle(), photos / "val", objects=2, clicks=3, baselines=False)
    assert set(report["lost_by_ranking"].values()) == {0}


def test_the_command_writes_a_report(photos, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(evaluation, "load", lambda name: Oracle())
    out = tmp_path / "report"
    evaluation.main(["--data", str(photos), "--objects", "2", "--clicks", "3", "--out", str(out), "--chained"])
    assert json.loads((out / "scores.json").read_text())["objects"] == 2
    assert Image.open(out / "sheet_1.png").width > 100
    printed = capsys.readouterr().out
    assert "mean clicks to an IoU, at most 3 (never reached)" in printed
    assert "off the centre" in printed
    assert "0.85: 1.00 (0%)  0.90: 1.00 (0%)" in printed
    assert "discs                       2  1.000  1.000" in printed


def test_the_same_seed_chooses_the_same_objects(photos):
    listed = evaluation.list_photos(photos / "val")
    first, second = (evaluation.choose_objects(listed, 2, seed=4) for _ in range(2))
    assert [result.photo for result in first] == [result.photo for result in second]
