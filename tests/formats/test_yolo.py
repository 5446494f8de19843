"""YOLO folders: there and back, with the readers of Ultralytics and supervision, and with what strangers write."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from samwidget.core import RunLengths
from samwidget.errors import FormatError, SamWidgetWarning
from samwidget.formats import DataSet, LabelledImage, LabelledObject
from samwidget.formats.yolo import read_yolo, write_yolo
from tests.formats.masks import box_runs, data_sets, plain_images, runs_of

NOT_KEPT = ("name", "score")


def with_pixels(data):
    """The data set with black images."""
    return DataSet(
        tuple(replace(image, read=lambda size=image.size_hw: np.zeros((*size, 3), np.uint8)) for image in data.images),
        data.class_names,
    )


def image_of(*objects, size_hw=(20, 40), name="a.png"):
    return with_pixels(DataSet((LabelledImage(name, size_hw, objects),))).images[0]


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(data_sets(boxes=False))
def test_there_and_back(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("yolo") / "set"
    write_yolo(with_pixels(data), folder)
    assert plain_images(read_yolo(folder), without=NOT_KEPT) == plain_images(data, without=NOT_KEPT)


def test_a_folder_by_eye(tmp_path):
    left = LabelledObject(box_runs(10, 5, 20, 10, (20, 40)), class_name="cat", name="Tom", score=0.5)
    write_yolo(DataSet((image_of(left),), ["dog"]), tmp_path / "set")
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*"))
    assert files == ["set/data.yaml", "set/images/a.png", "set/labels/a.txt"]
    assert (tmp_path / "set/labels/a.txt").read_text() == "1 0.25 0.25 0.5 0.25 0.5 0.5 0.25 0.5\n"
    assert (tmp_path / "set/data.yaml").read_text().splitlines()[1:] == [
        "train: images", "val: images", "names:", '  0: "dog"', '  1: "cat"',
    ]  # fmt: skip


def test_boxes_are_lines_of_four_numbers_or_outlines_beside_masks(tmp_path):
    box, mask = LabelledObject(box=(10, 5, 20, 10)), LabelledObject(runs_of("#"))
    write_yolo(DataSet((image_of(box),)), tmp_path / "boxes")
    assert (tmp_path / "boxes/labels/a.txt").read_text() == "0 0.375 0.375 0.25 0.25\n"
    assert next(iter(read_yolo(tmp_path / "boxes").images)).objects[0].box == (10, 5, 20, 10)
    write_yolo(DataSet((image_of(box, mask),)), tmp_path / "both")
    assert len((tmp_path / "both/labels/a.txt").read_text().splitlines()[0].split()) == 9


def test_more_images_come_into_the_same_folder_and_classes_keep_their_numbers(tmp_path):
    for name, class_name in (("a", "cat"), ("b", "dog"), ("a", "cow")):
        item = LabelledObject(box_runs(0, 0, 4, 4, (20, 40)), class_name=class_name)
        write_yolo(DataSet((image_of(item, name=f"{name}.png"),)), tmp_path / "set")
    data = read_yolo(tmp_path / "set")
    assert [(image.file_name, image.objects[0].class_name) for image in data.images] == [
        ("a.png", "cow"), ("b.png", "dog"),
    ]  # fmt: skip
    assert data.class_names == ("cat", "dog", "cow")
    assert next(iter(data.images)).pixels().shape == (20, 40, 3)


@pytest.mark.parametrize(
    ("names", "expected"),
    [("[cat, cat]", ["cat", "cat 1", "dog"]), ("{2: cat}", ["class 0", "class 1", "cat", "dog"])],
)
def test_odd_numbers_of_classes_stay(tmp_path, names, expected):
    (tmp_path / "data.yaml").write_text(f"names: {names}\n")
    write_yolo(DataSet((), ["dog"]), tmp_path)
    assert list(read_yolo(tmp_path).class_names) == expected


def test_classes_that_cannot_be_counted_are_refused(tmp_path):
    (tmp_path / "data.yaml").write_text("names: {1000000000: cat}\n")
    with pytest.raises(FormatError, match="count from 0"):
        write_yolo(DataSet(()), tmp_path)
    assert [item.name for item in tmp_path.iterdir()] == ["data.yaml"]


def test_masks_without_pixels_and_missing_images_are_told(tmp_path):
    data = DataSet((LabelledImage("a.png", (2, 2), (LabelledObject(runs_of("..", "..")),)),))
    with pytest.warns(SamWidgetWarning) as caught:
        write_yolo(data, tmp_path / "set")
    texts = [str(warning.message) for warning in caught]
    assert len(texts) == 2
    assert texts[0].endswith("such as a.png: their files are not known")
    assert texts[1] == "1 objects without a pixel are not in set"
    with pytest.warns(SamWidgetWarning, match=r"a\.txt: left out, its image is missing"):
        assert read_yolo(tmp_path / "set").images == ()
    assert [image.size_hw for image in read_yolo(tmp_path / "set", (2, 2)).images] == [(2, 2)]


@pytest.mark.parametrize(
    ("line", "message", "kept"),
    [
        ("9 0 0 1 0 1 1", r"a\.txt, line 2: no class, there is no class 9 in data\.yaml", 2),
        ("0 0 0 1 0", r"a\.txt, line 2: left out, the box", 1),
        ("0 0 0 1", r"a\.txt, line 2: left out, the polygon is", 1),
        ("0 2 2 3 2 3 3", r"a\.txt, line 2: left out, the outline has no pixel", 1),
        ("cat 0 0 1 0 1 1", r"a\.txt, line 2: left out, it cannot be read", 1),
        ("0 0 0 1 0 1 nan", r"a\.txt, line 2: left out, the polygon is", 1),
    ],
)
def test_a_line_that_cannot_be_taken_is_named(tmp_path, line, message, kept):
    write_yolo(DataSet((image_of(),), ["cat"]), tmp_path)
    (tmp_path / "labels/a.txt").write_text(f"0 0 0 1 0 1 1\n{line}\n\n")
    with pytest.warns(SamWidgetWarning, match=message):
        (image,) = read_yolo(tmp_path).images
    assert len(image.objects) == kept


def test_scores_of_predictions_are_read(tmp_path):
    write_yolo(DataSet((image_of(),), ["cat"]), tmp_path)
    (tmp_path / "labels/a.txt").write_text("0 0 0 1 0 1 1 0.75\n0 0.5 0.5 1 1 0.5\n")
    (image,) = read_yolo(tmp_path).images
    assert [(item.score, item.box) for item in image.objects] == [(0.75, None), (0.5, (0, 0, 40, 20))]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("names: [cat]\ntrain: ../train/images\nval: [gone]\n", None),  # as Roboflow writes it
        ("names: {0: cat}\npath: /not/here\ntrain: train/images\n", None),
        ("names: 3\n", "names in data.yaml is 3"),
        ("train: images\n", "has no names"),
        ("names: [\n", "data.yaml, line 2, is not YAML"),
    ],
)
def test_data_files_of_others(tmp_path, text, message):
    write_yolo(
        DataSet((image_of(LabelledObject(box_runs(0, 0, 4, 4, (20, 40)), class_name="cat")),)), tmp_path / "train"
    )
    (tmp_path / "data.yaml").write_text(text)
    if message:
        with pytest.raises(FormatError, match=message):
            read_yolo(tmp_path)
    elif "gone" in text:
        with pytest.warns(SamWidgetWarning, match="val: left out, there is no folder gone"):
            data = read_yolo(tmp_path / "data.yaml")
        assert [item.class_name for image in data.images for item in image.objects] == ["cat"]
    else:
        assert len(read_yolo(tmp_path).images) == 1


def photo_of_three():
    """Objects that are thick, so that one row of pixels more at their border is a small part."""
    size = (200, 300)
    ring = box_runs(20, 20, 120, 120, size).to_mask() & ~box_runs(50, 50, 90, 90, size).to_mask()
    parts = box_runs(150, 20, 190, 80, size).to_mask() | box_runs(210, 20, 260, 80, size).to_mask()
    return image_of(
        LabelledObject(RunLengths.from_mask(ring), class_name="cat"),
        LabelledObject(RunLengths.from_mask(parts), class_name="dog"),
        LabelledObject(box_runs(150, 120, 260, 180, size), class_name="cat"),
        size_hw=size,
    )


def check_close(masks, image):
    """Their fillings count the outline itself as inside: one pixel more at the right and at the bottom."""
    for mask, item in zip(masks, image.objects, strict=True):
        expected = item.run_lengths.to_mask()
        assert np.count_nonzero(mask & expected) == np.count_nonzero(expected)
        assert np.count_nonzero(mask & ~expected) < 0.1 * np.count_nonzero(expected)


def test_supervision_reads_it(tmp_path):
    supervision = pytest.importorskip("supervision")
    image = photo_of_three()
    write_yolo(DataSet((image,)), tmp_path)
    data = supervision.DetectionDataset.from_yolo(
        str(tmp_path / "images"), str(tmp_path / "labels"), str(tmp_path / "data.yaml"), force_masks=True
    )
    assert data.classes == ["cat", "dog"]
    (_, _, detections) = next(iter(data))
    assert detections.class_id.tolist() == [0, 1, 0]
    np.testing.assert_allclose(detections.xyxy[2], [150, 120, 260, 180], atol=1)
    check_close(detections.mask, image)


def test_ultralytics_reads_it(tmp_path):
    utils = pytest.importorskip("ultralytics.data.utils")
    image = photo_of_three()
    write_yolo(DataSet((image,)), tmp_path)
    settings_of_data = utils.check_det_dataset(str(tmp_path / "data.yaml"), autodownload=False)
    assert settings_of_data["names"] == {0: "cat", 1: "dog"}
    _, labels, shape, segments, _, missing, found, empty, corrupt, message = utils.verify_image_label(
        (str(tmp_path / "images/a.png"), str(tmp_path / "labels/a.txt"), "", False, 2, 0, 0, False)
    )
    assert (missing, found, empty, corrupt, message) == (0, 1, 0, 0, "")
    assert labels[:, 0].tolist() == [0, 1, 0]
    np.testing.assert_allclose(labels[2, 1:], [205 / 300, 150 / 200, 110 / 300, 60 / 200], atol=1e-6)
    masks = [
        utils.polygon2mask(shape, [(segment * shape[::-1]).ravel()], color=1, downsample_ratio=1).astype(bool)
        for segment in segments
    ]
    check_close(masks, image)
