"""The frame of a lesson: results, checks of saved prompts, hints for what cannot be checked, and the reset."""

import numpy as np
import pytest

from samwidget import SamWidget
from samwidget.errors import PromptError
from samwidget.explain import Exercise, Lesson, Result
from samwidget.explain.lessons.exercises import judge_object


def judge(value):
    if value == "broken":
        raise PromptError("it is broken", hint="mend it")
    return Result(value == 3, "Three is right." if value == 3 else "Count again.")


@pytest.fixture
def lesson(nano, disc):
    image, truth = disc
    exercises = (
        Exercise("Write 3.", judge),
        Exercise("Click.", judge_object(lambda last: Result(len(last.prompt.points_xy) == 2, "Two?"), image, nano)),
    )
    lesson = Lesson(image, truth, nano, exercises)
    yield lesson
    lesson.close()


@pytest.mark.parametrize(
    ("value", "passed", "words"),
    [
        (3, True, "Right. Three is right."),
        (4, False, "Not yet. Count again."),
        (None, False, "Not yet. Do this first: Write 3."),
        ((), False, "Do this first"),
        ("broken", False, "cannot be checked: it is broken: mend it"),
    ],
)
def test_a_result_is_true_where_it_is_right_and_says_why(lesson, value, passed, words):
    result = lesson.check(1, value)
    assert bool(result) is result.passed is passed
    assert words in repr(result)
    assert lesson.results == {1: result}
    assert ("solved  1. Write 3." in repr(lesson)) is passed
    assert ("1. <b>solved</b> &nbsp; Write 3." in lesson._repr_html_()) is passed


def test_a_message_is_text_in_the_notebook():
    assert "&lt;b&gt;" in Result(False, "<b>")._repr_html_()


@pytest.mark.parametrize("number", [0, 3, "1"])
def test_there_is_no_other_exercise(lesson, number):
    for call in (lesson.check, lesson.widget, lesson.reset):
        with pytest.raises(PromptError, match="exercises 1 to 2"):
            call(number)


def test_the_widget_is_checked_and_reset(lesson):
    w = lesson.widget(2)
    assert lesson.widget(2) is w
    assert "Do this first" in lesson.check(2).message
    w.add(points=[[60, 50], [62, 52]])
    assert lesson.check(2)
    lesson.reset(1)
    assert lesson.results[2]
    lesson.reset()
    assert lesson.results == {}
    assert w.objects == ()


def test_a_hint_says_which_of_several_objects_is_checked(lesson):
    w = lesson.widget(2)
    w.add(points=[60, 50])
    assert lesson.check(2).message == "Two?"
    w.add(points=[62, 52])
    assert "You have 2 objects, and the last one is checked" in lesson.check(2).message
    w.add(points=[[60, 50], [62, 52]])
    assert lesson.check(2).message == "Two?"


def test_clicks_are_there_again_and_can_be_graded_from_their_file(lesson, nano, disc, tmp_path):
    path = tmp_path / "clicks.samw"
    w = lesson.widget(2, path)
    w.add(points=[[60, 50], [62, 52]])
    w.save()
    assert lesson.check(2, path)
    assert lesson.check(2, w.request())
    again = Lesson(*disc, nano, lesson.exercises)
    again.widget(2, path)
    assert again.check(2)
    again.close()


@pytest.mark.parametrize(
    ("prompt", "message"),
    [({"box": [40, 30, 80, 70]}, "has a box"), ({"mask": np.ones((96, 128), np.bool_)}, "has no clicks")],
)
def test_other_prompts_are_refused(lesson, disc, prompt, message):
    with SamWidget(disc[0], predictor=lesson.predictor) as w:
        w.add(**prompt)
        result = lesson.check(2, w.objects)
    assert not result
    assert message in result.message
