"""Session files that a stranger made or changed, names that no file can have, and photos that are none any more.

What is wrong is said with an error of ours, or costs a part and a warning; nothing else is done, and nothing hangs.
"""

import contextlib
import json
import os
import shutil
import sqlite3
import sys
import warnings
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from samwidget import replay
from samwidget.document.session import ImageWriter
from samwidget.errors import SamWidgetError, SamWidgetWarning, SessionError
from samwidget.widget import session_images
from tests.drawn_photo import smooth_photo
from tests.widget.fakes import FakePredictor, WiredWidget


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with photo.png, without waiting for the disk."""
    monkeypatch.setattr("samwidget.document.session.connection._SYNCHRONOUS", "OFF")
    monkeypatch.chdir(tmp_path)
    Image.fromarray(smooth_photo()).save("photo.png")
    return tmp_path


@pytest.fixture
def reopen():
    """Opens labels.samw, and closes what was opened."""
    opened = []

    def reopen(*args, path="labels.samw", **kwargs):
        opened.append(WiredWidget.open(path, *args, predictor=FakePredictor(), **kwargs))
        return opened[-1]

    yield reopen
    for widget in opened:
        widget.close()


def label(make, image="photo.png", path="labels.samw", **kwargs):
    """Saves two clicked objects and closes the widget."""
    widget = make(image, session=path, **kwargs)
    widget.do("add_point", x=60, y=40, label=1)
    widget.accept()
    widget.do("add_point", x=100, y=40, label=1)
    widget.save()
    widget.close()


def change(statement, *values, path="labels.samw"):
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement, values)


def change_versions(key, value):
    """Sets one field, such as ``frame.image_hw``, of each version of an object."""
    with closing(sqlite3.connect("labels.samw")) as database, database:
        for row, text in database.execute("SELECT rowid, value FROM versions").fetchall():
            version = json.loads(text)
            *outer, last = key.split(".")
            part = version
            for name in outer:
                part = part[name]
            part[last] = value
            database.execute("UPDATE versions SET value = ? WHERE rowid = ?", (json.dumps(version), row))


@pytest.mark.parametrize(("text", "damaged"), [
    (b'"name": "object 1"', b'"name": "obj\xcbct 1"'), (b'"colour": "#', b'"colour": "\xff'),
    (b'"locked"', b'"l\xcbcked"'),
])  # fmt: skip
def test_a_byte_that_is_no_text_costs_its_object_and_the_work_goes_on(make, text, damaged):
    label(make)
    path = Path("labels.samw")
    data = path.read_bytes()
    assert text in data
    path.write_bytes(data.replace(text, damaged))
    with pytest.warns(SamWidgetWarning, match="damaged"):
        widget = make("photo.png", session="labels.samw")
    widget.do("add_point", x=60, y=40, label=1)
    widget.save()
    assert widget.saving["path"] == "labels-recovered.samw"


@pytest.mark.parametrize("table", ["images", "classes", "objects", "steps", "versions", "arrays", "settings"])
@pytest.mark.filterwarnings("ignore::samwidget.errors.SamWidgetWarning")
def test_a_damaged_name_of_a_table_is_an_error_of_ours_or_the_work_goes_on(make, table):
    label(make)
    path = Path("labels.samw")
    name = table.encode()
    data = path.read_bytes()
    for text in (name, b"CREATE TABLE " + name, b"TABLE " + name + b" (\n"):
        for damaged in (b"\xcb" + text[1:], text[:-1] + b"\xcb"):
            path.write_bytes(data.replace(text, damaged))
            Path("labels-recovered.samw").unlink(missing_ok=True)
            with contextlib.suppress(SessionError):
                make("photo.png", session="labels.samw").save()


# Values of strangers.


def test_the_options_of_a_file_choose_no_model_and_no_other_file(make, reopen):
    label(make)
    change("UPDATE images SET options = ?", json.dumps({"model": "evil", "session": "other.samw", "threshold": 1}))
    widget = reopen()
    assert len(widget.objects) == 2
    assert widget.threshold == 0
    assert sorted(path.name for path in Path().iterdir()) == ["labels.samw", "labels.samw.lock", "photo.png"]
    assert len(replay("labels.samw", "photo.png", predictor=FakePredictor())) == 2


@pytest.mark.parametrize(("key", "value"), [
    ("id", 2**70), ("id", -1), ("id", 1), ("id", True), ("name", "\ud800"), ("name", None), ("colour", "red"),
    ("colour", "#ffffff;background:url(//evil)"), ("class", 5), ("class", ["a"]), ("score", float("nan")),
    ("score", "x"), ("level", True), ("level", 7), ("frame", None), ("frame.image_hw", [10**9, 10**9]),
    ("prompt", None), ("prompt.points", [[10_000, 5]]), ("prompt.points", [[float("nan"), 5]]), ("prompt.box", [1]),
    ("prompt.level", True), ("candidates", 5), ("candidates.scores", [float("nan")] * 3), ("candidates.logits", []),
    ("network", 7), ("logits", "none"),
])  # fmt: skip
def test_a_value_that_is_none_costs_its_objects_and_the_work_goes_on(make, key, value):
    label(make)
    change_versions(key, value)
    before = Path("labels.samw").read_bytes()
    with pytest.warns(SamWidgetWarning, match="damaged"):
        widget = make("photo.png", session="labels.samw")
    widget.do("add_point", x=60, y=40, label=1)
    widget.save()
    assert widget.saving["path"] == "labels-recovered.samw"
    assert len({item.id for item in widget.objects}) == len(widget.objects)
    assert Path("labels.samw").read_bytes() == before


@pytest.mark.filterwarnings("ignore::samwidget.errors.SamWidgetWarning")
@pytest.mark.parametrize(("column", "value"), [
    ("path", b"\xff"), ("path", "x" * 5000), ("path", "a\0b"), ("path", "/dev/zero"), ("path", "."), ("options", "[1]"),
    ("options", '{"frame": "x"}'), ("options", "[" * 100_000), ("file_bytes", "x"), ("height", "x"), ("network", 9),
    ("next_id", "x"), ("next_id", 2**62), ("present_step", 99), ("content_hash", 5),
])  # fmt: skip
def test_any_row_of_an_image_is_read_or_refused(make, reopen, column, value):
    label(make)
    change(f"UPDATE images SET {column} = ?", value)
    for use in (
        reopen,
        lambda: reopen("photo.png"),
        lambda: replay("labels.samw", "photo.png", predictor=FakePredictor()),
    ):
        with contextlib.suppress(SamWidgetError):
            use()


def test_a_class_of_a_stranger_has_a_colour_and_nothing_else(make):
    label(make)
    change("UPDATE steps SET classes = ?", json.dumps([["cup", "url(//evil/cup.png)"]]))
    with pytest.warns(SamWidgetWarning, match="damaged"):
        widget = make("photo.png", session="labels.samw")
    assert widget.classes == ()
    assert len(widget.objects) == 2


@pytest.mark.parametrize("statement", [
    "CREATE TRIGGER t AFTER INSERT ON steps BEGIN DELETE FROM steps; END",
    "CREATE VIEW v AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT i FROM n",
])  # fmt: skip
def test_a_file_with_code_of_its_own_is_refused_untouched(make, statement):
    label(make)
    change(statement)
    before = Path("labels.samw").read_bytes()
    for use in (make, lambda *_, session: replay(session, "photo.png", predictor=FakePredictor())):
        with pytest.raises(SessionError, match="not a session file"):
            use("photo.png", session="labels.samw")
    assert Path("labels.samw").read_bytes() == before


# Names and kinds of files.


@pytest.mark.parametrize("name", ["a\0b.samw", "x" * 300 + ".samw"])
def test_a_name_that_no_file_can_have_is_said_in_python_and_in_the_view(make, name):
    with pytest.raises(SessionError, match="no name of a file"):
        make("photo.png", session=name)
    widget = make("photo.png")
    with pytest.raises(SessionError, match="no name of a file"):
        widget.save(name)
    request = widget.say("save_session", path=name)
    message, _ = widget.wire.wait_for("error", re=request)
    assert (message["code"], "no name of a file" in message["message"]) == ("session", True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_or_a_device_is_refused_at_once(make):
    os.mkfifo("pipe.samw")
    for path in ("pipe.samw", os.devnull):
        with pytest.raises(SessionError, match="no plain file"):
            make("photo.png", session=path)


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text there")
def test_a_photo_whose_name_is_no_text_is_saved_and_found_by_its_content(make, reopen):
    name = os.fsdecode(b"caf\xe9.png")
    Path("photo.png").rename(name)
    label(make, name)
    assert len(reopen().objects) == 2
    assert len(make(name, session="labels.samw").objects) == 2


def test_the_same_file_by_another_path_is_the_same_file(make, folder):
    label(make)
    widget = make("photo.png", session="labels.samw")
    for path in ("./labels.samw", folder / "labels.samw", f"../{folder.name}/labels.samw"):
        widget.save(path)
    assert widget.saving["path"] == "labels.samw"


def test_the_same_name_in_another_folder_is_another_file(make, folder, monkeypatch):
    label(make)
    widget = make("photo.png", session="labels.samw")
    (folder / "other").mkdir()
    monkeypatch.chdir(folder / "other")
    widget.save("labels.samw")
    assert (folder / "other/labels.samw").exists()


def test_a_view_saves_to_the_file_that_its_widget_has_wherever_the_folder_is_now(make, folder, monkeypatch):
    label(make)
    widget = make("photo.png", session="labels.samw")
    (folder / "other").mkdir()
    monkeypatch.chdir(folder / "other")
    widget.do("save_session", path="labels.samw")
    assert not (folder / "other/labels.samw").exists()


# Photos.


def test_a_photo_that_is_no_image_any_more_is_told_with_its_session(make, reopen):
    label(make)
    Path("photo.png").write_text("no image")
    with pytest.raises(SessionError, match=r"photo\.png of labels\.samw cannot be read"):
        reopen()


def test_each_frame_of_a_file_is_an_image_of_its_own(make):
    pages = [Image.fromarray(smooth_photo()), Image.fromarray(smooth_photo()[::-1].copy())]
    pages[0].save("pages.tif", save_all=True, append_images=pages[1:])
    label(make, "pages.tif", frame=0)
    widget = make("pages.tif", frame=1, session="labels.samw")
    assert (len(widget.objects), widget.saving["message"]) == (0, "")
    assert len(make("pages.tif", frame=0, session="labels.samw").objects) == 2


def test_files_that_nobody_may_read_are_passed_over(make, reopen, monkeypatch):
    label(make)
    photo = Path("photo.png").rename("z.png")
    Path("a.png").write_bytes(b"x" * photo.stat().st_size)
    real = session_images.hash_of_file

    def hash_of_file(path):
        if path.name == "a.png":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(session_images, "hash_of_file", hash_of_file)
    assert len(reopen().objects) == 2


# What the widget says.


def test_a_class_that_was_renamed_or_deleted_stays_so_when_the_cell_runs_again(make):
    widget = make("photo.png", classes=["cat", "dog"], session="labels.samw")
    widget.rename_class("cat", "lion")
    widget.delete_class("dog")
    widget.save()
    assert make("photo.png", classes=["cat", "dog", "cup"], session="labels.samw").classes == ("lion", "cup")


def test_a_fault_that_nobody_has_thought_of_is_shown_and_the_next_change_saves_everything(make, monkeypatch):
    widget = make("photo.png", session="labels.samw")
    with monkeypatch.context() as patch:
        patch.setattr(ImageWriter, "write", lambda self, snapshot: 1 / 0)
        widget.do("add_point", x=60, y=40, label=1)
        with pytest.raises(SessionError, match="ZeroDivisionError"):
            widget.save()
        assert widget.saving["phase"] == "failed"
    widget.accept()
    widget.do("add_point", x=100, y=40, label=1)
    widget.save()
    assert len(replay("labels.samw", "photo.png", predictor=FakePredictor())) == 2


def test_closing_a_widget_says_that_changes_are_not_saved(make):
    Path("folder").mkdir()
    widget = make("photo.png", session="folder/labels.samw")
    shutil.rmtree("folder")
    widget.do("add_point", x=60, y=40, label=1)
    with pytest.warns(SamWidgetWarning, match="last changes are not saved: labels.samw cannot be written"):
        widget.close()
    with warnings.catch_warnings(action="error") if sys.version_info >= (3, 11) else contextlib.nullcontext():
        widget._controller.saving.close()  # as at the end of the interpreter
