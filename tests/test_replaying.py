"""replay: saved prompts become the same masks again, without a widget; what cannot be the same is told."""

import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import samwidget
from samwidget import FormatError, PromptError, SamPredictor, SamWidget, SamWidgetWarning, SessionError, replay
from samwidget.core import iou
from samwidget.document.session import DamagedError, open_session, schema
from tests.document.test_session_file import damage_array
from tests.drawn_photo import smooth_photo
from tests.widget.fakes import FakePredictor


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with photo.png and other.png."""
    monkeypatch.setattr("samwidget.document.session.connection._SYNCHRONOUS", "OFF")
    monkeypatch.chdir(tmp_path)
    Image.fromarray(smooth_photo()).save("photo.png")
    Image.fromarray(smooth_photo(seed=1)).save("other.png")
    return tmp_path


@pytest.fixture(scope="module")
def nano():
    """The bundled network."""
    predictor = SamPredictor.from_pretrained(device="cpu")
    yield predictor
    predictor.close()


def square(x, y, side=20):
    mask = np.zeros((96, 128), bool)
    mask[y : y + side, x : x + side] = True
    return mask


def say(widget, kind, **fields):
    """Does what a browser asks; returns when it is done."""
    widget._handle_custom_msg({"v": 1, "kind": kind, "id": f"r{np.random.default_rng().integers(2**40)}", **fields}, [])
    widget.wait(60)


def label(widget):
    """Makes an object of each kind; returns the ids of those that a search has found."""
    widget.add(points=[30, 30], name="point", class_name="cat")
    widget.add(points=[[60, 40], [90, 60]], labels=[1, 0], name="points")
    widget.add(box=[10, 20, 60, 70], name="box")
    widget.add(mask=square(70, 50), name="given")
    widget.add(points=[50, 50], mask=square(40, 40), name="mask and point")
    say(widget, "add_point", x=40, y=60, label=1)
    say(widget, "choose", level=2)
    say(widget, "add_point", x=50, y=64, label=1)  # refines the level that was chosen
    say(widget, "accept")
    say(widget, "add_point", x=100, y=30, label=1)
    say(widget, "choose", level=0)
    say(widget, "accept")
    widget.add(points=[90, 70], name="mended")
    widget.paint([[20, 80], [40, 85]], 5, widget.objects[-1].id)
    return {item.id for item in widget.everything(points_per_side=4)}


def all_of(objects):
    return [
        (item.id, item.name, item.class_name, item.colour, item.locked, item.threshold, item.score, item.mask.tobytes())
        for item in objects
    ]


def assert_as_before(again, before, found=()):
    """All masks are the same; those of ``found`` were computed in a batch, whose rounding may decide about a pixel."""
    assert [row[:-2] for row in all_of(again)] == [row[:-2] for row in all_of(before)]
    for new, old in zip(again, before, strict=True):
        if old.id in found:
            assert iou(new.mask, old.mask) > 0.99, old.name
        else:
            np.testing.assert_array_equal(new.mask, old.mask, err_msg=old.name)
            assert new.score == old.score, old.name


def test_the_masks_of_a_widget_come_back_exactly(nano):
    with SamWidget("photo.png", predictor=nano, session="labels.samw", threshold=0.3) as widget:
        found = label(widget)
        widget.lock(widget.objects[0].id)
        widget.save()
        before = widget.objects
        again = replay("labels.samw", "photo.png", predictor=nano)  # while the widget has the file
    assert len(before) > 8
    assert found
    assert_as_before(again, before, found)
    assert_as_before(replay("labels.samw", smooth_photo()), before, found)  # the bundled network
    assert_as_before(replay(before, "photo.png", predictor=nano), before, found)


def test_a_request_gives_the_masks_that_its_response_has(nano, monkeypatch):
    with SamWidget("photo.png", predictor=nano) as widget:
        widget.add(points=[30, 30])
        widget.add(points=[[60, 40], [90, 60]], labels=[1, 0])
        widget.add(box=[10, 20, 60, 70])
        before, request = widget.objects, widget.request()
    for given in (request, json.dumps(request), request["input_data"]):
        assert_as_before([replace(item, threshold=0.0) for item in replay(given, predictor=nano)], before)
    asked, predict = [], nano.predict_many
    monkeypatch.setattr(nano, "predict_many", lambda *args, **kwargs: asked.append(args[2]) or predict(*args, **kwargs))
    request["input_data"]["data"][1][-1] = False
    assert len(replay(request, predictor=nano)) == 3
    assert asked == [True, False, True], "one row asks for one mask"


def fake_session(path="labels.samw", image="photo.png"):
    predictor = FakePredictor()
    with SamWidget(image, predictor=predictor, session=path) as widget:
        widget.add(points=[30, 30], name="cup")
        widget.add(mask=square(70, 50), name="given")
        return widget.objects


def test_pixels_that_were_given_come_back_and_need_no_network():
    with SamWidget("photo.png", predictor=FakePredictor()) as widget:
        widget.add(mask=square(70, 50), name="given")
        widget.paint([[20, 80], [40, 85]], 5)
        before = widget.objects
        response = widget.response()
    nobody = object()  # any use of it would fail
    assert all_of(replay(before, "photo.png", predictor=nobody)) == all_of(before)
    for given in (response, response[0], json.dumps(response)):
        again = replay(given, "photo.png", predictor=nobody)
        assert [item.mask.tobytes() for item in again] == [item.mask.tobytes() for item in before][: len(again)]
    assert [item.name for item in again] == ["object 1", "object 2"]


def test_nothing_is_written_and_no_lock_is_left(folder):
    fake_session()
    files = {item.name: item.read_bytes() for item in folder.iterdir()}
    replay("labels.samw", "photo.png", predictor=FakePredictor())
    assert {item.name: item.read_bytes() for item in folder.iterdir()} == files


def test_a_file_with_json_is_read():
    with SamWidget("photo.png", predictor=FakePredictor()) as widget:
        widget.add(points=[30, 30])
        Path("request.json").write_text(json.dumps(widget.request()))
        before = widget.objects
    assert all_of(replay(Path("request.json"), predictor=FakePredictor())) == all_of(before)


# What is told.


def test_another_network_is_told_and_gives_its_own_masks():
    before = fake_session()
    other = FakePredictor()
    other.signature = "fake 2"
    with pytest.warns(SamWidgetWarning, match="another network made the masks of cup: fake 1; now it is fake 2"):
        again = replay("labels.samw", "photo.png", predictor=other)
    assert all_of(again) == all_of(before)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        replay("labels.samw", "photo.png", predictor=FakePredictor())


def test_a_mask_in_a_prompt_fits_another_network(monkeypatch):
    with SamWidget("photo.png", predictor=FakePredictor()) as widget:
        widget.add(points=[50, 50], mask=square(40, 40))
        before = widget.objects
    monkeypatch.setattr("tests.widget.fakes.LOGITS_SIDE", 32)
    (again,) = replay(before, "photo.png", predictor=FakePredictor())
    assert again.prompt.mask.shape == (32, 32)
    assert again.mask[45:55, 45:55].all()


def test_the_image_of_a_session_is_chosen_by_its_pixels():
    first = fake_session()
    second = fake_session(image="other.png")
    predictor = FakePredictor()
    assert all_of(replay("labels.samw", "photo.png", predictor=predictor)) == all_of(first)
    assert all_of(replay("labels.samw", "other.png", predictor=predictor)) == all_of(second)
    with pytest.raises(SessionError, match=r"has no masks of this image.*photo\.png \(128 x 96\)"):
        replay("labels.samw", smooth_photo(seed=3), predictor=predictor)


def test_an_image_that_has_changed_is_told():
    before = fake_session()
    with pytest.warns(SamWidgetWarning, match="its pixels differ"):
        again = replay("labels.samw", smooth_photo(seed=3), predictor=FakePredictor())
    assert all_of(again) == all_of(before)


@pytest.mark.parametrize(
    ("source", "image", "error", "words"),
    [
        ("labels.samw", None, PromptError, "no image was given"),
        ("labels.samw", "small", SessionError, "has no masks of this image"),
        ("none.samw", "photo", SessionError, "cannot be read"),
        ("notes.txt", "photo", FormatError, "no session file and no JSON"),
        ("{", "photo", FormatError, "no session file and no JSON"),
        ({"points": []}, "photo", FormatError, "unknown keys"),
        (7, "photo", FormatError, "no table"),
        ("damaged.samw", "photo", DamagedError, "damaged"),
        ("empty.samw", "photo", SessionError, "has no image yet"),
    ],
)
def test_what_cannot_be_replayed_is_told(source, image, error, words):
    fake_session()
    with SamWidget("photo.png", predictor=FakePredictor(), session="damaged.samw") as widget:
        for x in range(10, 120, 20):
            widget.add(points=[x, 50])
    damage_array(Path("damaged.samw"), 3)
    open_session(Path("empty.samw")).close()
    Path("notes.txt").write_text("notes")
    images = {None: None, "photo": smooth_photo(), "small": smooth_photo(48, 64)}
    with pytest.raises(error, match=words):
        replay(source, images[image], predictor=FakePredictor())


def test_masks_of_another_size_are_told():
    before = fake_session("first.samw")
    small = smooth_photo(48, 64)
    with pytest.raises(PromptError, match="cup has a mask of 128 x 96 pixels, the image 64 x 48"):
        replay(before, small, predictor=FakePredictor())
    with SamWidget("photo.png", predictor=FakePredictor()) as widget:
        widget.add(points=[30, 30])
        response = widget.response()
    with pytest.raises(PromptError, match="masks of 128 x 96 pixels, the image 64 x 48"):
        replay(response, small)
    with pytest.raises(TypeError, match="either model or predictor"):
        replay(before, small, "nano", predictor=FakePredictor())


def test_an_earlier_version_is_read_without_changing_the_file(monkeypatch):
    before = fake_session()
    data = Path("labels.samw").read_bytes()
    added = [*schema.MIGRATIONS, lambda database: database.execute("CREATE TABLE new (a)")]
    monkeypatch.setattr(schema, "MIGRATIONS", added)
    assert all_of(replay("labels.samw", "photo.png", predictor=FakePredictor())) == all_of(before)
    assert Path("labels.samw").read_bytes() == data


def test_it_is_public():
    assert samwidget.replay is replay
    assert callable(samwidget.replay)
