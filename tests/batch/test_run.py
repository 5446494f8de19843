"""A whole run: order, resuming, refusing, stopping, and every file it leaves."""

import json

import pytest

from samwidget.batch.chunks import ChunkRunner
from samwidget.batch.job import Job, choose_result
from samwidget.batch.run import run_batch
from samwidget.errors import BatchError
from samwidget.predict.predictor import SamPredictor
from tests.batch.rows import fake_runner, write_rows
from tests.predict.fake_segmenter import FakeSegmenter


class StoppedError(Exception):
    """What a test raises to stop a run between two parts."""


class StopsAfter:
    """A runner that works for some parts."""

    def __init__(self, job, parts):
        self._runner = fake_runner(job)
        self._left = parts

    def __call__(self, tasks):
        if not self._left:
            raise StoppedError
        self._left -= 1
        return self._runner(tasks)


@pytest.fixture
def job(tmp_path):
    return Job(str(write_rows(tmp_path / "rows.csv", 9)), str(tmp_path / "out.csv"), mini_batch_size=2)


def run(job, runner=None, **options):
    return run_batch(job, runner=runner or fake_runner(job), show_progress=False, **options)


def names(job):
    return sorted(path.name for path in job.manifest.parent.iterdir())


def test_a_finished_run_leaves_the_result_and_its_manifest(job):
    summary = run(job)
    assert (summary.rows, summary.errors, summary.rows_before) == (9, 2, 0)
    assert names(job) == ["out.csv", "out.csv.manifest.jsonl", "out.csv.parts", "rows.csv"]
    first, *chunks, last = map(json.loads, job.manifest.read_text().splitlines())
    assert first["run"]["rows"] == 9
    assert [chunk["first"] for chunk in chunks] == [0, 2, 4, 6, 8]
    assert last == {"done": 9, "errors": 2}


def test_a_stopped_run_goes_on_where_it_was(job, tmp_path):
    untouched = run(Job(job.source, str(tmp_path / "whole.csv"), mini_batch_size=2)).result.read_bytes()
    with pytest.raises(StoppedError):
        run(job, StopsAfter(job, 2))
    assert not tmp_path.joinpath("out.csv").exists()
    summary = run(job, StopsAfter(job, 3))
    assert (summary.rows, summary.errors, summary.rows_before) == (9, 2, 4)
    assert summary.result.read_bytes() == untouched


def test_a_finished_run_is_not_run_again(job):
    before = run(job).result.read_bytes()
    summary = run(job, StopsAfter(job, 0))
    assert summary.rows_before == summary.rows == 9
    assert summary.result.read_bytes() == before


def test_the_parts_of_a_finished_run_stay_only_for_errors_that_may_be_tried_again(tmp_path):
    job = Job(str(write_rows(tmp_path / "rows.csv", 5)), str(tmp_path / "out.csv"), mini_batch_size=2)
    assert run(job).errors == 0
    assert names(job) == ["out.csv", "out.csv.manifest.jsonl", "rows.csv"]


class FailsOnce(StopsAfter):
    """A runner whose network fails on some chunks the first time."""

    def __init__(self, job, chunks):
        super().__init__(job, 100)
        self.failing, self.computed = set(chunks), []
        self._failing_runner = ChunkRunner(job, predictor=SamPredictor(FakeSegmenter(error=RuntimeError("busy"))))

    def __call__(self, tasks):
        first = tasks[0].number
        self.computed.append(first)
        if first in self.failing:
            self.failing.discard(first)
            return self._failing_runner(tasks)
        return super().__call__(tasks)


