"""``Detections`` of supervision, there and back, and of anything with its fields."""

from types import SimpleNamespace

import numpy as np
import pytest

from samwidget.errors import FormatError
from samwidget.formats import LabelledImage, LabelledObject
from samwidget.formats.detections import from_detections, to_detections
from tests.formats.masks import plain, runs_of

IMAGE = LabelledImage(
    "a.png",
    (2, 3),
    (
        LabelledObject(runs_of("##.", "##."), class_name="cat", name="Tom", score=0.5),
        LabelledObject(runs_of(".##", "..."), score=0.25),
    ),
)


def test_there_and_back():
    pytest.importorskip("supervision")
    detections = to_detections(IMAGE, ["dog"])
    assert detections.class_id.tolist() == [1, 2]
    assert detections.xyxy.tolist() == [[0, 0, 2, 2], [1, 0, 3, 1]]
    assert detections.area.tolist() == [4, 2]
    again = from_detections(detections, (2, 3))
    assert [plain(item) for item in again.objects] == [plain(item) for item in IMAGE.objects]


def test_boxes_become_masks_and_scores_may_be_missing():
    pytest.importorskip("supervision")
    detections = to_detections(LabelledImage("a.png", (2, 3), (LabelledObject(box=(0, 0, 2, 1)),)))
    assert (detections.mask.sum(), detections.confidence) == (2, None)
    assert len(to_detections(LabelledImage("a.png", (2, 3)))) == 0


def test_anything_with_the_fields_of_detections():
    boxes = SimpleNamespace(xyxy=np.array([[0, 0, 9, 1], [1, 0, 2, 2]]), class_id=np.array([0, 5]))
    objects = from_detections(boxes, (2, 3), ["cat"]).objects
    assert [(item.box, item.class_name, item.score) for item in objects] == [
        ((0, 0, 3, 1), "cat", None),
        ((1, 0, 2, 2), "class 5", None),
    ]


def test_masks_have_the_size_of_the_image():
    wrong = SimpleNamespace(xyxy=np.zeros((1, 4)), mask=np.zeros((1, 5, 5), bool))
    with pytest.raises(FormatError, match="the masks have shape"):
        from_detections(wrong, (2, 3))


def test_without_supervision_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "supervision", None)
    with pytest.raises(FormatError, match="pip install supervision"):
        to_detections(IMAGE)
