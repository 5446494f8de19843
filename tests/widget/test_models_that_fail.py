"""A model that cannot be loaded changes nothing: the present one, the objects and undo stay."""

import numpy as np
import pytest
import torch

from samwidget import SamWidget
from samwidget.errors import ModelError
from samwidget.models import memory
from samwidget.widget.network import ModelSource, Network
from tests.drawn_photo import drawn_photo


def half_a_file(folder):
    torch.save({"image_encoder.patch_embed.proj.weight": torch.zeros(9000)}, folder / "sam.pth")
    (folder / "sam.pth").write_bytes((folder / "sam.pth").read_bytes()[:5000])
    return folder / "sam.pth"


def weights_are_missing(folder):
    torch.save({"image_encoder.patch_embed.seq.0.c.weight": torch.zeros(4, 3, 3, 3)}, folder / "mobile_sam.pt")
    return folder / "mobile_sam.pt"


def another_family(folder):
    (folder / "config.json").write_text('{"model_type": "seggpt"}')
    return folder


def photos(folder):
    (folder / "photo.jpg").write_bytes(b"x")
    return folder


@pytest.fixture(scope="module")
def w():
    with SamWidget(drawn_photo(60, 80)) as w:
        w.wait()
        w.add([(20, 30)])
        yield w


@pytest.mark.parametrize("make", [half_a_file, weights_are_missing, another_family, photos])
def test_nothing_is_lost(w, tmp_path, make):
    before, model = w.masks.copy(), w.objects[0].model
    with pytest.raises(ModelError) as caught:
        w.use_model(make(tmp_path))
    assert caught.value.hint
    np.testing.assert_array_equal(w.masks, before)
    w.add([(60, 20)])
    assert [item.model for item in w.objects] == [model, model]
    w.undo()
    np.testing.assert_array_equal(w.masks, before)


def test_a_network_that_does_not_fit_the_memory(w, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda device: 10)
    (tmp_path / "sam.pth").write_bytes(bytes(1000))
    before = w.masks.copy()
    with pytest.raises(ModelError, match="does not fit the memory"):
        w.use_model(tmp_path / "sam.pth")
    np.testing.assert_array_equal(w.masks, before)


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (MemoryError("no room"), "smaller model"),
        (ImportError("no timm"), "restart the kernel"),
        (RuntimeError("no luck"), "another model"),
    ],
    ids=repr,
)
def test_errors_of_others_get_a_remedy_of_their_kind(error, remedy):
    def fail():
        raise error

    network = Network(drawn_photo(6, 8), ModelSource("broken", fail), threads=None)
    with pytest.raises(ModelError, match=f"the model could not be loaded: {type(error).__name__}: no") as caught:
        network.load()
    assert remedy in caught.value.hint
