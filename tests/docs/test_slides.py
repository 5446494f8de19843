"""The slide types of the lessons follow the rule of docs/teaching.md."""

import pytest

from docs.mark_slides import slide_type


@pytest.mark.parametrize(
    ("kind", "source", "expected"),
    [
        ("markdown", "## Exercise 1\n\nLook.", "slide"),
        ("markdown", "Now look.", "subslide"),
        ("code", "w = lesson.widget(3)\nw", "subslide"),
        ("code", "explain.draw_candidates(nose)", "subslide"),
        ("code", "my_guess = None\n\nlesson.check(1, my_guess)", "skip"),
        ("code", "from samwidget import explain\n\nlesson = explain.one_click('photos')\nlesson", "skip"),
        ("code", "clicks = [1, 2]", "skip"),
    ],
)
def test_the_type_of_a_cell_follows_from_its_source(kind, source, expected):
    assert slide_type({"cell_type": kind, "source": source.splitlines(keepends=True)}) == expected
