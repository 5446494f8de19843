"""Focus: Escape gives the keys back to the notebook, and the wheel scrolls the page where there is nothing to zoom."""

import pytest

from tests.browser.conftest import FIRST_CELL

CUP = (290, 110)
TALL_CELL = "print('\\n' * 80)"


@pytest.fixture
def widget(warm_notebook):
    """A view with a tall page below it."""
    return warm_notebook(FIRST_CELL, TALL_CELL).widget().ready()


# How far the notebook is scrolled, CSS pixels.
SCROLL_TOP = "Math.max(...[...document.querySelectorAll('.jp-Notebook, .jp-Notebook *')].map((e) => e.scrollTop))"


CELL_COUNT = "window.jupyterapp.shell.currentWidget.content.model.cells.length"


def cell_count(page):
    return page.evaluate(CELL_COUNT)


def turn_wheel(widget, by, ctrl=False):
    page = widget.page
    page.mouse.move(*widget.at(*CUP))
    if ctrl:
        page.keyboard.down("Control")
    page.mouse.wheel(0, by)
    if ctrl:
        page.keyboard.up("Control")
    widget.notebook.wait_for_frames()


def test_escape_gives_the_keys_back_to_the_notebook(widget):
    page = widget.page
    before = cell_count(page)
    widget.click(*CUP)
    page.keyboard.press("b")
    assert widget.part("name-field").input_value() == "b", "while the widget has the focus, keys are its own"
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    assert not widget.root.evaluate("(root) => root.contains(document.activeElement)")
    page.keyboard.press("b")
    page.wait_for_function(f"{CELL_COUNT} === {before + 1}")
    assert widget.notebook.python("[item.name for item in w.objects]") == ["object 1"]


def test_escape_ends_what_was_begun_before_it_leaves(widget):
    page = widget.page
    before = cell_count(page)
    widget.part("stage").focus()
    for key in ("ArrowRight", "?", "Escape", "Escape"):
        page.keyboard.press(key)
    assert widget.part("stage").evaluate("(stage) => stage === document.activeElement")
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    page.wait_for_function(f"{CELL_COUNT} === {before + 1}")


def test_escape_from_a_button_and_from_the_list(widget):
    page = widget.page
    before = cell_count(page)
    widget.click(*CUP)
    for step, name in enumerate(("tool-box", "object", "accept"), start=1):
        widget.part(name).locator("button").or_(widget.part(name)).first.focus()
        page.keyboard.press("Escape")
        page.keyboard.press("b")
        page.wait_for_function(f"{CELL_COUNT} === {before + step}")


def test_the_wheel_scrolls_the_page_while_the_whole_photo_is_in_sight(widget):
    page = widget.page
    widget.click(*CUP)
    fitted = widget.state()["stage"]["scale"]
    before = page.evaluate(SCROLL_TOP)
    turn_wheel(widget, 120)
    page.wait_for_function(f"{SCROLL_TOP} > {before}")
    assert widget.state()["stage"]["scale"] == fitted
    turn_wheel(widget, -240)
    page.wait_for_function(f"{SCROLL_TOP} <= {before}")
    assert widget.state()["stage"]["scale"] == fitted


def test_the_wheel_zooms_a_zoomed_photo_and_with_ctrl_any(widget):
    page = widget.page
    widget.click(*CUP)
    fitted = widget.state()["stage"]["scale"]
    turn_wheel(widget, -240, ctrl=True)
    scale = widget.wait(f"s.stage.scale > {fitted * 1.2}")["stage"]["scale"]
    turn_wheel(widget, -240)
    widget.wait(f"s.stage.scale > {scale * 1.2}")
    before = page.evaluate(SCROLL_TOP)
    for _ in range(3):  # until the photo is whole
        turn_wheel(widget, 240)
    widget.wait(f"s.stage.scale <= {fitted} + 1e-6")
    page.wait_for_timeout(400)
    turn_wheel(widget, 120)
    page.wait_for_function(f"{SCROLL_TOP} > {before}")
