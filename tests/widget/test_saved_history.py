"""Whatever the user does, in whatever order, and whenever it is saved: the file has exactly what the memory has."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from samwidget.core import RunLengths
from samwidget.document import Document
from samwidget.document.session import SessionImage, Snapshot, open_session
from samwidget.errors import PromptError
from samwidget.widget.commands import Commands
from samwidget.widget.protocol.fields import ChosenLevels
from samwidget.widget.protocol.requests import SavedPrompt
from tests.document.test_session_file import assert_same
from tests.widget.test_undo_properties import CORRECTIONS, FRAME, FakeNetwork, places, steps_of_the_user

IMAGE = SessionImage("photo.png", "c" * 64, FRAME.image_hw)
names = st.sampled_from(["cup", "<b>", "\N{CAT FACE}", "a\0b", "x" * 80, "'); DROP TABLE objects; --"])
boxes = st.tuples(places, st.integers(3, 20), st.integers(3, 20))


def disc(box):
    (x, y), height, width = box
    pixels = np.zeros(FRAME.image_hw, bool)
    pixels[y : y + height, x : x + width] = True
    return RunLengths.from_mask(pixels)


def prompt_of(x, y, name):
    levels = ChosenLevels(x % 3, None) if y % 2 else ChosenLevels(None, None)
    return SavedPrompt(
        name=name, class_name=name, points=[(x, y, 1)], box=None, levels=levels, visible=True, locked=x % 2 == 1
    )


more_steps = st.one_of(
    st.builds(
        lambda masks, kind, name: (
            "add_masks",
            {
                "masks": [disc(box) for box in masks],
                "names": [name] * len(masks),
                "class_names": [name] * len(masks),
                "overlap": kind,
            },
        ),
        st.lists(boxes, min_size=1, max_size=3),
        st.sampled_from(["keep", "newest", "first"]),
        st.none() | names,
    ),
    st.builds(
        lambda x, y, name: ("restore", {"items": [prompt_of(x, y, name)]}),
        st.integers(0, 64),
        st.integers(0, 48),
        names,
    ),
    st.builds(lambda name: ("set_class", {"object_ids": None, "class_name": name}), names),
    st.builds(lambda name: ("rename", {"object_id": None, "name": name}), names),
)
in_between = st.sampled_from([("save", {}), ("open again", {})])


def assert_consistent(document):
    """What holds for any document."""
    state = document.state
    ids = [item.id for item in state.objects]
    assert len(set(ids)) == len(ids)
    assert all(number < document.steps.next_id for number in ids)
    colour_of = {item.name: item.colour for item in state.classes}
    assert all(item.colour == colour_of[item.class_name] for item in state.objects if item.class_name)
    assert all(item.name and item.mask.shape == FRAME.image_hw for item in state.objects)


@pytest.fixture(autouse=True)
def no_flush(monkeypatch):
    monkeypatch.setattr("samwidget.document.session.connection._SYNCHRONOUS", "OFF")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(steps_of_the_user | more_steps | in_between, max_size=25),
    bytes_max=st.sampled_from([2**28, 30_000]),  # in the second the oldest steps go
)
def test_the_file_has_what_the_memory_has(steps, bytes_max, tmp_path_factory):
    path = tmp_path_factory.mktemp("session") / "labels.samw"
    session = open_session(path)
    writer = session.open_image(IMAGE).writer
    document = Document(history_bytes_max=bytes_max)
    for kind, fields in [*steps, ("save", {}), ("open again", {})]:
        if kind == "save":
            writer.write(Snapshot(document.steps, document.state.objects, "fake 1"))
        elif kind == "open again":
            writer.write(Snapshot(document.steps, document.state.objects, "fake 1"))
            session.close()
            session = open_session(path)
            opened = session.open_image(session.find(IMAGE.content_hash, IMAGE.size_hw, IMAGE.path))
            assert_same(opened.steps, document.steps)
            writer, document = opened.writer, Document(history_bytes_max=bytes_max)
            document.restore(opened.steps)
        else:
            carry_out(document, kind, fields)
        assert_consistent(document)
    session.close()


def carry_out(document, kind, fields):
    before = document.state
    commands = Commands(document, FakeNetwork())
    owner = document if kind in ("undo", "redo") else commands.corrections if kind in CORRECTIONS else commands
    if kind == "add":
        fields = {"masks": [disc(((5, 5), 9, 9))], "names": [None], "class_names": [None], "overlap": "keep"}
    try:
        getattr(owner, "add_masks" if kind == "add" else kind)(**fields)
    except PromptError:
        assert document.state is before
