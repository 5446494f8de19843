"""The kernel at work: a running cell, a slow and a failing encoder, errors on the screen."""

CUP = (290, 110)

SLOW = """
import time
from samwidget import SamPredictor, SamWidget
p = SamPredictor.from_pretrained()
encode = p._segmenter.encode
def slow(image, threads=None):
    time.sleep(4)
    return encode(image, threads=threads)
p._segmenter.encode = slow
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


def test_a_click_while_a_cell_runs_is_not_lost(open_notebook):
    notebook = open_notebook("from samwidget import SamWidget\nw = SamWidget('coffee.jpg')\nw")
    widget = notebook.widget().ready()
    notebook.page.evaluate(
        "void window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute("
        "{code: 'import time; time.sleep(4)'})"
    )
    notebook.wait_for_kernel("busy")
    widget.click(*CUP, settle=False)
    widget.wait("s.objects === 1", 20)
    assert notebook.python("len(w.objects)") == 1


def test_the_photo_is_there_before_the_encoder_ends_and_early_clicks_are_kept(open_notebook):
    notebook = open_notebook(SLOW)
    widget = notebook.widget()
    widget.wait("s.image && s.phase === 'encoding'")
    widget.click(*CUP, settle=False)
    widget.wait("s.pending === 1 && s.phase === 'encoding'", 5)
    widget.wait("s.phase === 'ready' && s.objects === 1 && s.pending === 0")
    assert notebook.python("w.objects[0].mask[110, 290].item()") is True


def test_an_encoder_that_fails_says_so_and_can_be_tried_again(open_notebook):
    notebook = open_notebook(FAILING)
    widget = notebook.widget()
    widget.wait("s.phase === 'failed'")
    error = widget.part("error")
    assert "the encoder fell over" in error.inner_text()
    assert "press Retry" in error.inner_text()
    widget.click(*CUP, settle=False)
    notebook.python("setattr(p._segmenter, 'encode', encode)")
    widget.part("retry").click()
    widget.wait("s.phase === 'ready' && s.objects === 1 && s.pending === 0")
    assert notebook.python("len(w.objects)") == 1


def test_a_closed_widget_leaves_the_page(open_notebook):
    notebook = open_notebook()
    widget = notebook.widget().ready()
    notebook.python("w.close()")
    widget.root.wait_for(state="detached", timeout=10_000)
