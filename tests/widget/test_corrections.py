"""Corrections of masks: each is one step, exact to the pixel, and a click afterwards refines what it made."""

from types import SimpleNamespace

import numpy as np
import pytest

from samwidget.core.frame import Frame
from samwidget.core.prompt import Prompt
from samwidget.core.rle import RunLengths
from samwidget.document import Document
from samwidget.errors import PromptError
from samwidget.widget.commands import Commands
from tests.widget.fakes import WiredWidget, fake_masks

FRAME = Frame.padded((48, 64), 64, 16)
HOLED = [[5, 5], [25, 5], [25, 25], [5, 25]]


class FakeNetwork:
    frame = FRAME

    def __init__(self):
        self.asked = []

    def predict(self, prompt):
        self.asked.append(prompt)
        return fake_masks(prompt, FRAME)


@pytest.fixture
def parts():
    """A document, its commands and its network. Object 1 is a block of 20 x 20 pixels, object 2 one beside it."""
    document, network = Document(), FakeNetwork()
    commands = Commands(document, network)
    for x in (10, 26):
        pixels = np.zeros((48, 64), bool)
        pixels[10:30, x : x + 20] = True
        commands.add(Prompt(), pixels, None)
    return SimpleNamespace(document=document, commands=commands, corrections=commands.corrections, network=network)


def mask_of(parts, object_id):
    state = parts.document.state
    return state.objects[state.index(object_id)].mask


def block(x0, y0, x1, y1):
    pixels = np.zeros((48, 64), bool)
    pixels[y0:y1, x0:x1] = True
    return pixels


def test_a_stroke_is_one_step_and_exact(parts):
    before = parts.document.state
    item = parts.corrections.paint(1, [[20.5, 40.5]], 3, erase=False)
    assert np.array_equal(item.mask & block(0, 0, 64, 35), block(10, 10, 30, 30))
    assert item.mask[40, 20]
    assert (item.id, item.name, item.score, item.level) == (1, "object 1", 1.0, None)
    assert len(item.prompt.points_xy) == 0
    parts.document.undo()
    assert parts.document.state is before


def test_the_eraser_takes_away(parts):
    item = parts.corrections.fill_polygon(1, [[0, 0], [64, 0], [64, 20], [0, 20]], erase=True)
    assert np.array_equal(item.mask, block(10, 20, 30, 30))


def test_a_stroke_without_an_object_begins_one_and_the_next_corrects_it(parts):
    first = parts.corrections.paint(None, [[50, 40], [60, 40]], 4, erase=False)
    assert (first.id, parts.document.state.active) == (3, 3)
    second = parts.corrections.paint(None, [[50, 40], [50, 46]], 2, erase=False)
    assert second.id == 3
    assert second.area > first.area


def test_a_correction_of_a_click_forgets_its_points_and_undo_brings_them_back(parts):
    parts.commands.add_point(40, 30, 1)
    active = parts.document.active_object()
    corrected = parts.corrections.paint(None, [[2, 2]], 3, erase=False)
    assert corrected.id == active.id
    assert len(corrected.prompt.points_xy) == 0
    assert parts.document.state.active_candidates is None
    parts.document.undo()
    assert parts.document.active_object().prompt == active.prompt


def test_a_click_refines_a_corrected_mask_through_the_mask_prompt(parts):
    corrected = parts.corrections.paint(1, [[20.5, 40.5]], 3, erase=False)
    parts.commands.select(1)
    parts.commands.add_point(15, 15, 1)
    asked = parts.network.asked[-1]
    assert np.array_equal(asked.mask, corrected.prompt.mask)
    assert asked.points_xy.tolist() == [[15, 15]]
    assert parts.document.active_object().exact_mask is None


def test_what_changes_nothing_is_no_step(parts):
    before = parts.document.state
    parts.corrections.paint(1, [[20, 20]], 2, erase=False)
    parts.corrections.paint(1, [[200, 200]], 2, erase=True)
    parts.corrections.subtract(1, [1])
    parts.corrections.adjust(1, "fill_holes", 1000)
    parts.corrections.adjust(1, "grow", 0)
    parts.corrections.set_polygons(1, parts.corrections.polygons(1, 0))
    assert parts.document.state is before


