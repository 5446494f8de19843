"""What Python can do with a widget."""

import base64
import io
import subprocess
import sys
import threading

import ipywidgets
import numpy as np
import pytest
import traitlets
from PIL import Image

from samwidget.core.prompt import Prompt
from samwidget.errors import ClosedError, FormatError, ImageError, ModelError, PromptError, SamWidgetWarning
from samwidget.formats.azure_ml.messages import parse_request, parse_response
from samwidget.widget.widget import SamWidget
from tests.widget.fakes import TIMEOUT_S, FakePredictor, Wire, WiredWidget

CLICK = {"x": 60, "y": 40, "label": 1}


def half(shape=(96, 128)):
    mask = np.zeros(shape, bool)
    mask[:, : shape[1] // 2] = True
    return mask


def test_importing_the_widget_loads_no_network_library():
    code = (
        "import sys, samwidget.widget.widget as _; print([m for m in ('torch', 'scipy', 'httpx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_add_returns_the_object_and_leaves_the_users_alone(make):
    widget = make()
    widget.do("add_point", **CLICK)
    found = widget.add(points=[[20, 20]], name="tree")
    assert (found.id, found.name) == (2, "tree")
    assert found.mask[20, 20]
    assert widget.document["active"] == 1
    assert [one["name"] for one in widget.document["objects"]] == ["object 1", "tree"]


def test_add_takes_what_users_type(make):
    widget = make()
    assert widget.add(points=(20, 20)).prompts == Prompt(np.array([[20, 20]], np.float32), np.array([1]))
    both = widget.add(points=[[20, 20], [60, 60]], labels=[1, 0], box=(5, 5, 90, 90))
    assert both.prompts.labels.tolist() == [1, 0]
    assert both.prompts.box_xyxy.tolist() == [5, 5, 90, 90]


def test_add_mask_is_exact_and_can_be_refined(make):
    widget = make()
    found = widget.add(mask=half(), name="left")
    assert np.array_equal(widget.masks[0], half())
    assert (found.score, widget.document["objects"][0]["level"]) == (1.0, None)
    widget.select(found.id)
    widget.do("add_point", x=100, y=40, label=1)
    assert widget.predictor.asked[-1].mask is not None
    assert not np.array_equal(widget.masks[0], half())
    widget.do("remove_point", index=0)
    assert np.array_equal(widget.masks[0], half())
    assert widget.undo()
    assert widget.masks[0][40, 100]


def test_add_mask_beside_points_asks_the_network(make):
    widget = make()
    widget.add(mask=half(), points=[[100, 40]])
    (asked,) = widget.predictor.asked
    assert asked.mask.shape == (64, 64)
    assert len(asked.points_xy) == 1


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({}, "the prompt is empty"),
        ({"points": []}, "the prompt is empty"),
        ({"points": [[500, 5]]}, "outside the image"),
        ({"points": [[np.nan, 5]]}, "NaN"),
        ({"points": [[1, 2], [3, 4]], "labels": [1]}, "one label per point"),
        ({"labels": [1]}, "without points"),
        ({"box": [5, 5, 5, 5]}, "no area"),
        ({"box": [5, 5, 9]}, "four numbers"),
        ({"mask": np.zeros((3, 3), bool)}, "shape"),
        ({"points": [[5, 5]], "name": " "}, "not all blank"),
        ({"points": [[5, 5]], "name": "n" * 81}, "80 characters"),
    ],
)
def test_add_refuses_what_does_not_fit(make, arguments, what):
    widget = make()
    with pytest.raises(PromptError, match=what):
        widget.add(**arguments)
    assert widget.objects == ()


def test_results_are_arrays_of_the_photos_size(make):
    widget = make()
    assert widget.masks.shape == (0, 96, 128)
    assert widget.scores.shape == (0,)
    assert widget.label_map().sum() == 0
    widget.add(mask=half())
    widget.add(points=[[60, 40]])
    assert widget.masks.dtype == np.bool_
    assert widget.scores.dtype == np.float32
    labels = widget.label_map()
    assert labels.dtype == np.int32
    assert (labels[widget.masks[1]] == 2).all(), "later objects lie on top"
    assert (labels[widget.masks[0] & ~widget.masks[1]] == 1).all()


def test_results_show_every_click_that_the_kernel_had_received(make):
    predictor = FakePredictor()
    widget = make(predictor=predictor)
    widget.wait(TIMEOUT_S)
    predictor.decode_gate.shut()
    widget.say("add_point", **CLICK)
    assert predictor.decode_gate.reached.wait(TIMEOUT_S)
    read, begins = [], threading.Event()
    reader = threading.Thread(target=lambda: (begins.set(), read.append(len(widget.masks))))
    reader.start()
    assert begins.wait(TIMEOUT_S)
    predictor.decode_gate.open()
    reader.join(TIMEOUT_S)
    assert read == [1]


