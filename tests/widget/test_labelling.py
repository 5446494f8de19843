"""Classes, locks and corrections from Python and from the browser, through a whole widget."""

import math

import numpy as np
import pytest

from samwidget.core.palette import COLOURS
from samwidget.errors import ClosedError, PromptError
from samwidget.formats.coco import encode_rle
from tests.widget.fakes import WiredWidget

CLICK = {"x": 60, "y": 40, "label": 1}


@pytest.fixture
def widget():
    with WiredWidget(classes=["cat", "dog", "cat"]) as made:
        yield made


def test_a_widget_shows_its_classes_at_once(widget):
    assert widget.classes == ("cat", "dog")
    assert widget.document["classes"] == [
        {"name": "cat", "colour": COLOURS[0], "count": 0},
        {"name": "dog", "colour": COLOURS[1], "count": 0},
    ]
    assert (widget.document["active_class"], widget.document["can_undo"]) == (None, False)


@pytest.mark.parametrize(("classes", "error"), [("cat", TypeError), ([7], PromptError), (["cat", " "], PromptError)])
def test_wrong_classes_are_refused(classes, error):
    with pytest.raises(error):
        WiredWidget(classes=classes)


def test_classes_of_objects_and_counts(widget):
    widget.do("activate_class", **{"class": "dog"})
    widget.do("add_point", **CLICK)
    item = widget.add(points=[10, 10], name="tom", class_name=" cat ")
    assert (item.class_name, item.colour, item.name) == ("cat", COLOURS[0], "tom")
    assert [found.class_name for found in widget.objects] == ["dog", "cat"]
    assert [(entry["class"], entry["locked"]) for entry in widget.document["objects"]] == [
        ("dog", False), ("cat", False),
    ]  # fmt: skip
    assert [entry["count"] for entry in widget.document["classes"]] == [1, 1]
    widget.set_class([1, np.int64(2)], "bird")
    assert widget.classes == ("cat", "dog", "bird")
    assert [entry["count"] for entry in widget.document["classes"]] == [0, 0, 2]
    widget.set_class(1, None)
    widget.undo()
    widget.undo()
    assert [found.class_name for found in widget.objects] == ["dog", "cat"]


def test_the_class_of_the_object_that_is_still_on_its_way(widget):
    widget.do("add_point", **CLICK)
    widget.do("set_class", objects=None, **{"class": "cat"})
    assert widget.objects[0].class_name == "cat"


def test_the_list_of_classes(widget):
    widget.define_class("cup")
    widget.define_class("cup")
    widget.activate_class("cup")
    widget.rename_class("cup", "mug")
    assert (widget.classes, widget.active_class) == (("cat", "dog", "mug"), "mug")
    widget.do("rename_class", **{"class": "mug", "name": " glass "})
    widget.do("delete_class", **{"class": "cat"})
    widget.do("add_class", name="<b>&amp;</b> \U0001f408")
    assert widget.classes == ("dog", "glass", "<b>&amp;</b> \U0001f408")
    widget.delete_class("glass")
    assert widget.active_class is None


@pytest.mark.parametrize("name", ["", " ", "n" * 10_000, None, 7, "\ud800"])
def test_names_of_classes_follow_the_rules_of_names(widget, name):
    with pytest.raises(PromptError, match="the name is"):
        widget.define_class(name)


def test_locks(widget):
    widget.add(points=[10, 10])
    widget.add(points=[60, 60])
    widget.lock([1, 2])
    for change in (
        lambda: widget.rename(1, "tom"), lambda: widget.delete(1), widget.clear, lambda: widget.set_class(1, "dog"),
        lambda: widget.grow(1, 2), lambda: widget.merge([1, 2]),
    ):  # fmt: skip
        with pytest.raises(PromptError, match="is locked"):
            change()
    widget.unlock(1)
    widget.delete([1])
    assert [item.locked for item in widget.objects] == [True]