@pytest.mark.parametrize(
    ("correct", "message"),
    [
        (lambda c: c.fill_polygon(1, [[0, 0], [64, 0], [64, 48], [0, 48]], erase=True), "nothing would be left of"),
        (lambda c: c.adjust(1, "shrink", 30), "nothing would be left of"),
        (lambda c: c.subtract(1, [1, 2, 9]), "there is no object 9"),
        (lambda c: c.merge([1]), "only object given"),
        (lambda c: c.split(1), "one piece"),
        (lambda c: c.paint(None, [[1, 1]], 2, erase=True), "no object is active"),
        (lambda c: c.paint(None, [[-50, 1]], 2, erase=False), "no pixel under the stroke"),
        (lambda c: c.paint(7, [[1, 1]], 2, erase=False), "there is no object 7"),
        (lambda c: c.set_polygons(1, [[[70, 1], [80, 1], [80, 9]]]), "nothing would be left of"),
        (lambda c: c.set_polygons(7, [[[1, 1], [9, 1], [9, 9]]]), "there is no object 7"),
        (lambda c: c.weighted_polygons(7), "there is no object 7"),
    ],
)
def test_what_cannot_be_done_changes_nothing(parts, correct, message):
    before = parts.document.state
    with pytest.raises(PromptError, match=message) as raised:
        correct(parts.corrections)
    assert raised.value.hint
    assert parts.document.state is before


def test_polygons_of_a_mask_with_a_hole_and_two_pieces(parts):
    parts.corrections.fill_polygon(1, [[15, 15], [20, 15], [20, 20], [15, 20]], erase=True)
    item = parts.corrections.fill_polygon(1, [[50, 40], [60, 40], [60, 45]], erase=False)
    polygons = parts.corrections.polygons(1, 3)
    assert len(polygons) == 3
    moved = [polygon + np.array([4, 0]) for polygon in parts.corrections.polygons(1, 0)]
    corrected = parts.corrections.set_polygons(1, moved)
    assert np.array_equal(corrected.mask, np.roll(item.mask, 4, axis=1))
    assert (corrected.id, corrected.name, corrected.score) == (1, "object 1", 1.0)
    parts.document.undo()
    assert np.array_equal(mask_of(parts, 1), item.mask)


def test_beyond_so_many_corners_those_of_the_lowest_weights_are_left_out(parts, monkeypatch):
    parts.corrections.paint(1, [[20, 40]], 6, erase=False)
    every = np.concatenate(parts.corrections.weighted_polygons(1))
    assert np.isfinite(every).all()
    monkeypatch.setattr("samwidget.widget.corrections.CORNERS_MAX", len(every) - 1)
    some = np.concatenate(parts.corrections.weighted_polygons(1))
    assert 6 <= len(some) < len(every)
    assert some[:, 2].min() > every[:, 2].min()
    monkeypatch.setattr("samwidget.widget.corrections.CORNERS_MAX", 5)
    with pytest.raises(PromptError, match="more than 1 outlines") as raised:
        parts.corrections.weighted_polygons(1)
    assert "islands" in raised.value.hint


def test_merge_intersect_and_subtract(parts):
    merged = parts.corrections.merge([2, 1])
    assert [item.id for item in parts.document.state.objects] == [2]
    assert np.array_equal(merged.mask, block(10, 10, 46, 30))
    parts.document.undo()
    subtracted = parts.corrections.subtract(2, [1])
    assert np.array_equal(subtracted.mask, block(30, 10, 46, 30))
    assert np.array_equal(mask_of(parts, 1), block(10, 10, 30, 30))
    parts.document.undo()
    both = parts.corrections.intersect([1, 2])
    assert [item.id for item in parts.document.state.objects] == [1]
    assert np.array_equal(both.mask, block(26, 10, 30, 30))


