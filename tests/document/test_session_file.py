"""The session file: what is written is read, whatever came before; damaged, newer and foreign files are told apart."""

import json
import os
import sqlite3
import zlib
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from samwidget.core import Frame, Masks, ObjectClass, Prompt, RunLengths, SegmentedObject
from samwidget.document import Document, State, Steps
from samwidget.document.session import DamagedError, SessionImage, Snapshot, open_session, recover, schema
from samwidget.errors import SessionError
from tests.document.examples import FRAME, candidates, user_mask


@pytest.fixture(autouse=True)
def no_flush(monkeypatch):
    """Flushing takes most of the time, and nobody pulls the plug here."""
    monkeypatch.setattr("samwidget.document.session.connection._SYNCHRONOUS", "OFF")


IMAGE = SessionImage("photo.jpg", "c" * 64, (8, 8))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "labels.samw"


def write(path, *all_steps, image=IMAGE, network="fake 1", values=None):
    """Writes one snapshot after the other, as a widget does."""
    session = open_session(path)
    try:
        opened = session.open_image(session.find(image.content_hash, image.size_hw, image.path) or image)
        for steps in all_steps:
            objects = steps.states[steps.position].objects
            opened.writer.write(Snapshot(steps, objects, network, values or {}))
    finally:
        session.close()


def read(path, image=IMAGE):
    session = open_session(path)
    try:
        found = session.find(image.content_hash, image.size_hw, image.path)
        return None if found is None else session.open_image(found).steps
    finally:
        session.close()


def query(path, sql):
    with closing(sqlite3.connect(path)) as database:
        return database.execute(sql).fetchall()


def plain(state):
    """A state as values that can be compared, each array by its bytes."""

    def of_array(array):
        return None if array is None else (array.dtype.str, array.shape, array.tobytes())

    def of_prompt(prompt):
        arrays = (prompt.points_xy, prompt.labels, prompt.box_xyxy, prompt.mask)
        return (*map(of_array, arrays), prompt.level)

    def of_candidates(masks):
        if masks is None:
            return None
        return of_array(masks.logits), of_array(masks.scores), masks.frame, of_prompt(masks.prompt)

    def of_object(item):
        names = ("id", "name", "colour", "score", "frame", "level", "visible", "threshold", "class_name", "locked")
        runs = None if item.run_lengths is None else item.run_lengths.to_counts()
        return (*(getattr(item, name) for name in names), of_array(item.logits), of_prompt(item.prompt), runs)

    return (
        [of_object(item) for item in state.objects],
        [of_candidates(masks) for masks in state.candidates],
        state.active,
        state.classes,
        state.active_class,
    )


def assert_same(steps, expected):
    assert [plain(state) for state in steps.states] == [plain(state) for state in expected.states]
    assert (steps.position, steps.next_id) == (expected.position, expected.next_id)


def labelled():
    """A document with two prompted objects and a mask of the user, one step undone."""
    document = Document()
    document.add(candidates())
    document.add(candidates(x=2))
    document.choose(2)
    document.rename(1, "cat \N{CAT FACE} <b>")
    document.add_mask(*user_mask_arguments())
    document.select(1)
    document.undo()
    return document


def user_mask_arguments():
    pixels, prompt = user_mask()
    return pixels, prompt, FRAME


def test_what_is_written_is_read(path):
    document = labelled()
    write(path, document.steps)
    assert_same(read(path), document.steps)


def test_undo_and_redo_go_on(path):
    document = labelled()
    write(path, document.steps)
    again = Document()
    again.restore(read(path))
    while document.undo():
        assert again.undo()
        assert plain(again.state) == plain(document.state)
    assert not again.undo()
    while document.redo():
        assert again.redo()
        assert plain(again.state) == plain(document.state)
    assert not again.redo()
    assert again.add(candidates()).id == document.add(candidates()).id


def test_arrays_are_shared_again(path):
    document = labelled()
    write(path, document.steps)
    state = read(path).states[-1]
    assert state.objects[0].logits.base is state.candidates[0].logits
    assert not state.objects[0].logits.flags.writeable


