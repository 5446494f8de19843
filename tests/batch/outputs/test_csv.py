"""predictions.csv: the masks that a scored request gets, and errors in their positions."""

import csv
import io
import json

import pytest

from samwidget.formats.azure_ml.messages import build_request, parse_response
from samwidget.predict.predictor import SamPredictor
from samwidget.serving.scoring import score
from tests.batch.rows import ROWS, png_of, run_job, write_csv, write_photos, write_rows
from tests.predict.fake_segmenter import FakeSegmenter


def expected_predictions():
    """What ``score`` returns for the rows that have masks, by number."""
    predictor = SamPredictor(FakeSegmenter())
    predictions = {}
    for number, (points, boxes, labels, multimask_output) in enumerate(ROWS[:5]):
        cells = [json.loads(text) if text else None for text in (points, labels, boxes)]
        request = build_request(png_of(number // 3), *cells, multimask_output=multimask_output.lower() != "false")
        (row,) = score(request, predictor, "service")
        predictions[number] = row["response"]
    return predictions


def test_predictions_csv_holds_what_score_returns(tmp_path):
    path = write_rows(tmp_path / "rows.csv", len(ROWS))
    summary = run_job(tmp_path, path, "predictions.csv", mini_batch_size=3)
    assert (summary.rows, summary.errors) == (7, 2)
    lines = list(csv.reader(io.StringIO((tmp_path / "predictions.csv").read_text())))
    assert [(index, file) for index, _, file in lines] == [(str(number), "rows.csv") for number in range(7)]
    values = [json.loads(cell) for _, cell, _ in lines]
    assert dict(enumerate(values[:5])) == expected_predictions()
    assert values[5]["error"]["code"] == values[6]["error"]["code"] == "format"
    assert "2 groups of points with 1 boxes" in values[5]["error"]["message"]
    assert values[6]["error"]["hint"] == "give one label per point"


def test_the_card_has_its_own_spelling(tmp_path):
    path = write_rows(tmp_path / "rows.csv", 1)
    for style, name in (("service", "masks_per_prediction"), ("card", "mask_per_prediction")):
        run_job(tmp_path, path, f"{style}.csv", style=style)
        _, cell, _ = next(csv.reader((tmp_path / f"{style}.csv").open(newline="")))
        assert list(json.loads(cell)["predictions"][0]) == [name]


def test_quotes_in_an_error_survive_clients_that_replace_them(tmp_path):
    folder = write_photos(tmp_path / "photos", 1)
    table = write_csv(tmp_path / "prompts.csv", [('it\'s "there".png', "[[1,2]]")], ("image", "input_points"))
    run_job(tmp_path, folder, "out.csv", prompts=str(table))
    _, cell, _ = next(csv.reader((tmp_path / "out.csv").open(newline="")))
    assert "'" in json.loads(cell)["error"]["message"]
    assert json.loads(cell.replace("'", '"')) == json.loads(cell)


def test_pandas_reads_it_as_the_documented_clients_do(tmp_path):
    pd = pytest.importorskip("pandas")
    run_job(tmp_path, write_rows(tmp_path / "rows.csv", 3), "predictions.csv")
    table = pd.read_csv(tmp_path / "predictions.csv", header=None, names=["index", "predictions", "file"])
    assert table["index"].tolist() == [0, 1, 2]
    assert [len(parse_response(cell)[0]) for cell in table["predictions"]] == [1, 2, 1]