def test_results_do_not_wait_for_a_network_that_nobody_has_asked(make):
    predictor = FakePredictor()
    predictor.encode_gate.shut()
    widget = make(predictor=predictor)
    assert widget.objects == ()
    assert repr(widget) == "SamWidget(128 x 96 pixels, 0 objects)"


def test_the_threshold_moves_the_masks_and_the_summary(make):
    widget = make()
    widget.do("add_point", **CLICK)
    areas = []
    for threshold in (-2.0, 0.0, 2.0):
        widget.threshold = threshold
        assert widget.objects[0].threshold == threshold
        widget.wait(TIMEOUT_S)
        areas.append(widget.document["objects"][0]["area"])
        assert areas[-1] == int(widget.masks[0].sum()) == widget.objects[0].area
    assert areas == sorted(areas, reverse=True)
    assert len(set(areas)) == 3
    assert widget.undo()
    assert not widget.document["can_undo"], "the threshold is no step of the history"


def test_equal_calls_give_the_same_objects_measured_once(make):
    widget = make(threshold=1.0)
    widget.add(points=[[60, 40]])
    assert widget.objects[0] is widget.objects[0]


def test_undo_redo_clear_and_their_results(make):
    widget = make()
    assert (widget.undo(), widget.redo()) == (False, False)
    widget.add(points=[[60, 40]])
    widget.do("add_point", **CLICK)
    widget.rename(1, "cup")
    assert widget.undo()
    assert widget.objects[0].name == "object 1"
    assert widget.undo()
    assert len(widget.objects) == 1
    assert widget.redo()
    widget.clear()
    assert widget.objects == ()
    assert widget.undo()
    widget.delete(1)
    assert [found.id for found in widget.objects] == [2]


def test_select_takes_the_integers_of_numpy(make):
    widget = make()
    widget.add([30, 40])
    widget.select(np.int64(1))
    assert type(widget.document["active"]) is int
    assert widget.add([80, 40]).id == 2


def test_half_a_surrogate_pair_in_a_name_is_refused_because_no_view_could_show_it(make):
    widget = make()
    with pytest.raises(PromptError, match=r"the name is 'a\\ud83d'"):
        widget.add([30, 40], name="a\ud83d")
    widget.add([30, 40], name="cup \u2615\U0001f600")
    refused = widget.say("rename", object=1, name="b\ud83d")
    widget.wire.wait_for("error", re=refused)
    assert [shown["name"] for shown in widget.document["objects"]] == ["cup \u2615\U0001f600"]


def test_select_and_accept_say_where_clicks_go(make):
    widget = make()
    widget.add(points=[[60, 40]])
    widget.select(1)
    widget.do("add_point", x=70, y=40, label=1)
    assert len(widget.objects[0].prompts.points_xy) == 2
    widget.accept()
    widget.do("add_point", x=20, y=20, label=1)
    assert len(widget.objects) == 2


@pytest.mark.parametrize("act", [lambda w: w.select(7), lambda w: w.rename(7, "cup"), lambda w: w.delete(7)])
def test_unknown_objects_are_refused(make, act):
    with pytest.raises(PromptError, match="no object 7"):
        act(make())


def test_python_hears_why_there_is_no_network(make):
    predictor = FakePredictor()
    predictor.fail_encode = [ModelError("it fell over", hint="try another")]
    widget = make(predictor=predictor)
    with pytest.raises(ModelError, match="it fell over"):
        widget.add(points=[[60, 40]])
    with pytest.raises(ModelError, match="it fell over"):
        widget.wait(TIMEOUT_S)
    assert widget.undo() is False
    widget.say("add_point", **CLICK)
    assert widget.objects == (), "a click that waits for a retry does not make Python wait"


def test_a_network_that_cannot_be_loaded_is_reported(make, monkeypatch):
    def fail(*_):
        raise ModelError("no network of that name", hint="choose another")

    monkeypatch.setattr("samwidget.widget.model_sources.open_predictor", fail)
    widget = UnloadedWidget(model="nobody/nothing")
    widget.wire.wait_for("error")
    assert (widget.status["phase"], widget.status["network"]) == ("failed", "nobody/nothing")
    with pytest.raises(ModelError, match="of that name"):
        widget.predictor  # noqa: B018
    widget.close()


class UnloadedWidget(WiredWidget):
    """Leaves the choice of the predictor to SamWidget."""

    def __init__(self, **kwargs):
        self.wire, self._messages = Wire(), 0
        SamWidget.__init__(self, np.zeros((96, 128, 3), np.uint8), **kwargs)


