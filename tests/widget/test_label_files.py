"""``export``, ``load`` and ``measure`` of a widget: to files of other programs and back."""

import json

import numpy as np
import pytest
from PIL import Image

from samwidget.errors import FormatError, SamWidgetWarning
from samwidget.formats import DataSet, LabelledImage, LabelledObject
from tests.formats.masks import box_runs
from tests.widget.fakes import FakePredictor, WiredWidget

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
def folder(tmp_path):
    """Three photos: the first one has a cat, the second a dog, and the third nothing."""
    (tmp_path / "photos").mkdir()
    for number in range(3):
        pixels = np.full((*SIZE, 3), 10 + number, np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.png")
    with WiredWidget(tmp_path / "photos", classes=["dog"]) as made:
        made.add(mask=square(4, 6), name="Tom", class_name="cat")
        made.go_to(1)
        made.add(mask=square(20, 6), name="Rex", class_name="dog")
        yield made


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


def test_boxes_and_masks_of_one_file_are_one_step_in_its_order(widget):
    objects = (
        LabelledObject(box=(5, 5, 20, 20), name="box"),
        LabelledObject(box_runs(1, 1, 3, 3, SIZE), name="mask"),
        LabelledObject(box=(30, 5, 50, 20), name="box 2"),
    )
    added = widget.load(LabelledImage("a", SIZE, objects))
    assert [item.name for item in added] == ["box", "mask", "box 2"]
    assert [item.prompt.box_xyxy is not None for item in added] == [True, False, True]
    widget.undo()
    assert [item.name for item in widget.objects] == ["Tom", "object 2"]


def test_names_that_a_widget_does_not_allow_are_cut_and_told(widget):
    objects = [
        LabelledObject(box_runs(1, 1, 3, 3, SIZE), name=name, class_name=class_name)
        for name, class_name in (("two\nlines", "x" * 100), ("\ud800", None))
    ]
    with pytest.warns(SamWidgetWarning, match=r"^names in a were cut at 80 characters: 'x{40}'\.\.\.$"):
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


def of_all(widget):
    """What each image of a widget has: name, class and box of each object."""
    return [[(item.name, item.class_name, item.box_xyxy) for item in image.objects] for image in widget.session.images]


TOM, REX = ("Tom", "cat", (4, 6, 12, 14)), ("Rex", "dog", (20, 6, 28, 14))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("labels.json", {}),
        ("labels.json", {"polygons": True}),
        ("set", {"format": "labelme"}),
        ("set", {"format": "voc"}),
        ("set", {"format": "geojson"}),
        ("set", {"format": "label_map"}),
        ("set", {"format": "yolo"}),
    ],
)
def test_all_images_are_one_data_set_which_fills_them_again(tmp_path, folder, name, options):
    assert of_all(folder) == [[TOM], [REX], []]
    folder.export(tmp_path / name, **options)
    with WiredWidget(tmp_path / "photos") as other:
        other.go_to(1)
        added = other.load(tmp_path / name)
        tom, rex = TOM, REX
        if options.get("format") == "yolo":  # it has no names
            tom, rex = (("object 1", *item[1:]) for item in (TOM, REX))
        assert [item.name for item in added] == [item.name for item in other.objects] == [rex[0]]  # it is shown again
        assert of_all(other) == [[tom], [rex], []]
        other.undo()
        assert of_all(other) == [[tom], [], []]


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ("labelled", ["0.png", "1.png"]),
        ("done", ["2.png"]),
        ("this", ["1.png"]),
        ("all", ["0.png", "1.png", "2.png"]),
    ],
)
def test_which_images_an_export_takes(tmp_path, folder, images, expected):
    if images == "done":
        folder.session.images[2].state = "done"
    folder.export(tmp_path / "labels.json", images=images)
    assert [entry["file_name"] for entry in json.loads((tmp_path / "labels.json").read_text())["images"]] == expected
    assert [image.file_name for image in folder.labelled_images(images).images] == expected


def test_an_unknown_choice_of_images_is_named(tmp_path, folder):
    with pytest.raises(FormatError, match=r"images is 'some': it is one of labelled, done, this, all"):
        folder.export(tmp_path / "labels.json", images="some")
    assert not (tmp_path / "labels.json").exists()


