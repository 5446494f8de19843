"""The command line, run as a user would."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

COFFEE = Path(__file__).parent.parent / "notebooks/photos/coffee.jpg"


def run(*words, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "samwidget", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )


def test_segment_writes_a_mask_of_the_photos_size(tmp_path):
    done = run("segment", COFFEE, "--point", "300,150", "--exclude", "20,20", "-o", tmp_path / "mask.png")
    assert done.returncode == 0, done.stderr
    mask = np.asarray(Image.open(tmp_path / "mask.png"))
    assert mask.shape == (400, 600)
    assert set(np.unique(mask)) == {0, 255}
    assert mask[150, 300] == 255
    assert mask[20, 20] == 0
    assert f"{np.count_nonzero(mask)} pixels" in done.stdout


def test_models_lists_size_licence_and_presence():
    done = run("models")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["NAME", "SIZE", "LICENCE", "HERE"]
    (nano,) = [line for line in lines if line.startswith("nano")]
    assert nano.endswith("yes")
    assert any("facebook/sam-vit-huge" in line for line in lines)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("segment", "missing.jpg", "--point", "1,2", "-o", "mask.png"), "missing.jpg"),
        (("segment", COFFEE, "-o", "mask.png"), "nothing says which object is meant"),
        (("segment", COFFEE, "--point", "1;2", "-o", "mask.png"), "write x,y, in pixels"),
        (("segment", COFFEE, "--box", "1,2,3", "-o", "mask.png"), "write x0,y0,x1,y1"),
        (("segment", COFFEE, "--point", "9999,2", "-o", "mask.png"), "outside the image"),
        (("segment", COFFEE, "--point", "1,2", "-o", "no/such/mask.png"), "is not there"),
        (("segment", COFFEE, "--point", "1,2", "-o", "mask.png", "--model", "no-such-network"), "no-such-network"),
    ],
)
def test_mistakes_end_with_one_line_and_no_file(tmp_path, words, message):
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("samwidget: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
