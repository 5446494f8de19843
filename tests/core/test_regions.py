import numpy as np

from samwidget.core.regions import connected_regions


def grid(text):
    return np.array([[character == "#" for character in line] for line in text.split()])


def test_regions_touch_by_edges_and_not_by_corners():
    numbers, areas = connected_regions(grid("##..  ..#.  ..##"))
    assert areas.tolist() == [7, 2, 3]
    assert numbers.tolist() == [[1, 1, 0, 0], [0, 0, 2, 0], [0, 0, 2, 2]]
    assert connected_regions(grid(".."))[1].tolist() == [2]