def test_wait_gives_up_in_time(make):
    predictor = FakePredictor()
    predictor.encode_gate.shut()
    widget = make(predictor=predictor)
    with pytest.raises(TimeoutError, match=r"0\.01 s"):
        widget.wait(0.01)


def test_on_change_is_called_until_it_is_unsubscribed(make):
    widget = make()
    seen = []
    stop = widget.on_change(lambda changed: seen.append((changed, len(changed.objects))))
    widget.add(points=[[60, 40]])
    widget.do("add_point", **CLICK)
    widget.undo()
    stop()
    stop()
    widget.clear()
    assert seen == [(widget, 1), (widget, 2), (widget, 1)]


def test_a_callback_may_use_the_widget(make):
    widget = make()

    def keep_one(changed):
        if len(changed.objects) > 1:
            changed.delete(changed.objects[0].id)

    widget.on_change(keep_one)
    for x in (20, 60, 100):
        widget.add(points=[[x, 40]])
    assert [found.id for found in widget.objects] == [3]
    assert [found["id"] for found in widget.document["objects"]] == [3]


def test_a_callback_that_fails_is_reported_and_breaks_nothing(make, caplog):
    widget = make()
    widget.on_change(lambda _: 1 / 0)
    with pytest.warns(SamWidgetWarning, match="ZeroDivisionError"):
        widget.add(points=[[60, 40]])
    error, _ = widget.wire.wait_for("error", code="callback")
    assert "division by zero" in error["message"]
    assert "ZeroDivisionError" in caplog.text
    assert len(widget.objects) == 1


def test_an_observer_that_fails_does_not_keep_the_document_from_the_views(make):
    widget = make()
    widget.observe(lambda _: 1 / 0, "document")
    with pytest.warns(SamWidgetWarning, match="observes 'document'"):
        widget.add(points=[[60, 40]])
    assert len(widget.wire.all("trait:document")[-1][0]["value"]["objects"]) == 1


def test_traits_observe_and_link(make):
    widget = make()
    seen = []
    widget.observe(lambda change: seen.append(change["new"]["revision"]), "document")
    widget.add(points=[[60, 40]])
    assert seen == [1]
    slider = ipywidgets.FloatSlider(min=0, max=1)
    ipywidgets.link((slider, "value"), (widget, "opacity"))
    slider.value = 0.7
    assert widget.opacity == 0.7
    box = ipywidgets.VBox([ipywidgets.HBox([widget])])
    assert box.children[0].children[0] is widget
    slider.close()
    box.close()


def test_settings_are_checked(make):
    widget = make(tool="box", theme="dark", hover=False, opacity=0.2, threshold=-1)
    assert (widget.tool, widget.theme, widget.hover, widget.opacity, widget.threshold) == (
        "box",
        "dark",
        False,
        0.2,
        -1,
    )
    for name, value in {"tool": "laser", "theme": "pink", "opacity": 2.0, "threshold": 9.0}.items():
        with pytest.raises(traitlets.TraitError):
            setattr(widget, name, value)


def test_the_document_is_the_kernels_to_write(make):
    widget = make()
    for name in ("document", "status", "_snapshot"):
        with pytest.raises(traitlets.TraitError):
            setattr(widget, name, {})
    before = widget.document
    widget.set_state({"document": {"objects": []}, "status": {}, "opacity": 0.1})
    assert widget.document == before
    assert widget.opacity == 0.1


def test_layout_is_honoured(make):
    assert make(layout={"width": "300px"}).layout.width == "300px"
    assert make(height=420).layout.height == "420px"
    assert make(height="50vh", layout=ipywidgets.Layout(width="9em")).layout.height == "50vh"


def test_unknown_and_contradictory_arguments_are_refused():
    image = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(TypeError, match="opcity"):
        SamWidget(image, predictor=FakePredictor(), opcity=0.5)
    for name in ("document", "status", "_snapshot"):
        with pytest.raises(TypeError, match=name):
            SamWidget(image, predictor=FakePredictor(), **{name: {}})
    with pytest.raises(TypeError, match="either predictor"):
        SamWidget(image, model="nano", predictor=FakePredictor())


def test_an_image_that_cannot_be_read_raises_at_once(tmp_path):
    (tmp_path / "empty.jpg").write_bytes(b"")
    for image in (tmp_path / "missing.jpg", tmp_path / "empty.jpg", b"no image", np.zeros((0, 5, 3), np.uint8)):
        with pytest.raises(ImageError):
            SamWidget(image, predictor=FakePredictor())


def test_the_image_is_out_of_reach_of_the_array_that_was_given(make):
    given = np.zeros((96, 128, 3), np.uint8)
    widget = make(given)
    given[:] = 255
    assert widget.image.sum() == 0
    with pytest.raises(ValueError, match="read-only"):
        widget.image[0, 0] = 1