@pytest.mark.parametrize("stopped_after", [None, 2])
def test_errors_are_tried_again_and_nothing_else(tmp_path, stopped_after):
    source = str(write_rows(tmp_path / "rows.csv", 9))
    expected = run(Job(source, str(tmp_path / "whole.csv"), mini_batch_size=2, retries=0)).result.read_bytes()
    job = Job(source, str(tmp_path / "out.csv"), mini_batch_size=2, retries=0)
    runner = FailsOnce(job, {0, 8})
    runner._left = stopped_after or 100
    if stopped_after is None:
        assert run(job, runner).errors == 5  # two rows of the first chunk, one of the last, and two bad ones
        assert run(job, StopsAfter(job, 0)).errors == 5, "without the option nothing is computed again"
    else:
        with pytest.raises(StoppedError):
            run(job, runner)
    again = FailsOnce(job, ())
    summary = run(job, again, retry_errors=True)
    assert summary.errors == 2
    assert summary.result.read_bytes() == expected
    # The chunks of rows 4 and 6 hold the bad rows.
    assert again.computed == [0, 4, 6, 8]
    third = FailsOnce(job, ())
    assert run(job, third, retry_errors=True).errors == 2
    assert third.computed == [4, 6]


def test_a_retry_that_is_killed_goes_on(tmp_path):
    source = str(write_rows(tmp_path / "rows.csv", 9))
    expected = run(Job(source, str(tmp_path / "whole.csv"), mini_batch_size=2, retries=0)).result.read_bytes()
    job = Job(source, str(tmp_path / "out.csv"), mini_batch_size=2, retries=0)
    run(job, FailsOnce(job, {0, 2, 8}))
    with pytest.raises(StoppedError):
        run(job, StopsAfter(job, 2), retry_errors=True)
    assert run(job, retry_errors=True).result.read_bytes() == expected


def test_a_part_that_is_gone_or_cut_or_changed_is_answered_again(job, tmp_path):
    expected = run(Job(job.source, str(tmp_path / "whole.csv"), mini_batch_size=2)).result.read_bytes()
    with pytest.raises(StoppedError):
        run(job, StopsAfter(job, 4))
    gone, cut, zeros, _ = sorted(job.parts.glob("*.part"))
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:10])
    zeros.write_bytes(bytes(zeros.stat().st_size))
    summary = run(job, StopsAfter(job, 4))
    assert summary.rows_before == 2
    assert summary.result.read_bytes() == expected


def test_a_line_that_was_cut_off_is_dropped(job):
    with pytest.raises(StoppedError):
        run(job, StopsAfter(job, 3))
    data = job.manifest.read_bytes()
    job.manifest.write_bytes(data[:-20])
    assert run(job, StopsAfter(job, 3)).rows_before == 4
    assert all(json.loads(line) for line in job.manifest.read_text().splitlines())


def test_a_part_with_a_damaged_name_is_answered_again(job, tmp_path):
    expected = run(Job(job.source, str(tmp_path / "whole.csv"), mini_batch_size=2)).result.read_bytes()
    with pytest.raises(StoppedError):
        run(job, StopsAfter(job, 2))
    job.manifest.write_text(job.manifest.read_text().replace("000000000000.part", "0" * 5000))
    summary = run(job, StopsAfter(job, 5))
    assert summary.rows_before == 2
    assert summary.result.read_bytes() == expected


@pytest.mark.parametrize("line", ['{"part": "000000000000.part"}', '{"first": 0, "part": 1}'])
def test_a_line_that_is_no_chunk_is_refused(job, line):
    with pytest.raises(StoppedError):
        run(job, StopsAfter(job, 1))
    job.manifest.write_text(job.manifest.read_text() + f"{line}\n")
    with pytest.raises(BatchError, match="is not the manifest of a run") as caught:
        run(job)
    assert "--fresh" in caught.value.hint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mini_batch_size": 3}, "mini_batch_size was 2 and is 3"),
        ({"model": "other"}, "model was None and is 'other'"),
        ({"prompt_column": "input_points"}, "prompt_column was None and is 'input_points'"),
        ({"style": "card"}, "style was 'service' and is 'card'"),
    ],
)
def test_another_run_to_the_same_place_is_refused(job, change, message):
    with pytest.raises(StoppedError):
        run(job, StopsAfter(job, 1))
    other = Job(**{**job.__dict__, **change})
    with pytest.raises(BatchError) as caught:
        run(other, fake_runner(job))
    assert message in str(caught.value)
    assert "--fresh" in caught.value.hint
    assert run(job).rows_before == 2, "refusing changes nothing"


