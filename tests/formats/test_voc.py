"""Pascal VOC folders: there and back, with supervision's reader, and with what strangers write."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from PIL import Image

from samwidget.errors import FormatError, SamWidgetWarning
from samwidget.formats import DataSet, LabelledImage, LabelledObject
from samwidget.formats.voc import read_voc, write_voc
from tests.formats.masks import box_runs, data_sets, plain_images, runs_of

XML = """<annotation><filename>{file}</filename>{size}<object><name>cat</name>
<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></object>{rest}</annotation>"""
SIZE = "<size><width>4</width><height>3</height></size>"


def with_pixels(*images):
    return DataSet(
        tuple(replace(image, read=lambda size=image.size_hw: np.zeros((*size, 3), np.uint8)) for image in images)
    )


def written(tmp_path, text):
    (tmp_path / "Annotations").mkdir(exist_ok=True)
    (tmp_path / "Annotations" / "a.xml").write_text(text)
    return tmp_path


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(data_sets(apart=True))
def test_there_and_back(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("voc") / "set"
    write_voc(with_pixels(*data.images), folder)
    assert plain_images(read_voc(folder)) == plain_images(data)


def test_a_folder_by_eye(tmp_path):
    objects = (
        LabelledObject(runs_of("##.", "##."), class_name="cat", name="Tom", score=0.5),
        LabelledObject(runs_of(".##", "...")),
    )
    with pytest.warns(SamWidgetWarning, match="^1 objects lose pixels to later ones"):
        write_voc(DataSet(with_pixels(LabelledImage("a.jpg", (2, 3), objects)).images, ["dog"]), tmp_path / "set")
    files = sorted(str(path.relative_to(tmp_path / "set")) for path in tmp_path.rglob("*.*"))
    assert files == [
        "Annotations/a.xml", "ImageSets/Segmentation/train.txt", "JPEGImages/a.png", "SegmentationClass/a.png",
        "SegmentationObject/a.png", "labelmap.txt",
    ]  # fmt: skip
    with Image.open(tmp_path / "set/SegmentationObject/a.png") as image:
        assert (image.mode, np.asarray(image).tolist()) == ("P", [[1, 2, 2], [1, 1, 0]])
        assert image.getpalette()[:12] == [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]  # VOC's colours
    with Image.open(tmp_path / "set/SegmentationClass/a.png") as image:
        assert np.asarray(image).tolist() == [[2, 3, 3], [2, 2, 0]]
    assert (tmp_path / "set/labelmap.txt").read_text().splitlines() == [
        "# label:color_rgb:parts:actions", "background:0,0,0::", "dog:128,0,0::", "cat:0,128,0::", "object:128,128,0::",
    ]  # fmt: skip
    text = (tmp_path / "set/Annotations/a.xml").read_text()
    assert "<xmin>1</xmin>" in text
    assert "<xmax>2</xmax>" in text


def test_more_images_come_into_the_same_folder(tmp_path):
    for name, class_name in (("a", "cat"), ("b", "dog")):
        item = LabelledObject(runs_of("#."), class_name=class_name)
        write_voc(with_pixels(LabelledImage(f"{name}.png", (1, 2), (item,))), tmp_path / "set")
    assert (tmp_path / "set/ImageSets/Segmentation/train.txt").read_text() == "a\nb\n"
    data = read_voc(tmp_path / "set")
    assert data.class_names == ("cat", "dog")
    assert [image.pixels().shape for image in data.images] == [(1, 2, 3)] * 2


@pytest.mark.parametrize(("name", "back"), [("a\0b\x1bc\nd", "a b c d"), ("a:b", "a:b"), ("<a> & b", "<a> & b")])
def test_names_that_xml_or_a_line_cannot_hold(tmp_path, name, back):
    image = with_pixels(
        LabelledImage("a.jpg", (2, 3), (LabelledObject(runs_of("##.", "##."), class_name=name, name=name),))
    )
    write_voc(image, tmp_path / "set")
    data = read_voc(tmp_path / "set")
    ((item,),) = (one.objects for one in data.images)
    assert (item.class_name, item.name, data.class_names) == (back, back, (back,))


def test_supervision_reads_the_boxes(tmp_path):
    supervision = pytest.importorskip("supervision")
    item = LabelledObject(box_runs(2, 3, 8, 9, (10, 12)), class_name="cat")
    write_voc(with_pixels(LabelledImage("a.png", (10, 12), (item,))), tmp_path)
    data = supervision.DetectionDataset.from_pascal_voc(str(tmp_path / "JPEGImages"), str(tmp_path / "Annotations"))
    (_, _, detections) = next(iter(data))
    np.testing.assert_allclose(detections.xyxy, [[2, 3, 8, 9]], atol=1)
    assert data.classes == ["cat"]


def test_missing_images_and_too_many_objects_are_told(tmp_path):
    with pytest.warns(SamWidgetWarning, match=r"put 1 images into .*JPEGImages, such as a\.png"):
        write_voc(DataSet((LabelledImage("a.png", (1, 2)),)), tmp_path / "set")
    many = tuple(LabelledObject(runs_of("#.")) for _ in range(255))
    with pytest.raises(FormatError, match="255 objects of 1 classes"):
        write_voc(with_pixels(LabelledImage("a.png", (1, 2), many)), tmp_path / "many")
    assert not (tmp_path / "many").exists()


def test_boxes_of_others_and_the_border_of_voc(tmp_path):
    written(tmp_path, XML.format(file="C:\\photos\\a.jpg", size=SIZE, rest=""))
    (image,) = read_voc(tmp_path).images
    assert (image.file_name, image.size_hw, image.objects[0].box) == ("a.jpg", (3, 4), (0, 0, 2, 2))
    (tmp_path / "SegmentationObject").mkdir()
    numbers = np.zeros((3, 4), np.uint8)
    numbers[0, :2] = (1, 255)
    Image.fromarray(numbers).save(tmp_path / "SegmentationObject/a.png")
    (image,) = read_voc(tmp_path).images
    assert [item.area for item in image.objects] == [1]


@pytest.mark.parametrize(
    ("text", "message", "kept"),
    [
        (XML.format(file="a.jpg", size="", rest=""), r"a\.xml: left out, the image has None x None", 0),
        ("<annotation>\n<", r"a\.xml: left out, a\.xml, line 2, column 1, is not XML", 0),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotation/>', "defines entities", 0),
        (XML.format(file="a.jpg", size=SIZE, rest="<object><name>dog</name></object>"), r"object 2: left out", 1),
    ],
)
def test_what_cannot_be_taken_is_named_and_the_rest_is_kept(tmp_path, text, message, kept):
    with pytest.warns(SamWidgetWarning, match=message):
        data = read_voc(written(tmp_path, text))
    assert sum(len(image.objects) for image in data.images) == kept


@pytest.mark.parametrize("pixels", [None, np.zeros((9, 9), np.uint8)])
def test_masks_that_cannot_be_read_leave_the_boxes(tmp_path, pixels):
    written(tmp_path, XML.format(file="a.jpg", size=SIZE, rest=""))
    (tmp_path / "SegmentationObject").mkdir()
    path = tmp_path / "SegmentationObject/a.png"
    path.write_text("text") if pixels is None else Image.fromarray(pixels).save(path)
    with pytest.warns(SamWidgetWarning, match=r"SegmentationObject/a\.png: left out"):
        (image,) = read_voc(tmp_path).images
    assert image.objects[0].box == (0, 0, 2, 2)


def test_other_folders_are_refused(tmp_path):
    with pytest.raises(FormatError, match="has no Annotations"):
        read_voc(tmp_path)