def test_the_active_object_that_merges_into_another_is_active_no_more(parts):
    parts.commands.select(2)
    parts.corrections.merge([1, 2])
    assert parts.document.state.active is None


def test_pieces_become_objects_above_the_first(parts):
    parts.commands.set_class([1], "cat")
    parts.corrections.fill_polygon(1, [[15, 0], [17, 0], [17, 48], [15, 48]], erase=True)
    pieces = parts.corrections.split(1)
    assert [(item.id, item.name) for item in parts.document.state.objects] == [
        (1, "object 1"), (3, "object 3"), (2, "object 2"),
    ]  # fmt: skip
    assert np.array_equal(pieces[0].mask, block(17, 10, 30, 30))
    assert np.array_equal(pieces[1].mask, block(10, 10, 15, 30))
    assert pieces[1].class_name == "cat"
    assert pieces[1].colour == pieces[0].colour
    parts.document.undo()
    assert [item.id for item in parts.document.state.objects] == [1, 2]


def test_pieces_without_a_class_have_colours_of_their_own(parts):
    parts.corrections.fill_polygon(1, [[15, 0], [17, 0], [17, 48], [15, 48]], erase=True)
    first, second = parts.corrections.split(1)
    assert first.colour != second.colour


def test_a_slider_is_one_step_and_begins_with_the_same_mask(parts):
    steps = parts.document.state
    parts.corrections.adjust(1, "grow", 1)
    parts.corrections.adjust(1, "grow", 5, continues=True)
    slid = parts.corrections.adjust(1, "grow", 3, continues=True)
    parts.document.undo()
    assert parts.document.state is steps
    assert np.array_equal(slid.mask, parts.corrections.adjust(1, "grow", 3).mask)


def test_a_slider_that_comes_back_to_zero_leaves_no_step(parts):
    before = parts.document.state
    parts.corrections.adjust(1, "shrink", 4)
    parts.corrections.adjust(1, "shrink", 0, continues=True)
    assert parts.document.state is before
    assert parts.corrections.adjust(1, "shrink", 2, continues=True).area == 16 * 16
    parts.document.undo()
    assert parts.document.state is before


def test_a_slider_that_goes_too_far_keeps_the_step_before(parts):
    shrunk = parts.corrections.adjust(1, "shrink", 4)
    with pytest.raises(PromptError, match="nothing would be left"):
        parts.corrections.adjust(1, "shrink", 40, continues=True)
    assert np.array_equal(mask_of(parts, 1), shrunk.mask)


def test_a_slider_does_not_continue_over_another_change(parts):
    grown = parts.corrections.adjust(1, "grow", 2)
    parts.commands.rename(1, "cup")
    twice = parts.corrections.adjust(1, "grow", 2, continues=True)
    assert twice.area > grown.area
    parts.document.undo()
    assert parts.document.state.objects[0].name == "cup"


def test_a_locked_object_refuses_and_the_others_may_use_it(parts):
    parts.commands.set_locked([1], True)
    before = parts.document.state
    for correct in (
        lambda c: c.paint(1, [[0, 0]], 3, erase=False),
        lambda c: c.merge([2, 1]),
        lambda c: c.intersect([1, 2]),
        lambda c: c.adjust(1, "grow", 3),
        lambda c: c.subtract(1, [2]),
    ):
        with pytest.raises(PromptError, match="object 1 is locked") as raised:
            correct(parts.corrections)
        assert "unlock(1)" in raised.value.hint
        assert parts.document.state is before
    assert parts.corrections.subtract(2, [1]).area == 16 * 20


def test_a_scribble_is_points_along_the_stroke(parts):
    parts.commands.scribble([[0, 20], [64, 20]], 1)
    item = parts.document.active_object()
    assert len(item.prompt.points_xy) == 8
    assert item.prompt.points_xy[:, 1].tolist() == [20] * 8
    assert np.allclose(np.diff(item.prompt.points_xy[:, 0]), 8)
    parts.commands.scribble([[3, 3]], 0)
    assert parts.document.active_object().prompt.labels.tolist() == [1] * 8 + [0]
    assert len(parts.network.asked) == 2
    with pytest.raises(PromptError, match="outside the image"):
        parts.commands.scribble([[-5, -5], [-9, -2]], 1)


