"""Runs that samwidget 0.1.0 began are continued, in its style: its manifests and parts keep their form.

The folder ``begun_by_0_1_0`` was written by that version, whose worker was killed in the fifth of five rows.
"""

import csv
import json
import shutil
from pathlib import Path

import pytest

import samwidget
from samwidget.batch.job import Job, choose_result
from samwidget.batch.run import run_batch
from samwidget.errors import BatchError
from samwidget.formats.azure_ml.messages import parse_response
from tests.batch.rows import fake_runner

BEGUN = Path(__file__).parent / "begun_by_0_1_0"


def run(folder, format_, **options):
    options = {"mini_batch_size": 2, "style": "card", **options}
    job = Job(str(BEGUN / "rows.csv"), choose_result(folder, format_)[0], format=format_, **options)
    return run_batch(job, runner=fake_runner(job), show_progress=False)


@pytest.fixture
def begun(tmp_path):
    shutil.copytree(BEGUN, tmp_path / "begun")
    return tmp_path / "begun"


def masks_of(path):
    """The masks and scores of each row that has some, as nested lists."""
    with path.open(newline="") as file:
        cells = [json.loads(predictions) for _, predictions, _ in csv.reader(file)]
    rows = [parse_response(cell)[0] for cell in cells if "error" not in cell]
    return [[(masks.tolist(), scores.tolist()) for masks, scores in row] for row in rows]


@pytest.mark.parametrize("version", [samwidget.__version__, "99.0.0"])
def test_a_csv_is_continued(begun, tmp_path, monkeypatch, version):
    monkeypatch.setattr(samwidget, "__version__", version)
    old_parts = b"".join(part.read_bytes() for part in sorted((begun / "csv").glob("*.parts/*.part")))
    summary = run(begun / "csv", "csv")
    assert (summary.rows, summary.rows_before, summary.errors) == (5, 4, 1)
    assert summary.result.read_bytes().startswith(old_parts), "what 0.1.0 wrote is kept as it was"
    assert masks_of(summary.result) == masks_of(run(tmp_path / "fresh", "csv").result)


def test_a_coco_file_is_continued(begun, tmp_path):
    summary = run(begun / "coco", "coco")
    assert (summary.rows, summary.rows_before, summary.errors) == (5, 4, 1)
    continued = json.loads(summary.result.read_text())
    fresh = json.loads(run(tmp_path / "fresh", "coco").result.read_text())
    assert [error.pop("number") for error in continued.pop("errors")] == [1]
    del fresh["errors"]  # whose message may be another one by now
    assert continued == fresh


def test_its_lines_have_the_keys_that_are_written_now(begun, tmp_path):
    run(tmp_path / "fresh", "csv")
    new = (tmp_path / "fresh/predictions.csv.manifest.jsonl").read_text().splitlines()
    old = (begun / "csv/predictions.csv.manifest.jsonl").read_text().splitlines()
    for old_line, new_line in zip(old, new[:3], strict=True):
        assert set(json.loads(old_line)) <= set(json.loads(new_line))
    assert set(json.loads(old[0])["run"]) <= set(json.loads(new[0])["run"])


def test_a_death_that_it_counted_does_not_count(begun):
    # It counted every death of a worker; whether the row was to blame cannot be known any more.
    summary = run(begun / "csv", "csv", retries=0)
    assert summary.errors == 1
    assert "a worker died" not in summary.result.read_text()


def test_another_style_is_refused_with_the_remedy(begun):
    with pytest.raises(BatchError, match="style was 'card' and is 'service'") as caught:
        run(begun / "csv", "csv", style="service")
    assert "--style card" in caught.value.hint


def test_a_run_of_an_unknown_version_is_refused(begun):
    manifest = begun / "csv/predictions.csv.manifest.jsonl"
    manifest.write_text(manifest.read_text().replace("0.1.0", "0.0.1"))
    with pytest.raises(BatchError, match=r"samwidget was '0\.0\.1' and is "):
        run(begun / "csv", "csv")