def test_the_present_objects_are_readable_rows(path):
    document = labelled()
    document.redo()
    write(path, document.steps, values={"opacity": 0.3})
    rows = query(path, "SELECT name, made_by, network, level, points, labels, visible, locked FROM objects ORDER BY id")
    assert rows == [
        ("cat \N{CAT FACE} <b>", "prompt", "fake 1", None, "[[1.0, 1.0]]", "[1]", 1, 0),
        ("object 2", "prompt", "fake 1", 2, "[[2.0, 1.0]]", "[1]", 1, 0),
        ("object 3", "mask", "fake 1", None, "[]", "[]", 1, 0),
    ]
    for item, (counts, area, *box) in zip(
        document.state.objects,
        query(path, "SELECT run_lengths, area, x0, y0, x1, y1 FROM objects ORDER BY position"),
        strict=True,
    ):
        assert np.array_equal(RunLengths.from_counts(json.loads(counts), (8, 8)).to_mask(), item.mask)
        assert (area, tuple(box)) == (item.area, item.box_xyxy)
    assert query(path, "SELECT value FROM settings WHERE name = 'opacity'") == [("0.3",)]


def test_the_order_of_drawing_is_kept(path):
    document = labelled()
    document.redo()
    before = document.steps
    document.reorder([1], "front")
    write(path, before, document.steps)
    assert_same(read(path), document.steps)
    assert query(path, "SELECT id FROM objects ORDER BY position") == [(2,), (3,), (1,)]


def test_a_step_after_an_undo_drops_what_was_undone_and_its_arrays(path):
    document = Document()
    document.add(candidates())
    first = document.steps
    document.add(candidates(x=2, count=2))
    second = document.steps
    document.undo()
    document.rename(1, "cat")
    write(path, first, second, document.steps)
    assert_same(read(path), document.steps)
    assert query(path, "SELECT count(*) FROM arrays") == [(3,)], "the three candidates of the first object"
    assert query(path, "SELECT step FROM steps ORDER BY step") == [(0,), (1,), (2,)]


def test_the_oldest_steps_go_where_the_history_is_too_long(path):
    document = Document(history_bytes_max=2000)
    written = []
    for number in range(30):
        document.add(candidates(count=number + 1))
        if number > 3:
            document.delete(document.state.objects[0].id)
        written.append(document.steps)
    write(path, *written)
    assert 2 < len(document.steps.states) < 30
    assert_same(read(path), document.steps)
    hashes = {row[0] for row in query(path, "SELECT hash FROM arrays")}
    used = {
        name
        for (value,) in query(path, "SELECT value FROM versions")
        for name in json.loads(value)["candidates"]["logits"]
    }
    assert hashes == used


def test_what_a_search_had_found_is_no_step_of_the_file(path):
    class Found:
        def arrays(self):
            return iter(())

    document = Document()
    document.add(candidates())
    document.hold_found(Found())
    document.discard_found()
    document.rename(1, "cat")
    write(path, document.steps)
    steps = read(path)
    assert [[item.name for item in state.objects] for state in steps.states] == [[], ["object 1"], ["cat"]]
    assert steps.position == 2
    document.undo()
    document.undo()
    write(path, document.steps)
    assert read(path).position == 1


def test_a_file_has_many_images(path):
    other = SessionImage("other.jpg", "d" * 64, (8, 8))
    first, second = labelled(), Document()
    second.add(candidates(x=3))
    write(path, first.steps)
    write(path, second.steps, image=other)
    second.clear()
    write(path, second.steps, image=other)
    assert_same(read(path), first.steps)
    assert_same(read(path, other), second.steps)


def test_a_write_after_the_reading_goes_on_with_the_rows(path):
    document = labelled()
    write(path, document.steps)
    data = {row[0] for row in query(path, "SELECT rowid FROM arrays")}
    document.restore(read(path))
    session = open_session(path)
    opened = session.open_image(session.images()[0])
    document.restore(opened.steps)
    document.rename(2, "dog")
    opened.writer.write(Snapshot(document.steps, document.state.objects))
    session.close()
    assert_same(read(path), document.steps)
    assert {row[0] for row in query(path, "SELECT rowid FROM arrays")} <= data, "no array was written again"


