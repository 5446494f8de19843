"""predictions.csv in every form that is about: both styles, JSON and Python text, ours and the service's."""

import csv
import json

import numpy as np
import pytest

import samwidget
from samwidget.errors import FormatError
from samwidget.formats.azure_ml import build_response

MASKS = np.zeros((3, 4, 5), np.bool_)
MASKS[0, 1, 1] = MASKS[1, 1:3, 1:3] = MASKS[2] = True
SCORES = np.array([0.25, 0.5, 0.75], np.float32)


def rows_of(style):
    (row,) = build_response([[(MASKS, SCORES)]], style)
    return row


def write(path, *cells):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(cells)
    return path


FORMS = {
    "card": lambda: json.dumps(rows_of("card")),
    "service": lambda: json.dumps(rows_of("service")["response"]),
    "wrapped": lambda: json.dumps(rows_of("service")),
    "python": lambda: str(rows_of("service")["response"]),
    "python list of rows": lambda: str([rows_of("service")["response"]]),
    "python list of predictions": lambda: str(rows_of("service")["response"]["predictions"]),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_holds_the_same_masks(tmp_path, form):
    path = write(tmp_path / "predictions.csv", ["r7", FORMS[form](), "rows.csv"])
    (row,) = samwidget.read_predictions(path)
    assert (row.index, row.file, row.error) == ("r7", "rows.csv", "")
    ((masks, scores),) = row.predictions
    np.testing.assert_array_equal(masks, MASKS)
    assert scores.tolist() == SCORES.tolist()


def test_a_column_of_labels_may_stand_between(tmp_path):
    path = write(tmp_path / "predictions.csv", [0, FORMS["python"](), "[]", "a.csv"], [1, FORMS["card"](), "b.csv"])
    assert [(row.index, row.file, len(row.predictions)) for row in samwidget.read_predictions(str(path))] == [
        ("0", "a.csv", 1),
        ("1", "b.csv", 1),
    ]


def test_a_row_that_failed_says_why(tmp_path):
    error = {"error": {"code": "image", "message": "it is broken", "hint": "save it again"}}
    (row,) = samwidget.read_predictions(write(tmp_path / "p.csv", [3, json.dumps(error), "rows.csv"]))
    assert (row.error, row.code, row.predictions) == ("it is broken: save it again", "image", [])


def test_a_cell_of_a_large_mask_is_read(tmp_path):
    noise = np.random.default_rng(0).random((1, 1500, 1500)) < 0.5
    (response,) = build_response([[(noise, SCORES[:1])]], "service")
    text = json.dumps(response["response"])
    assert len(text) > 131_072, "the csv module refuses it by default"
    (row,) = samwidget.read_predictions(write(tmp_path / "p.csv", [0, text, "rows.csv"]))
    np.testing.assert_array_equal(row.predictions[0][0], noise)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["0", "{}"], "p.csv, line 1 has 2 cells"),
        (["0", "__import__('os')", "a.csv"], "line 1, the predictions is not JSON"),
        (["0", "[1, 2]", "a.csv"], "line 1 has no predictions"),
        (["0", '{"masks": []}', "a.csv"], "line 1 has no predictions"),
        (["0", "[" * 100_000, "a.csv"], "is not JSON"),
    ],
)
def test_other_files_are_refused(tmp_path, cells, message):
    with pytest.raises(FormatError, match=message):
        samwidget.read_predictions(write(tmp_path / "p.csv", cells))


def test_a_missing_file_is_an_error_of_ours(tmp_path):
    with pytest.raises(FormatError, match="cannot be read"):
        samwidget.read_predictions(tmp_path / "none.csv")