def test_a_click_on_a_locked_active_object_is_refused(widget):
    widget.do("add_point", **CLICK)
    widget.lock(1)
    name = widget.say("add_point", **CLICK)
    error = widget.wire.wait_for("error", re=name)[0]
    assert "Object 1 is locked" in error["message"]
    assert "unlock" in error["hint"]


def test_corrections_from_python(widget):
    square = [[10, 10], [30, 10], [30, 30], [10, 30]]
    first = widget.fill_polygon(square)
    assert (first.id, first.area, widget.document["active"]) == (1, 400, 1)
    assert widget.paint([50, 50], 3).id == 1
    assert widget.drop_islands(1).area == 400
    assert widget.fill_polygon([[15, 15], [20, 15], [20, 20], [15, 20]], 1, erase=True).area == 375
    assert widget.fill_holes(1, 24).area == 375
    assert widget.fill_holes(1).area == 400
    assert widget.grow(1, 1).area == 480
    assert widget.shrink(1, 1).area == 400
    assert widget.smooth(1, 2).area == pytest.approx(400, abs=8)
    widget.accept()
    second = widget.fill_polygon(np.add(square, [50, 0]))
    assert widget.merge([1, second.id]).area == pytest.approx(800, abs=8)
    assert len(widget.split(1)) == 2
    third = widget.objects[-1]
    assert widget.subtract(1, [third.id]).id == 1
    with pytest.raises(PromptError, match="nothing would be left"):
        widget.intersect([1, third.id])
    while widget.undo():
        pass
    assert widget.objects == ()


def test_polygons_from_python(widget):
    widget.fill_polygon([[10, 10], [30, 10], [30, 30], [10, 30]])
    before = widget.objects[0]
    (polygon,) = widget.to_polygons(1)
    assert len(polygon) == 8
    assert widget.set_polygons(1, [polygon]).area == 400
    assert widget.objects[0] is before or np.array_equal(widget.objects[0].mask, before.mask)
    assert [len(corners) for corners in widget.to_polygons(1, tolerance=50)] == [3]
    hole = [[15, 15], [20, 15], [20, 20], [15, 20]]
    assert widget.set_polygons(1, [polygon, hole]).area == 375
    assert len(widget.to_polygons(1)) == 2
    widget.undo()
    assert widget.objects[0].area == 400


def test_a_scribble_from_python(widget):
    item = widget.scribble([[10, 10], [90, 10]])
    assert len(item.prompts.points_xy) > 4
    assert widget.scribble([10, 90], label=0).prompts.labels.tolist()[-1] == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda w: w.paint([], 3), lambda w: w.paint([[1, 2, 3]], 3), lambda w: w.paint("here", 3),
        lambda w: w.paint([[1, math.nan]], 3), lambda w: w.paint([1, 1], 0), lambda w: w.paint([1, 1], math.inf),
        lambda w: w.paint([1, 1], None), lambda w: w.fill_polygon([[1, 1], [2, 2]]), lambda w: w.grow(1, -1),
        lambda w: w.smooth(1, math.nan), lambda w: w.merge([]), lambda w: w.merge(["1"]), lambda w: w.lock(1.5),
        lambda w: w.set_class([], "cat"), lambda w: w.delete(9), lambda w: w.scribble([1, 1], label=3),
        lambda w: w.set_class(True, "cat"), lambda w: w.to_polygons(1, -1), lambda w: w.to_polygons(9),
        lambda w: w.set_polygons(1, []), lambda w: w.set_polygons(1, [[[1, 1], [2, 2]]]),
        lambda w: w.set_polygons(1, [[[1, 1], [9, 1], [9, math.nan]]]), lambda w: w.set_polygons(1, 5),
    ],
)  # fmt: skip
def test_wrong_arguments_are_explained_and_change_nothing(widget, call):
    widget.add(points=[10, 10])
    before = widget.document
    with pytest.raises(PromptError) as raised:
        call(widget)
    assert raised.value.hint
    assert widget.document == before


