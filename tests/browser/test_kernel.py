"""The kernel at work, and its ends: a running cell, a failing model, a kernel that dies, hangs or comes back."""

import os
import signal

import pytest

from tests.browser.lab import KERNEL

CUP = (290, 110)
BESIDE = (330, 140)
SAUCER = (330, 300)  # below any banner

HELD = """
import threading
from samwidget import SamPredictor, SamWidget
gate = threading.Event()
p = SamPredictor.from_pretrained()
encode = p._segmenter.encode
def held(image, threads=None):
    gate.wait()
    return encode(image, threads=threads)
p._segmenter.encode = held
w = SamWidget('coffee.jpg', predictor=p)
w
"""

FAILING = """
from samwidget import ModelError, SamPredictor, SamWidget
p = SamPredictor.from_pretrained()
encode = p._segmenter.encode
def failing(image, threads=None):
    raise ModelError('the encoder fell over', hint='press Retry')
p._segmenter.encode = failing
w = SamWidget('coffee.jpg', predictor=p)
w
"""


def test_a_click_while_a_cell_runs_is_not_lost(warm_notebook):
    notebook = warm_notebook("from samwidget import SamWidget\nw = SamWidget('coffee.jpg')\nw")
    widget = notebook.widget().ready()
    notebook.page.evaluate(
        "void window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute("
        "{code: 'import time; time.sleep(4)'})"
    )
    notebook.wait_for_kernel("busy")
    widget.click(*CUP, settle=False)
    widget.wait("s.objects === 1")
    assert notebook.python("len(w.objects)") == 1


def test_the_photo_is_there_before_the_encoder_ends_and_early_clicks_are_kept(warm_notebook):
    notebook = warm_notebook(HELD)
    widget = notebook.widget()
    widget.wait("s.image && s.phase === 'encoding'")
    widget.click(*CUP, settle=False)
    widget.wait("s.pending === 1 && s.phase === 'encoding'")
    notebook.python("gate.set()")
    widget.wait("s.phase === 'ready' && s.objects === 1 && s.pending === 0")
    assert notebook.python("w.objects[0].mask[110, 290].item()") is True


def test_an_encoder_that_fails_says_so_and_can_be_tried_again(warm_notebook):
    notebook = warm_notebook(FAILING)
    widget = notebook.widget()
    widget.wait("s.phase === 'failed'")
    error = widget.part("error")
    assert "The encoder fell over. Press Retry." in error.inner_text()
    widget.click(*CUP, settle=False)
    notebook.python("setattr(p._segmenter, 'encode', encode)")
    widget.part("retry").click()
    widget.wait("s.phase === 'ready' && s.objects === 1 && s.pending === 0")
    assert notebook.python("len(w.objects)") == 1