def test_another_input_is_refused_until_told_to_start_over(job, tmp_path):
    with pytest.raises(StoppedError):
        run(job, StopsAfter(job, 1))
    write_rows(tmp_path / "rows.csv", 8)
    with pytest.raises(BatchError, match=r"input was '.*' and is '.*', rows was 9 and is 8"):
        run(job)
    summary = run(job, fresh=True)
    assert (summary.rows, summary.rows_before) == (8, 0)


def test_a_file_that_no_run_made_is_kept(job, tmp_path):
    (tmp_path / "out.csv").write_text("mine")
    with pytest.raises(BatchError, match="is there already"):
        run(job)
    assert names(job) == ["out.csv", "rows.csv"]
    assert (tmp_path / "out.csv").read_text() == "mine"
    assert run(job, fresh=True).rows == 9


def test_a_second_run_to_the_same_place_waits_its_turn(job):
    class RunsAnother(StopsAfter):
        def __call__(self, tasks):
            with pytest.raises(BatchError, match="is under way"):
                run(job)
            return super().__call__(tasks)

    assert run(job, RunsAnother(job, 5)).rows == 9


@pytest.mark.parametrize(("allowed", "stops"), [(0, True), (1, True), (2, False)])
def test_too_many_errors_stop_it_and_a_larger_number_goes_on(job, allowed, stops):
    if stops:
        with pytest.raises(BatchError, match="rows have no answer, and at most") as caught:
            run(job, max_errors=allowed)
        assert "give one box per group" in str(caught.value) or "give one label per point" in str(caught.value)
        with pytest.raises(BatchError, match="rows have no answer"):
            run(job, StopsAfter(job, 0), max_errors=allowed)
    summary = run(job, max_errors=2)
    assert (summary.rows, summary.errors) == (9, 2)


def test_a_disk_that_is_full_is_told_and_survived(job, monkeypatch):
    import os

    calls = []
    real = os.fsync

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) > 8:
            raise OSError(28, "No space left on device")
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(BatchError, match="No space left on device"):
            run(job)
    assert run(job).rows == 9


@pytest.mark.parametrize(
    ("out", "format_", "name", "expected"),
    [
        ("a.csv", None, None, ("a.csv", "csv")),
        ("a.parquet", None, None, ("a.parquet", "parquet")),
        ("a.json", "coco", None, ("a.json", "coco")),
        ("folder", None, None, ("folder/predictions.csv", "csv")),
        ("folder", None, "mine.csv", ("folder/mine.csv", "csv")),
        ("folder", None, "mine.parquet", ("folder/mine.parquet", "parquet")),
        ("folder", "png", "mine.csv", ("folder/masks.csv", "png")),
        ("folder", "coco", None, ("folder/coco.json", "coco")),
        # The command's format comes before the name in a deployment's file.
        ("folder", "parquet", "predictions.csv", ("folder/predictions.parquet", "parquet")),
        ("folder", "coco", "mine.csv", ("folder/mine.json", "coco")),
        ("folder", "csv", "mine.parquet", ("folder/mine.csv", "csv")),
        ("folder", "csv", "mine", ("folder/mine", "csv")),
        (".", None, None, ("predictions.csv", "csv")),
    ],
)
def test_out_says_where_and_how(tmp_path, monkeypatch, out, format_, name, expected):
    monkeypatch.chdir(tmp_path)
    path, chosen = choose_result(out, format_, name)
    assert (path, chosen) == (str(tmp_path / expected[0]), expected[1])


@pytest.mark.parametrize(("out", "format_"), [("a.txt", None), ("a.csv", "parquet"), ("a.csv", "png"), ("folder", "x")])
def test_out_and_format_that_do_not_fit_are_refused(out, format_):
    with pytest.raises(BatchError):
        choose_result(out, format_)


@pytest.mark.parametrize(
    "options",
    [
        {"everything": True, "prompts": "p.csv"},
        {"mini_batch_size": 0},
        {"retries": -1},
        {"format": "tiff"},
        {"polygons": True},
    ],
)
def test_jobs_that_cannot_be_are_refused(options):
    with pytest.raises(BatchError):
        Job("rows.csv", "out.csv", **options)
