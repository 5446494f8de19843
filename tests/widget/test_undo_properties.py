"""Whatever the user does, undo leads back exactly, and redo forward."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from samwidget.core.frame import Frame
from samwidget.core.prompt import Prompt
from samwidget.document import Document
from samwidget.errors import PromptError
from samwidget.widget.commands import Commands
from tests.widget.fakes import fake_masks

FRAME = Frame.padded((48, 64), 64, 16)

places = st.tuples(st.integers(0, 64), st.integers(0, 48))
ids = st.integers(1, 4)
steps_of_the_user = st.one_of(
    st.builds(lambda p, label: ("add_point", {"x": p[0], "y": p[1], "label": label}), places, st.integers(0, 1)),
    st.builds(lambda i, p: ("move_point", {"index": i, "x": p[0], "y": p[1]}), st.integers(0, 2), places),
    st.builds(lambda i: ("remove_point", {"index": i}), st.integers(0, 2)),
    st.builds(lambda p: ("add_box", {"box_xyxy": [p[0] / 2, p[1] / 2, p[0] / 2 + 20, p[1] / 2 + 20]}), places),
    st.builds(lambda p: ("move_box", {"box_xyxy": [p[0] / 2, p[1] / 2, p[0] / 2 + 9, p[1] / 2 + 9]}), places),
    st.builds(lambda level: ("choose", {"level": level}), st.integers(0, 2)),
    st.builds(lambda i: ("select", {"object_id": i}), ids | st.none()),
    st.builds(lambda i, name: ("rename", {"object_id": i, "name": name}), ids, st.sampled_from(["cup", "tree"])),
    st.builds(lambda i, flag: ("set_visible", {"object_id": i, "visible": flag}), ids, st.booleans()),
    st.builds(lambda i: ("delete", {"object_id": i}), ids),
    st.sampled_from([("remove_box", {}), ("accept", {}), ("clear", {}), ("undo", {}), ("redo", {}), ("add", {})]),
)


class FakeNetwork:
    frame = FRAME

    def predict(self, prompt):
        prompt.check_inside(FRAME.image_hw)
        return fake_masks(prompt, FRAME)


def carry_out(document, kind, fields):
    """Whether it could be done; where it could not, nothing has changed."""
    before, revision = document.state, document.revision
    try:
        if kind == "add":
            fields = {"prompt": Prompt(), "pixels": np.tri(48, 64, dtype=bool), "name": None}
        owner = document if kind in ("undo", "redo") else Commands(document, FakeNetwork())
        getattr(owner, kind)(**fields)
    except PromptError:
        assert document.state is before
        assert document.revision == revision


def seen(document):
    """Everything of a state that anybody could see."""
    state = document.state
    return (
        state.active,
        [
            (found.id, found.name, found.colour, found.visible, found.level, found.score, found.prompt.to_json())
            for found in state.objects
        ],
        [found.mask.tobytes() for found in state.objects],
        None if state.active_candidates is None else state.active_candidates.logits.tobytes(),
    )


@given(st.lists(steps_of_the_user, max_size=25))
@settings(max_examples=80, deadline=None)
def test_undo_all_and_redo_all_is_as_if_nothing_had_happened(steps):
    document = Document()
    for kind, fields in steps:
        carry_out(document, kind, fields)
    while document.redo():
        pass
    last = seen(document)
    way_back = []
    while document.undo():
        way_back.append(seen(document))
    assert document.state.objects == ()
    way_forth = []
    while document.redo():
        way_forth.append(seen(document))
    assert seen(document) == last
    assert way_forth[:-1] == way_back[-2::-1]


@given(st.lists(steps_of_the_user, max_size=25))
@settings(max_examples=40, deadline=None)
def test_every_object_is_what_the_network_says_to_its_prompt(steps):
    document = Document()
    for kind, fields in steps:
        carry_out(document, kind, fields)
        for index, found in enumerate(document.state.objects):
            assert not found.prompt.is_empty
            level = document.state.shown_level(index)
            if level is not None:
                assert np.array_equal(found.logits, FakeNetwork().predict(found.prompt).logits[level])
