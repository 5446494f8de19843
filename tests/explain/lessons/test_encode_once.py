"""Lesson 2: each mistake gets its hint, the costs are measured without the cache, and the meter follows the clicks."""

import numpy as np
import pytest

from samwidget.explain import Costs, draw_costs, measure_costs, meter_clicks


@pytest.fixture
def lesson(open_lesson):
    return open_lesson("encode_once")


@pytest.mark.parametrize(
    ("number", "value", "passed", "words"),
    [
        (1, "Decoder", True, "Only the prompt is new"),
        (1, "both", False, "Has the photo changed"),
        (1, "encoder", False, "never sees a click"),
        (1, 2, False, "none of the three"),
        (2, (100, 20, 500), True, "4.8 times as long"),
        (2, [100.0, 20.0, 520.0], True, "100 + 20"),
        (2, (100, 20, 2400), False, "the encoder runs 20 times"),
        (2, (100, 20, 2000), False, "20 times the encoder"),
        (2, (100, 20, 400), False, "before the first of them"),
        (2, (100, 20, 120), False, "cost of one click"),
        (2, (20, 100, 500), False, "other order"),
        (2, (0.1, 0.02, 0.5), False, "seconds"),
        (2, (100, 0, 500), False, "above 0"),
        (2, (100, 20, 900), False, "Add up"),
        (2, (100, 20), False, "not three numbers"),
        (2, "100", False, "not three numbers"),
        (3, "cd", True, "belongs to the pixels"),
        (3, ["D", "c"], True, "belongs to the pixels"),
        (3, "c and d", True, "belongs to the pixels"),
        (3, "a, c, d", False, "Not a."),
        (3, "bcd", False, "Not b."),
        (3, "cde", False, "name of a file"),
        (3, "d", False, "a single pixel"),
        (3, "c", False, "its pixels are elsewhere"),
        (3, "xyz", False, "no letters of the list"),
        (3, 7, False, "no letters of the list"),
    ],
)
def test_predictions(lesson, number, value, passed, words):
    result = lesson.check(number, value)
    assert (bool(result), words in result.message) == (passed, True), result


@pytest.mark.parametrize(
    ("objects", "passed", "words"),
    [
        ([[[300, 150]], [[365, 290]], [[450, 200]]], True, "3 objects from 3 prompts"),
        ([[[300, 150]], [[365, 290]]], False, "You have 2 of 3"),
        ([[[300, 150], [365, 290], [450, 200]]], False, "one object of 3 prompts"),
        ([[[300, 150]], [[365, 290]], [[299, 150]]], False, "Objects 1 and 3 are nearly the same"),
    ],
)
def test_objects(lesson, objects, passed, words):
    w = lesson.widget(4)
    lesson.reset(4)
    for points in objects:
        w.add(points=points)
    result = lesson.check(4)
    assert (bool(result), words in result.message) == (passed, True), result


def test_costs_are_measured_each_time_anew(lesson, nano, monkeypatch):
    calls = []

    def run(call):
        calls.append(call)

    monkeypatch.setattr(nano, "run", run)
    costs = measure_costs(lesson, repeats=2)
    assert len(calls) == 3, "once to begin with, then two that count"
    assert (len(costs.encode_ms), len(costs.decode_ms)) == (2, 2)


def test_costs_show_their_median():
    costs = Costs((100.0, 900.0, 110.0), (20.0, 21.0, 19.0))
    assert "median 110 ms" in repr(costs)
    assert "<b>20 ms</b>" in costs._repr_html_()


def test_the_meter_encodes_again_where_the_embedding_is_forgotten(lesson):
    w = lesson.widget(4)
    lesson.reset(4)
    meter = meter_clicks(w)
    assert meter.clicks == []
    w.add(points=[300, 150])
    w.add(points=[365, 290])
    meter.forgets.value = True
    w.add(points=[450, 200])
    w.wait()
    assert [encode > 0 for encode, _ in meter.clicks] == [True, False, True]
    assert all(decode > 0 for _, decode in meter.clicks)
    assert "encoder: 2 times" in meter._bars.value
    lesson.reset(4)
    w.wait()
    assert meter.clicks == []
    meter.stop()


def test_the_last_figure_has_both_costs(lesson):
    pytest.importorskip("matplotlib")
    _, plot = draw_costs(lesson, Costs((1000.0,), (50.0,))).axes
    assert [text.get_text() for text in plot.texts] == ["21.0 s", "2.0 s"]
    w = lesson.widget(4)
    lesson.reset(4)
    w.add(points=[300, 150])
    embedding, _ = draw_costs(lesson, Costs((1000.0,), (50.0,)), w.objects).axes
    assert embedding.get_title() == "the embedding: 1 object from it"
    assert np.ndim(embedding.images[0].get_array()) == 3
