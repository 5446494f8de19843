"""Objects: accept, name, hide, delete, select again, undo and redo."""

from playwright.sync_api import expect

CUP = (290, 110)
TABLE = (40, 350)


def test_accept_then_the_next_object(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    widget.click(*CUP)
    widget.press("Enter")
    widget.click(*TABLE)
    assert widget.objects().count() == 2
    assert notebook.python("[list(w.masks.shape), len(w.objects)]") == [[2, 400, 600], 2]
    widget.part("accept").click()
    widget.wait("s.active === null")


def test_rename_hide_and_delete(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    widget.click(*CUP)
    row = widget.objects().first
    row.locator('[data-sw="name"]').dblclick()
    notebook.page.keyboard.press("Control+a")
    notebook.page.keyboard.type("cup")
    widget.press("Enter")
    assert notebook.python("w.objects[0].name") == "cup"
    with widget.change():
        row.locator('[data-sw="visible"]').click()
    assert notebook.python("w.objects[0].visible") is False
    row.locator('[data-sw="delete"]').click()
    widget.wait("s.objects === 0")
    assert notebook.python("len(w.objects)") == 0


def test_undo_redo_by_button_key_and_python(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    widget.click(*CUP)
    widget.click(CUP[0] + 30, CUP[1] + 20)
    assert notebook.python("len(w.objects[0].prompts.points_xy)") == 2
    widget.press("Control+z")
    assert notebook.python("len(w.objects[0].prompts.points_xy)") == 1
    with widget.change():
        widget.part("undo").click()
    assert notebook.python("len(w.objects)") == 0
    notebook.python("w.redo()")
    widget.wait("s.objects === 1")
    with widget.change():
        widget.part("redo").click()
    assert notebook.python("len(w.objects[0].prompts.points_xy)") == 2


def test_click_a_mask_to_select_and_refine_it_again(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    widget.click(*CUP)
    widget.press("Enter")
    widget.press("v", settle=False)
    widget.wait("s.tool === 'select'")
    widget.click(*CUP)
    widget.wait("s.active === 1")
    widget.press("i", settle=False)
    widget.wait("s.tool === 'include'")
    widget.click(CUP[0] + 25, CUP[1] + 25)
    assert notebook.python("len(w.objects[0].prompts.points_xy)") == 2
    assert notebook.python("len(w.objects)") == 1


def test_everything_by_keyboard_alone(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    widget.part("stage").focus()
    notebook.page.keyboard.press("ArrowRight")
    notebook.page.keyboard.press("ArrowDown")
    widget.press("Space")
    assert notebook.python("len(w.objects)") == 1
    widget.press("Enter")
    notebook.page.keyboard.press("?")
    expect(widget.part("help-panel")).to_be_visible()
    notebook.page.keyboard.press("Escape")
    expect(widget.part("help-panel")).to_be_hidden()
    widget.press("Control+z")
    assert notebook.python("len(w.objects)") == 0


def test_escape_after_a_search_can_be_undone(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    notebook.python("w.everything(keep=False, points_per_side=12)")
    found = widget.wait("s.everything.phase === 'done' && s.everything.foundCount > 3")["everything"]
    widget.part("score-min").focus()
    notebook.page.keyboard.press("End")
    kept = widget.wait("s.everything.keptCount < s.everything.foundCount")["everything"]["keptCount"]
    widget.part("stage").focus()
    notebook.page.keyboard.press("Escape")
    widget.wait("s.everything.phase === 'none'")
    for redo in ("Control+Shift+z", "Control+y"):
        notebook.page.keyboard.press("Control+z")
        again = widget.wait("s.everything.phase === 'done'")["everything"]
        assert (again["foundCount"], again["keptCount"]) == (found["foundCount"], kept), "the choice is back, too"
        notebook.page.keyboard.press(redo)
        widget.wait("s.everything.phase === 'none'")
    with widget.change(settle=False):
        widget.part("undo").click()
    widget.wait("s.everything.phase === 'done'")
    notebook.page.keyboard.press("Enter")
    widget.wait(f"s.objects === {kept} && s.everything.phase === 'none'")


def many_coins(warm_notebook):
    notebook = warm_notebook(
        "from samwidget import SamWidget\nw = SamWidget('coins.jpg')\nw",
        "found = w.everything(points_per_side=12)\nfor n, item in enumerate(found): w.rename(item.id, f'coin {n + 1}')",
    )
    widget = notebook.widget().ready()
    widget.wait("s.objects > 15 && s.pending === 0")
    return widget


IS_IN_SIGHT = """(row) => { const [a, b] = [row, row.closest('.sw-scroll')].map((e) => e.getBoundingClientRect());
    return a.top >= b.top - 1 && a.bottom <= b.bottom + 1; }"""


def test_the_active_row_is_in_sight(warm_notebook):
    widget = many_coins(warm_notebook)
    rows = widget.objects()
    last = rows.count() - 1
    assert not rows.nth(last).evaluate(IS_IN_SIGHT)
    before = widget.page.evaluate("scrollY")
    widget.part("stage").focus()
    widget.press("[")
    widget.page.wait_for_function(IS_IN_SIGHT, arg=rows.nth(last).element_handle())
    widget.press("]")
    widget.page.wait_for_function(IS_IN_SIGHT, arg=rows.first.element_handle())
    assert widget.page.evaluate("scrollY") == before, "only the list scrolls"


def test_a_row_and_its_mask_point_to_each_other(warm_notebook):
    widget = many_coins(warm_notebook)
    # A coin in whose middle no other object lies.
    middles = "((round(x0 + x1) // 2, round(y0 + y1) // 2) for x0, y0, x1, y1 in (o.box_xyxy for o in w.objects))"
    row, inside = widget.notebook.python(
        f"next([row, [x, y]] for row, (x, y) in enumerate({middles}) if w.masks[:, y, x].sum() == w.masks[row, y, x])"
    )
    coin = widget.notebook.python(f"w.objects[{row}].id")
    drawn = """(stage) => { const canvas = [...stage.querySelectorAll('canvas')].at(-1);
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return data.some((value) => value > 0); }"""
    widget.leave()
    assert not widget.part("stage").evaluate(drawn)
    widget.objects().nth(row).hover()
    widget.wait(f"s.pointed === {coin}")
    widget.notebook.wait_for_frames()
    assert widget.part("stage").evaluate(drawn), "the mask is highlighted, and has its name"
    widget.leave()
    widget.wait("s.pointed === null")
    widget.notebook.wait_for_frames()
    assert not widget.part("stage").evaluate(drawn)
    widget.page.mouse.move(*widget.at(*inside))
    widget.wait(f"s.pointed === {coin}")
    assert "sw-pointed" in widget.objects().nth(row).get_attribute("class")
    widget.leave()
    widget.part("names-toggle").click()
    widget.leave()
    assert widget.part("stage").evaluate(drawn), "all names are on the photo"