def test_nothing_is_corrected_after_close(widget):
    widget.close()
    assert widget.classes == ("cat", "dog")
    for change in (lambda: widget.define_class("cup"), lambda: widget.paint([1, 1], 3), lambda: widget.lock(1)):
        with pytest.raises(ClosedError):
            change()


def block(x0, y0, x1, y1):
    mask = np.zeros((96, 128), bool)
    mask[y0:y1, x0:x1] = True
    return mask


LEFT, RIGHT = block(0, 0, 60, 96), block(50, 0, 128, 96)


@pytest.mark.parametrize(
    "masks",
    [
        [LEFT, RIGHT],
        np.stack([LEFT, RIGHT]),
        (LEFT.astype(np.uint8) * 255, RIGHT.astype(float)),
        [encode_rle(LEFT), RIGHT],
    ],
)
def test_masks_in_any_form_are_one_step(widget, masks):
    first, second = widget.add_masks(masks, names=["l", "r"], class_names=["cat", "wall"])
    assert np.array_equal(first.mask, LEFT)
    assert np.array_equal(second.mask, RIGHT)
    assert [(item.name, item.class_name) for item in widget.objects] == [("l", "cat"), ("r", "wall")]
    assert widget.undo()
    assert widget.objects == ()
    assert widget.classes == ("cat", "dog")


def test_a_label_map_is_an_object_for_each_number(widget):
    labels = np.zeros((96, 128), np.int32)
    labels[LEFT], labels[RIGHT] = 7, 70_000
    first, second = widget.add_masks(labels, class_names="cat")
    assert np.array_equal(first.mask, LEFT & ~RIGHT)
    assert np.array_equal(second.mask, RIGHT)
    assert {first.class_name, second.class_name} == {"cat"}
    assert np.array_equal(widget.label_map() == 1, first.mask)
    assert widget.add_masks(np.zeros((96, 128), int)) == ()


def test_what_the_generator_of_sam_returns_is_taken_as_it_is(widget):
    half = np.zeros((96, 128), bool)
    half[:, :64] = True
    run_lengths = {"size": [96, 128], "counts": [0, 96 * 64, 96 * 64]}
    records = [{"segmentation": half, "area": 6144, "bbox": [0, 0, 64, 96]}, {"segmentation": run_lengths}]
    assert [item.area for item in widget.add_masks(records)] == [6144, 6144]