@pytest.fixture
def widget():
    with WiredWidget() as made:
        made.wait()
        yield made


def test_a_stroke_from_the_browser_comes_out_everywhere(widget):
    widget.do("add_point", x=64, y=48, label=1)
    before = widget.objects[0].mask
    name = widget.do("paint", object=None, points=[[10, 10], [30, 10]], radius=5, erase=False)
    item = widget.objects[0]
    assert np.array_equal(item.mask, before | item.mask)
    assert item.mask[10, 20]
    assert np.array_equal(widget.masks[0], item.mask)
    assert np.array_equal(widget.label_map() == 1, item.mask)
    summary = widget.document["objects"][0]
    assert (summary["points"], summary["area"], widget.document["candidates"]) == ([], int(item.mask.sum()), [])
    assert widget.wire.wait_for("masks", re=name)[0]["masks"][0]["mask"] == summary["mask"]
    with pytest.warns(UserWarning, match="made from a mask"):
        assert widget.request()["input_data"]["data"]
    assert widget.response()
    assert np.asarray(widget.snapshot()).any()


def test_the_threshold_moves_no_exact_mask_and_a_correction_begins_with_what_is_shown(widget):
    widget.do("add_point", x=64, y=48, label=1)
    widget.threshold = 3
    shown = widget.objects[0].mask
    widget.do("paint", object=None, points=[[5, 5]], radius=3, erase=False)
    corrected = widget.objects[0].mask
    assert np.array_equal(corrected[20:], shown[20:])
    widget.threshold = -3
    assert np.array_equal(widget.objects[0].mask, corrected)


def test_every_correction_by_message(widget):
    widget.do("fill_polygon", object=None, points=HOLED, erase=False)
    widget.do("fill_polygon", object=1, points=[[10, 10], [15, 10], [15, 15], [10, 15]], erase=True)
    assert widget.objects[0].area == 375
    widget.do("adjust", object=1, operation="fill_holes", amount=100, continues=False)
    assert widget.objects[0].area == 400
    widget.do("accept")
    widget.do("fill_polygon", object=None, points=[[60, 5], [70, 5], [70, 15], [60, 15]], erase=False)
    widget.do("merge", objects=[1, 2])
    assert widget.objects[0].area == 500
    widget.do("split", object=1)
    assert [item.area for item in widget.objects] == [400, 100]
    widget.do("subtract", object=1, others=[3])
    widget.do("adjust", object=3, operation="grow", amount=1, continues=False)
    assert widget.objects[1].area == 140
    name = widget.do("polygons", object=1)
    (polygon,) = widget.wire.wait_for("polygons", re=name)[0]["polygons"]
    assert all(len(corner) == 3 for corner in polygon)
    widget.do("set_polygons", object=1, polygons=[[[x, y + 2] for x, y, _ in polygon]])
    assert widget.objects[0].box_xyxy == (5, 7, 25, 27)
    widget.do("undo")
    widget.do("set_locked", objects=[1], locked=True)
    refused = widget.say("paint", object=1, points=[[5, 5]], radius=9, erase=True)
    assert "locked" in widget.wire.wait_for("error", re=refused)[0]["message"]
    refused = widget.say("set_polygons", object=1, polygons=[[[1, 1], [9, 1], [9, 9]]])
    assert "locked" in widget.wire.wait_for("error", re=refused)[0]["message"]
    widget.do("set_locked", objects=[1], locked=False)
    widget.do("delete_objects", objects=[1, 3])
    assert widget.objects == ()


def test_runs_cost_kilobytes_in_the_history(parts):
    item = parts.corrections.paint(1, [[20.5, 40.5]], 3, erase=False)
    assert isinstance(item.run_lengths, RunLengths)
    assert item.run_lengths.byte_count < 400
