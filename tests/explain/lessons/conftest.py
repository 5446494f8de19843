"""The lessons, made once for each file of tests, and what a student clicks in them."""

from pathlib import Path

import pytest

from samwidget import explain

PHOTOS = Path(__file__).parents[3] / "notebooks/photos"


@pytest.fixture(scope="session")
def photos():
    """The folder of the photos and their masks."""
    return PHOTOS


@pytest.fixture(scope="module")
def open_lesson(nano):
    """A function that makes a lesson with the bundled network, such as ``one_click``, once for each file of tests."""
    lessons = {}

    def open_lesson(name):
        if name not in lessons:
            lessons[name] = getattr(explain, name)(PHOTOS, nano)
        return lessons[name]

    yield open_lesson
    for lesson in lessons.values():
        lesson.close()


@pytest.fixture
def clicks():
    """A function that makes one object in the widget of an exercise: x, y and label of each click."""

    def clicks(lesson, number, *points):
        lesson.reset(number)
        w = lesson.widget(number)
        w.add(points=[point[:2] for point in points], labels=[point[2] for point in points])
        return w.objects

    return clicks
