import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from samwidget.core import Frame, Masks, make_prompt
from samwidget.document.document import Document
from samwidget.document.history import History
from samwidget.document.state import State
from tests.document.examples import candidates


def state_of(*all_candidates):
    document = Document()
    for item in all_candidates:
        document.add(item)
    return document.state


def bytes_in(states):
    return sum({id(value): size for state in states for value, size in state.memory()}.values())


def test_undo_and_redo_walk_along_the_snapshots():
    first, second, third = State(), state_of(candidates()), state_of(candidates(), candidates())
    history = History(first)
    history.push(second)
    history.push(third)
    assert [history.undo(), history.present] == [True, second]
    assert [history.undo(), history.present] == [True, first]
    assert history.undo() is False
    assert [history.redo(), history.present] == [True, second]
    history.push(third)
    assert history.redo() is False


def test_an_array_that_many_snapshots_share_is_counted_once():
    shared = candidates()
    history = History(state_of(shared))
    size = history.byte_count
    assert size >= shared.logits.nbytes
    for _ in range(5):
        history.push(history.present)
    assert history.byte_count == size


def test_the_oldest_steps_are_forgotten_beyond_the_bytes():
    size = candidates().logits.nbytes
    history = History(State(), bytes_max=3 * size)
    for _ in range(10):
        history.push(state_of(candidates()))
    assert history.byte_count <= 3 * size
    assert len(history) == 3
    last = history.present
    while history.undo():
        pass
    while history.redo():
        pass
    assert history.present is last


def test_the_present_and_the_step_before_are_kept_even_where_they_are_too_large():
    history = History(State(), bytes_max=1)
    for _ in range(3):
        history.push(state_of(candidates()))
    assert len(history) == 2
    assert len(history.present.objects) == 1
    assert history.undo()
    assert not history.can_undo


def test_hundreds_of_steps_fit_with_a_hundred_objects_on_12_megapixels():
    frame = Frame.padded((3000, 4000), 1024, 256)
    scores = np.array([0.2, 0.9, 0.4], np.float32)

    def click():
        # Zeros that nobody reads take no memory; they count like others.
        return Masks(np.zeros((3, 256, 256), np.float32), scores, frame, make_prompt([[2000, 1500]]))

    document = Document(class_names=["cat", "dog"])
    for _ in range(100):
        document.add(click())
    ids = [item.id for item in document.state.objects]
    for number in range(100):
        document.rename(ids[number], f"name {number}")
        document.set_class(ids, ["cat", "dog"][number % 2])
        document.refine(ids[number], click())
    steps = 0
    while document.undo():
        steps += 1
    assert steps == 400
    assert document.state.objects == ()


@given(st.lists(st.sampled_from(["push", "amend", "undo", "redo"]), max_size=40), st.integers(0, 2000))
@settings(deadline=None)
def test_the_count_is_always_that_of_the_arrays_held(steps, bytes_max):
    history = History(State(), bytes_max=bytes_max)
    pool = [candidates(count=n) for n in range(1, 4)]
    rng = np.random.default_rng(len(steps))
    for step in steps:
        if step in {"push", "amend"}:
            getattr(history, step)(state_of(*rng.choice(np.array(pool, object), rng.integers(0, 3))))
        else:
            getattr(history, step)()
        assert history.byte_count == bytes_in(history._states)
        if step == "push":
            assert history.byte_count <= bytes_max or len(history) <= 2
