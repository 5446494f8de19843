"""A widget with a session file: saved by itself, taken up again, told apart where it cannot be saved."""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

import samwidget
from samwidget.document.session import open_session
from samwidget.errors import PromptError, SamWidgetWarning, SessionError
from samwidget.widget import saving
from samwidget.widget.session_images import SessionOpener, describe, find_photo
from samwidget.widget.widget import SamWidget
from tests.document.test_session_file import damage_array
from tests.drawn_photo import smooth_photo
from tests.widget.fakes import TIMEOUT_S, FakePredictor, Gate, WiredWidget
from tests.widget.killed_session import check, image, kill_once

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with photo.png, without waiting for the disk."""
    monkeypatch.setattr("samwidget.document.session.connection._SYNCHRONOUS", "OFF")
    monkeypatch.chdir(tmp_path)
    Image.fromarray(smooth_photo()).save("photo.png")
    return tmp_path


def click(widget, x=60, y=40):
    widget.do("add_point", x=x, y=y, label=1)


def phases(widget):
    return [message["value"]["phase"] for message, _ in widget.wire.all("trait:saving") if message["value"]]


def wait_for_phase(widget, phase):
    deadline = time.monotonic() + TIMEOUT_S
    while widget.saving["phase"] != phase:
        assert time.monotonic() < deadline, widget.saving
        time.sleep(0.005)


def masks_of(widget):
    """Of a widget, or of its objects."""
    return [(item.id, item.name, item.mask.tobytes()) for item in getattr(widget, "objects", widget)]


def replay(path, image="photo.png"):
    """The objects that a session file has, read beside the widget that writes it."""
    return samwidget.replay(path, image, predictor=FakePredictor())


def test_a_change_is_saved_by_itself(make):
    widget = make("photo.png", session="labels.samw")
    click(widget)
    wait_for_phase(widget, "saved")
    assert widget.saving == {"path": "labels.samw", "phase": "saved", "message": "", "hint": ""}
    assert masks_of(make("photo.png", session="labels.samw")) == masks_of(widget)


def test_it_is_not_called_saved_between_done_and_the_disk(make, monkeypatch):
    gate = Gate(is_open=False)
    real = saving.Saving._save

    def save(self, snapshot):
        gate.wait()
        real(self, snapshot)

    monkeypatch.setattr(saving.Saving, "_save", save)
    widget = make("photo.png", session="labels.samw")
    click(widget)
    order = [
        message.get("value", {}).get("phase", "") if message["kind"] == "trait:saving" else message["kind"]
        for message, _ in widget.wire.sent
        if message["kind"] in ("trait:saving", "done")
    ]
    assert order[-2:] == ["saving", "done"]
    assert widget.saving["phase"] == "saving"
    gate.open()
    wait_for_phase(widget, "saved")


def test_changes_that_come_faster_than_the_disk_are_all_steps(make, monkeypatch):
    gate = Gate(is_open=False)
    real, writes = saving.Saving._save, []

    def save(self, snapshot):
        gate.wait()
        writes.append(len(snapshot.steps.states))
        real(self, snapshot)

    monkeypatch.setattr(saving.Saving, "_save", save)
    widget = make("photo.png", session="labels.samw")
    for number in range(5):
        click(widget, x=20 + 15 * number)
        widget.rename(1, f"name {number}")
    gate.open()
    widget.save()
    assert len(writes) < 10
    again = make("photo.png", session="labels.samw")
    undone = 0
    while again.undo():
        undone += 1
    assert undone == 10


def test_the_cell_that_runs_again_goes_on_undo_included(make):
    first = make("photo.png", session="labels.samw")
    click(first)
    first.accept()
    click(first, x=100)
    first.rename(2, "cup")
    second = make("photo.png", session="labels.samw")
    assert [item.name for item in second.objects] == ["object 1", "cup"]
    assert first.saving["phase"] == "read-only"
    assert "another widget in this notebook" in first.saving["message"].lower()
    assert second.saving["phase"] in ("saved", "saving")
    assert second.undo()
    assert second.undo()
    assert [item.name for item in second.objects] == ["object 1"]
    second.save()
    third = make("photo.png", session="labels.samw")
    assert third.redo()
    assert third.redo()
    assert [item.name for item in third.objects] == ["object 1", "cup"]


def test_what_the_older_widget_had_not_saved_goes_on_too(make, monkeypatch):
    first = make("photo.png", session="labels.samw")
    first.wait(TIMEOUT_S)
    Path("labels.samw").replace("away.samw")
    Path("labels.samw").mkdir()
    click(first)
    wait_for_phase(first, "failed")
    Path("labels.samw").rmdir()
    Path("away.samw").replace("labels.samw")
    second = make("photo.png", session="labels.samw")
    assert masks_of(second) == masks_of(first) != []


def test_masks_show_before_there_is_a_model(make):
    first = make("photo.png", session="labels.samw")
    click(first)
    first.close()
    predictor = FakePredictor()
    predictor.encode_gate.shut()
    second = make("photo.png", predictor, session="labels.samw")
    second.wire.wait_for("masks")
    second.wire.wait_for("trait:document")
    assert [item["id"] for item in second.document["objects"]] == [1]
    predictor.encode_gate.open()
    click(second, x=70)
    assert [len(item.prompts.points_xy) for item in second.objects] == [2]


def test_settings_come_back_unless_others_are_given(make):
    first = make("photo.png", session="labels.samw", threshold=-0.5, opacity=0.7)
    first.theme = "dark"
    click(first)
    first.close()
    second = make("photo.png", session="labels.samw", opacity=0.2)
    assert (second.threshold, second.opacity, second.theme) == (-0.5, 0.2, "dark")
    assert masks_of(second) == masks_of(first)


def test_several_photos_share_a_file(make):
    Image.fromarray(smooth_photo(seed=1)).save("other.png")
    first, second = make("photo.png", session="labels.samw"), make("other.png", session="labels.samw")
    click(first)
    click(second, x=90)
    click(first, x=30)
    for widget in (first, second):
        widget.save()
        assert widget.saving["phase"] == "saved"
    first_masks, second_masks = masks_of(first), masks_of(second)
    first.close()
    second.close()
    assert not Path("labels.samw.lock").exists()
    assert masks_of(make("photo.png", session="labels.samw")) == first_masks
    assert masks_of(make("other.png", session="labels.samw")) == second_masks


def test_save_gives_a_widget_a_session(make):
    widget = make("photo.png")
    assert widget.saving is None
    with pytest.raises(SessionError, match="no session file"):
        widget.save()
    click(widget)
    widget.save("labels.samw")
    assert widget.saving["phase"] == "saved"
    click(widget, x=100)
    widget.save()
    assert masks_of(make("photo.png", session="labels.samw")) == masks_of(widget)


def test_save_never_writes_over_other_objects(make):
    first = make("photo.png", session="labels.samw")
    click(first)
    first.close()
    data = Path("labels.samw").read_bytes()
    widget = make("photo.png")
    click(widget, x=100)
    with pytest.raises(SessionError, match="has objects of this image already"):
        widget.save("labels.samw")
    assert Path("labels.samw").read_bytes() == data
    assert widget.saving is None


# A view saves.


def save_from_view(widget, path):
    """What the view is told: the kind of the reply, and the words of an error."""
    name = widget.say("save_session", path=path)
    deadline = time.monotonic() + TIMEOUT_S
    while not {"done", "error"} & set(widget.wire.kinds(name)):
        assert time.monotonic() < deadline, widget.wire.kinds(name)
        time.sleep(0.005)
    (reply,) = [message for message, _ in widget.wire.sent if message.get("re") == name and message["kind"] != "ack"]
    return reply["kind"], f"{reply.get('message', '')} {reply.get('hint', '')}".strip()


def test_a_view_saves_and_later_changes_are_saved_by_themselves(make):
    Path("sub").mkdir()
    widget = make("photo.png")
    click(widget)
    assert save_from_view(widget, "sub/labels.samw") == ("done", "")
    assert widget.saving == {"path": "sub/labels.samw", "phase": "saved", "message": "", "hint": ""}
    click(widget, x=100)
    wait_for_phase(widget, "saved")
    assert save_from_view(widget, "sub/labels.samw") == ("done", "")
    assert masks_of(make("photo.png", session="sub/labels.samw")) == masks_of(widget)


def test_a_view_is_told_what_to_call_the_file():
    for source, name in (
        ("photo.png", "photo.png"),
        (Path("a/b.jpg"), "b.jpg"),
        ("https://a.org/c.png?size=2", "c.png"),
    ):
        assert SessionOpener(source, smooth_photo(), {}).file_name == name
    assert SessionOpener(smooth_photo(), smooth_photo(), {}).file_name is None


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("missing/labels.samw", "There is no folder missing. Make it, or give the path of another file."),
        ("labels.txt", "labels.txt does not end in .samw. Give a name such as labels.samw."),
        ("../labels.samw", "is outside the folder of the notebook"),
        ("out/labels.samw", "is outside the folder of the notebook"),
        ("{folder}/labels.samw", "is outside the folder of the notebook"),
        ("\0.samw", "is no name of a file"),
        ("notes.samw", "notes.samw is not a session file"),
        ("folder.samw", "folder.samw is a folder"),
        ("read_only.samw", "read_only.samw cannot be written"),
        ("others.samw", "others.samw has objects of this image already"),
    ],
)
def test_a_view_is_told_why_a_file_cannot_be_saved_and_nothing_is_lost(make, folder, path, words):
    Path("notes.samw").write_text("notes")
    Path("folder.samw").mkdir()
    Path("read_only.samw.lock").mkdir()  # root may write into every folder, so the mode of one would not do
    Path("out").symlink_to(folder.parent)
    other = make("photo.png", session="others.samw")
    click(other, x=20)
    other.close()
    before = {item.name: item.read_bytes() for item in folder.iterdir() if item.is_file()}
    widget = make("photo.png")
    click(widget)
    kind, text = save_from_view(widget, path.format(folder=folder))
    assert kind == "error"
    assert words in text
    assert widget.saving is None
    after = {item.name: item.read_bytes() for item in folder.iterdir() if item.is_file()}
    assert after == before
    assert not (folder.parent / "labels.samw").exists()
    assert save_from_view(widget, "labels.samw") == ("done", "")
    assert masks_of(make("photo.png", session="labels.samw")) == masks_of(widget) != []


def test_a_disk_that_is_full_when_a_view_saves_loses_nothing(make):
    resource = pytest.importorskip("resource")
    widget = make("photo.png")
    for number in range(12):
        widget.add(points=(10 + 9 * number, 50))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))
    try:
        kind, text = save_from_view(widget, "labels.samw")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert kind == "error"
    assert "heck that it has space" in text
    assert widget.saving is None
    assert save_from_view(widget, "labels.samw") == ("done", "")
    assert masks_of(make("photo.png", session="labels.samw")) == masks_of(widget)


# The photo.


@pytest.fixture
def reopen():
    """Opens a session file, and closes the widget after the test."""
    opened = []

    def reopen(path="labels.samw", **kwargs):
        opened.append(WiredWidget.open(path, **kwargs))
        return opened[-1]

    yield reopen
    for widget in opened:
        widget.close()


def test_open_finds_a_photo_that_moved_by_its_content(make, reopen):
    Path("photos").mkdir()
    Path("photo.png").replace("photos/a.png")
    first = make("photos/a.png", session="labels.samw")
    click(first)
    first.close()
    expected = masks_of(first)
    assert masks_of(reopen()) == expected
    Path("photos/a.png").replace("renamed.png")
    assert masks_of(reopen()) == expected


def test_a_photo_that_moves_while_it_is_labelled_is_found_later(make, reopen):
    first = make("photo.png", session="labels.samw")
    click(first)
    Path("photo.png").replace("moved.png")
    click(first, x=100)
    wait_for_phase(first, "saved")
    first.close()
    assert masks_of(reopen()) == masks_of(first)
    Path("moved.png").unlink()
    # The second widget may have saved where it found the photo.
    with pytest.raises(SessionError, match=r"the image (photo|moved)\.png of labels\.samw is missing"):
        SamWidget.open("labels.samw")


def save_and_close(widget):
    widget.save()
    widget.close()


def test_open_says_what_to_do_about_a_missing_photo(make):
    save_and_close(make("photo.png", session="labels.samw"))
    Path("photo.png").unlink()
    with pytest.raises(SessionError, match=r"the image photo\.png of labels\.samw is missing.*image=\.\.\."):
        SamWidget.open("labels.samw")
    save_and_close(make(smooth_photo(seed=3), session="array.samw"))
    with pytest.raises(SessionError, match=r"was no file.*image=\.\.\."):
        SamWidget.open("array.samw")
    with pytest.raises(SessionError, match="there is no session file"):
        SamWidget.open("none.samw")


def test_open_takes_an_image(make, reopen):
    first = make(smooth_photo(seed=3), session="array.samw")
    click(first)
    first.close()
    assert masks_of(reopen("array.samw", image=smooth_photo(seed=3))) == masks_of(first)


def test_a_photo_that_changed_is_told(make):
    first = make("photo.png", session="labels.samw")
    click(first)
    first.close()
    Image.fromarray(smooth_photo(seed=5)).save("photo.png")
    with pytest.warns(SamWidgetWarning, match=r"photo\.png has changed"):
        second = make("photo.png", session="labels.samw")
    assert masks_of(second) == masks_of(first)
    wait_for_phase(second, "saved")
    assert "has changed" in second.saving["message"]


def test_masks_of_another_size_are_refused(make):
    first = make("photo.png", session="labels.samw")
    click(first)
    first.close()
    data = Path("labels.samw").read_bytes()
    Image.fromarray(smooth_photo(48, 64)).save("photo.png")
    with pytest.raises(SessionError, match=r"photo\.png has 64 x 48 pixels, .* 128 x 96"):
        SamWidget("photo.png", session="labels.samw")
    assert Path("labels.samw").read_bytes() == data


def test_the_objects_of_another_network_can_be_refined(make, monkeypatch):
    first = make("photo.png", session="labels.samw")
    mask = np.zeros((96, 128), bool)
    mask[20:60, 30:80] = True
    first.add(mask=mask)
    click(first)
    first.close()
    monkeypatch.setattr("tests.widget.fakes.LOGITS_SIDE", 32)
    second = make("photo.png", session="labels.samw")
    second.wait(TIMEOUT_S)
    assert masks_of(second) == masks_of(first)
    second.select(1)
    click(second, x=50)
    click(second, x=90)
    second.select(2)
    click(second, x=100)
    frames = {message["frame"]["logits_hw"][0] for message, _ in second.wire.all("masks")}
    assert frames >= {64, 32}


# What fails.


def test_a_full_disk_is_told_and_the_next_change_saves_everything(make):
    resource = pytest.importorskip("resource")
    widget = make("photo.png", session="labels.samw")
    click(widget)
    widget.save()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (Path("labels.samw").stat().st_size, hard))
    try:
        for number in range(12):
            widget.add(points=(10 + 9 * number, 50))
        wait_for_phase(widget, "failed")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "Check that it has space" in widget.saving["hint"]
    assert [item.id for item in widget.objects] == list(range(1, 14))
    click(widget, x=100)
    wait_for_phase(widget, "saved")
    assert masks_of(make("photo.png", session="labels.samw")) == masks_of(widget)


def test_a_folder_that_cannot_be_written_is_told_and_the_work_goes_on(make):
    Path("labels.samw.lock").mkdir()  # root may write into every folder, so the mode of one would not do
    widget = make("photo.png", session="labels.samw")
    assert widget.saving["phase"] == "failed"
    assert "w.save(path)" in widget.saving["hint"]
    click(widget)
    assert len(widget.objects) == 1
    widget.save("other.samw")
    assert widget.saving == {"path": "other.samw", "phase": "saved", "message": "", "hint": ""}
    Path("labels.samw.lock").rmdir()
    again = make("photo.png", session="labels.samw")
    assert again.objects == ()


def test_a_folder_that_can_be_written_later_gets_everything(make):
    Path("labels.samw.lock").mkdir()
    widget = make("photo.png", session="labels.samw")
    click(widget)
    Path("labels.samw.lock").rmdir()
    click(widget, x=100)
    wait_for_phase(widget, "saved")
    assert masks_of(make("photo.png", session="labels.samw")) == masks_of(widget)


def test_a_damaged_session_goes_on_in_a_new_file(make):
    first = make("photo.png", session="labels.samw")
    for number in range(12):
        first.add(points=(10 + 9 * number, 50), name=f"name {number}")
    first.close()
    damage_array(Path("labels.samw"), 3)
    data = Path("labels.samw").read_bytes()
    with pytest.warns(SamWidgetWarning, match=r"labels\.samw is damaged.*labels-recovered\.samw"):
        second = make("photo.png", session="labels.samw")
    assert second.saving["path"] == "labels-recovered.samw"
    assert "is damaged" in second.saving["message"]
    assert len(second.objects) == 11
    assert Path("labels.samw").read_bytes() == data
    click(second)
    second.close()
    with pytest.warns(SamWidgetWarning, match="was recovered from it before"):
        third = make("photo.png", session="labels.samw")
    assert masks_of(third) == masks_of(second)


def test_a_session_path_that_is_none_is_refused():
    for value in ("", 3, b"labels.samw"):
        with pytest.raises(SessionError, match="give the path of a file"):
            SamWidget(smooth_photo(), session=value)


def test_a_function_that_observes_the_trait_may_use_the_widget(make):
    widget = make("photo.png", session="labels.samw")
    counts = []
    widget.observe(lambda _: (widget.wait(TIMEOUT_S), counts.append(len(widget.objects))), "saving")
    for number in range(3):
        click(widget, x=20 + 40 * number)
        widget.accept()
    wait_for_phase(widget, "saved")
    assert counts[-1] <= 3
    assert widget.saving["phase"] == "saved"


def test_a_save_that_is_refused_leaves_the_other_widget_its_file(make):
    first = make("photo.png", session="labels.samw")
    click(first)
    other = make("photo.png")
    with pytest.raises(SessionError, match="has objects of this image already"):
        other.save("labels.samw")
    click(first, x=100)
    first.save()
    assert first.saving["phase"] == "saved"


def test_of_two_widgets_of_one_photo_the_newer_one_saves_and_the_older_one_may_elsewhere(make):
    first = make("photo.png", session="labels.samw")
    click(first)
    second = make("photo.png", session="labels.samw")
    for x in (20, 40):
        first.add(points=(x, 20), name="of the older one")
        second.add(points=(x, 70), name="of the newer one")
    second.save()
    with pytest.raises(SessionError, match="read-only here"):
        first.save()
    kind, text = save_from_view(first, "labels.samw")
    assert kind == "error"
    assert "read-only here" in text
    assert save_from_view(first, "elsewhere.samw") == ("done", "")
    saved_masks = {path: masks_of(replay(path)) for path in ("labels.samw", "elsewhere.samw")}
    assert saved_masks == {"labels.samw": masks_of(second), "elsewhere.samw": masks_of(first)}
    first.add(points=(90, 20))
    second.close()
    first.close()
    assert len(replay("elsewhere.samw")) == len(replay("labels.samw")) + 1 == 4


def test_widgets_that_change_at_the_same_time_all_save(make):
    photos = ["photo.png", *(f"{number}.png" for number in range(3))]
    for number, name in enumerate(photos[1:], start=1):
        Image.fromarray(smooth_photo(seed=number)).save(name)
    widgets = [make(name, session="labels.samw") for name in photos]

    def label(widget, number):
        for x in range(number + 3):
            widget.add(points=(10 + 20 * x, 50))

    threads = [threading.Thread(target=label, args=(widget, number)) for number, widget in enumerate(widgets)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_S)
    for widget in widgets:
        widget.close()
        assert widget.saving["phase"] == "saved"
    for number, (name, widget) in enumerate(zip(photos, widgets, strict=True)):
        assert len(widget.objects) == number + 3
        assert masks_of(replay("labels.samw", name)) == masks_of(widget)


def test_a_disk_that_fills_while_strokes_are_saved_keeps_the_strokes(make):
    resource = pytest.importorskip("resource")
    widget = make("photo.png", session="labels.samw")

    def paint(y):
        widget.do("paint", object=None, points=[[10, y], [110, y + 7]], radius=3, erase=False)

    paint(10)
    widget.save()
    saved_masks = masks_of(widget)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (Path("labels.samw").stat().st_size, hard))
    try:
        y = 10
        while widget.saving["phase"] != "failed":
            saved_masks = masks_of(replay("labels.samw"))  # whole at every moment
            y += 3
            assert y < 90
            paint(y)
            with contextlib.suppress(SessionError):
                widget.save()
        assert masks_of(replay("labels.samw")) == saved_masks
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert widget.objects[0].mask[y + 3, 50]
    paint(85)
    wait_for_phase(widget, "saved")
    assert masks_of(replay("labels.samw")) == masks_of(widget)
    strokes = 0
    while widget.undo():
        strokes += 1
    assert strokes == (y - 10) // 3 + 2


NAMES = [
    "<img src=x onerror=alert(1)>",
    "\N{CAT FACE}\N{ZERO WIDTH JOINER}\N{BLACK LARGE SQUARE}",
    "a'); DROP TABLE objects;--",
]


def test_class_names_of_any_kind_come_back(make):
    widget = make("photo.png", session="labels.samw", classes=NAMES)
    for number, name in enumerate(NAMES):
        widget.add(points=(20 + 30 * number, 50), class_name=name, name=name)
    for name in ("n" * 10_000, " ", "a\ud800"):
        with pytest.raises(PromptError):
            widget.define_class(name)
    widget.close()
    again = make("photo.png", session="labels.samw")
    assert list(again.classes) == NAMES
    assert [(item.name, item.class_name) for item in again.objects] == [(name, name) for name in NAMES]


def test_a_class_name_of_ten_kilobytes_in_a_file_can_be_opened_and_made_shorter(make):
    widget = make("photo.png", session="labels.samw", classes=["cat"])
    widget.add(points=(20, 50), class_name="cat")
    widget.close()
    long_name = "<b>\N{CAT FACE}</b>" * 900
    with contextlib.closing(sqlite3.connect("labels.samw")) as database, database:
        # Both texts are JSON, where the name stands in quotation marks.
        for table, column in (("steps", "classes"), ("versions", "value")):
            database.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", ('"cat"', f'"{long_name}"'))
    again = make("photo.png", session="labels.samw")
    assert [item.class_name for item in again.objects] == list(again.classes) == [long_name]
    again.rename_class(long_name, "cat")
    again.save()
    assert [item.class_name for item in replay("labels.samw")] == ["cat"]


# Other kernels.

OTHER_KERNEL = """
import sys
from tests.widget.fakes import WiredWidget
widget = WiredWidget("photo.png", session="labels.samw")
widget.do("add_point", x=60, y=40, label=1)
print(widget.saving["phase"], flush=True) if widget.saving["phase"] == "read-only" else widget.save()
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def kernel(folder):
    """Starts another process with a widget on the session; returns it and what it said."""
    processes = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", OTHER_KERNEL],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        lines = [process.stdout.readline().strip()]
        while lines[-1] not in ("ready", ""):
            lines.append(process.stdout.readline().strip())
        return process, lines

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_a_second_kernel_reads_only_until_the_first_is_killed(make, kernel):
    process, lines = kernel()
    assert lines == ["ready"]
    widget = make("photo.png", session="labels.samw")
    assert widget.saving["phase"] == "read-only"
    assert "another kernel" in widget.saving["message"].lower()
    assert len(widget.objects) == 1
    data = Path("labels.samw").read_bytes()
    click(widget, x=100)
    with pytest.raises(SessionError, match="read-only"):
        widget.save()
    assert Path("labels.samw").read_bytes() == data
    widget.close()
    process.kill()
    process.wait()
    again = make("photo.png", session="labels.samw")
    click(again, x=100)
    wait_for_phase(again, "saved")
    assert kernel()[1] == ["read-only", "ready"]