def test_request_has_a_row_for_each_object_and_replays(make):
    widget = make()
    widget.add(points=[[60, 40], [20, 20]], labels=[1, 0], box=[10, 10, 100, 90])
    widget.add(points=[[20, 70]])
    widget.add(mask=half())
    with pytest.warns(SamWidgetWarning, match=r"other masks for object 3 \(made from a mask\)$"):
        rows = parse_request(widget.request())
    assert all(row.multimask_output for row in rows)
    assert [row.prompts[0] for row in rows[:2]] == [found.prompts for found in widget.objects[:2]]
    assert rows[2].prompts[0].box_xyxy.tolist() == [0, 0, 64, 96]
    with Image.open(io.BytesIO(rows[0].image)) as image:
        assert np.array_equal(np.asarray(image), widget.image)
    replayed = make(widget.image)
    for row in rows[:2]:
        prompt = row.prompts[0]
        replayed.add(points=prompt.points_xy, labels=prompt.labels, box=prompt.box_xyxy)
    assert np.array_equal(replayed.masks, widget.masks[:2])


def test_what_a_request_cannot_hold_is_said_with_the_names_of_the_objects(make):
    widget = make()
    widget.add(points=[[60, 40]], mask=half(), name="with a mask")
    widget.add(mask=half(), name="only a mask")
    widget.do("add_point", **CLICK)
    widget.do("choose", level=0)
    widget.rename(3, "chosen")
    with pytest.warns(SamWidgetWarning) as caught:
        widget.request()
    (warning,) = caught
    assert str(warning.message).endswith(
        "for with a mask (made from a mask), only a mask (made from a mask), chosen (candidate 1 was chosen)"
    )
    assert warning.filename == __file__


def test_a_request_that_holds_everything_says_nothing_and_another_threshold_is_said(make, recwarn):
    widget = make()
    widget.add(points=[[60, 40]])
    widget.request()
    assert not [warning for warning in recwarn if issubclass(warning.category, SamWidgetWarning)]
    widget.threshold = 1.5
    with pytest.warns(SamWidgetWarning, match=r"object 1 \(its threshold is 1\.5\)"):
        widget.request()


def test_request_without_objects_is_an_empty_table(make):
    assert make().request()["input_data"]["data"] == []


def test_an_object_that_cannot_be_asked_for_is_named(make):
    widget = make()
    widget.add(mask=np.zeros((96, 128), bool), name="nothing")
    with pytest.raises(FormatError, match="nothing has no prompt"):
        widget.request()


@pytest.mark.parametrize(
    ("form", "exif", "is_sent_as_it_is"), [("JPEG", 1, True), ("PNG", 1, True), ("JPEG", 6, False), ("BMP", 1, False)]
)
def test_the_images_own_file_is_sent_where_all_readers_agree_on_it(make, tmp_path, form, exif, is_sent_as_it_is):
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 255, (40, 60, 3), np.uint8))
    header = Image.Exif()
    header[0x0112] = exif
    path = tmp_path / f"photo.{form.lower()}"
    picture.save(path, form, **({"exif": header} if form == "JPEG" else {}))
    for source in (path, str(path), path.read_bytes()):
        widget = make(source)
        widget.add(points=[[20, 20]])
        sent = base64.b64decode(widget.request()["input_data"]["data"][0][0])
        assert (sent == path.read_bytes()) is is_sent_as_it_is
        with Image.open(io.BytesIO(sent)) as image:
            assert np.array_equal(np.asarray(image), widget.image)


@pytest.mark.parametrize("style", ["card", "service"])
def test_response_has_the_masks_and_scores_of_the_objects(make, style):
    widget = make()
    widget.add(points=[[60, 40]])
    widget.add(mask=half())
    rows = parse_response(widget.response(style))
    assert [len(row) for row in rows] == [1, 1]
    masks = np.concatenate([row[0][0] for row in rows])
    assert np.array_equal(masks, widget.masks)
    assert np.concatenate([row[0][1] for row in rows]) == pytest.approx(widget.scores)


def test_after_close_results_stay_and_changes_are_refused(make):
    widget = make()
    widget.add(points=[[60, 40]])
    widget.close()
    widget.close()
    assert len(widget.objects) == 1
    assert widget.snapshot().size == (128, 96)
    assert widget.status["phase"] == "closed"
    for act in (widget.undo, widget.clear, widget.accept, widget.wait, lambda: widget.add(points=[[1, 1]])):
        with pytest.raises(ClosedError):
            act()


def test_the_context_manager_closes_and_leaves_a_shared_predictor_alone():
    predictor = FakePredictor()
    with WiredWidget(predictor=predictor) as widget:
        widget.add(points=[[60, 40]])
    assert widget.comm is None
    assert not predictor.is_closed