floats = st.floats(-1e6, 1e6, width=32)
places = st.floats(0, 8, width=32)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@st.composite
def frames(draw):
    sides = st.tuples(st.integers(1, 6), st.integers(1, 6))
    content = draw(sides)
    return Frame((8, 8), (content[0] + draw(st.integers(0, 2)), content[1]), content, draw(sides))


@st.composite
def arrays(draw, shape):
    count = int(np.prod(shape))
    array = np.array(draw(st.lists(floats, min_size=count, max_size=count)), np.float32).reshape(shape)
    array.flags.writeable = False
    return array


@st.composite
def prompts(draw, frame):
    points = draw(st.lists(st.tuples(places, places, st.integers(0, 1)), max_size=3))
    return Prompt(
        np.array([point[:2] for point in points], np.float32),
        np.array([point[2] for point in points], np.int32),
        draw(st.none() | st.just((1.5, 2, 7, 8))),
        draw(st.none() | arrays(frame.logits_hw)),
        draw(st.none() | st.integers(0, 2)),
    )


@st.composite
def versions(draw, number):
    frame = draw(frames())
    prompt = draw(prompts(frame))
    masks = draw(
        st.none() | st.builds(Masks, arrays((3, *frame.logits_hw)), arrays((3,)), st.just(frame), st.just(prompt))
    )
    logits = draw(arrays(frame.logits_hw)) if masks is None else masks.logits[draw(st.integers(0, 2))]
    pixels = np.array(draw(st.lists(st.booleans(), min_size=64, max_size=64))).reshape(8, 8)
    item = SegmentedObject(
        number,
        draw(names),
        f"#{draw(st.integers(0, 0xFFFFFF)):06x}",
        logits,
        draw(st.floats(0, 1)),
        frame,
        prompt,
        draw(st.none() | st.integers(0, 2)),
        visible=draw(st.booleans()),
        run_lengths=draw(st.none() | st.just(RunLengths.from_mask(pixels))),
        class_name=draw(st.none() | st.just("cat")),
        locked=draw(st.booleans()),
    )
    return item, masks