def test_the_end_of_the_interpreter_saves(folder):
    code = OTHER_KERNEL.split("print(widget")[0] + "widget.rename(1, 'late')"
    subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, timeout=120
    )
    session = open_session(Path("labels.samw"))
    steps = session.open_image(session.images()[0]).steps
    session.close()
    assert [item.name for item in steps.states[-1].objects] == ["late"]


def test_a_widget_that_is_dropped_leaves_no_lock(make):
    widget = make("photo.png", session="labels.samw")
    click(widget)
    widget.close()
    assert not Path("labels.samw.lock").exists()
    assert threading.active_count() < 50
    assert json.loads(json.dumps(widget.saving))["phase"] == "saved"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_no_kill_loses_what_was_called_saved(folder):
    rng = Random(7)
    for _ in range(6):
        saved = kill_once(folder / "killed.samw", image(), rng)
        check(folder / "killed.samw", saved)


@pytest.mark.parametrize("address", ["https://a.org/x.png", "s3://b/x.png", "simplecache::s3://b/x.png"])
def test_an_image_from_an_address_is_found_at_its_address(address, tmp_path):
    image = describe(address, np.zeros((4, 6, 3), np.uint8), {}, tmp_path)
    assert image.path == address
    assert find_photo(tmp_path / "labels.samw", image) == address