def test_where_no_image_is_labelled_the_old_file_stays(tmp_path, folder):
    (tmp_path / "labels.json").write_text("old")
    with pytest.raises(FormatError, match="no image is labelled yet"):
        folder.export(tmp_path / "labels.json", images="done")
    assert (tmp_path / "labels.json").read_text() == "old"


def test_skipped_images_are_left_out_and_measured_ones_have_their_own_pixels(folder):
    pytest.importorskip("pandas")
    folder.session.images[0].state = "skipped"
    assert folder.measure()["image"].tolist() == ["1.png"]
    assert folder.measure()["mean_red"].tolist() == [11]


def test_images_that_cannot_be_read_are_left_out_of_an_export(tmp_path, folder):
    (tmp_path / "photos" / "2.png").write_bytes(b"no image")
    with pytest.warns(SamWidgetWarning, match=r"cannot be read were left out: 2\.png \("):
        folder.export(tmp_path / "labels.json", images="all")
    assert len(json.loads((tmp_path / "labels.json").read_text())["images"]) == 2


def test_boxes_of_a_detector_fill_a_folder(tmp_path, folder):
    (tmp_path / "boxes.csv").write_text(
        "image,x0,y0,x1,y1,class\n0.png,1,1,9,9,cat\n2.png,3,3,20,20,dog\nother.png,1,1,2,2,cat\n"
    )
    with pytest.warns(SamWidgetWarning, match=r"other\.png does not tell the size of its image"):
        folder.load(tmp_path / "boxes.csv")
    assert [len(image.objects) for image in folder.session.images] == [2, 1, 1]
    assert folder.session.images[2].objects[0].class_name == "dog"


def test_images_that_are_not_in_the_folder_or_have_another_size_are_named(folder):
    def labels(name, size=SIZE):
        return LabelledImage(name, size, (LabelledObject(box_runs(1, 1, 3, 3, size), name="new"),))

    with pytest.warns(SamWidgetWarning) as warned:
        folder.load(DataSet((labels("deep/2.jpg"), labels("9.png"), labels("0.png", (5, 6)))))
    texts = [str(warning.message) for warning in warned]
    assert "9.png (there is no such image)" in texts[0]
    assert "nothing was added to 0.png (0.png in the data set has 6 x 5 pixels" in texts[1]
    assert [len(image.objects) for image in folder.session.images] == [1, 1, 1]
    with pytest.raises(FormatError, match="the data set has no image of this widget"):
        folder.load(DataSet((labels("9.png"),)))


def test_of_a_bad_file_the_good_rest_is_loaded(tmp_path, folder):
    """Unknown category, missing image, crowd, polygon outside, run lengths that do not fit, an id twice."""
    good = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 9, 1, 9, 9, 1, 9]]}
    changes = [
        {"category_id": 9},
        {"image_id": 9},
        {"iscrowd": 1, "segmentation": {"size": list(SIZE), "counts": [0, 40, 2360]}},
        {"segmentation": [[70, 1, 90, 1, 90, 9]]},
        {"segmentation": {"size": [4, 6], "counts": [24]}},
    ]
    value = {
        "images": [{"id": 1, "file_name": "2.png", "height": SIZE[0], "width": SIZE[1]}] * 2,
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [good, *({**good, **change} for change in changes)],
    }
    (tmp_path / "bad.json").write_text(json.dumps(value))
    with pytest.warns(SamWidgetWarning, match=r"^bad\.json was not taken as it is: images\[1\].*; and 1 more"):
        folder.load(tmp_path / "bad.json")
    objects = folder.session.images[2].objects
    assert [(item.class_name, item.area) for item in objects] == [("cat", 64), (None, 64), ("cat", 40)]


def test_masks_fill_a_folder_without_the_model_and_clicks_refine_them(tmp_path, folder):
    """No image is encoded for masks alone; a click on one of them later begins with its mask."""
    folder.export(tmp_path / "labels.json")
    predictor = FakePredictor()
    with WiredWidget(tmp_path / "photos", predictor=predictor) as other:
        other.wait(60)
        predictor.encode_gate.shut()
        (added,) = other.load(tmp_path / "labels.json")
        assert [len(image.objects) for image in other.session.images] == [1, 1, 0]
        predictor.encode_gate.open()
        other.select(added.id)
        other.do("add_point", x=40.0, y=20.0, label=1)
        (refined,) = other.objects
        assert refined.prompt.mask.shape == (64, 64)
        assert refined.area > 64
        assert refined.mask[8, 6]
