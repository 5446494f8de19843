"""The code of ``to_python`` makes the same objects again."""

import numpy as np
import pytest

from tests.widget.fakes import FakePredictor, WiredWidget


@pytest.fixture
def widget():
    with WiredWidget(classes=["cat", 'it\'s "a" dog'], threshold=1) as made:
        yield made


def made_again(code, image):
    assert code.startswith("from samwidget import SamWidget\n")

    def make(photo, model, **kwargs):
        assert model == "fake"
        return WiredWidget(photo, FakePredictor(), **kwargs)

    names = {"image": image, "SamWidget": make}
    exec(code.split("\n", 1)[1], names)  # the code has no other import
    return names["w"]


def test_the_same_objects_come_of_the_code(widget):
    widget.do("add_point", x=60.4, y=40, label=1)
    widget.do("add_point", x=20, y=20.3, label=0)
    widget.add(points=[[30, 30]], box=[10, 10, 60.7, 50], name='a "name"', class_name="cat")
    widget.add(box=[10, 10, 60, 50], class_name='it\'s "a" dog')
    widget.add(mask=np.tri(96, 128, dtype=bool), name="below")
    widget.paint([[90, 80], [100, 80]], 3, 1)
    widget.select(2)
    widget.do("choose", level=0)
    widget.lock(3)
    code = widget.to_python()
    again = made_again(code, np.zeros((96, 128, 3), np.uint8))
    try:
        assert np.array_equal(again.masks, widget.masks)
        for before, after in zip(widget.objects, again.objects, strict=True):
            assert (before.name, before.class_name, before.locked) == (after.name, after.class_name, after.locked)
        assert (again.classes, again.threshold) == (widget.classes, 1)
    finally:
        again.close()


def test_a_line_is_short_where_it_can_be():
    with WiredWidget() as widget:
        widget.add(points=[[60, 40.5], [3, 4]])
        assert widget.to_python() == (
            "from samwidget import SamWidget\n\n"
            "w = SamWidget(image, model='fake')\n"
            "w.add(points=[[60, 40.5], [3, 4]], name='object 1')\n"
        )
