"""One worker alone: what it writes for good and bad rows, and what it repeats."""

import csv
import json

import numpy as np
import pytest

from samwidget.batch.chunks import ChunkRunner
from samwidget.batch.inputs.tasks import list_tasks
from samwidget.batch.job import Job
from samwidget.batch.run import run_batch
from samwidget.errors import BatchError, ModelError
from samwidget.formats.coco import decode_rle
from samwidget.models.segmenter import SAM_EVERYTHING, EverythingDefaults
from samwidget.predict.predictor import SamPredictor
from tests.batch.rows import HEIGHT, ROWS, run_job, text_of, write_csv, write_photos, write_rows
from tests.predict.fake_segmenter import FakeSegmenter


def test_a_photo_without_objects_is_still_in_every_output(tmp_path):
    class FindsNothing(FakeSegmenter):
        everything_defaults = SAM_EVERYTHING

        def decode(self, embedding, prompts, *, multimask_output, threads=None):
            logits, scores = super().decode(embedding, prompts, multimask_output=multimask_output)
            return logits * 0 - 1, scores

    folder = write_photos(tmp_path / "photos", 1)

    def runner(job):
        return ChunkRunner(job, predictor=SamPredictor(FindsNothing()))

    run_job(tmp_path, folder, "out.csv", runner=runner, everything=True)
    assert (tmp_path / "out.csv").read_text() == '0,"{""predictions"": []}",photo0.png\n'
    run_job(tmp_path, folder, "out.json", runner=runner, everything=True, format="coco")
    written = json.loads((tmp_path / "out.json").read_text())
    assert [image["file_name"] for image in written["images"]] == ["photo0.png"]
    assert written["annotations"] == written["errors"] == []
    pq = pytest.importorskip("pyarrow.parquet")
    run_job(tmp_path, folder, "out.parquet", runner=runner, everything=True, format="parquet")
    (line,) = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert (line["file"], line["height"], line["counts"], line["error"]) == ("photo0.png", HEIGHT, None, None)


def test_everything_writes_what_the_predictor_finds(tmp_path):
    folder = write_photos(tmp_path / "photos", 2)
    segmenter = FakeSegmenter()
    segmenter.everything_defaults = EverythingDefaults(4, 0.0, 0.0, 0.0)
    predictor = SamPredictor(segmenter)
    found_objects = predictor.everything(folder / "photo0.png")
    assert len(found_objects) > 3
    run_job(
        tmp_path,
        folder / "photo0.png",
        "out.json",
        runner=lambda job: ChunkRunner(job, predictor=predictor),
        everything=True,
        format="coco",
    )
    annotations = json.loads((tmp_path / "out.json").read_text())["annotations"]
    assert len(annotations) == len(found_objects)
    for annotation, found_object in zip(annotations, found_objects, strict=True):
        np.testing.assert_array_equal(decode_rle(annotation["segmentation"]), found_object.mask)


class FailsSometimes(FakeSegmenter):
    """Its first encodes fail."""

    def __init__(self, failures, error):
        super().__init__()
        self.failures = failures
        self.reason = error

    def encode(self, image, *, threads=None):
        if self.failures:
            self.failures -= 1
            raise self.reason
        return super().encode(image, threads=threads)


@pytest.mark.parametrize(("failures", "retries", "errors"), [(2, 2, 0), (3, 2, 1), (1, 0, 1)])
def test_a_network_that_fails_is_tried_again(tmp_path, monkeypatch, failures, retries, errors):
    waits = []
    monkeypatch.setattr("time.sleep", waits.append)
    path = write_csv(tmp_path / "rows.csv", [(text_of(0), *ROWS[0])])
    summary = run_job(
        tmp_path,
        path,
        "out.csv",
        runner=lambda job: ChunkRunner(job, predictor=SamPredictor(FailsSometimes(failures, RuntimeError("busy")))),
        retries=retries,
    )
    assert summary.errors == errors
    assert waits == [0.25 * 2**attempt for attempt in range(min(failures, retries))]


def test_an_error_nobody_thought_of_is_one_rows_own(tmp_path):
    path = write_csv(tmp_path / "rows.csv", [(text_of(0), *ROWS[0])] * 2)
    runner = lambda job: ChunkRunner(job, predictor=SamPredictor(FailsSometimes(1, KeyError("what"))))  # noqa: E731
    assert run_job(tmp_path, path, "out.csv", runner=runner).errors == 1
    first, second = (json.loads(cell) for _, cell, _ in csv.reader((tmp_path / "out.csv").open(newline="")))
    assert first["error"] == {"code": "unexpected", "message": "KeyError: 'what'", "hint": ""}
    assert "predictions" in second


def test_another_network_does_not_go_on(tmp_path):
    job = Job("rows.csv", str(tmp_path / "out.csv"))
    with pytest.raises(BatchError, match="this run began with the model 'fake 1'"):
        ChunkRunner(job, "fake 1", SamPredictor(FakeSegmenter(signature="fake 2")))


def test_a_network_that_is_not_there_ends_it_without_a_trace(tmp_path):
    path = write_rows(tmp_path / "rows.csv", 1)
    with pytest.raises(ModelError):
        run_batch(Job(str(path), str(tmp_path / "out.csv"), model="no-such-network"), show_progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_a_worker_computes_with_its_threads(tmp_path, monkeypatch):
    options = []

    def from_pretrained(model, **given):
        options.append(given)
        return SamPredictor(FakeSegmenter())

    monkeypatch.setattr(SamPredictor, "from_pretrained", from_pretrained)
    job = Job(str(write_rows(tmp_path / "rows.csv", 1)), str(tmp_path / "out.csv"))
    run_batch(job, threads=3, show_progress=False)
    ChunkRunner(job)
    assert [given["threads"] for given in options] == [3, None]


def test_tasks_travel(tmp_path):
    import pickle

    tasks, _ = list_tasks(Job(str(write_rows(tmp_path / "rows.csv", 100)), str(tmp_path / "out.csv")))
    data = pickle.dumps(tasks)
    assert pickle.loads(data) == tasks
    assert len(data) / len(tasks) < 100, "a row is its place in a file, and not its image"