def test_what_a_masked_array_masks_belongs_to_no_object(widget):
    labels = np.ma.masked_less(np.tile(np.arange(128) // 32, (96, 1)), 2)
    assert [item.area for item in widget.add_masks(labels)] == [32 * 96] * 2


def test_a_click_refines_a_mask_that_came_in(widget):
    item = widget.add_masks([LEFT])[0]
    widget.select(item.id)
    widget.do("add_point", **CLICK)
    refined = widget.objects[0]
    assert (refined.id, refined.prompts.points_xy.tolist()) == (item.id, [[60, 40]])
    assert refined.prompts.mask is not None


@pytest.mark.parametrize(
    ("overlap", "areas"), [("keep", [60 * 96, 78 * 96]), ("first", [60 * 96, 68 * 96]), ("newest", [50 * 96, 78 * 96])]
)
def test_overlaps(widget, overlap, areas):
    added = widget.add_masks([LEFT, RIGHT], overlap=overlap)
    assert [item.area for item in added] == areas


def test_what_is_there_first_keeps_its_pixels(widget):
    widget.add_masks([LEFT])
    (item,) = widget.add_masks([RIGHT, LEFT], overlap="first")
    assert np.array_equal(item.mask, RIGHT & ~LEFT)
    (on_top,) = widget.add_masks([LEFT], overlap="newest")
    assert on_top.area == LEFT.sum()
    assert widget.objects[0].area == LEFT.sum()


@pytest.mark.parametrize(
    "call",
    [
        lambda w: w.add_masks([LEFT[1:]]), lambda w: w.add_masks([LEFT], names=["a", "b"]),
        lambda w: w.add_masks([LEFT & ~LEFT]), lambda w: w.add_masks("masks"), lambda w: w.add_masks(None),
        lambda w: w.add_masks([None]), lambda w: w.add_masks([{"size": [96, 128]}]),
        lambda w: w.add_masks([encode_rle(LEFT[1:])]), lambda w: w.add_masks([LEFT], overlap="under"),
        lambda w: w.add_masks([LEFT], class_names=[" "]), lambda w: w.add_masks(np.zeros((3, 4), int)),
        lambda w: w.add_masks([[1, 2], [3]]), lambda w: w.add_masks(np.full((96, 128), 0.5)),
        lambda w: w.add_boxes([[1, 2, 3]]), lambda w: w.add_boxes("boxes"), lambda w: w.add_boxes([[5, 5, 5, 9]]),
        lambda w: w.add_boxes([[0, 0, 9, 9], [500, 0, 900, 9]]), lambda w: w.add_boxes([[0, 0, math.nan, 9]]),
    ],
)  # fmt: skip
def test_wrong_masks_and_boxes_add_nothing(widget, call):
    widget.wait()
    with pytest.raises(PromptError) as raised:
        call(widget)
    assert raised.value.hint
    assert widget.document["objects"] == []


def test_boxes_are_one_step_with_candidates(widget):
    added = widget.add_boxes([[0, 0, 40, 40], [60, 10, 100, 60]], names=["a", "b"], class_names="dog")
    assert [(item.name, item.class_name) for item in added] == [("a", "dog"), ("b", "dog")]
    assert added[1].prompts.box_xyxy.tolist() == [60, 10, 100, 60]
    assert widget.document["active"] is None
    widget.select(added[0].id)
    assert len(widget.document["candidates"]) == 3
    widget.undo()
    assert widget.objects == ()
    assert widget.add_boxes([]) == ()


def test_what_is_drawn_over_what(widget):
    mask = np.zeros(widget.image.shape[:2], bool)
    mask[10:20, 10:20] = True
    for name in ("a", "b", "c"):
        widget.add(mask=mask, name=name)
    widget.bring_to_front(1)
    assert [item.name for item in widget.objects] == ["b", "c", "a"]
    assert widget.label_map()[15, 15] == 3
    widget.do("reorder", objects=[3], to="back")
    assert [entry["name"] for entry in widget.document["objects"]] == ["c", "b", "a"]
    widget.send_to_back([1, 2])
    assert [item.name for item in widget.objects] == ["b", "a", "c"]
    with pytest.raises(PromptError, match="no object 9"):
        widget.bring_to_front([1, 9])
    for _ in range(3):
        widget.undo()
    assert [item.name for item in widget.objects] == ["a", "b", "c"]


ANYTHING = [
    None,
    "x",
    "x" * 10_000,
    1.5,
    float("nan"),
    -1,
    2**70,
    [],
    {},
    [1, "a"],
    [[1], [1, 2]],
    np.array([1, 2]),
    object(),
]


@pytest.mark.parametrize("value", ANYTHING, ids=lambda value: repr(value)[:12])
def test_anything_else_than_an_id_or_a_name_is_explained_shortly(widget, value):
    calls = [
        lambda: widget.split(value),
        lambda: widget.paint([[5, 5]], 3, value) if value is not None else widget.split(None),
        lambda: widget.delete(value),
        lambda: widget.rename(1, value),
        lambda: widget.delete_class(value),
        lambda: widget.add_boxes([[1, 1, 9, 9]], names=5.5 if value is None else [value, value]),
        lambda: widget.add(box=value) if isinstance(value, str | float) else widget.split(None),
    ]
    for number, call in enumerate(calls):
        with pytest.raises(PromptError) as error:
            call()
        assert len(str(error.value)) < 500, number
    assert widget.objects == ()
