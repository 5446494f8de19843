"""The mean of the weights in several folders, and its command line."""

import json

import pytest
import torch
from safetensors.torch import load_file

from samwidget.training import average
from samwidget.training.export import export_bundle


@pytest.fixture
def folders(tmp_path):
    for name, value, steps in (("a", 1.0, 10), ("b", 4.0, 30)):
        export_bundle({"w": torch.full((2,), value)}, tmp_path / name, {"steps": steps, "minutes": 2.5})
    return [str(tmp_path / "a"), str(tmp_path / "b")]


@pytest.mark.parametrize(("shares", "expected"), [([], 2.5), (["--shares", "1", "2"], 3.0)])
def test_the_mean_and_its_facts(folders, tmp_path, shares, expected):
    average.main([*folders, *shares, "--out", str(tmp_path / "mean")])
    weights = load_file(tmp_path / "mean" / "model.safetensors")
    assert weights["w"].tolist() == [expected, expected]
    config = json.loads((tmp_path / "mean" / "config.json").read_text())
    assert config["training"] == {"steps": 30, "minutes": 2.5, "averaged": 2}


def test_each_folder_needs_a_share(folders, tmp_path, capsys):
    with pytest.raises(SystemExit):
        average.main([*folders, "--shares", "1", "--out", str(tmp_path / "mean")])
    assert "1 shares for 2 folders" in capsys.readouterr().err