def test_a_closed_widget_leaves_the_page(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    notebook.python("w.close()")
    widget.root.wait_for(state="detached")


def open_refining(open_notebook):
    """A view that refines an object, and the list that its page's uncaught exceptions go to."""
    notebook = open_notebook()
    escapes = []
    notebook.page.on("pageerror", lambda error: escapes.append(str(error)))
    widget = notebook.widget().ready()
    widget.click(*CUP)
    return notebook, widget, escapes


def assert_gone(widget):
    """Banner, dot and hint say that there is no kernel, and what to do; the object is still to be seen."""
    widget.wait("s.dot === 'off' && s.failure === 'no_kernel'")
    error = widget.part("error").inner_text()
    assert "The kernel is gone" in error
    assert "Run the cell again" in error
    status = widget.root.inner_text()
    assert "No kernel" in status
    assert "There is no kernel. Run the cell to continue." in status
    assert widget.objects().count() == 1


def run_again(notebook):
    """Runs the cell again: the new view works, and shows nothing of the old kernel."""
    notebook.wait_for_kernel("idle")
    notebook.run_all()
    widget = notebook.widget().ready()
    assert not widget.part("error").is_visible()
    assert widget.state()["dot"] == "good"
    assert widget.objects().count() == 0
    widget.click(*CUP)
    assert notebook.python("len(w.objects)") == 1
    return widget


def test_a_kernel_that_was_shut_down_is_said_at_the_first_failed_send(open_notebook):
    notebook, widget, escapes = open_refining(open_notebook)
    notebook.shut_down()
    notebook.page.evaluate("window.jupyterapp.serviceManager.sessions.refreshRunning()")
    notebook.page.wait_for_function(f"!{KERNEL}")  # now JupyterLab knows
    widget.click(*BESIDE, settle=False)  # a refine gesture: its press asks for the mask before its click does
    assert_gone(widget)
    widget.part("dismiss").click()
    widget.wait("s.failure === null")
    widget.drag((200, 200), (260, 260), settle=False)
    assert_gone(widget)
    assert escapes == []


def test_a_click_into_a_kernel_that_was_shut_down_unnoticed_is_said_when_jupyter_knows(open_notebook):
    notebook, widget, escapes = open_refining(open_notebook)
    notebook.shut_down()
    widget.click(*BESIDE, settle=False)
    widget.wait("(s.dot === 'busy' && s.urgent.includes('busy')) || s.dot === 'off'")
    assert_gone(widget)
    assert escapes == []


def test_a_kernel_that_dies_is_said_and_the_cell_that_runs_again_works(open_notebook):
    notebook, widget, escapes = open_refining(open_notebook)
    notebook.page.evaluate(f"void {KERNEL}.requestExecute({{code: 'import os; os._exit(1)'}})")
    notebook.page.get_by_text("appears to have died").wait_for()
    notebook.page.keyboard.press("Enter")
    widget.click(*BESIDE, settle=False)
    assert_gone(widget)
    run_again(notebook)
    assert escapes == []


def test_a_kernel_that_is_restarted_is_said_before_anybody_clicks(open_notebook):
    notebook, widget, escapes = open_refining(open_notebook)
    notebook.page.evaluate(f"{KERNEL}.restart()")
    assert_gone(widget)
    run_again(notebook)
    assert escapes == []


def test_a_kernel_that_hangs_is_busy_then_silent_then_back_with_the_click(open_notebook):
    notebook, widget, escapes = open_refining(open_notebook)
    process = notebook.python("__import__('os').getpid()")
    os.kill(process, signal.SIGSTOP)
    try:
        widget.click(*BESIDE, settle=False)
        widget.wait("s.dot === 'busy' && s.urgent === 'The kernel is busy. Your clicks are kept.'")
        widget.wait("s.urgent.startsWith('The kernel does not answer.')")
    finally:
        os.kill(process, signal.SIGCONT)
    widget.wait("s.pending === 0 && s.dot === 'good'")
    assert "Reconnected" in widget.root.inner_text()
    assert len(notebook.python("w.objects[0].prompts.points_xy.tolist()")) == 2
    assert escapes == []


def test_an_interrupted_kernel_goes_on(open_notebook):
    notebook, widget, escapes = open_refining(open_notebook)
    notebook.page.evaluate(f"void {KERNEL}.requestExecute({{code: 'import time; time.sleep(60)'}})")
    notebook.wait_for_kernel("busy")
    notebook.page.evaluate(f"{KERNEL}.interrupt()")
    widget.click(*BESIDE)
    assert len(notebook.python("w.objects[0].prompts.points_xy.tolist()")) == 2
    assert escapes == []


def test_a_page_without_a_network_keeps_the_click(open_notebook):
    notebook, widget, escapes = open_refining(open_notebook)
    notebook.page.context.set_offline(True)
    widget.click(*BESIDE, settle=False)
    widget.wait("s.dot === 'busy' && s.pending === 1")
    notebook.page.context.set_offline(False)
    widget.wait("s.pending === 0 && s.dot === 'good'")
    assert len(notebook.python("w.objects[0].prompts.points_xy.tolist()")) == 2
    assert escapes == []


UNLOADABLE = "from samwidget import SamWidget\nw = SamWidget('coffee.jpg', model='nobody/nothing')\nw"
NO_MEMORY = FAILING.replace("ModelError('the encoder fell over', hint='press Retry')", "MemoryError()")


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (UNLOADABLE, "nobody/nothing is not on this machine, and downloading is off or the hub cannot be reached."),
        (FAILING, "The encoder fell over."),
        (NO_MEMORY, "does not fit into memory. Free memory, or take a smaller model."),
    ],
    ids=["cannot be loaded", "fails on the image", "out of memory"],
)
def test_a_failed_model_gives_way_to_the_bundled_one_in_one_click(warm_notebook, cell, message):
    notebook = warm_notebook(cell)
    widget = notebook.widget()
    widget.wait("s.phase === 'failed' && s.image")
    error = widget.part("error").inner_text()
    assert message in error
    assert "`" not in error
    assert widget.state()["dot"] == "bad"
    assert "There is no model. Try again, or use the bundled network." in widget.root.inner_text()
    widget.click(*SAUCER, settle=False)
    widget.wait("s.pending === 1 && s.urgent.endsWith('Your clicks are kept.')")
    widget.part("use-bundled").click()
    widget.wait("s.phase === 'ready' && s.objects === 1 && s.pending === 0 && s.dot === 'good'")
    assert not widget.part("error").is_visible()
    assert notebook.python("(w.predictor.name, w.objects[0].mask[300, 330].item())") == ["nano", True]


