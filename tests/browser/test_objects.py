"""Objects: accept, name, hide, delete, select again, undo and redo."""

CUP = (290, 110)
TABLE = (40, 350)


def test_accept_then_the_next_object(open_notebook):
    notebook = open_notebook()
    widget = notebook.widget().ready()
    widget.click(*CUP)
    widget.press("Enter")
    widget.click(*TABLE)
    assert widget.objects().count() == 2
    assert notebook.python("[list(w.masks.shape), len(w.objects)]") == [[2, 400, 600], 2]
    widget.part("accept").click()
    widget.wait("s.active === null")


def test_rename_hide_and_delete(open_notebook):
    notebook = open_notebook()
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


def test_undo_redo_by_button_key_and_python(open_notebook):
    notebook = open_notebook()
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


def test_click_a_mask_to_select_and_refine_it_again(open_notebook):
    notebook = open_notebook()
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


def test_everything_by_keyboard_alone(open_notebook):
    notebook = open_notebook()
    widget = notebook.widget().ready()
    widget.part("stage").focus()
    notebook.page.keyboard.press("ArrowRight")
    notebook.page.keyboard.press("ArrowDown")
    widget.press("Space")
    assert notebook.python("len(w.objects)") == 1
    widget.press("Enter")
    notebook.page.keyboard.press("?")
    assert widget.part("help-panel").is_visible()
    notebook.page.keyboard.press("Escape")
    assert not widget.part("help-panel").is_visible()
    widget.press("Control+z")
    assert notebook.python("len(w.objects)") == 0