@st.composite
def histories(draw):
    pool = [draw(versions(number)) for number in range(1, draw(st.integers(1, 4)))]
    states = []
    for index in range(draw(st.integers(1, 4))):
        chosen = [pair for pair in pool if draw(st.booleans())]
        active = draw(st.sampled_from(chosen))[0].id if chosen and draw(st.booleans()) else None
        classes = (ObjectClass("cat", f"#00000{index}"),)  # no two steps are equal
        objects, masks = (tuple(values) for values in zip(*chosen, strict=True)) if chosen else ((), ())
        active_class = draw(st.none() | st.just("cat"))
        states.append(State(objects, active, masks, classes=classes, active_class=active_class))
    return Steps(tuple(states), draw(st.integers(0, len(states) - 1)), len(pool) + 1)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_history_comes_back_exactly(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("session") / "any.samw"
    before, after = data.draw(histories()), data.draw(histories())
    write(path, before)
    assert_same(read(path), before)
    write(path, after)
    assert_same(read(path), after)


def test_a_newer_file_is_refused_untouched(path):
    write(path, labelled().steps)
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {schema.newest_version() + 1}")
    data = path.read_bytes()
    with pytest.raises(SessionError, match=r"newer version.*pip install --upgrade samwidget"):
        open_session(path)
    assert path.read_bytes() == data


@pytest.mark.parametrize("data", [b"GIF89a" + bytes(2000), b"x" * 4096])
def test_a_file_that_is_none_is_refused_untouched(path, data):
    path.write_bytes(data)
    with pytest.raises(SessionError, match=r"labels\.samw is not a session file"):
        open_session(path)
    assert path.read_bytes() == data


def test_the_database_of_another_program_is_refused_untouched(path):
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE notes (text)")
    data = path.read_bytes()
    with pytest.raises(SessionError, match="not a session file"):
        open_session(path)
    assert path.read_bytes() == data


def test_a_missing_folder_and_a_folder_are_refused(tmp_path):
    with pytest.raises(SessionError, match="there is no folder"):
        open_session(tmp_path / "none" / "labels.samw")
    with pytest.raises(SessionError, match="is a folder"):
        open_session(tmp_path)


def test_an_empty_file_becomes_a_session(path):
    path.touch()
    document = labelled()
    write(path, document.steps)
    assert_same(read(path), document.steps)


def test_migrations_keep_what_is_there(path, monkeypatch):
    document = labelled()
    write(path, document.steps)

    def add_column(database):
        database.execute("ALTER TABLE images ADD COLUMN remark TEXT NOT NULL DEFAULT 'none'")

    monkeypatch.setattr(schema, "MIGRATIONS", [*schema.MIGRATIONS, add_column])
    assert_same(read(path), document.steps)
    assert query(path, "PRAGMA user_version") == [(2,)]
    assert query(path, "SELECT remark FROM images") == [("none",)]


def test_a_migration_that_fails_changes_nothing(path, monkeypatch):
    write(path, labelled().steps)

    def fail(database):
        database.execute("DROP TABLE objects")
        database.execute("a mistake")

    monkeypatch.setattr(schema, "MIGRATIONS", [*schema.MIGRATIONS, fail])
    with pytest.raises(SessionError):
        open_session(path)
    monkeypatch.undo()
    assert len(query(path, "SELECT id FROM objects")) == 2
    assert query(path, "PRAGMA user_version") == [(1,)]


# What is damaged.


def damage_array(path, number):
    """Puts other bytes into the logits of an object."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute(
            "UPDATE arrays SET data = ? WHERE hash = (SELECT logits FROM objects WHERE id = ?)",
            (zlib.compress(bytes(64)), number),
        )


def test_a_damaged_array_costs_its_object_and_no_other(path):
    document = Document()
    document.add(candidates())
    document.add(candidates(count=3), name="whole")
    write(path, document.steps)
    damage_array(path, 1)
    data = path.read_bytes()
    with pytest.raises(DamagedError, match="does not hold what was written"):
        read(path)
    recovery = recover(path)
    assert recovery.object_count == 1
    assert [item.name for item in read(recovery.path).states[-1].objects] == ["whole"]
    assert path.read_bytes() == data
    assert recover(path).is_earlier, "work may have gone on there"


def test_a_mask_of_another_size_costs_its_object_and_no_other(path):
    document = labelled()
    write(path, document.steps)
    with closing(sqlite3.connect(path)) as database, database:
        # The object as its first step has it; the present state has a later version of it.
        database.execute("UPDATE versions SET value = replace(value, '[8, 8]', '[8, 9]') WHERE version = 1")
    with pytest.raises(DamagedError, match="of an image of another size"):
        read(path)
    steps = read(recover(path).path)
    assert plain(steps.states[steps.position]) == plain(document.state)


def test_lost_steps_leave_the_last_version_of_each_object(path):
    document = labelled()
    write(path, document.steps)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("UPDATE steps SET versions = '[[['")
    with pytest.raises(DamagedError):
        read(path)
    names = [item.name for item in read(recover(path).path).states[-1].objects]
    assert names == ["cat \N{CAT FACE} <b>", "object 2", "object 3"]


@pytest.mark.parametrize("seed", range(40))
def test_any_damage_is_told_or_harmless(path, seed):
    rng = np.random.default_rng(seed)
    document = Document()
    for number in range(12):
        document.add(candidates(count=number + 1))
    write(path, document.steps)
    data = bytearray(path.read_bytes())
    begin = int(rng.integers(100, len(data)))
    data[begin : begin + 2000] = rng.bytes(len(data[begin : begin + 2000]))
    path.write_bytes(data)
    try:
        steps = read(path)
    except DamagedError:
        try:
            steps = read(recover(path).path)
        except SessionError:  # nothing can be read
            return
    except SessionError:  # the head of the file
        return
    assert steps is None or len(steps.states[-1].objects) <= 12


def test_a_page_that_is_cut_off_costs_some_objects(path):
    document = Document()
    for number in range(60):
        document.add(candidates(count=number + 1))
    write(path, document.steps)
    os.truncate(path, path.stat().st_size // 2)
    recovery = recover(path)
    assert 0 < recovery.object_count < 60


# What cannot be written.


def test_a_full_disk_leaves_the_file_as_it_was_and_the_next_write_has_everything(path):
    resource = pytest.importorskip("resource")
    document = labelled()
    session = open_session(path)
    opened = session.open_image(IMAGE)
    opened.writer.write(Snapshot(document.steps, document.state.objects))
    before = document.steps
    rng = np.random.default_rng(0)
    large = Masks(rng.random((3, 4, 4), np.float32), np.ones(3, np.float32), FRAME, candidates().prompt)
    for _ in range(200):
        document.add(replace(large, logits=rng.random((3, 4, 4), np.float32)))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
    try:
        with pytest.raises(SessionError, match=r"disk.*space"):
            opened.writer.write(Snapshot(document.steps, document.state.objects))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert query(path, "SELECT count(*) FROM objects") == [(len(before.states[before.position].objects),)]
    opened.writer.write(Snapshot(document.steps, document.state.objects))
    session.close()
    assert_same(read(path), document.steps)


def test_another_program_that_holds_the_file_is_told_and_does_no_harm(path, monkeypatch):
    monkeypatch.setattr("samwidget.document.session.connection._BUSY_TIMEOUT_S", 0.05)
    document = labelled()
    session = open_session(path)
    opened = session.open_image(IMAGE)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SessionError, match="another program holds"):
            opened.writer.write(Snapshot(document.steps, document.state.objects))
        other.execute("COMMIT")
    opened.writer.write(Snapshot(document.steps, document.state.objects))
    session.close()
    assert_same(read(path), document.steps)


def test_a_file_that_is_held_is_not_called_damaged(path, monkeypatch):
    monkeypatch.setattr("samwidget.document.session.connection._BUSY_TIMEOUT_S", 0.05)
    write(path, labelled().steps)
    session = open_session(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SessionError, match="another program holds") as caught:
            session.images()
        assert not isinstance(caught.value, DamagedError)
    session.close()


def test_rows_that_another_program_changed_are_written_again(path):
    document = labelled()
    session = open_session(path)
    opened = session.open_image(IMAGE)
    opened.writer.write(Snapshot(document.steps, document.state.objects))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("DELETE FROM steps")
        other.execute("DELETE FROM arrays")
    document.rename(1, "dog")
    opened.writer.write(Snapshot(document.steps, document.state.objects))
    session.close()
    assert_same(read(path), document.steps)


def test_a_file_stays_where_it_is_when_the_current_folder_changes(tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    session = open_session(Path("labels.samw"))
    try:
        writer = session.open_image(IMAGE).writer
        document = Document()
        writer.write(Snapshot(document.steps))
        monkeypatch.chdir(tmp_path / "other")
        document.add(candidates())
        writer.write(Snapshot(document.steps, document.state.objects))
    finally:
        session.close()
    assert not list((tmp_path / "other").iterdir())
    assert [item.name for item in tmp_path.iterdir() if item.is_file()] == ["labels.samw"]
    assert_same(read(tmp_path / "labels.samw"), document.steps)


def test_a_deleted_file_is_written_anew(path):
    document = labelled()
    session = open_session(path)
    opened = session.open_image(IMAGE)
    opened.writer.write(Snapshot(document.steps, document.state.objects))
    path.unlink()
    document.rename(1, "dog")
    opened.writer.write(Snapshot(document.steps, document.state.objects))
    session.close()
    assert_same(read(path), document.steps)


def test_a_file_that_was_replaced_is_not_overwritten(path, tmp_path):
    document = labelled()
    session = open_session(path)
    opened = session.open_image(IMAGE)
    opened.writer.write(Snapshot(document.steps, document.state.objects))
    other = tmp_path / "other.samw"
    write(other, Document().steps)
    data = other.read_bytes()
    other.replace(path)
    with pytest.raises(SessionError, match="replaced by another file"):
        opened.writer.write(Snapshot(document.steps, document.state.objects))
    session.close()
    assert path.read_bytes() == data
