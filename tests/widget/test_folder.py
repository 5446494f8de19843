"""A widget of several images: it turns in place, each click lands on its image, and the session keeps all of them."""

import contextlib
import os
import shutil
import sys
import time

import numpy as np
import pytest
from PIL import Image

from samwidget.document.session import open_session
from samwidget.errors import ImageError, ModelError, PromptError, SamWidgetWarning, SessionError
from samwidget.widget.photo import id_of_image
from tests.widget.fakes import TIMEOUT_S, FakePredictor

COUNT = 6


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder ``photos`` with six images of one colour each: p1.png to p6.png."""
    monkeypatch.setattr("samwidget.document.session.connection._SYNCHRONOUS", "OFF")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for number in range(1, COUNT + 1):
        save(number)
    return tmp_path / "photos"


def pixels(number):
    return np.full((96, 128, 3), 20 * number, np.uint8)


def save(number, name=None):
    Image.fromarray(pixels(number)).save(f"photos/{name or f'p{number}.png'}")


def click(widget, x=60, y=40):
    return widget.do("add_point", x=x, y=y, label=1)


def counts(widget):
    """How many objects each image has."""
    return [len(image.objects) for image in widget.session.images]


def states(widget):
    return [image.state for image in widget.session.images]


def wait_until(is_true):
    deadline = time.monotonic() + TIMEOUT_S
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_folder_shows_its_first_image_and_lists_all(make):
    widget = make("photos")
    assert np.array_equal(widget.image, pixels(1))
    assert [image.name for image in widget.session.images] == [f"p{number}.png" for number in range(1, 7)]
    assert widget.images == {
        "count": 6,
        "index": 0,
        "revision": 0,
        "counts": {"new": 6, "in_work": 0, "done": 0, "skipped": 0, "to_check": 0},
        "ready": 0,
    }


def test_one_image_has_no_list_for_the_browser(make):
    widget = make("photos/p1.png")
    assert widget.images is None
    click(widget)
    widget.wait(TIMEOUT_S)
    assert widget.images is None
    assert (counts(widget), states(widget)) == ([1], ["in_work"])


def test_turning_sends_the_new_image_its_masks_and_its_document_and_then_done(make):
    widget = make("photos", session="labels.samw")
    click(widget)
    widget.go_to(1)
    start = len(widget.wire.sent)
    name = widget.do("go_to", image=0)
    kinds = [message["kind"] for message, _ in widget.wire.sent[start:] if message["kind"] != "trait:status"]
    wanted = [kind for kind in kinds if kind in ("ack", "image", "masks", "trait:document", "done")]
    assert wanted == ["ack", "image", "masks", "trait:document", "done"]
    assert widget.document["image"] == id_of_image(pixels(1))
    assert [item["id"] for item in widget.document["objects"]] == [1]
    assert widget.wire.all("done", re=name)


def test_what_was_clicked_before_the_turn_lands_on_its_image(make):
    predictor = FakePredictor()
    widget = make("photos", predictor)
    widget.wait(TIMEOUT_S)
    predictor.decode_gate.shut()
    widget.say("add_point", x=20, y=20, label=1)
    assert predictor.decode_gate.reached.wait(TIMEOUT_S)
    widget.say("add_point", x=60, y=60, label=1)
    turned = widget.say("go_to", image=1)
    after = widget.say("add_box", box=[10, 10, 60, 60])
    predictor.decode_gate.open()
    widget.wire.wait_for("done", re=turned)
    widget.wire.wait_for("done", re=after)
    first, second = (image.objects for image in list(widget.session.images)[:2])
    assert [item.prompt.points_xy.tolist() for item in first] == [[[20, 20], [60, 60]]]
    assert [item.prompt.box_xyxy.tolist() for item in second] == [[10, 10, 60, 60]]


def test_python_reads_the_image_that_is_there_after_the_clicks(make):
    widget = make("photos")
    widget.wait(TIMEOUT_S)
    widget.say("add_point", x=20, y=20, label=1)
    widget.say("go_to", image=1)
    assert widget.objects == ()
    assert np.array_equal(widget.image, pixels(2))


def test_undo_belongs_to_its_image(make):
    widget = make("photos")
    click(widget)
    widget.next()
    assert widget.undo() is False
    click(widget)
    widget.previous()
    assert widget.undo() is True
    assert counts(widget)[:2] == [0, 1]
    assert widget.redo() is True
    assert counts(widget)[:2] == [1, 1]


def test_the_classes_stay_when_the_page_is_turned(make):
    widget = make("photos", classes=["cat", "dog"])
    widget.activate_class("dog")
    widget.next()
    assert (widget.classes, widget.active_class) == (("cat", "dog"), "dog")
    click(widget)
    assert widget.objects[0].class_name == "dog"


def test_the_cell_that_runs_again_goes_on_at_the_image_where_it_stopped(make):
    first = make("photos", session="labels.samw")
    click(first)
    first.go_to(3)
    click(first)
    first.rename(1, "cup")
    first.save()
    second = make("photos", session="labels.samw")
    assert second.images["index"] == 3
    assert [item.name for item in second.objects] == ["cup"]
    assert second.undo()
    assert counts(second) == [1, 0, 0, 1, 0, 0]


def test_the_image_that_was_shown_last_is_shown_again_also_where_the_widget_is_closed_at_once(make, monkeypatch):
    monkeypatch.setattr("samwidget.widget.turning.Turning._write_states", lambda *_: None)  # it had no time
    first = make("photos", session="labels.samw")
    click(first)
    first.go_to(3)
    first.close()
    assert make("photos", session="labels.samw").images["index"] == 3


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text there")
def test_a_photo_whose_name_is_no_text_keeps_its_objects_and_is_found_in_label_files(make):
    save(1, os.fsdecode(b"caf\xe9.png"))
    widget = make("photos", session="labels.samw")
    click(widget)
    widget.next()
    widget.previous()
    widget.save()
    assert widget.session.images[0].name == "caf%E9.png"
    for name, format_name in (("a.json", "coco"), ("yolo", "yolo"), ("voc", "voc"), ("me", "labelme"), ("t.csv", None)):
        widget.export(name, format_name)
    widget.close()
    assert counts(make("photos", session="labels.samw")) == [1, 0, 0, 0, 0, 0, 0]
    for name in ("a.json", "yolo", "voc"):
        again = make("photos")
        again.load(name)
        assert counts(again) == [1, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("act", [
    lambda w: w.add([60, 40]), lambda w: w.add_boxes([[20, 20, 80, 70]]), lambda w: w.scribble([[20, 20], [60, 40]]),
    lambda w: w.everything(points_per_side=1), lambda w: w.copy_objects(0, prompts=True),
])  # fmt: skip
def test_a_callback_may_prompt_on_an_image_that_is_shown_just_now(make, act):
    widget = make("photos")
    click(widget)
    refused = []

    def label_each(changed):
        if changed.images["index"] == 1 and not changed.objects:
            try:
                act(changed)
            except Exception as error:
                refused.append(error)

    widget.on_change(label_each)
    widget.next()
    assert refused == []
    assert counts(widget)[:2] == [1, 1]


def test_an_index_is_a_number_of_any_library(make):
    widget = make("photos")
    widget.go_to(np.int64(2))
    assert (widget.images["index"], type(widget.images["index"])) == (2, int)
    click(widget)
    widget.go_to(np.array(3))
    assert len(widget.copy_objects(np.uint8(2))) == 1
    assert widget.accept_image()
    assert counts(widget) == [0, 0, 1, 1, 0, 0]


def test_without_a_session_file_nothing_is_lost_and_it_can_be_saved_later(make, tmp_path):
    widget = make("photos")
    click(widget)
    widget.accept_image()
    click(widget, x=20)
    assert (widget.saving, widget.session.path) == (None, None)
    with pytest.raises(SessionError):
        widget.save()
    (tmp_path / "sub").mkdir()
    widget.save("sub/labels.samw")
    assert widget.saving["phase"] == "saved"
    widget.next()
    click(widget)
    widget.save()
    again = make("photos", session="sub/labels.samw")
    assert counts(again) == [1, 1, 1, 0, 0, 0]
    assert states(again) == ["done", "in_work", "in_work", "new", "new", "new"]


def test_another_session_file_with_objects_is_not_written_over(make):
    widget = make("photos", session="other.samw")
    click(widget)
    widget.save()
    widget.close()
    widget = make("photos")
    click(widget)
    with pytest.raises(SessionError, match="has objects already"):
        widget.save("other.samw")
    widget.next()
    assert counts(widget)[0] == 1


def test_accept_goes_to_the_next_image_that_is_neither_done_nor_skipped(make):
    widget = make("photos", session="labels.samw")
    widget.session.images[1].state = "skipped"
    widget.session.images[2].state = "to_check"
    assert widget.accept_image() is True
    assert widget.images["index"] == 2
    for _ in range(3):
        assert widget.accept_image() is True
    assert widget.accept_image() is False
    assert states(widget) == ["done", "skipped", "done", "done", "done", "done"]
    name = widget.say("accept_image")
    error, _ = widget.wire.wait_for("error", re=name)
    assert error["message"] == "Every other image is done or skipped."
    widget.save()
    widget.close()
    assert states(make("photos", session="labels.samw")) == ["done", "skipped", "done", "done", "done", "done"]


def test_states_that_do_not_exist_are_refused(make):
    widget = make("photos")
    with pytest.raises(PromptError, match="no state"):
        widget.session.images[0].state = "finished"
    for index in (6, -1, 1.0, True, "p2.png", None):
        with pytest.raises(PromptError, match=f"no image {index!r}") as caught:
            widget.go_to(index)
        assert caught.value.hint == "give an index from 0 to 5"
    with pytest.raises(PromptError, match="first image"):
        widget.previous()


def test_the_list_has_rows_by_state_and_class(make):
    widget = make("photos", classes=["cat", "dog"])
    widget.activate_class("cat")
    click(widget)
    widget.next()
    widget.activate_class("dog")
    click(widget)
    widget.do("set_image_state", images=[4, 5], state="done")

    def listed(**fields):
        name = widget.say("list_images", **{"first": 0, "count": 200, "states": None, "class": None, **fields})
        reply, _ = widget.wire.wait_for("images", re=name)
        return [row["index"] for row in reply["images"]], reply["total"]

    assert listed() == ([0, 1, 2, 3, 4, 5], 6)
    assert listed(first=2, count=2) == ([2, 3], 6)
    assert listed(states=["done"]) == ([4, 5], 2)
    assert listed(states=["in_work", "done"], first=1, count=2) == ([1, 4], 4)
    assert listed(**{"class": "dog"}) == ([1], 1)
    assert listed(**{"class": "dog"}, states=["done"]) == ([], 0)


def test_thumbnails_come_one_by_one_and_say_what_is_wrong(make, folder):
    (folder / "p2.png").write_bytes(b"no image")
    widget = make("photos")
    name = widget.do("thumbnails", images=[0, 1])
    (first, [picture]), (second, [empty]) = widget.wire.all("thumbnail", re=name)
    assert (first["image"], len(picture) > 0, "problem" in first) == (0, True, False)
    assert (second["image"], empty, second["problem"]) == (1, b"", "p2.png is not an image.")
    assert widget.session.images[1].problem == "p2.png is not an image."


def test_images_that_cannot_be_read_are_passed(make, folder):
    for number in (1, 3):
        (folder / f"p{number}.png").write_bytes(b"no image")
    (folder / "p4.png").unlink()
    widget = make("photos/*.png")
    assert widget.session.images[0].problem
    assert np.array_equal(widget.image, pixels(2))
    with pytest.raises(ImageError):
        widget.go_to(2)
    assert np.array_equal(widget.image, pixels(2))
    widget.next()
    assert np.array_equal(widget.image, pixels(5))
    widget.previous()
    assert np.array_equal(widget.image, pixels(2))


def test_a_folder_that_vanishes_leaves_the_image_on_the_screen(make, folder):
    widget = make("photos", session="labels.samw")
    click(widget)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    with pytest.raises(ImageError):
        widget.go_to(5)
    with contextlib.suppress(ImageError):  # the next two may have been read ahead
        widget.next()
        widget.next()
    with pytest.raises(ImageError, match="no image after this one can be read"):
        widget.next()
    assert len(widget.session.images[0].objects) == 1
    assert widget.session.images[5].problem


def test_a_folder_without_an_image_is_refused(make, tmp_path):
    (tmp_path / "empty").mkdir()
    for source in ("empty", "photos/*.tif", []):
        with pytest.raises(ImageError, match=r"no image|is empty"):
            make(source)


def test_images_with_the_same_content_are_two(make):
    save(1, "p2.png")
    widget = make("photos", session="labels.samw")
    click(widget)
    widget.next()
    assert widget.objects == ()
    click(widget)
    click(widget, x=100)
    widget.accept()
    click(widget, x=20, y=80)
    widget.previous()
    widget.save()
    assert [len(widget.session.images[0].objects), len(widget.session.images[1].objects)] == [1, 2]
    widget.close()
    assert counts(make("photos", session="labels.samw"))[:2] == [1, 2]


def test_files_with_the_same_name_have_their_folder_in_it(make, tmp_path):
    (tmp_path / "more").mkdir()
    Image.fromarray(pixels(9)).save("more/p1.png")
    widget = make(["photos/p1.png", "more/p1.png", "photos/p2.png"])
    assert [image.name for image in widget.session.images] == ["photos/p1.png", "more/p1.png", "p2.png"]


def test_a_list_of_arrays_is_several_images(make):
    widget = make([pixels(1), pixels(2)], session="labels.samw")
    widget.next()
    click(widget)
    assert [image.name for image in widget.session.images] == ["image 1", "image 2"]
    widget.save()
    widget.close()
    widget = make([pixels(1), pixels(2)], session="labels.samw")
    widget.go_to(1)
    assert len(widget.objects) == 1


def test_an_image_that_has_changed_since_is_told(make):
    widget = make("photos", session="labels.samw")
    widget.next()
    click(widget)
    widget.save()
    widget.go_to(0)
    widget.save()
    widget.close()
    save(9, "p2.png")
    widget = make("photos", session="labels.samw")
    with pytest.warns(SamWidgetWarning, match=r"p2\.png has changed"):
        widget.next()
    assert "has changed" in widget.session.images[1].problem
    assert len(widget.objects) == 1


def test_an_image_of_another_size_keeps_its_objects_and_stays_closed(make):
    widget = make("photos", session="labels.samw")
    widget.next()
    click(widget)
    widget.previous()
    widget.save()
    widget.close()
    Image.fromarray(np.zeros((50, 60, 3), np.uint8)).save("photos/p2.png")
    widget = make("photos", session="labels.samw")
    with pytest.raises(SessionError, match="60 x 50"):
        widget.go_to(1)
    assert np.array_equal(widget.image, pixels(1))
    assert len(widget.session.images[1].objects) == 1


def test_copies_are_the_same_pixels_in_one_step(make):
    widget = make("photos", classes=["cat"])
    widget.activate_class("cat")
    click(widget)
    widget.accept()
    click(widget, x=100)
    masks = widget.masks
    widget.go_to(3)
    copies = widget.copy_objects(0)
    assert [item.class_name for item in copies] == ["cat", "cat"]
    assert np.array_equal(widget.masks, masks)
    widget.undo()
    assert widget.objects == ()
    with pytest.raises(PromptError, match=r"p3\.png has no objects"):
        widget.copy_objects()


def test_copied_prompts_are_scaled_to_the_image_and_the_model_makes_the_masks(make):
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save("photos/p2.png")
    widget = make("photos")
    click(widget)
    widget.next()
    with pytest.raises(PromptError, match="128 x 96"):
        widget.copy_objects()
    name = widget.do("copy_objects", image=None, prompts=True)
    assert widget.wire.all("done", re=name)
    assert [item.prompt.points_xy.tolist() for item in widget.objects] == [[[30, 20]]]


def test_the_next_images_are_encoded_ahead_and_the_one_before(make):
    predictor = FakePredictor()
    widget = make("photos", predictor)
    widget.go_to(2)
    wait_until(lambda: widget.images["ready"] == 2 and predictor.encodes == 5)
    assert set(widget._turning._encoded) == {1, 2, 3, 4}


def test_a_click_comes_before_what_is_encoded_ahead(make):
    predictor = FakePredictor()
    widget = make("photos", predictor)
    widget.wait(TIMEOUT_S)
    for _ in range(20):  # nobody is idle here for as long as it takes
        click(widget)
        widget.undo()
    assert predictor.encodes == 1


def test_a_model_that_fails_on_one_image_does_not_hold_the_others(make):
    predictor = FakePredictor()
    predictor.fail_encode = [ModelError("no luck")]
    widget = make("photos", predictor)
    widget.wire.wait_for("error")
    waiting = widget.say("add_point", x=20, y=20, label=1)
    widget.do("go_to", image=1)
    error, _ = widget.wire.wait_for("error", re=waiting)
    assert error["message"] == "No luck."
    click(widget)
    assert counts(widget)[:2] == [0, 1]


def test_what_cannot_be_saved_holds_the_page(make, monkeypatch):
    widget = make("photos", session="labels.samw")
    click(widget)
    widget.save()

    def refuse(*_):
        raise SessionError("the disk is full", hint="free some space")

    monkeypatch.setattr("samwidget.document.session.writer.ImageWriter.write", refuse)
    click(widget, x=100)
    name = widget.say("go_to", image=1)
    error, _ = widget.wire.wait_for("error", re=name)
    assert "the disk is full" in error["message"]
    assert len(widget.objects) == 1
    monkeypatch.undo()
    monkeypatch.setattr("samwidget.document.session.connection._SYNCHRONOUS", "OFF")


def test_a_search_ends_with_the_turn(make):
    widget = make("photos")
    widget.wait(TIMEOUT_S)
    name = widget.say("everything", points_per_side=None)
    widget.do("go_to", image=1)
    widget.wire.wait_for("done", re=name)
    assert widget.wire.all("found")[-1][0]["phase"] == "none"
    assert widget.everything()


def test_a_thousand_turns_keep_one_image_with_its_neighbours_in_memory(make):
    import gc
    import weakref

    widget = make("photos")
    refs = []
    for _ in range(10):
        for index in (*range(1, COUNT), *reversed(range(COUNT - 1))):
            widget.go_to(index)
            refs.append(weakref.ref(widget._controller))
    widget.wait(TIMEOUT_S)
    gc.collect()
    assert sum(ref() is not None for ref in refs) <= 2


def test_a_folder_that_was_moved_keeps_states_and_objects(make, folder, tmp_path):
    widget = make("photos", session="labels.samw")
    click(widget)
    widget.accept_image()
    widget.session.images[3].state = "skipped"
    widget.go_to(4)
    click(widget)
    widget.save()
    before = (states(widget), counts(widget))
    widget.close()
    folder.rename(tmp_path / "elsewhere")
    other = tmp_path / "elsewhere/p5.png"
    other.write_bytes(other.read_bytes() + b"more")  # another file: it is not taken for the old one
    widget = make("elsewhere", session="labels.samw")
    assert (states(widget)[:4], counts(widget)[:4]) == (before[0][:4], before[1][:4])
    assert counts(widget)[0] == 1
    assert states(widget)[4] == "new"
    widget.go_to(0)
    assert widget.undo()
    assert counts(widget)[0] == 0


def test_a_copy_of_a_folder_is_another_one(make, folder, tmp_path):
    widget = make("photos", session="labels.samw")
    click(widget)
    widget.accept_image()
    widget.save()
    widget.close()
    shutil.copytree(folder, tmp_path / "copy")
    widget = make("copy", session="labels.samw")
    assert states(widget)[1:] == ["new"] * 5


def test_the_session_file_has_the_states_of_images_that_nobody_has_opened(make):
    widget = make("photos", session="labels.samw")
    widget.session.images[4].state = "skipped"
    widget.save()
    session = open_session(widget.session.path)
    listed = {item.image.path: (item.image.state, item.image.content_hash) for item in session.listing()}
    session.close()
    assert listed["photos/p5.png"] == ("skipped", "")
    widget.go_to(4)
    click(widget)
    widget.save()
    widget.close()
    again = make("photos", session="labels.samw")
    assert (states(again)[4], counts(again)[4]) == ("skipped", 1)


def test_the_browser_saves_all_images_to_a_file_that_it_names(make):
    widget = make("photos")
    click(widget)
    widget.next()
    click(widget)
    widget.do("save_session", path="labels.samw")
    assert widget.saving["phase"] == "saved"
    widget.close()
    assert counts(make("photos", session="labels.samw"))[:2] == [1, 1]


def test_the_current_folder_may_change(make, folder, monkeypatch):
    widget = make("photos", session="labels.samw")
    click(widget)
    monkeypatch.chdir(folder)
    widget.next()
    click(widget)
    widget.save()
    monkeypatch.chdir(folder.parent)
    assert counts(make("photos", session="labels.samw"))[:2] == [1, 1]


def test_what_a_widget_may_not_save_holds_the_page_and_goes_to_another_file(make):
    first = make("photos", session="labels.samw")
    click(first)
    first.save()
    second = make("photos", session="labels.samw")
    assert first.saving["phase"] == "read-only"
    click(first, x=100)
    with pytest.raises(SessionError, match="is not saved"):
        first.next()
    first.save("own.samw")
    first.next()
    assert counts(first)[0] == 1
    assert len(second.objects) == 1
    second.next()


def test_the_page_turns_again_once_the_disk_has_space(make, monkeypatch):
    widget = make("photos", session="labels.samw")
    click(widget)
    widget.save()
    from samwidget.document.session.writer import ImageWriter

    real, is_full = ImageWriter.write, [True]

    def write(self, snapshot):
        if is_full[0]:
            raise SessionError("the disk is full", hint="free some space")
        real(self, snapshot)

    monkeypatch.setattr(ImageWriter, "write", write)
    click(widget, x=100)
    with pytest.raises(SessionError, match="is not saved"):
        widget.next()
    is_full[0] = False
    widget.next()
    assert len(widget.session.images[0].objects[0].prompt.points_xy) == 2


def test_a_folder_that_nobody_may_write_can_be_labelled_and_saved_elsewhere(make, folder, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("samwidget.document.session.lock.FileLock.acquire", refuse)
    widget = make("photos", session="photos/labels.samw")
    assert widget.saving["phase"] == "failed"
    widget.next()
    click(widget)
    with pytest.raises(SessionError, match="is not saved"):
        widget.next()
    monkeypatch.undo()
    monkeypatch.setattr("samwidget.document.session.connection._SYNCHRONOUS", "OFF")
    monkeypatch.chdir(folder.parent)
    widget.save("labels.samw")
    widget.next()
    assert counts(widget)[:2] == [0, 1]
