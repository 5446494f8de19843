from dataclasses import replace

import numpy as np
import pytest

from samwidget.document import Document
from samwidget.errors import PromptError
from tests.document.examples import FRAME, candidates, user_mask


@pytest.fixture
def document():
    return Document()


def ids(document):
    return [item.id for item in document.state.objects]


def test_an_object_exists_from_its_first_prompt_on(document):
    item = document.add(candidates())
    assert document.state.objects == (item,)
    assert document.state.active_object is item
    assert (item.id, item.name, item.level) == (1, "object 1", None)
    assert item.score == pytest.approx(0.9)
    assert len(document.state.active_candidates) == 3


def test_accept_closes_and_keeps(document):
    document.add(candidates())
    document.select(None)
    assert document.state.active is None
    assert document.state.active_candidates is None
    assert ids(document) == [1]
    document.add(candidates())
    assert (ids(document), document.state.active) == ([1, 2], 2)


def test_python_may_add_without_taking_the_users_object_from_them(document):
    document.add(candidates())
    document.add(candidates(), name="tree", activate=False)
    assert document.state.active == 1
    assert [item.name for item in document.state.objects] == ["object 1", "tree"]


def test_ids_are_never_used_twice(document):
    document.add(candidates())
    document.undo()
    document.add(candidates())
    document.delete(2)
    document.clear()
    assert document.add(candidates()).id == 3


def test_colours_follow_the_ids(document):
    for _ in range(3):
        document.add(candidates())
    colours = [item.colour for item in document.state.objects]
    assert len(set(colours)) == 3
    document.delete(2)
    assert [item.colour for item in document.state.objects] == [colours[0], colours[2]]


def test_the_chosen_level_is_kept_while_refining(document):
    document.add(candidates())
    assert document.state.shown_level(0) == 1
    document.choose(2)
    document.refine(1, candidates(count=2))
    item = document.state.objects[0]
    assert (item.level, document.state.shown_level(0)) == (2, 2)
    assert item.score == pytest.approx(0.4)
    assert np.array_equal(item.logits, candidates(count=2).logits[2])


def test_without_a_choice_the_best_is_shown(document):
    document.add(candidates())
    document.refine(1, candidates(count=2))
    assert np.array_equal(document.state.objects[0].logits, candidates(count=2).logits[1])


def test_a_selected_object_has_its_candidates_again(document):
    first = candidates()
    document.add(first)
    document.add(candidates())
    document.select(1)
    assert document.state.active_candidates is first


def test_a_given_mask_is_shown_to_the_pixel_until_it_is_refined(document):
    run_lengths, prompt = user_mask()
    pixels = run_lengths.to_mask()
    item = document.add_mask(run_lengths, prompt, FRAME, name="mine")
    assert document.state.active is None
    assert np.array_equal(item.mask, pixels)
    assert (item.score, document.state.shown_level(0)) == (1.0, None)
    refined = candidates()
    document.refine(1, refined)
    assert not np.array_equal(document.state.objects[0].mask, pixels)
    document.restore_mask(1, prompt)
    assert np.array_equal(document.state.objects[0].mask, pixels)


def test_rename_and_hide(document):
    document.add(candidates())
    document.rename(1, "cup")
    document.set_visible(1, False)
    item = document.state.objects[0]
    assert (item.name, item.visible) == ("cup", False)


def test_a_change_that_changes_nothing_is_no_step(document):
    document.add(candidates())
    revision = document.revision
    document.rename(1, "object 1")
    document.set_visible(1, True)
    document.select(1)
    assert document.revision == revision


def test_deleting_the_active_object_leaves_none_active(document):
    document.add(candidates())
    document.add(candidates())
    document.delete(2)
    assert document.state.active is None
    document.select(1)
    document.add(candidates(), activate=False)
    document.delete(3)
    assert document.state.active == 1


def test_undo_and_redo_bring_the_active_object_along(document):
    document.add(candidates())
    document.refine(1, candidates(count=2))
    document.select(None)
    document.add(candidates())
    document.undo()
    assert (ids(document), document.state.active) == ([1], None)
    document.undo()
    assert (ids(document), document.state.active) == ([1], 1)
    assert len(document.state.objects[0].prompt.points_xy) == 1
    document.undo()
    assert document.state.objects == ()
    assert document.undo() is False
    assert document.redo() is True
    assert document.state.active == 1


def test_selecting_after_undo_keeps_what_can_be_redone(document):
    document.add(candidates())
    document.add(candidates())
    document.undo()
    document.select(None)
    document.select(1)
    assert document.can_redo
    document.redo()
    assert (ids(document), document.state.active) == ([1, 2], 2)


