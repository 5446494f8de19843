"""A student solves exercises of the lessons in a real JupyterLab, with the cells of the notebooks themselves."""

import shutil

import nbformat
import pytest

from tests.browser.conftest import ROOT

NOTEBOOKS = ROOT / "notebooks"


@pytest.fixture
def open_lesson(lab, warm_notebook):
    """A function that opens the cells of a lesson that have one of these words, and runs them."""
    shutil.copytree(NOTEBOOKS / "photos/masks", lab.folder / "masks", dirs_exist_ok=True)

    def open_lesson(number, *words):
        (path,) = (NOTEBOOKS / "lessons").glob(f"{number:02}_*.ipynb")
        sources = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        cells = [source.replace("../photos", ".") for source in sources if any(word in source for word in words)]
        assert len(cells) == len(words)
        for session in lab.folder.glob("lesson_*.samw*"):
            session.unlink()
        return warm_notebook(*cells)

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
    for _ in range(9):
        handle.press("ArrowRight")
    notebook.wait_for_python("slider.slider.value == 2.25 and slider.area < 20_000")
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
    assert result_of(notebook, 4).startswith("Not yet.")
    notebook.page.keyboard.press("e")
    w.click(220, 120)
    assert result_of(notebook, 4).startswith("Right.")


def test_lesson_5_the_map_of_likeness_follows_the_click(open_lesson):
    notebook = open_lesson(5, "lesson = ", "w3 = lesson", "explain.follow(w3")
    notebook.widget().ready().click(110, 260)
    image = notebook.page.locator(".widget-image")
    notebook.page.wait_for_function("(image) => image.naturalWidth > 900", arg=image.element_handle())
    assert result_of(notebook, 3).startswith("Right.")


def test_lesson_6_a_click_changes_a_number_from_afar(open_lesson):
    notebook = open_lesson(6, "lesson = ", "w4 = lesson")
    w = notebook.widget().ready()
    w.click(220, 120)
    assert "Only a click that excludes" in result_of(notebook, 4)
    w.click(300, 300, button="right")
    assert "158 pixels away" in result_of(notebook, 4)


def test_lesson_8_the_figure_follows_a_slider(open_lesson):
    notebook = open_lesson(8, "lesson = ", "sliders = ")
    handle = notebook.page.locator(".widget-slider .noUi-handle").first
    handle.focus()
    handle.press("ArrowLeft")
    notebook.wait_for_python("sliders.settings['points_per_side'] == 6", 60)
    assert "Ask more points" in notebook.python("lesson.check(3, sliders.settings).message")


def test_lesson_9_the_model_learns_from_the_labels_of_a_student(open_lesson):
    notebook = open_lesson(9, "lesson = ", "w2 = lesson")
    w = notebook.widget().ready()
    w.click(71, 97)
    assert "stem of the left mushroom" in result_of(notebook, 2)
    w.click(71, 150, button="right")
    w.press("Enter", settle=False)
    w.wait("s.active === null")
    w.click(240, 95)
    w.click(240, 150, button="right")
    assert "Both caps are labelled" in result_of(notebook, 2)
    learned = notebook.python("explain.teach_caps(lesson, w2.objects, 'caps', photos=1, steps=1).curve[-1].step", 180)
    assert learned == 1


def test_lesson_10_the_photo_to_mend_is_blurred(open_lesson):
    notebook = open_lesson(10, "lesson = ", "w4 = lesson")
    w = notebook.widget().ready()
    w.click(220, 120)
    assert "include it" in result_of(notebook, 4)
    w.click(150, 350)
    assert result_of(notebook, 4).startswith("Right.")
