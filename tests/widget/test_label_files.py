"""``export``, ``load`` and ``measure`` of a widget: to files of other programs and back."""

import json

import numpy as np
import pytest
from PIL import Image

from samwidget.errors import FormatError, SamWidgetWarning
from samwidget.formats import DataSet, LabelledImage, LabelledObject
from tests.formats.masks import box_runs
from tests.widget.fakes import WiredWidget

SIZE = (40, 60)


def square(x, y, side=8):
    mask = np.zeros(SIZE, bool)
    mask[y : y + side, x : x + side] = True
    return mask


@pytest.fixture
def photo(tmp_path):
    (tmp_path / "photos").mkdir()
    path = tmp_path / "photos" / "coins.png"
    Image.fromarray(np.full((*SIZE, 3), 90, np.uint8)).save(path)
    return path


@pytest.fixture
def widget(photo):
    with WiredWidget(photo, classes=["dog"]) as made:
        made.add(mask=square(4, 6), name="Tom", class_name="cat")
        made.add(mask=square(30, 6, 5))
        yield made


def state_of(widget):
    return [(item.name, item.class_name, item.mask.tolist()) for item in widget.objects]


@pytest.mark.parametrize(
    ("name", "options", "lost"),
    [
        ("labels.json", {}, ""),
        ("labels.json", {"polygons": True}, ""),
        ("labels.json", {"format": "labelme"}, ""),
        ("labels.geojson", {}, ""),
        ("labels.geojson", {"transform": (0.5, 0, 10, 0, -0.5, 20)}, ""),
        ("labels.png", {}, ""),
        ("labels.tif", {}, ""),
        ("set", {"format": "labelme"}, ""),
        ("set", {"format": "voc"}, ""),
        ("set", {"format": "yolo"}, "names"),
    ],
)
def test_objects_come_back_equal(tmp_path, photo, widget, name, options, lost):
    assert widget.export(tmp_path / name, **options) == tmp_path / name
    with WiredWidget(photo) as other:
        added = other.load(tmp_path / name)
        expected = state_of(widget)
        if lost:
            expected = [(f"object {i}", *rest) for i, (_, *rest) in enumerate(expected, 1)]
        assert state_of(other) == expected
        assert [item.id for item in added] == [1, 2]
        other.undo()
        assert other.objects == ()


def test_a_table_has_measures_and_comes_back_as_boxes_that_the_model_segments(tmp_path, photo, widget):
    pytest.importorskip("pandas")
    frame = widget.measure(pixel_size=0.5, unit="mm")
    assert frame["area_px"].tolist() == [64, 25]
    assert frame["area_mm2"].tolist() == [16, 6.25]
    assert frame["mean_red"].tolist() == [90, 90]
    assert frame["image"].tolist() == ["coins.png", "coins.png"]
    widget.export(tmp_path / "table.csv")
    with WiredWidget(photo) as other:
        added = other.load(tmp_path / "table.csv")
        assert [item.prompt.box_xyxy.tolist() for item in added] == [[4, 6, 12, 14], [30, 6, 35, 11]]
        assert [(item.name, item.class_name) for item in added] == [("Tom", "cat"), ("object 2", None)]


def test_cut_outs_and_the_names_of_files(tmp_path, widget):
    widget.export(tmp_path / "cuts", "cutouts")
    assert sorted(path.name for path in (tmp_path / "cuts").iterdir()) == ["coins_1_cat.png", "coins_2_object.png"]


def test_the_image_of_this_name_is_taken_from_many(tmp_path, photo, widget):
    right = LabelledImage("deep/coins.png", SIZE, (LabelledObject(box_runs(1, 1, 3, 3, SIZE), name="right"),))
    wrong = LabelledImage("b.png", SIZE, (LabelledObject(box_runs(1, 1, 3, 3, SIZE), name="wrong"),))
    with WiredWidget(photo) as other:
        assert [item.name for item in other.load(DataSet((wrong, right)))] == ["right"]
        assert [item.name for item in other.load(wrong)] == ["wrong"]  # the user chose it
        with pytest.raises(FormatError, match=r"the data set has no image called coins\.png: its 2 images are b\.png"):
            other.load(DataSet((wrong, wrong)))
        with pytest.raises(FormatError, match=r"several images called coins\.png"):
            other.load(DataSet((right, right)))
        assert len(other.objects) == 2


def test_masks_of_another_size_are_refused(tmp_path, widget):
    other = LabelledImage("coins.png", (5, 6), (LabelledObject(box_runs(1, 1, 3, 3, (5, 6))),))
    with pytest.raises(FormatError, match="has 6 x 5 pixels, and this image has 60 x 40"):
        widget.load(other)
    assert len(widget.objects) == 2


def test_boxes_and_masks_of_one_file(widget):
    objects = (LabelledObject(box_runs(1, 1, 3, 3, SIZE), name="mask"), LabelledObject(box=(5, 5, 20, 20), name="box"))
    assert [item.name for item in widget.load(LabelledImage("a", SIZE, objects))] == ["box", "mask"]


def test_names_that_a_widget_does_not_allow_are_cut(widget):
    objects = [
        LabelledObject(box_runs(1, 1, 3, 3, SIZE), name=name, class_name=class_name)
        for name, class_name in (("two\nlines", "x" * 100), ("\ud800", None))
    ]
    added = widget.load(LabelledImage("a", SIZE, tuple(objects)))
    assert [(item.name, item.class_name) for item in added] == [
        ("two lines", "x" * 80),
        (f"object {added[1].id}", None),
    ]


def test_a_file_without_objects_is_told(tmp_path, widget):
    widget.clear()
    widget.export(tmp_path / "labels.json")
    with pytest.warns(SamWidgetWarning, match=r"labels\.json has no objects of this image"):
        assert widget.load(tmp_path / "labels.json") == ()


def test_labels_never_replace_the_photo(photo, widget):
    before = photo.read_bytes()
    with pytest.raises(FormatError, match="is the image itself"):
        widget.export(photo)
    with pytest.raises(FormatError, match="is the image itself"):
        widget.export(photo.parent, "label_map")
    assert photo.read_bytes() == before


def test_an_image_that_is_no_file(tmp_path):
    with WiredWidget(np.zeros((*SIZE, 3), np.uint8)) as widget:
        widget.add(mask=square(4, 6))
        widget.export(tmp_path / "labels.json", "labelme")
        assert json.loads((tmp_path / "labels.json").read_text())["imagePath"] == "image.png"
        assert len(widget.load(tmp_path / "labels.json")) == 1
        widget.export(tmp_path / "set", "yolo")
        assert [path.name for path in (tmp_path / "set" / "images").iterdir()] == ["image.png"]


def test_a_failed_export_changes_nothing(tmp_path, widget):
    (tmp_path / "labels.json").write_text("old")
    with pytest.raises(FormatError):
        widget.export(tmp_path / "labels.json" / "deep.json")
    with pytest.raises(TypeError, match="COCO has no option"):
        widget.export(tmp_path / "labels.json", poligons=True)
    assert (tmp_path / "labels.json").read_text() == "old"