def test_stop_while_clicks_strokes_and_saving_run_loses_nothing_and_keeps_the_order(open_notebook):
    """Stop comes before each part of the work: a dropped message comes again, and none overtakes another."""
    notebook = open_notebook(
        "from samwidget import SamWidget\n"
        "w = SamWidget('coins.jpg', classes=['small', 'large'], session='stop.samw')\n"
        "w"
    )
    widget = notebook.widget().ready()
    kernel = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"

    def stop():
        notebook.page.evaluate(f"void {kernel}.interrupt()")

    def settle():
        widget.wait("s.pending === 0")
        notebook.wait_for_python("w.saving['phase'] == 'saved'")

    coins = [(45, 54), (101, 57), (335, 44), (216, 52)]
    for number, coin in enumerate(coins):
        if number % 2:
            notebook.page.evaluate(f"void {kernel}.requestExecute({{code: 'import time; time.sleep(1)'}})")
        stop()
        notebook.page.mouse.click(*widget.at(*coin))
        stop()
        notebook.page.keyboard.press(str(1 + number % 2))
        stop()
        notebook.page.keyboard.type(f"coin{number}")
        stop()
        notebook.page.keyboard.press("Enter")
    settle()
    labels = notebook.python("[[item.name, item.class_name] for item in w.objects]")
    assert labels == [["coin0", "small"], ["coin1", "large"], ["coin2", "small"], ["coin3", "large"]]

    widget.objects().nth(0).locator('[data-sw="name"]').click()
    widget.part("tool-brush").click()
    settle()
    strokes = range(5)
    painted = "[bool(w.objects[0].mask[251 + 4 * k, 24 + 40 * k]) for k in range(5)]"
    for k in strokes:
        stop()
        widget.draw((20 + 40 * k, 251 + 4 * k), (30 + 40 * k, 251 + 4 * k))
        stop()
        notebook.page.mouse.up()
    settle()
    assert notebook.python(painted) == [True] * 5
    for key, expected in (("Control+z", [False] * 5), ("Control+y", [True] * 5)):
        for _ in strokes:
            stop()
            notebook.page.keyboard.press(key)
        settle()
        assert notebook.python(painted) == expected
    masks = "[[item.name, int(item.area)] for item in {}]"
    on_disk = notebook.python(masks.format("__import__('samwidget').replay('stop.samw', 'coins.jpg')"))
    assert on_disk == notebook.python(masks.format("w.objects"))
