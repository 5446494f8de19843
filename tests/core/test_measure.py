import numpy as np

from samwidget.core.measure import box_of, iou, regions


def grid(text):
    return np.array([[character == "#" for character in line] for line in text.split()])


def test_box():
    assert box_of(grid("....  .##.  ..#.")) == (1, 1, 3, 3)
    assert box_of(grid("#")) == (0, 0, 1, 1)
    assert box_of(grid("...")) is None


def test_iou():
    assert iou(grid("##.."), grid(".##.")) == 1 / 3
    assert iou(grid("##"), grid("##")) == 1
    assert iou(grid("#."), grid(".#")) == 0
    assert iou(grid(".."), grid("..")) == 1


def test_regions_touch_by_edges_and_not_by_corners():
    numbers, areas = regions(grid("##..  ..#.  ..##"))
    assert areas.tolist() == [7, 2, 3]
    assert numbers.tolist() == [[1, 1, 0, 0], [0, 0, 2, 0], [0, 0, 2, 2]]
    assert regions(grid(".."))[1].tolist() == [2]
