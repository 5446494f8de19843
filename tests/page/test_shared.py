"""Photos that share one network: which files a site gets."""

import json

import numpy as np
import pytest

from samwidget.errors import SamWidgetError
from samwidget.page import write_shared
from samwidget.page.shared import runs_of

IMAGE = np.random.default_rng(3).integers(0, 256, (300, 400, 3), np.uint8)
MASK = np.zeros((300, 400), bool)
MASK[100:110, 50:60] = True


@pytest.fixture
def scripts(built, tmp_path):
    folder = tmp_path / "scripts"
    folder.mkdir()
    for name in ("site.js", "site_kernel.js"):
        (folder / name).write_text(name)
    return folder


def test_photos_of_one_size_share_all_but_their_pixels(scripts, tmp_path):
    photos = {"cups.jpg": (IMAGE, {"cup": MASK}), "plates.jpg": (IMAGE[::-1].copy(), {})}
    manifests = write_shared(photos, scripts, tmp_path / "live")
    names = {path.name for path in (tmp_path / "live").iterdir()}
    assert len([name for name in names if name.startswith("encoder")]) == 1
    assert {
        "site.js",
        "kernel.js",
        "widget.css",
        "THIRD_PARTY_NOTICES.txt",
        "cups.photo.bin",
        "plates.pixels.bin",
    } <= names
    cups, plates = (json.loads(manifests[name].read_text()) for name in photos)
    assert set(cups["files"].values()) - set(plates["files"].values()) == {"cups.photo.bin", "cups.pixels.bin"}
    assert cups["bytes"] == sum((tmp_path / "live" / name).stat().st_size for name in cups["files"].values())
    assert cups["truths"]["cup"] == runs_of(MASK)


@pytest.mark.parametrize(
    ("mask", "runs"),
    [([[0, 1, 1], [1, 0, 0]], [1, 3, 2]), ([[1, 1]], [0, 2]), ([[0, 0]], [2]), ([[1, 0]], [0, 1, 1])],
)
def test_runs_begin_outside(mask, runs):
    assert runs_of(np.array(mask, bool)) == runs


def test_scripts_that_are_not_built_are_named(scripts, tmp_path):
    (scripts / "site.js").unlink()
    with pytest.raises(SamWidgetError, match="make bundle"):
        write_shared({"cups.jpg": (IMAGE, {})}, scripts, tmp_path / "live")
    assert not (tmp_path / "live").exists()
