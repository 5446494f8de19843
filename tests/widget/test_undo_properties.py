"""Whatever the user does, undo leads back exactly, and redo forward."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from samwidget.core.frame import Frame
from samwidget.core.prompt import Prompt
from samwidget.document import Document
from samwidget.errors import PromptError
from samwidget.widget.commands import Commands
from samwidget.widget.corrections import ADJUSTMENTS
from tests.widget.fakes import fake_masks

FRAME = Frame.padded((48, 64), 64, 16)

places = st.tuples(st.integers(0, 64), st.integers(0, 48))
ids = st.integers(1, 4)
some_ids = st.lists(ids, min_size=1, max_size=3)
class_names = st.sampled_from(["cat", "dog", "cup"])
strokes = st.lists(places, min_size=1, max_size=4)
# fmt: off
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
    st.builds(lambda i, flag: ("set_locked", {"object_ids": i, "locked": flag}), some_ids, st.booleans()),
    st.builds(lambda i, to: ("reorder", {"object_ids": i, "to": to}), some_ids, st.sampled_from(["front", "back"])),
    st.builds(lambda i: ("delete", {"object_ids": i}), some_ids),
    st.builds(lambda name: ("add_class", {"name": name}), class_names),
    st.builds(lambda a, b: ("rename_class", {"class_name": a, "name": b}), class_names, class_names),
    st.builds(lambda name: ("delete_class", {"class_name": name}), class_names),
    st.builds(lambda name: ("activate_class", {"class_name": name}), class_names | st.none()),
    st.builds(lambda i, name: ("set_class", {"object_ids": i, "class_name": name}), some_ids, class_names | st.none()),
    st.builds(lambda p, label: ("scribble", {"points": p, "label": label}), strokes, st.integers(0, 1)),
    st.builds(
        lambda i, p, erase: ("paint", {"object_id": i, "points": p, "radius": 5, "erase": erase}),
        ids | st.none(), strokes, st.booleans(),
    ),
    st.builds(
        lambda i, p, erase: ("fill_polygon", {"object_id": i, "points": p, "erase": erase}),
        ids | st.none(), st.lists(places, min_size=3, max_size=5), st.booleans(),
    ),
    st.builds(
        lambda i, p: ("set_polygons", {"object_id": i, "corners": p}),
        ids, st.lists(st.lists(places, min_size=3, max_size=5), min_size=1, max_size=2),
    ),
    st.builds(lambda kind, i: (kind, {"object_ids": i}), st.sampled_from(["merge", "intersect"]), some_ids),
    st.builds(lambda i: ("split", {"object_id": i}), ids),
    st.builds(lambda i, others: ("subtract", {"object_id": i, "others": others}), ids, some_ids),
    st.builds(
        lambda i, kind, amount: ("adjust", {"object_id": i, "operation": kind, "amount": amount}),
        ids, st.sampled_from(sorted(ADJUSTMENTS)), st.integers(0, 9),
    ),
    st.sampled_from([("remove_box", {}), ("accept", {}), ("clear", {}), ("undo", {}), ("redo", {}), ("add", {})]),
)
# fmt: on
CORRECTIONS = {"paint", "fill_polygon", "set_polygons", "merge", "intersect", "split", "subtract", "adjust"}


class FakeNetwork:
    frame = FRAME
    is_ready = True

    def predict(self, prompt):
        prompt.check_inside(FRAME.image_hw)
        return fake_masks(prompt, FRAME)


def carry_out(document, kind, fields):
    """Whether it could be done; where it could not, nothing has changed."""
    before, revision = document.state, document.revision
    try:
        if kind == "add":
            fields = {"prompt": Prompt(), "pixels": np.tri(48, 64, dtype=bool), "name": None}
        commands = Commands(document, FakeNetwork())
        owner = document if kind in ("undo", "redo") else commands.corrections if kind in CORRECTIONS else commands
        getattr(owner, kind)(**fields)
    except PromptError:
        assert document.state is before
        assert document.revision == revision


def seen(document):
    """Everything of a state that anybody could see."""
    state = document.state
    return (
        (state.active, state.classes, state.active_class),
        [
            (item.id, item.name, item.colour, item.visible, item.level, item.score, item.class_name, item.locked)
            for item in state.objects
        ],
        [item.prompt.to_json() for item in state.objects],
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
