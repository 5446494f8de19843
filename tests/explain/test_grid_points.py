"""What became of each point of a grid: the kept ones are those of the search, the others have a reason."""

import collections

import pytest

from samwidget import explain
from samwidget.errors import PromptError
from samwidget.explain.film import Disc, Text
from samwidget.explain.grid_points import DUPLICATE, FATES, GAVE_OBJECT, LOW_SCORE, UNSTABLE


@pytest.fixture(scope="module")
def points(nano, disc):
    return explain.grid_search(nano, disc[0], points_per_side=5)


def test_the_kept_objects_are_those_of_everything(nano, disc, points):
    expected = nano.everything(disc[0], points_per_side=5)
    kept = {found_object.id: found_object for point in points for found_object in point.objects}
    assert sorted(kept) == sorted(found_object.id for found_object in expected)
    for point in points:
        assert (point.fate == GAVE_OBJECT) == bool(point.objects)
        for found_object in point.objects:
            assert found_object.point_xy == pytest.approx(point.point_xy)


def test_each_other_point_has_the_rule_that_left_it_out(nano, disc, points):
    options = nano.everything_defaults
    for point in points:
        if point.fate == LOW_SCORE:
            assert float(point.reason.split()[2].strip(",")) <= options.pred_iou_thresh + 0.005
        if point.fate == UNSTABLE:
            assert float(point.reason.split()[2].strip(",")) <= options.stability_score_thresh + 0.005
    fates = collections.Counter(point.fate for point in points)
    assert fates[GAVE_OBJECT] >= 1
    assert fates[DUPLICATE] >= 1


def test_the_film_asks_row_by_row(disc, points):
    film = explain.everything_film(disc[0], points)
    (scenes,) = film.scenes.values()
    assert len(scenes) == 1 + 5
    for row, scene in enumerate(scenes):
        asked = sum(isinstance(item, Disc) and item.edge == "#ffffff" and item.x < 650 for item in scene.items)
        assert asked == 5 * row
    counts = [int(item.text) for item in scenes[-1].items if isinstance(item, Text) and item.x == 928]
    assert counts == [sum(point.fate == fate for point in points) for fate in FATES]


def test_a_grid_has_at_least_one_point(nano, disc):
    with pytest.raises(PromptError, match="points_per_side is 0"):
        explain.grid_search(nano, disc[0], 0)
    with pytest.raises(PromptError, match="no points"):
        explain.everything_film(disc[0], ())