def test_a_new_step_forgets_what_could_be_redone(document):
    document.add(candidates())
    document.undo()
    document.add(candidates())
    assert not document.can_redo


def test_clear_is_one_step(document):
    for _ in range(3):
        document.add(candidates())
    document.clear()
    assert document.state.objects == ()
    document.undo()
    assert ids(document) == [1, 2, 3]
    revision = document.revision
    document.clear()
    document.clear()
    assert document.revision == revision + 1


@pytest.mark.parametrize(
    "act",
    [
        lambda document: document.select(7),
        lambda document: document.rename(7, "cup"),
        lambda document: document.set_visible(7, False),
        lambda document: document.delete(7),
        lambda document: document.refine(7, candidates()),
        lambda document: document.reorder([7], "back"),
    ],
    ids=["select", "rename", "set_visible", "delete", "refine", "reorder"],
)
def test_an_unknown_object_is_refused_and_nothing_changes(document, act):
    with pytest.raises(PromptError, match=r"no object 7.*no objects"):
        act(document)
    document.add(candidates())
    before, revision = document.state, document.revision
    with pytest.raises(PromptError, match=r"no object 7.*\[1\]"):
        act(document)
    assert document.state is before
    assert document.revision == revision


def test_choosing_needs_a_candidate(document):
    with pytest.raises(PromptError, match="no object is active"):
        document.choose(1)
    document.add(candidates())
    with pytest.raises(PromptError, match="3 candidates"):
        document.choose(3)
    document.add_mask(*user_mask(), FRAME)
    document.select(2)
    with pytest.raises(PromptError, match="0 candidates"):
        document.choose(0)


def test_many_objects_are_one_step_and_leave_the_active_one_alone(document):
    document.add(candidates())
    draft = replace(document.state.objects[0], id=77, name="", colour="#1c7ed6", level=2)
    added = document.add_many([draft, draft])
    assert document.state.objects[1:] == added
    assert [(item.id, item.name, item.colour, item.level) for item in added] == [
        (2, "object 2", "#1c7ed6", 2),
        (3, "object 3", "#0ca678", 2),  # the draft under it has its colour
    ]
    assert document.state.active == 1
    assert document.undo()
    assert ids(document) == [1]
    assert document.redo()
    document.select(3)
    document.refine(3, candidates(count=2))
    assert document.state.shown_level(2) == 2, "the level that was item is kept while refining"


def test_no_objects_are_no_step(document):
    assert document.add_many([]) == ()
    assert not document.can_undo


class Found:
    """What a search found, of one array."""

    def __init__(self):
        self.logits = np.zeros((4, 4), np.float32)

    def arrays(self):
        yield self.logits[:2]


def test_what_a_search_found_is_a_step_once_it_is_held():
    document = Document()
    document.add(candidates())
    found = Found()
    document.hold_found(found)
    document.hold_found(found)
    document.rename(1, "cup")
    document.discard_found()
    document.discard_found()
    assert document.state.found_objects is None
    steps = []
    while document.undo():
        steps.append((len(document.state.objects), document.state.found_objects))
    assert steps == [(1, found), (1, found), (1, None), (0, None)]


def test_objects_that_are_made_of_found_ones_take_their_place():
    document = Document()
    document.add(candidates())
    document.hold_found(Found())
    document.clear()
    assert document.state.found_objects is not None, "only keep and discard end a choice"
    document.keep_found([replace(candidates_object(), id=7)])
    assert document.state.found_objects is None


def test_what_a_search_found_counts_as_memory():
    document = Document()
    found = Found()
    before = document._history.byte_count
    document.hold_found(found)
    assert document._history.byte_count == before + found.logits.nbytes


def candidates_object():
    return Document().add(candidates())


@pytest.mark.parametrize(
    ("ids", "to", "order"),
    [([1], "front", [2, 3, 4, 1]), ([3, 2], "front", [1, 4, 2, 3]), ([4, 3], "back", [3, 4, 1, 2])],
)
def test_the_order_of_drawing_is_one_step_and_moves_the_candidates_along(document, ids, to, order):
    for x in range(4):
        document.add(candidates(x + 1))
    document.select(2)
    document.set_locked([3], True)
    before = [item.id for item in document.state.objects]
    document.reorder(ids, to)
    state = document.state
    assert [item.id for item in state.objects] == order
    assert [item.prompt.points_xy[0, 0] for item in state.objects] == order
    assert [masks.prompt.points_xy[0, 0] for masks in state.candidates] == order
    assert state.active == 2
    revision = document.revision
    document.reorder(ids, to)
    assert document.revision == revision, "it is so already"
    document.undo()
    assert [item.id for item in document.state.objects] == before
