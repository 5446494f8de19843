"""The rows of many images: states, counts, filter."""

from hypothesis import given
from hypothesis import strategies as st

from samwidget.widget.image_table import STATES, ImageTable

CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("set_state"), st.integers(0, 4), st.tuples(st.sampled_from([*STATES, "open", "nonsense"]))),
        st.tuples(
            st.just("set_content"),
            st.integers(0, 4),
            st.tuples(st.integers(0, 2), st.sampled_from([(), ("cat",), ("cat", "dog")]), st.booleans()),
        ),
    ),
    max_size=12,
)


@given(CHANGES)
def test_the_counts_are_those_of_the_rows(changes):
    table = ImageTable(["a", "b", "c", "d", "e"])
    for name, index, values in changes:
        before = table.revision
        getattr(table, name)(index, *values)
        assert table.revision >= before
    states = [table.state(index) for index in range(5)]
    assert [getattr(table.counts, state) for state in STATES] == [states.count(state) for state in STATES]
    for state in STATES:
        rows, total = table.rows(0, 5, [state], None)
        assert [row.index for row in rows] == [index for index in range(5) if states[index] == state]
        assert total == len(rows)


def test_a_state_comes_by_itself_until_somebody_sets_one():
    table = ImageTable(["a"])
    states = [table.state(0)]
    for change in (
        lambda: table.set_content(0, 1, (), True),
        lambda: table.set_state(0, "done"),
        lambda: table.set_content(0, 2, (), True),
        lambda: table.set_state(0, "open"),
        lambda: table.set_content(0, 0, (), False),
    ):
        change()
        states.append(table.state(0))
    assert states == ["new", "in_work", "done", "done", "in_work", "new"]


def test_the_next_open_image_comes_from_the_start_again_behind_the_last_one():
    table = ImageTable(["a", "b", "c", "d"])
    table.set_state(3, "done")
    table.set_problem(1, "It is no image.")
    assert [table.next_open(index) for index in range(4)] == [2, 2, 0, 0]
    table.set_state(0, "skipped")
    assert table.next_open(2) is None
