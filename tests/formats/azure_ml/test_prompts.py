"""Prompts in the cells of a request: what is read, what is refused, and what is written."""

import numpy as np
import pytest

from samwidget.core.prompt import make_prompt
from samwidget.errors import FormatError, SamWidgetWarning
from samwidget.formats.azure_ml.messages import build_request, parse_request
from samwidget.formats.azure_ml.prompts import prompts_of
from tests.formats.azure_ml.example_request import IMAGE, request_of


@pytest.mark.parametrize(
    ("points", "boxes", "labels", "expected"),
    [
        # The five rows of the service's own sample.
        ("[[[280,320]], [[300,350]]]", "", "", [make_prompt([280, 320]), make_prompt([300, 350])]),
        ("[[[280,320], [300,350]]]", "", "", [make_prompt([[280, 320], [300, 350]])]),
        ("", "[[125,240,375,425]]", "", [make_prompt(box=[125, 240, 375, 425])]),
        ("[[[280,320]]]", "[[125,240,375,425]]", "", [make_prompt([280, 320], box=[125, 240, 375, 425])]),
        ("[[[280,320]]]", "[[125,240,375,425]]", "[[0]]", [make_prompt([280, 320], [0], [125, 240, 375, 425])]),
        # What clients send besides.
        ("[[280,320], [300,350]]", "", "[1, 0]", [make_prompt([[280, 320], [300, 350]], [1, 0])]),
        ("[[280,320], [300,350]]", "", "[[1, 0]]", [make_prompt([[280, 320], [300, 350]], [1, 0])]),
        ("[[[1,2],[3,4],[5,6]]]", "", "[[1,-1,-10]]", [make_prompt([[1, 2], [3, 4]], [1, 0])]),
        ("[[[1,2]], [[3,4],[5,6]]]", "", "", [make_prompt([1, 2]), make_prompt([[3, 4], [5, 6]])]),
        ("", "[[1,2,3,4],[5,6,7,8]]", "", [make_prompt(box=[1, 2, 3, 4]), make_prompt(box=[5, 6, 7, 8])]),
        ("", "[1,2,3,4]", "", [make_prompt(box=[1, 2, 3, 4])]),
        ([[[1, 2]]], None, np.array([[1]]), [make_prompt([1, 2])]),
        ("null", "None", "nan", []),
        (None, float("nan"), " ", []),
        ("[]", "", "", []),
    ],
)
def test_prompts_of_a_row(points, boxes, labels, expected):
    (row,) = parse_request(request_of(points, boxes, labels))
    assert list(row.prompts) == expected


