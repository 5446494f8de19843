"""COCO files: there and back, with pycocotools, and with what strangers write."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samwidget.errors import FormatError, SamWidgetWarning
from samwidget.formats import DataSet, LabelledImage, LabelledObject
from samwidget.formats.coco_file import read_coco, write_coco
from tests.formats.masks import PICTURE, data_sets, plain_images, runs_of


def written(tmp_path, value):
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(value))
    return path


IMAGE = {"id": 1, "file_name": "a.png", "height": 2, "width": 3}
MASK = {"size": [2, 3], "counts": [2, 3, 1]}  # .## / .#.
CAT = {"id": 7, "name": "cat"}


@settings(deadline=None, max_examples=60)
@given(data_sets(), st.booleans())
def test_there_and_back(tmp_path_factory, data, polygons):
    path = tmp_path_factory.mktemp("coco") / "labels.json"
    write_coco(data, path, polygons=polygons)
    again = read_coco(path)
    assert plain_images(again) == plain_images(data)
    classes = {item.class_name for image in data.images for item in image.objects} - {None}
    assert again.class_names[0] == "dog"
    assert set(again.class_names) == {"dog"} | classes


@settings(deadline=None, max_examples=30)
@given(data_sets(boxes=False), st.booleans())
def test_pycocotools_has_the_same_masks(tmp_path_factory, data, polygons):
    coco = pytest.importorskip("pycocotools.coco")
    path = tmp_path_factory.mktemp("coco") / "labels.json"
    write_coco(data, path, polygons=polygons)
    reader = coco.COCO(str(path))
    entries = {entry["file_name"]: entry["id"] for entry in reader.loadImgs(reader.getImgIds())}
    for image in data.images:
        annotations = reader.loadAnns(reader.getAnnIds([entries[image.file_name]]))
        for annotation, item in zip(annotations, image.objects, strict=True):
            np.testing.assert_array_equal(reader.annToMask(annotation), item.run_lengths.to_mask())
            assert reader.cats[annotation["category_id"]]["name"] == (item.class_name or "object")
            assert annotation["area"] == item.area


def test_a_file_by_eye(tmp_path):
    objects = (
        LabelledObject(runs_of(".##", ".#."), class_name="cat", name="Tom", score=0.5),
        LabelledObject(box=(0.5, 0, 3, 2)),
    )
    write_coco(DataSet(iter([LabelledImage("a.png", (2, 3), objects)]), ["dog"]), tmp_path / "labels.json")
    assert json.loads((tmp_path / "labels.json").read_text()) == {
        "info": {"description": "made by samwidget"},
        "licenses": [],
        "images": [IMAGE],
        "categories": [
            {"id": 1, "name": "dog", "supercategory": ""},
            {"id": 2, "name": "cat", "supercategory": ""},
            {"id": 3, "name": "object", "supercategory": ""},
        ],
        "annotations": [
            {
                "id": 1,
                "image_id": 1,
                "category_id": 2,
                "segmentation": {"size": [2, 3], "counts": "231"},
                "area": 3,
                "bbox": [1, 0, 2, 2],
                "iscrowd": 0,
                "score": 0.5,
                "name": "Tom",
            },
            {
                "id": 2,
                "image_id": 1,
                "category_id": 3,
                "segmentation": [],
                "area": 5.0,
                "bbox": [0.5, 0, 2.5, 2],
                "iscrowd": 0,
            },
        ],
    }


def test_holes_and_islands_survive_polygons(tmp_path):
    item = LabelledObject(runs_of(*PICTURE))
    write_coco(DataSet((LabelledImage("a.png", (7, 7), (item,)),)), tmp_path / "a.json", polygons=True)
    assert isinstance(json.loads((tmp_path / "a.json").read_text())["annotations"][0]["segmentation"], list)
    (image,) = read_coco(tmp_path / "a.json").images
    np.testing.assert_array_equal(image.objects[0].run_lengths.to_mask(), item.run_lengths.to_mask())


@pytest.mark.parametrize(
    ("changes", "message", "kept"),
    [
        ({"image_id": 9}, r"annotations\[1\] \(id 5\): left out, there is no image with id 9", 1),
        ({"category_id": 9}, r"annotations\[1\] \(id 5\): no class, there is no category 9", 2),
        ({"iscrowd": 1}, "a crowd of objects, became one object", 2),
        ({"segmentation": {"size": [2, 3], "counts": [2, 3]}}, r"annotations\[1\].*add up to 5", 1),
        ({"segmentation": {"size": [3, 3], "counts": [9]}}, "the mask has 3 x 3 pixels: the image has 3 x 2", 1),
        ({"segmentation": [[9, 9, 12, 9, 12, 12]]}, "the mask has no pixel of the image", 1),
        ({"segmentation": [[0, 0, 1]]}, "the polygon is", 1),
        ({"segmentation": [["x", 0, 1, 1, 2, 2]]}, "cannot be read", 1),
        ({"segmentation": [], "bbox": [5, 5, 1, 1]}, "no pixel of the image", 1),
        ({"segmentation": []}, "cannot be read", 1),  # no box either
        ({"image_id": [1]}, "cannot be read", 1),
    ],
)
def test_what_cannot_be_taken_is_named_and_the_rest_is_kept(tmp_path, changes, message, kept):
    good = {"id": 4, "image_id": 1, "category_id": 7, "segmentation": MASK}
    value = {"images": [IMAGE], "categories": [CAT], "annotations": [good, {**good, "id": 5, **changes}]}
    with pytest.warns(SamWidgetWarning, match=f"^labels.json was not taken as it is: .*{message}"):
        (image,) = read_coco(written(tmp_path, value)).images
    assert len(image.objects) == kept
    assert image.objects[0].class_name == "cat"
    if kept == 2:
        assert image.objects[1].run_lengths.area == 3


def test_ids_that_are_there_twice(tmp_path):
    value = {
        "images": [IMAGE, {**IMAGE, "file_name": "b.png"}],
        "categories": [CAT, {"id": 7, "name": "dog"}],
        "annotations": [{"id": 4, "image_id": 1, "category_id": 7, "segmentation": MASK}] * 2,
    }
    with pytest.warns(SamWidgetWarning, match=r"categories\[1\]: left out, id 7.*images\[1\]: left out, id 1"):
        (image,) = read_coco(written(tmp_path, value)).images
    assert (image.file_name, [item.class_name for item in image.objects]) == ("a.png", ["cat", "cat"])


def test_polygons_outside_the_photo_are_cut(tmp_path):
    entry = {"id": 4, "image_id": 1, "category_id": 7, "segmentation": [[-5, -5, 1, -5, 1, 9, -5, 9]]}
    value = {"images": [IMAGE], "categories": [CAT], "annotations": [entry]}
    (image,) = read_coco(written(tmp_path, value)).images
    assert image.objects[0].run_lengths.to_mask().tolist() == [[True, False, False]] * 2


def test_an_image_without_size_has_that_of_the_photo(tmp_path):
    image = {"id": 1, "file_name": "a.png"}
    value = {"images": [image], "annotations": []}
    assert [item.size_hw for item in read_coco(written(tmp_path, value), (4, 5)).images] == [(4, 5)]
    with pytest.warns(SamWidgetWarning, match=r"images\[0\]: left out, the image has None x None"):
        assert read_coco(written(tmp_path, value)).images == ()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "is not a COCO file"),
        ({"images": {}, "annotations": {"id": 1}}, "annotations in labels.json"),
    ],
)
def test_other_files_are_refused(tmp_path, value, message):
    with pytest.raises(FormatError, match=message):
        read_coco(written(tmp_path, value))


def test_an_error_while_writing_leaves_the_old_file(tmp_path):
    def images():
        yield LabelledImage("a.png", (2, 3))
        raise OSError("no space left")

    path = tmp_path / "labels.json"
    path.write_text("old")
    with pytest.raises(OSError, match="no space"):
        write_coco(DataSet(images()), path)
    assert [item.read_text() for item in tmp_path.iterdir()] == ["old"]
