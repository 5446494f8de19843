"""A figure follows the clicks of a widget: the newest object, once for each change, until it is stopped."""

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

from samwidget import SamWidget, explain


@pytest.fixture
def widget(nano, disc):
    with SamWidget(disc[0], model=nano) as widget:
        yield widget


def test_the_figure_follows_the_newest_object(widget):
    drawn = []

    def draw(steps):
        drawn.append(steps.prompt.points_xy.tolist())
        return explain.draw_candidates(steps)

    following = explain.follow(widget, draw)
    assert following.steps is None
    assert drawn == []
    widget.add(points=[[60, 50]])
    widget.wait(60)
    assert drawn == [[[60, 50]]]
    assert bytes(following._picture.value).startswith(b"\x89PNG")
    assert np.array_equal(following.steps.mask, widget.objects[-1].mask)
    widget.rename(widget.objects[-1].id, "disc")
    widget.wait(60)
    assert len(drawn) == 1
    following.stop()
    widget.add(points=[[10, 10]])
    widget.wait(60)
    assert len(drawn) == 1


def test_an_object_that_is_there_is_drawn_at_once(widget):
    widget.add(points=[[60, 50]])
    assert explain.follow(widget, explain.draw_likeness).steps.prompt is widget.objects[-1].prompt
