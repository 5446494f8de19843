import numpy as np

from samwidget.core.measure import box_of, iou


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
