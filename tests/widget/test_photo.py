"""What is shown where no kernel runs."""

import base64
import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from samwidget.images.overlay import SNAPSHOT_BYTES_MAX, SNAPSHOT_SIDE_MAX
from samwidget.widget.saved_page import draw_after_cells
from tests.widget.fakes import TIMEOUT_S


def opened(data):
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image


def colour(found):
    return [int(found.colour[n : n + 2], 16) for n in (1, 3, 5)]


def test_the_snapshot_is_the_photo_with_tinted_masks_and_outlines(make):
    widget = make(np.full((96, 128, 3), 200, np.uint8), opacity=0.5)
    found = widget.add(box=[20, 20, 100, 80])
    picture = np.asarray(widget.snapshot())
    assert picture.shape == (96, 128, 3)
    assert (picture[~found.mask] == 200).all()
    assert np.abs(picture[50, 60].astype(int) - (np.array(colour(found)) + 200) / 2).max() <= 1
    x0, y0, _, _ = found.box_xyxy
    assert picture[50, x0].tolist() == colour(found)
    assert picture[y0, 60].tolist() == colour(found)
    assert (widget.image == 200).all()


def test_hidden_objects_are_not_drawn(make):
    widget = make()
    widget.add(box=[20, 20, 100, 80])
    widget.do("set_visible", object=1, visible=False)
    assert np.array_equal(np.asarray(widget.snapshot()), widget.image)


def test_a_mask_at_the_border_has_no_line_along_it(make):
    widget = make(opacity=0.0)
    widget.add(mask=np.ones((96, 128), bool))
    assert np.array_equal(np.asarray(widget.snapshot()), widget.image)


@pytest.mark.parametrize("size_hw", [(96, 128), (900, 1200), (1, 3000)])
def test_the_saved_picture_is_small(make, size_hw):
    rng = np.random.default_rng(0)
    widget = make(rng.integers(0, 255, (*size_hw, 3), np.uint8))
    widget.wait(TIMEOUT_S)
    saved = opened(widget._snapshot)
    assert (saved.format, max(saved.size)) == ("JPEG", min(max(size_hw), SNAPSHOT_SIDE_MAX))
    assert len(widget._snapshot) <= SNAPSHOT_BYTES_MAX


def test_the_saved_picture_follows_masks_threshold_and_opacity(make):
    widget = make(np.full((960, 1280, 3), 200, np.uint8))
    seen, colours = [], []
    for act in (
        lambda: None,
        lambda: widget.add(points=[[600, 400]]),
        lambda: colours.append(widget.add(mask=np.tri(960, 1280, dtype=bool)).colour),
        lambda: setattr(widget, "threshold", 2.0),
        lambda: setattr(widget, "opacity", 1.0),
        widget.clear,
    ):
        act()
        widget.wait(TIMEOUT_S)
        seen.append(widget._snapshot)
    assert len(set(seen)) == 5
    assert seen[0] == seen[-1]
    shown = np.asarray(opened(seen[4])).astype(int)
    second = np.array([int(colours[0][n : n + 2], 16) for n in (1, 3, 5)])
    assert np.abs(shown[180, 10] - second).max() < 12


def test_it_is_drawn_after_a_change_without_being_asked(make):
    widget = make()
    widget.wire.wait_for("trait:_snapshot")
    widget.add(points=[[60, 40]])
    widget.wire.wait_for("trait:_snapshot", count=2)


def test_a_closed_widget_leaves_no_picture_in_the_page(make):
    widget = make()
    widget.wire.wait_for("trait:_snapshot")
    widget.close()
    widget.close()
    # Twice: the page's model keeps the values from before the last update, too.
    assert [message["value"] for message, _ in widget.wire.all("trait:_snapshot")][-2:] == [b"", b""]


def test_displaying_shows_a_picture_beside_the_view(make):
    widget = make(np.full((900, 1200, 3), 200, np.uint8))
    bundle, _ = widget._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == widget.model_id
    assert bundle["text/plain"] == "SamWidget(1200 x 900 pixels, 0 objects)"
    picture = opened(base64.b64decode(bundle["image/png"]))
    assert (picture.format, picture.size) == ("PNG", (480, 360))


def test_no_picture_leaves_the_kernel_where_none_may_be_saved(make):
    widget = make(save_picture=False)
    widget.add(points=[[60, 40]])
    widget.wait(TIMEOUT_S)
    assert widget._snapshot == b""
    assert widget.wire.all("trait:_snapshot") == []
    assert set(widget._repr_mimebundle_()[0]) == {"application/vnd.jupyter.widget-view+json", "text/plain"}


class Events:
    """The events of IPython's shell."""

    def __init__(self):
        self.after_cell = []

    def register(self, name, function):
        assert name == "post_run_cell"
        self.after_cell.append(function)

    def unregister(self, name, function):
        self.after_cell.remove(function)

    def end_cell(self):
        for function in list(self.after_cell):
            function("the result of the cell")


@pytest.fixture
def events(monkeypatch):
    events = Events()
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(events=events))
    return events


def test_a_cell_that_has_changed_the_picture_ends_with_the_new_one(make, events):
    widget = make(np.full((96, 128, 3), 200, np.uint8))
    events.end_cell()
    first = widget._snapshot
    assert opened(first).size == (128, 96)
    widget.add(points=[[60, 40]])
    events.end_cell()
    second = widget._snapshot
    assert second != first
    sent = len(widget.wire.all("trait:_snapshot"))
    events.end_cell()
    assert len(widget.wire.all("trait:_snapshot")) == sent
    widget.close()
    events.end_cell()
    assert events.after_cell == []


def test_a_dropped_widget_is_not_kept_by_the_cells(events):
    photo = type("Photo", (), {})()
    draw_after_cells(photo)
    del photo
    events.end_cell()
    assert events.after_cell == []
