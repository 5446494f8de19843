"""A student solves exercises of the lessons in a real JupyterLab, with the cells of the notebooks themselves."""

import shutil

import nbformat
import pytest

from tests.browser.conftest import ROOT

NOTEBOOKS = ROOT / "notebooks"


@pytest.fixture
def open_lesson(lab, open_notebook):
    """A function that opens the cells of a lesson that have one of these words, and runs them."""
    shutil.copytree(NOTEBOOKS / "photos/masks", lab.folder / "masks", dirs_exist_ok=True)

    def open_lesson(number, *words):
        (path,) = (NOTEBOOKS / "lessons").glob(f"{number:02}_*.ipynb")
        sources = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        cells = [source.replace("../photos", ".") for source in sources if any(word in source for word in words)]
        assert len(cells) == len(words)
        for session in lab.folder.glob("lesson_*.samw*"):
            session.unlink()
        return open_notebook(*cells)

    return open_lesson


def result_of(notebook, number):
    """What the check of an exercise says about the widget's objects."""
    return notebook.python(f"repr(lesson.check({number}))")


def test_lesson_2_bars_grow_with_each_click(open_lesson):
    notebook = open_lesson(2, "lesson = ", "w = lesson", "meter = ")
    w = notebook.widget().ready()
    for x, y in ((300, 150), (365, 290)):
        w.click(x, y)
        w.press("Enter", settle=False)
        w.wait("s.active === null")
    notebook.page.get_by_role("button", name="Forget the embedding").click()
    w.root.scroll_into_view_if_needed()
    w.click(450, 200)
    notebook.wait_for_python("[encode > 0 for encode, decode in meter.clicks] == [True, False, True]")
    assert result_of(notebook, 4).startswith("Right. 3 objects")


def test_lesson_3_the_slider_moves_the_mask(open_lesson):
    notebook = open_lesson(3, "lesson = ", "slider = ", "w = lesson")
    w = notebook.widget().ready()
    handle = notebook.page.locator(".noUi-handle").first
    handle.focus()
    for _ in range(7):
        handle.press("ArrowRight")
    notebook.wait_for_python("slider.slider.value == 1.75 and slider.area < 20_000")
    assert notebook.python("bool(lesson.check(3, slider.slider.value))")
    w.root.scroll_into_view_if_needed()
    w.click(150, 300)
    assert "Now press Enter" in result_of(notebook, 4)


def test_lesson_7_a_box_and_an_exclusion(open_lesson):
    notebook = open_lesson(7, "lesson = ", "w4 = lesson")
    w = notebook.widget().ready()
    w.part("stage").focus()
    notebook.page.keyboard.press("b")
    w.drag((19, 132), (363, 505))
    assert "a box cannot say" in result_of(notebook, 4)
    notebook.page.keyboard.press("e")
    w.click(220, 120)
    assert result_of(notebook, 4).startswith("Right.")
