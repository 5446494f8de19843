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
    assert report["clicks_needed"]["0.90"] == 1
    assert 0.6 < report["mean"]["box_filled"] < 0.9
    assert report["mean"]["grabcut"] > 0.8


def test_a_network_that_does_not_scores_nothing(photos):
    report, _ = evaluation.evaluate(Oracle(is_right=False), photos / "val", objects=3, clicks=3)
    assert report["mean"]["3_clicks"] == 0
    assert report["clicks_needed"]["0.80"] == 3


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
    assert "clicks needed" in capsys.readouterr().out


def test_the_same_seed_chooses_the_same_objects(photos):
    listed = evaluation.list_photos(photos / "val")
    first, second = (evaluation.choose_objects(listed, 2, seed=4) for _ in range(2))
    assert [result.photo for result in first] == [result.photo for result in second]
