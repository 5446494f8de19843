"""The number of points of a step, with a clock that the test turns."""

import pytest

from samwidget.predict.everything.pace import Pace


@pytest.mark.parametrize(
    ("threads", "count", "took_s", "expected"),
    [
        (1, 1, 0.02, 5),
        (2, 1, 0.02, 4),  # a multiple of two: with five points, one thread would wait for the other
        (4, 1, 0.012, 8),
        (4, 1, 0.03, 3),  # fewer points than threads
        (4, 1, 9.0, 1),
        (3, 10, 0.0, 63),  # at most 64
        (1, 8, 0.1, 8),
    ],
)
def test_a_step_takes_a_tenth_of_a_second_and_keeps_all_threads_busy(threads, count, took_s, expected, monkeypatch):
    times = iter([100.0, 100.0 + took_s])
    monkeypatch.setattr("samwidget.predict.everything.pace.time.monotonic", lambda: next(times))
    pace = Pace(64, threads)
    assert pace.points_at_once == 1
    with pace.decoding(count):
        pass
    assert pace.points_at_once == expected
