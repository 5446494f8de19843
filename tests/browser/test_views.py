"""Many views: two of one widget, two widgets, a cell run again, a reload, a restarted kernel."""

from tests.browser.lab import KERNEL

CUP = (290, 110)


def test_two_views_of_one_widget_show_the_same(warm_notebook):
    notebook = warm_notebook("from samwidget import SamWidget\nw = SamWidget('coffee.jpg')\nw", "w", height=1700)
    first, second = notebook.widget(0).ready(), notebook.widget(1).ready()
    first.click(*CUP)
    second.wait("s.objects === 1")
    assert first.objects().first.inner_text() == second.objects().first.inner_text()
    second.press("Control+z", settle=False)


def test_two_widgets_never_meet(warm_notebook):
    notebook = warm_notebook(
        "from samwidget import SamWidget, SamPredictor\np = SamPredictor.from_pretrained()",
        "w = SamWidget('coffee.jpg', predictor=p)\nw",
        "other = SamWidget('chelsea.jpg', predictor=p)\nother",
        height=1700,
    )
    first, second = notebook.widget(0).ready(), notebook.widget(1).ready()
    first.click(*CUP)
    second.click(150, 150)
    second.click(250, 150)
    assert notebook.python("[len(w.objects[0].prompts.points_xy), len(other.objects[0].prompts.points_xy)]") == [1, 2]
    assert notebook.python("[list(w.masks.shape), list(other.masks.shape)]") == [[1, 400, 600], [1, 300, 451]]


def test_the_same_cell_shown_again_and_a_reload_keep_the_objects(open_notebook):
    notebook = open_notebook()
    widget = notebook.widget().ready()
    widget.click(*CUP)
    widget.click(CUP[0] + 30, CUP[1] + 20)
    notebook.save()
    notebook.open()
    again = notebook.widget()
    again.ready()
    again.wait("s.objects === 1")
    with again.change():
        again.part("undo").click()
    assert notebook.python("len(w.objects[0].prompts.points_xy)") == 1
    with again.change():
        again.part("redo").click()
    assert notebook.python("len(w.objects[0].prompts.points_xy)") == 2


def test_after_a_kernel_restart_the_cell_works_again(open_notebook):
    notebook = open_notebook()
    notebook.widget().ready().click(*CUP)
    notebook.page.evaluate(f"{KERNEL}.restart()")
    notebook.wait_for_kernel("idle")
    notebook.run_all()
    widget = notebook.widget().ready()
    assert widget.state()["objects"] == 0
    widget.click(*CUP)
    assert notebook.python("len(w.objects)") == 1
