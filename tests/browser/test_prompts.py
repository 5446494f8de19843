"""Prompts: clicks, boxes, candidates and the preview under the pointer."""

import numpy as np

from tests.browser.pixels import assert_drawn, mask_of

CUP = (290, 110)
SPOON = (365, 285)
SAUCER = (130, 260)


def test_a_click_draws_the_mask_that_python_has(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    widget.click(*CUP)
    ((x, y),) = notebook.python("w.objects[0].prompts.points_xy.tolist()")
    assert max(abs(x - CUP[0]), abs(y - CUP[1])) < 1
    mask = mask_of(notebook)
    assert mask[CUP[1], CUP[0]]
    assert 0.01 < mask.mean() < 0.9
    assert_drawn(widget, mask)


def test_a_right_click_excludes(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    widget.click(*CUP)
    before = mask_of(notebook)
    ys, xs = np.nonzero(before)
    far = max(zip(xs, ys, strict=True), key=lambda p: abs(p[0] - CUP[0]) + abs(p[1] - CUP[1]))
    inside = (int(far[0] * 0.8 + CUP[0] * 0.2), int(far[1] * 0.8 + CUP[1] * 0.2))
    widget.click(*inside, button="right")
    assert notebook.python("w.objects[0].prompts.labels.tolist()") == [1, 0]
    assert notebook.page.locator(".lm-Menu").count() == 0, "JupyterLab's menu lies over the photo"
    assert (mask_of(notebook) != before).any()
    assert not mask_of(notebook)[inside[1], inside[0]]


def test_alt_click_and_the_exclude_tool_do_the_same(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    widget.click(*CUP)
    notebook.page.keyboard.down("Alt")
    widget.click(*SPOON)
    notebook.page.keyboard.up("Alt")
    widget.part("tool-exclude").click()
    widget.click(*SAUCER)
    assert notebook.python("w.objects[0].prompts.labels.tolist()") == [1, 0, 0]
    assert notebook.python("w.tool") == "exclude"


def test_boxes_in_a_row_make_several_objects(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    widget.part("tool-box").click()
    widget.drag((165, 10), (415, 310))
    widget.drag((320, 60), (430, 330))
    boxes = notebook.python("[o.prompts.box_xyxy.tolist() for o in w.objects]")
    assert np.abs(np.array(boxes) - [[165, 10, 415, 310], [320, 60, 430, 330]]).max() < 2
    assert widget.objects().count() == 2
    widget.part("tool-include").click()
    widget.click(*SPOON)
    assert notebook.python("w.objects[1].prompts.points_xy.shape") == [1, 2], "a click refines the box that is open"


def test_a_point_is_moved_by_dragging_and_removed_by_a_click(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    widget.click(*CUP)
    widget.click(*SAUCER)
    widget.drag(SAUCER, (150, 200))
    points = np.array(notebook.python("w.objects[0].prompts.points_xy.tolist()"))
    assert np.abs(points - [CUP, (150, 200)]).max() < 2
    widget.click(150, 200)
    assert notebook.python("len(w.objects[0].prompts.points_xy)") == 1


def test_a_box_handle_resizes_the_box(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    widget.drag((165, 10), (415, 310))
    widget.drag((415, 310), (450, 330))
    box = notebook.python("w.objects[0].prompts.box_xyxy.tolist()")
    assert np.abs(np.array(box) - [165, 10, 450, 330]).max() < 3
    assert notebook.python("len(w.objects)") == 1


def test_three_candidates_and_the_level_is_remembered(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    widget.click(*CUP)
    assert widget.part("candidate").count() == 3
    # Until a level is chosen the best candidate is shown, whichever it is.
    pressed = [widget.part("candidate").nth(n).get_attribute("aria-pressed") for n in range(3)]
    other = (pressed.index("true") + 1) % 3
    before = mask_of(notebook)
    widget.press(str(other + 1))
    assert (mask_of(notebook) != before).any()
    widget.click(CUP[0] + 20, CUP[1] + 10)
    assert notebook.python("w.objects[0].level") == other


def test_the_mask_under_the_pointer_appears_before_any_click(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    encodes = notebook.python("w.predictor.encodes")
    notebook.page.mouse.move(*widget.at(200, 300))
    notebook.page.mouse.move(*widget.at(*CUP))
    widget.wait("s.preview === true")
    assert notebook.python("len(w.objects)") == 0
    widget.click(*CUP)
    assert notebook.python("len(w.objects)") == 1
    assert notebook.python("w.predictor.encodes") == encodes


def test_the_preview_can_be_switched_off(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    widget.part("hover-toggle").click()
    widget.root.evaluate(
        "(root) => { window.previews = 0; new MutationObserver(() => {"
        " if (JSON.parse(root.getAttribute('data-sw-state')).preview) window.previews++; }"
        ").observe(root, { attributeFilter: ['data-sw-state'] }); }"
    )
    notebook.page.mouse.move(*widget.at(200, 300))
    notebook.page.mouse.move(*widget.at(*CUP))
    widget.wait("s.pointer")
    notebook.wait_for_python("w.hover is False")
    assert widget.state()["preview"] is False
    assert notebook.page.evaluate("window.previews") == 0
    # Switched on again, the next preview comes after every one that was asked for before.
    widget.part("hover-toggle").click()
    assert notebook.page.evaluate("window.previews") == 0
    notebook.page.mouse.move(*widget.at(*CUP))
    widget.wait("s.preview")


def test_the_threshold_moves_the_outline_and_the_masks(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    widget.click(*CUP)
    area = notebook.python("int(w.masks[0].sum())")
    widget.part("threshold").focus()
    for _ in range(10):
        notebook.page.keyboard.press("ArrowRight")
    widget.wait("Math.abs(s.threshold - 1) < 1e-6")
    notebook.wait_for_python("abs(w.threshold - 1) < 1e-6")
    assert abs(notebook.python("w.threshold") - 1) < 1e-6
    assert notebook.python("int(w.masks[0].sum())") < area
    assert notebook.python("w.document['objects'][0]['area']") == notebook.python("int(w.masks[0].sum())")
