"""The values that formats share, and what readers say about what they cannot take."""

import json

import numpy as np
import pytest

from samwidget.core import Frame, Prompt, RunLengths, SegmentedObject
from samwidget.errors import FormatError, SamWidgetWarning
from samwidget.formats import LabelledImage, LabelledObject, labelled_object
from samwidget.formats.labels import ClassNumbers, class_names_of, class_or_none
from samwidget.formats.reading import (
    LeftOut,
    checked_box,
    checked_ring,
    checked_size,
    read_json,
    score_or_none,
)
from tests.formats.masks import runs_of


def test_an_object_has_a_mask_or_a_box():
    masked, boxed = LabelledObject(runs_of(".##", ".#.")), LabelledObject(box=(0, 0.5, 2, 2))
    assert (masked.box_xyxy, masked.area) == ((1, 0, 3, 2), 3)
    assert (boxed.box_xyxy, boxed.area) == ((0, 0.5, 2, 2), 3)
    assert LabelledObject(runs_of("..")).box_xyxy == (0, 0, 0, 0)
    for arguments in ({}, {"run_lengths": runs_of("#"), "box": (0, 0, 1, 1)}):
        with pytest.raises(ValueError, match="either a mask or a box"):
            LabelledObject(**arguments)


def test_objects_of_a_document_keep_mask_name_class_and_score():
    logits = np.array([[1, -1], [-1, -1]], np.float32)
    frame = Frame((2, 2), (2, 2), (2, 2), (2, 2))
    item = SegmentedObject(1, "Tom", "#ff0000", logits, 0.75, frame, Prompt(), None, class_name="cat")
    labelled = labelled_object(item)
    assert (labelled.name, labelled.class_name, labelled.score) == ("Tom", "cat", 0.75)
    np.testing.assert_array_equal(labelled.run_lengths.to_mask(), item.mask)
    exact = RunLengths.from_mask(np.array([[0, 1], [0, 1]], bool))
    item = SegmentedObject(1, "Tom", "#ff0000", logits, 0.75, frame, Prompt(), None, run_lengths=exact)
    assert labelled_object(item).run_lengths is exact


def test_classes_are_numbered_in_the_order_of_the_list():
    numbers = ClassNumbers(["dog", "cat", "dog"])
    assert [numbers.of(name) for name in ("cat", "dog", None, "cow", None)] == [1, 0, 2, 3, 2]
    assert numbers.names == ["dog", "cat", "object", "cow"]
    assert (class_or_none(" cat "), class_or_none("object"), class_or_none("  ")) == ("cat", None, None)
    assert class_names_of(["dog", "object", "dog", "", "cat"]) == ("dog", "cat")


def test_pixels_have_the_size_of_the_masks():
    image = LabelledImage("a.png", (2, 3), read=lambda: np.zeros((2, 3, 3), np.uint8))
    assert image.pixels().shape == (2, 3, 3)
    with pytest.raises(FormatError, match="3 x 2 pixels, and its masks have 4 x 2"):
        LabelledImage("a.png", (2, 4), read=image.read).pixels()
    with pytest.raises(FormatError, match="are not known"):
        LabelledImage("a.png", (2, 4)).pixels()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no file"),
        (b'{"a": 1,\n "b": }', "labels.json, line 2, column 7, is not JSON"),
        (b"{\n\xff}", "labels.json, line 2, is not UTF-8"),
        (b"[1]", r"labels.json holds \[1\]"),
        (b"[" * 100_000, "labels.json is not JSON that can be read"),
        (b'{"a": ' + b"9" * 5000 + b"}", "labels.json is not JSON that can be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_its_line(tmp_path, content, message):
    path = tmp_path / "labels.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FormatError, match=message) as raised:
        read_json(path)
    assert raised.value.hint


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"a": 1}), encoding="utf-8-sig")
    assert read_json(tmp_path / "a.json") == {"a": 1}


def test_one_warning_names_the_first_parts_that_are_left_out(tmp_path):
    left_out = LeftOut(tmp_path / "labels.json")
    left_out.warn()
    for number in range(7):
        with left_out.without(f"objects[{number}]"):
            raise [FormatError("no mask", hint="draw it"), KeyError("id")][number % 2]
    with pytest.warns(SamWidgetWarning) as caught:
        left_out.warn()
    (text,) = [str(warning.message) for warning in caught]
    assert text.startswith("labels.json was not taken as it is: objects[0]: left out, no mask: draw it; objects[1]")
    assert text.endswith("; and 2 more")


def test_an_error_of_ours_is_not_swallowed(tmp_path):
    with pytest.raises(AssertionError), LeftOut(tmp_path).without("here"):
        raise AssertionError


def test_boxes_are_cut_at_the_border():
    assert checked_box([-1, "1", 3, 9], (5, 4)) == (0, 1, 3, 5)
    for box in ([2, 2, 1, 3], [9, 9, 10, 10], [0, 0, float("nan"), 1], [0, 0, float("inf"), 1]):
        with pytest.raises(FormatError, match="no pixel of the image"):
            checked_box(box, (5, 4))


def test_rings_sizes_and_scores():
    assert checked_ring([0, 0, 1, 0, 1, 1]).tolist() == checked_ring([[0, 0], [1, 0], [1, 1]]).tolist()
    for ring in ([0, 0, 1, 1], [0, 0, 1, 0, 1], [[0, 0], [1, 0], [1, float("nan")]], 3):
        with pytest.raises(FormatError, match="the polygon is"):
            checked_ring(ring)
    assert checked_size("3", 4.0) == (3, 4)
    for size in ((0, 3), (None, 3), (10**6, 10**6), (float("inf"), 1)):
        with pytest.raises(FormatError, match="pixels"):
            checked_size(*size)
    assert [score_or_none(value) for value in (0.5, "0.5", 2, None, "x", float("nan"))] == [
        0.5,
        0.5,
        1,
        None,
        None,
        None,
    ]
