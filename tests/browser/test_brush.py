"""Correcting masks by hand: brush, eraser, lasso, polygon, scribble, and the sliders of the tray."""

import json

import numpy as np

from tests.browser.lab import Fingers
from tests.browser.pixels import assert_drawn, mask_of, on_stage, stage_pixels

CUP = (290, 110)
TABLE = (520, 60)
TABLE_2 = (560, 330)


def test_a_missing_piece_is_painted_erased_and_undone(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    widget.click(*CUP)
    before = mask_of(notebook)
    assert not before[TABLE[1], TABLE[0]]

    widget.part("tool-brush").click()
    widget.stroke(TABLE, (540, 80), (560, 60))
    painted = mask_of(notebook)
    assert painted[60, 520]
    assert painted[60, 560]
    assert (painted | before == painted).all(), "nothing of the mask went"
    assert notebook.python("w.objects[0].area") == painted.sum()
    assert notebook.python("len(w.objects)") == 1

    widget.part("tool-eraser").click()
    widget.stroke((560, 60), (550, 70))
    erased = mask_of(notebook)
    assert not erased[60, 560]
    assert erased[60, 520]

    for expected in (painted, before):
        with widget.change():
            notebook.page.keyboard.press("Control+z")
        assert (mask_of(notebook) == expected).all()
    assert notebook.python("w.objects[0].prompts.points_xy.shape") == [1, 2], "the click is back"


def test_a_stroke_is_on_the_screen_before_the_kernel_answers_and_stays_as_it_was(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    widget.click(*CUP)
    widget.part("tool-brush").click()
    widget.page.mouse.move(*widget.at(*TABLE_2))
    notebook.wait_for_frames()
    x, y = on_stage(widget, *TABLE)
    before = stage_pixels(widget).astype(int)
    widget.draw(TABLE, (560, 60))
    drawn = stage_pixels(widget).astype(int)
    assert np.abs(drawn - before)[y, x].max() > 20, "drawn while the button is down"
    assert not notebook.python("bool(w.masks[0][60, 520])")
    with widget.change():
        widget.page.mouse.up()
    notebook.wait_for_frames()
    settled = stage_pixels(widget).astype(int)
    # Around the stroke: the point goes, whose click is no longer the prompt. An outline may move by part of a pixel.
    left, top = on_stage(widget, 500, 40)
    right, bottom = on_stage(widget, 580, 80)
    window = slice(top, bottom), slice(left, right)
    changed = np.abs(drawn - before).max(axis=2)[window] > 20
    moved = np.abs(settled - drawn).max(axis=2)[window] > 60
    assert moved.sum() < 0.1 * changed.sum(), (moved.sum(), changed.sum())


def test_what_was_painted_is_drawn_as_python_has_it(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    widget.part("tool-brush").click()
    for _ in range(5):
        notebook.page.keyboard.press("]")
    widget.stroke((100, 60), (200, 80), (150, 140))
    assert_drawn(widget, mask_of(notebook))


def test_alt_paints_away_and_a_refused_stroke_goes_and_says_why(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    widget.click(*CUP)
    area = notebook.python("w.objects[0].area")
    widget.part("tool-brush").click()
    notebook.page.keyboard.down("Alt")
    widget.stroke(CUP, (300, 120))
    notebook.page.keyboard.up("Alt")
    assert notebook.python("w.objects[0].area") < area
    notebook.python("w.lock([1])")
    widget.wait("s.pending === 0")
    widget.page.mouse.move(*widget.at(*TABLE_2))
    notebook.wait_for_frames()
    before = stage_pixels(widget).astype(int)
    widget.draw(TABLE, (560, 60))
    widget.page.mouse.up()
    widget.root.locator(".sw-error").get_by_text("locked").wait_for()
    widget.page.mouse.move(*widget.at(*TABLE_2))
    notebook.wait_for_frames()
    x, y = on_stage(widget, 540, 60)
    widget.root.locator(".sw-error .sw-close").click()
    widget.page.mouse.move(*widget.at(*TABLE_2))
    notebook.wait_for_frames()
    assert np.abs(stage_pixels(widget).astype(int) - before)[y, x].max() < 20


def test_lasso_polygon_and_scribble(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    widget.part("tool-lasso").click()
    widget.stroke((450, 40), (560, 40), (560, 110), (450, 110))
    lasso = mask_of(notebook)
    assert lasso[75, 505]
    assert not lasso[200, 505]

    widget.part("tool-polygon").click()
    for at in ((450, 250), (560, 250), (505, 330)):
        widget.page.mouse.click(*widget.at(*at))
    with widget.change():
        notebook.page.keyboard.press("Enter")
    both = mask_of(notebook)
    assert both[270, 505]
    assert both[75, 505]
    assert notebook.python("len(w.objects)") == 1

    widget.press("Enter")
    widget.part("tool-scribble").click()
    widget.stroke((270, 90), (300, 120), (320, 100))
    assert notebook.python("len(w.objects)") == 2
    assert notebook.python("set(w.objects[1].prompts.labels.tolist()) == {1}")
    assert notebook.python("len(w.objects[1].prompts.labels)") > 1


def test_a_slide_is_one_step_and_shows_its_result(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    widget.click(*CUP)
    before = mask_of(notebook)
    widget.part("mend-switch").click()
    slider = widget.part("mend-grow")
    slider.focus()
    for _ in range(4):
        with widget.change():
            notebook.page.keyboard.press("ArrowRight")
    grown = mask_of(notebook)
    assert grown.sum() > before.sum()
    assert (grown | before == grown).all()
    widget.part("stage").focus()
    with widget.change():
        notebook.page.keyboard.press("Control+z")
    assert (mask_of(notebook) == before).all()
    assert widget.part("mend-grow").input_value() == "0"


def test_the_outline_is_dragged_coarsened_and_kept_as_one_step(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    widget.click(*CUP)
    before = mask_of(notebook)
    notebook.page.keyboard.press("u")
    all_corners = widget.wait("s.corners && s.corners[0].length > 8")["corners"]
    lowest = max(all_corners[0], key=lambda corner: corner[1])
    target = (lowest[0], lowest[1] + 50)
    inside = (lowest[0], lowest[1] + 20)
    widget.draw(lowest, target)
    x, y = on_stage(widget, *inside)
    drawn = stage_pixels(widget).astype(int)
    widget.page.mouse.up()
    notebook.page.keyboard.press("Escape")
    widget.wait(f"JSON.stringify(s.corners) === '{json.dumps(all_corners, separators=(',', ':'))}'")
    widget.page.mouse.move(*widget.at(*TABLE_2))
    notebook.wait_for_frames()
    assert np.abs(stage_pixels(widget).astype(int) - drawn)[y, x].max() > 20, "drawn while the button was down"

    widget.draw(lowest, target)
    widget.page.mouse.up()
    detail = widget.part("detail")
    detail.focus()
    notebook.page.keyboard.press("Home")
    few = widget.wait(f"s.corners[0].length < {len(all_corners[0])}")["corners"]
    assert min(np.hypot(x - target[0], y - target[1]) for x, y in few[0]) < 2, "the corner that was moved stays"
    notebook.page.keyboard.press("End")
    widget.wait(f"s.corners[0].length > {len(few[0])}")
    assert (mask_of(notebook) == before).all(), "nothing is kept yet"
    widget.part("stage").focus()
    widget.press("Enter")
    after = mask_of(notebook)
    assert after[int(inside[1]), int(inside[0])]
    assert (after != before).sum() < 0.3 * before.sum()
    widget.wait("s.corners && s.corners.length > 0")
    widget.press("Control+z")
    assert (mask_of(notebook) == before).all()


def test_brush_lasso_polygon_and_outline_with_a_finger(open_notebook):
    notebook = open_notebook(width=420, height=800)
    widget = notebook.widget().ready()
    fingers = Fingers(notebook.page)
    widget.part("tool-brush").click()
    with widget.change():
        fingers.follow(widget.at(100, 60), widget.at(200, 80))
    assert mask_of(notebook)[70, 150]
    widget.part("tool-lasso").click()
    with widget.change():
        fingers.follow(*[widget.at(*at) for at in ((450, 40), (560, 40), (560, 110), (450, 110))])
    assert mask_of(notebook)[75, 505]
    widget.part("tool-polygon").click()
    for at in ((450, 250), (560, 250), (505, 350)):
        fingers.tap(*widget.at(*at))
    with widget.change():
        fingers.tap(*widget.at(450, 250))
    before = mask_of(notebook)
    assert before[280, 505]
    assert notebook.python("len(w.objects)") == 1
    widget.part("tool-outline").click()
    corners = widget.wait("s.corners && s.corners.length === 3")["corners"]
    x, y = max((corner for polygon in corners for corner in polygon), key=lambda corner: corner[1])
    fingers.follow(widget.at(x, y), widget.at(x, y + 40))
    with widget.change():
        widget.part("accept").click()
    widget.wait("s.active === null && s.pending === 0")
    after = mask_of(notebook)
    assert after[int(y) + 20, int(x)]
    assert (before & ~after).sum() < 0.05 * before.sum()
