"""Everything: watch the masks appear, stop, choose among them, keep them; by pointer, by keyboard and from Python."""

from tests.browser.lab import KERNEL

# The smallest mask that was found, and the pixel furthest from its outline: x, y.
SMALLEST = """(lambda inside: [int(v) + 0.5 for v in
    __import__('numpy').unravel_index(inside.argmax(), inside.shape)[::-1]])(
    __import__('scipy.ndimage').ndimage.distance_transform_edt(
        min(w._controller.everything._search.found_masks.values(),
            key=lambda item: item.found_object.area).found_object.mask))"""


def test_find_stop_filter_drop_keep_undo_redo(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    widget.part("everything").click()
    widget.wait("s.everything.phase === 'running' && s.everything.foundCount >= 3")
    assert "found" in widget.part("find-progress").inner_text()
    widget.part("find-cancel").click()
    search = widget.wait("s.everything.phase === 'cancelled'")["everything"]
    count = search["foundCount"]
    assert search["keptCount"] == count >= 3
    assert notebook.python("len(w.objects)") == 0
    assert widget.part("empty").inner_text() == "The found objects that you keep appear here."

    widget.part("area-min").focus()
    notebook.page.keyboard.press("End")
    assert widget.wait(f"s.everything.keptCount < {count}")["everything"]["keptCount"] >= 1
    notebook.page.keyboard.press("Home")
    widget.wait(f"s.everything.keptCount === {count}")

    x, y = notebook.python(SMALLEST)
    widget.click(x, y, settle=False)
    widget.wait(f"s.everything.keptCount === {count - 1}")
    assert widget.part("find-count").inner_text() == f"{count - 1} of {count}"
    widget.part("find-keep").click()
    kept = widget.wait("s.everything.phase === 'none' && s.pending === 0")["objects"]
    assert kept == count - 1 == notebook.python("len(w.objects)")
    assert widget.objects().count() == kept

    widget.press("Control+z")
    assert notebook.python("len(w.objects)") == 0
    widget.press("Control+Shift+z")
    assert notebook.python("len(w.objects)") == kept


def test_by_keyboard_alone(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    widget.part("stage").focus()
    notebook.page.keyboard.press("a")
    widget.wait("s.everything.foundCount >= 2")
    notebook.page.keyboard.press("Escape")
    count = widget.wait("s.everything.phase === 'cancelled'")["everything"]["foundCount"]
    # A again goes to the panel: from Keep back to Discard, the score and the area.
    for key in ("a", "Shift+Tab", "Shift+Tab", "Shift+Tab", "End"):
        notebook.page.keyboard.press(key)
    kept = widget.wait(f"s.everything.keptCount < {count}")["everything"]["keptCount"]
    notebook.page.keyboard.press("Enter")
    widget.wait("s.everything.phase === 'none' && s.pending === 0")
    assert notebook.python("len(w.objects)") == kept
    notebook.python("w.everything(keep=False, points_per_side=2, pred_iou_thresh=0, stability_score_thresh=0)")
    widget.wait("s.everything.phase === 'done' && s.everything.foundCount > 0")
    notebook.page.keyboard.press("Escape")
    widget.wait("s.everything.phase === 'none'")
    assert notebook.python("len(w.objects)") == kept


def test_masks_appear_while_a_cell_searches(warm_notebook):
    # The kernel's Python is not free meanwhile: what the view shows comes from the widget's own thread.
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    notebook.page.evaluate(f"void {KERNEL}.requestExecute({{code: 'found = w.everything(points_per_side=10)'}})")
    widget.wait("s.everything.phase === 'running' && s.everything.foundCount > 0")
    widget.wait("s.everything.phase === 'none' && s.objects > 0")
    assert notebook.python("[found == w.objects, len(found)]") == [True, widget.state()["objects"]]
