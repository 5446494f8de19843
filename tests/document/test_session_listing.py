"""The list of images in a session file: states of images with a history, without one, and that nobody has opened."""

import numpy as np
import pytest

from samwidget.core import Frame, Prompt, RunLengths
from samwidget.document import Document, draft_of_mask
from samwidget.document.session import SessionImage, Snapshot, open_session
from samwidget.errors import SessionError

SIZE_HW = (24, 32)


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.setattr("samwidget.document.session.connection._SYNCHRONOUS", "OFF")
    session = open_session(tmp_path / "labels.samw")
    yield session
    session.close()


def labelled(*class_names):
    """A document with an object of each class."""
    document, mask = Document(), np.zeros(SIZE_HW, np.bool_)
    mask[4:9, 5:15] = True
    frame = Frame.padded(SIZE_HW, 64, 16)
    logits = np.zeros(frame.logits_hw, np.float32)
    document.add_many(
        [draft_of_mask(RunLengths.from_mask(mask), Prompt(mask=logits), frame, None, name) for name in class_names]
    )
    return Snapshot(document.steps, document.state.objects)


def write(session, image, *class_names):
    session.open_image(image).writer.write(labelled(*class_names))


def listed(session):
    return {
        item.image.path: (item.image.state, item.object_count, item.class_names, item.has_changed)
        for item in session.listing()
    }


def test_what_the_list_says(session):
    write(session, SessionImage("a.png", "aa", SIZE_HW), "dog", "cat", "cat", None)
    session.open_image(SessionImage("b.png", "bb", SIZE_HW)).writer.write(Snapshot(Document().steps))
    session.set_states([(SessionImage("c.png", "", (0, 0)), "skipped")])
    assert listed(session) == {
        "a.png": ("open", 4, ("cat", "dog"), True),
        "b.png": ("open", 0, (), False),
        "c.png": ("skipped", 0, (), False),
    }
    assert [image.path for image in session.images()] == ["b.png", "a.png"]


def test_a_state_stays_when_the_image_is_written(session):
    image = SessionImage("a.png", "", (0, 0))
    session.set_states([(image, "skipped")])
    write(session, SessionImage("a.png", "aa", SIZE_HW), "cat")
    session.set_states([(session.images()[0], "to_check")])
    opened = session.open_image(session.images()[0])
    opened.writer.write(labelled("cat", "dog"))
    assert listed(session) == {"a.png": ("to_check", 2, ("cat", "dog"), True)}


def test_an_image_with_a_state_and_no_history_begins_with_nothing(session):
    (row,) = session.set_states([(SessionImage("a.png", "aa", SIZE_HW), "done")])
    opened = session.open_image(session.images()[0])
    assert (len(opened.steps.states), opened.steps.position) == (1, 0)
    opened.writer.write(labelled("cat"))
    assert [image.row for image in session.images()] == [row]
    assert [item.class_name for item in session.objects_of(session.images()[0])] == ["cat"]


def test_the_same_content_at_two_paths_are_two_images(session):
    for path in ("a.png", "b.png"):
        write(session, SessionImage(path, "aa", SIZE_HW), *[path] * len(listed(session)), "cat")
    assert {path: values[1] for path, values in listed(session).items()} == {"a.png": 1, "b.png": 2}


def test_a_copy_has_everything_with_other_paths(session, tmp_path):
    write(session, SessionImage("a.png", "aa", SIZE_HW), "cat")
    session.set_states([(SessionImage("b.png", "", (0, 0)), "done")])
    session.copy_to(tmp_path / "copy.samw", lambda path: f"../{path}")
    copy = open_session(tmp_path / "copy.samw")
    assert listed(copy) == {"../a.png": ("open", 1, ("cat",), True), "../b.png": ("done", 0, (), False)}
    assert len(copy.open_image(copy.images()[0]).steps.states) == 2
    copy.close()


def test_a_copy_that_cannot_be_written_leaves_nothing(session, tmp_path):
    write(session, SessionImage("a.png", "aa", SIZE_HW), "cat")
    with pytest.raises(SessionError):
        session.copy_to(tmp_path / "missing/copy.samw", lambda path: path)
    assert [path.name for path in tmp_path.iterdir() if "copy" in path.name] == []