@pytest.mark.parametrize(
    ("points", "boxes", "labels", "message"),
    [
        ("[[1,2", "", "", "row 0, input_points is not a nested list"),
        ("7", "", "", "row 0, input_points is not a nested list"),
        ("[1,2]", "", "", "not nested two or three deep"),
        ("[[[[1,2]]]]", "", "", "not nested two or three deep"),
        ("[[[1,2]]]", "", "[[1,0]]", "2 labels for 1 points"),
        ("[[[1,2]],[[3,4]]]", "", "[[1]]", "labels for 1 masks, points for 2"),
        ("[[[1,2]]]", "", "[[5]]", "labels are"),
        ("[[[1,2,3]]]", "", "", "points has shape"),
        ("[[[1,2],[3]]]", "", "", "row 0: points or labels are no numbers: give x, y"),
        ("[[[1,2],[3,4]]]", "", "[[1,[0]]]", "row 0: points or labels are no numbers"),
        ("[[[1,2]]]", "", '[["1"]]', "row 0: labels are no numbers: use 1"),
        ("[[[1,2]]]", "", "[[null]]", "row 0: labels are no numbers: use 1"),
        ("[[[1e300,2]]]", "", "", "row 0: points holds NaN or infinity"),
        ("[[[NaN,2]]]", "", "", "NaN"),
        ("", "", "[[1]]", "labels without points"),
        ("", "[[1,2,3]]", "", "box has shape"),
        ("", "[[5,2,3,4]]", "", "no area"),
        ("[[[1,2]],[[3,4]]]", "[[1,2,3,4]]", "", "2 groups of points with 1 boxes"),
        ('{"x": 1}', "", "", "not a nested list"),
        ('[["a","b"]]', "", "", "row 0: points or labels are no numbers"),
        ("[" * 100_000, "", "", "row 0, input_points is not a nested list"),
        (f"[[1{'0' * 400},2]]", "", "", "row 0: points or labels are no numbers"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_cannot_be_read_names_its_row(points, boxes, labels, message):
    with pytest.raises(FormatError, match=message):
        parse_request(request_of(points, boxes, labels))


@pytest.mark.parametrize("points", [[[float("nan"), 2]], [[1, {2}]]])
def test_only_numbers_are_written(points):
    with pytest.raises(FormatError, match="not a nested list of numbers"):
        build_request(IMAGE, points=points)


EMPTY = make_prompt()


@pytest.mark.parametrize("style", ["card", "service"])
@pytest.mark.parametrize(
    "text", ["[[[1, 2]],]", "[[(1, 2)]]", "[[['1', '2']]]", "\n [[[1, 2]]] ", "[[[1., 2.]]]", "[[1, 2]]"]
)
def test_a_list_is_read_as_python_writes_it_too(text, style):
    assert prompts_of({"input_points": text}, 0, style) == (make_prompt([1, 2]),)


@pytest.mark.parametrize(
    "cell", ["", " ", "null", "None", "nan", "NoneType", "NaN", None, float("nan"), np.float32("nan")]
)
def test_cells_that_are_empty_in_both_styles(cell):
    assert prompts_of({"input_points": "[[1,2]]", "input_boxes": cell}, 0, "card") == (make_prompt([1, 2]),)
    assert prompts_of({"input_points": "[[1,2]]", "input_boxes": cell}, 0, "service") == (make_prompt([1, 2]),)


def test_the_nothing_of_pandas_is_empty():
    pd = pytest.importorskip("pandas")
    for cell in (pd.NA, pd.NaT):
        assert prompts_of({"input_boxes": cell}, 0) == ()


def test_minus_one_excludes_on_the_card_and_is_no_point_for_the_service():
    cells = {"input_points": "[[[1,2],[3,4]]]", "input_labels": "[[1,-1]]"}
    assert prompts_of(cells, 0, "card") == (make_prompt([[1, 2], [3, 4]], [1, 0]),)
    assert prompts_of(cells, 0, "service") == (make_prompt([[1, 2]], [1]),)


@pytest.mark.parametrize(
    "cells",
    [
        {},
        {"input_points": "", "input_boxes": "NoneType"},
        {"input_points": "[[[1,2]]]", "input_labels": "[[-1]]"},
        {"input_points": "[[[1,2]]]", "input_labels": "[[-10]]"},
        {"input_labels": "[[1]]"},
    ],
)
def test_a_row_without_a_prompt_asks_the_service_for_an_empty_one(cells):
    assert prompts_of(cells, 0, "service") == (EMPTY,)


@pytest.mark.parametrize("text", ["[[1,2", "please", "{1: 2}", "7", "[" * 100_000])
def test_text_that_is_no_list_is_empty_for_the_service_and_said(text):
    with pytest.warns(SamWidgetWarning, match="row 3, input_points is not a nested list, and counts as empty"):
        assert prompts_of({"input_points": text, "input_boxes": "[[1,2,3,4]]"}, 3, "service") == (
            make_prompt(box=[1, 2, 3, 4]),
        )
    with pytest.raises(FormatError, match="row 3, input_points is not a nested list"):
        prompts_of({"input_points": text}, 3, "card")


def test_a_box_the_wrong_way_round_reaches_the_services_network():
    cells = {"input_boxes": "[[30,20,10,5]]"}
    (prompt,) = prompts_of(cells, 0, "service")
    assert prompt.box_xyxy.tolist() == [30, 20, 10, 5]
    with pytest.raises(FormatError, match="has no area"):
        prompts_of(cells, 0, "card")


@pytest.mark.parametrize(
    "cells",
    [
        {"input_points": "[[[1,2]]]", "input_labels": "[[1,0]]"},
        {"input_points": "[[[1,2]],[[3,4]]]", "input_boxes": "[[1,2,3,4]]"},
        {"input_points": "[[[[1,2]]]]"},
        {"input_boxes": "[[1,2,3]]"},
        {"input_points": "[[[1,2]]]", "input_labels": "[[7]]"},
    ],
)
def test_what_no_network_reads_is_refused_in_both_styles(cells):
    for style in ("card", "service"):
        with pytest.raises(FormatError, match="row 0"):
            prompts_of(cells, 0, style)
