"""LabelMe files: there and back, with LabelMe's own loader, and with what strangers write."""

import base64
import json

import numpy as np
import pytest
from hypothesis import given, settings
from PIL import Image

from samwidget.errors import FormatError, SamWidgetWarning
from samwidget.formats import DataSet, LabelledImage, LabelledObject
from samwidget.formats.labelme import read_labelme, write_labelme
from samwidget.images import encode_png
from tests.formats.masks import PICTURE, data_sets, mask_of, plain_images, runs_of

IMAGE = {"imagePath": "a.png", "imageHeight": 3, "imageWidth": 4}
SQUARE = {"label": "cat", "points": [[0, 0], [2, 0], [2, 2], [0, 2]], "shape_type": "polygon"}


def written(tmp_path, *shapes, **changes):
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({**IMAGE, "shapes": shapes, **changes}))
    return path


def objects_of(path):
    (image,) = read_labelme(path).images
    return image.objects


@settings(deadline=None, max_examples=60)
@given(data_sets())
def test_there_and_back(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("labelme") / "set"
    write_labelme(data, folder)
    assert plain_images(read_labelme(folder)) == plain_images(data)


def test_a_file_by_eye(tmp_path):
    objects = (
        LabelledObject(runs_of("#..#"), class_name="cat", name="Tom", score=0.5),
        LabelledObject(box=(0.5, 0, 3, 1)),
    )
    write_labelme(DataSet((LabelledImage("photos/a.jpg", (1, 4), objects),)), tmp_path / "a.json")
    rest = {"flags": {}, "mask": None}
    tom = {"label": "cat", "group_id": 1, "description": "Tom", "shape_type": "polygon", "score": 0.5, **rest}
    assert json.loads((tmp_path / "a.json").read_text()) == {
        "version": "5.5.0",
        "flags": {},
        "shapes": [
            {"points": [[0, 0], [1, 0], [1, 1], [0, 1]], **tom},
            {"points": [[3, 0], [4, 0], [4, 1], [3, 1]], **tom},
            {
                "label": "object",
                "points": [[0.5, 0], [3, 1]],
                "group_id": None,
                "description": "",
                "shape_type": "rectangle",
                **rest,
            },
        ],
        "imagePath": "photos/a.jpg",
        "imageData": None,
        "imageHeight": 1,
        "imageWidth": 4,
    }


def test_the_image_is_named_by_the_way_to_it_or_is_inside(tmp_path):
    (tmp_path / "photos").mkdir()
    pixels = np.arange(36, dtype=np.uint8).reshape(3, 4, 3)
    Image.fromarray(pixels).save(tmp_path / "photos" / "a.png")
    images = (
        LabelledImage("a.png", (3, 4), path=tmp_path / "photos" / "a.png"),
        LabelledImage("b.jpg", (3, 4), read=lambda: pixels),
    )
    write_labelme(DataSet(images), tmp_path / "labels")
    values = [json.loads((tmp_path / "labels" / f"{name}.json").read_text()) for name in "ab"]
    assert [value["imagePath"] for value in values] == ["../photos/a.png", "b.png"]
    assert (values[0]["imageData"], values[1]["imageData"][:5]) == (None, "iVBOR")
    for image in read_labelme(tmp_path / "labels").images:
        np.testing.assert_array_equal(image.pixels(), pixels)


def test_labelme_reads_it(tmp_path):
    labelme = pytest.importorskip("labelme", exc_type=ImportError)  # it needs Qt
    mask = runs_of(*PICTURE)
    item = LabelledObject(mask, class_name="cat", name="Tom")
    image = LabelledImage("a.png", (7, 7), (item,), read=lambda: np.zeros((7, 7, 3), np.uint8))
    write_labelme(DataSet((image,)), tmp_path / "a.json")
    loaded = labelme.LabelFile(str(tmp_path / "a.json"))
    assert {shape["label"] for shape in loaded.shapes} == {"cat"}
    assert {shape["description"] for shape in loaded.shapes} == {"Tom"}
    drawn = np.zeros((70, 70), bool)
    for shape in loaded.shapes:  # ten times as large, so that the outline, which it draws too, is thin
        points = (np.array(shape["points"]) * 10).tolist()
        drawn |= labelme.utils.shape_to_mask((70, 70), points, shape["shape_type"])
    np.testing.assert_array_equal(drawn[5::10, 5::10], mask.to_mask())
    assert len({shape["group_id"] for shape in loaded.shapes if shape["group_id"] is not None}) == 1


def test_shapes_of_a_group_are_one_object(tmp_path):
    right = {**SQUARE, "points": [[3, 0], [4, 0], [4, 1], [3, 1]]}
    grouped = [{**shape, "group_id": 5} for shape in (SQUARE, right)]
    assert [item.area for item in objects_of(written(tmp_path, *grouped))] == [5]
    assert [item.area for item in objects_of(written(tmp_path, SQUARE, right))] == [4, 1]
    other = {**right, "label": "dog", "group_id": 5}
    assert [item.area for item in objects_of(written(tmp_path, grouped[0], other))] == [4, 1]


def test_circles_masks_and_rectangles(tmp_path):
    png = base64.b64encode(encode_png(mask_of("##", ".#"))).decode()
    circle = {"label": "cat", "points": [[2, 1.5], [2, 0.5]], "shape_type": "circle"}
    mask = {"label": "cat", "points": [[3, 1], [4, 2]], "shape_type": "mask", "mask": png}
    rectangle = {"label": "cat", "points": [[3, 2], [1, 1]], "shape_type": "rectangle"}
    objects = objects_of(written(tmp_path, circle, mask, rectangle))
    pictures = [item.run_lengths.to_mask() for item in objects[:2]]
    np.testing.assert_array_equal(pictures[0], mask_of("....", ".##.", "...."))
    np.testing.assert_array_equal(pictures[1], mask_of("....", "...#", "...."))
    assert objects[2].box == (1, 1, 3, 2)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({**SQUARE, "shape_type": "line"}, r"shapes\[1\]: left out, a line has no area"),
        ({**SQUARE, "points": [[9, 9], [10, 9], [10, 10]]}, "it has no pixel of the image"),
        ({**SQUARE, "points": [[0, 0]]}, "the polygon is"),
        ({"label": "cat"}, "it cannot be read"),
        ({**SQUARE, "shape_type": "mask"}, "its mask is|cannot be read"),
        ({**SQUARE, "shape_type": "mask", "mask": None}, "its mask is None"),
        ({**SQUARE, "group_id": []}, "it cannot be read"),
        (3, "it cannot be read"),
    ],
)
def test_what_cannot_be_taken_is_named_and_the_rest_is_kept(tmp_path, shape, message):
    with pytest.warns(SamWidgetWarning, match=message):
        assert len(objects_of(written(tmp_path, SQUARE, shape))) == 1


def test_sizes_come_from_the_file_the_image_or_the_photo(tmp_path):
    path = written(tmp_path, imageHeight=None, imageWidth=None, imagePath="photos\\a.png")
    with pytest.raises(FormatError, match="None x None pixels"):
        read_labelme(path)
    assert next(iter(read_labelme(path, (5, 6)).images)).size_hw == (5, 6)
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (4, 3)).save(tmp_path / "photos" / "a.png")
    (image,) = read_labelme(path).images
    assert (image.size_hw, image.file_name, image.pixels().shape) == ((3, 4), "a.png", (3, 4, 3))


def test_other_files_are_refused_and_left_out_of_a_folder(tmp_path):
    (tmp_path / "b.json").write_text("{}")
    with pytest.raises(FormatError, match=r"b\.json is not a LabelMe file"):
        read_labelme(tmp_path / "b.json")
    with pytest.raises(FormatError, match="has no LabelMe file"):
        read_labelme(tmp_path)
    written(tmp_path, SQUARE)
    with pytest.warns(SamWidgetWarning, match=r"b\.json: left out, b\.json is not a LabelMe file"):
        assert len(read_labelme(tmp_path).images) == 1
