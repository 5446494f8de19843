"""A row that kills its worker is given up after some attempts, and the other rows are computed."""

import csv
import json
import os
import signal

import pytest

from samwidget.batch.chunks import ChunkRunner
from samwidget.batch.crashes import Crashes
from samwidget.batch.inputs.tasks import list_tasks
from samwidget.batch.job import Job
from samwidget.batch.run import run_batch
from samwidget.predict.predictor import SamPredictor
from tests.batch.rows import ROWS, text_of, write_csv
from tests.predict.fake_segmenter import FakeSegmenter


def test_a_row_that_ends_is_removed_and_one_that_does_not_is_counted(tmp_path):
    path = tmp_path / "0.tries"
    crashes = Crashes(path)
    with crashes.watch(3), crashes.watch(4):  # as if two workers died, one on each row
        left_behind = path.read_text()
    assert path.read_text() == ""
    path.write_text(left_behind + "3\n")
    assert [Crashes(path).count(number) for number in (3, 4, 5)] == [2, 1, 0]
    crashes.clear()
    assert not path.exists()


class DiesOnItsSecondPhoto(FakeSegmenter):
    """As a decoder's crash or the kernel's memory killer would have it."""

    def encode(self, image, *, threads=None):
        if len(self.encoded) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().encode(image, threads=threads)


@pytest.mark.parametrize("retries", [0, 2])
def test_the_other_rows_are_computed(tmp_path, retries):
    path = write_csv(tmp_path / "rows.csv", [(text_of(seed), *ROWS[0]) for seed in range(2)])
    job = Job(str(path), str(tmp_path / "out.csv"), retries=retries)
    statuses = []
    while not statuses or statuses[-1] != 0:
        assert len(statuses) < 5
        child = os.fork()
        if child == 0:
            try:
                runner = ChunkRunner(job, predictor=SamPredictor(DiesOnItsSecondPhoto()))
                run_batch(job, runner=runner, show_progress=False)
                os._exit(0)
            finally:
                os._exit(1)
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    assert statuses == [-signal.SIGKILL] * (retries + 1) + [0]
    first, second = (json.loads(cell) for _, cell, _ in csv.reader((tmp_path / "out.csv").open(newline="")))
    assert "predictions" in first
    assert second["error"]["message"] == f"a worker died on this row {retries + 1} times"


def test_a_disk_that_fails_is_not_the_rows_fault(tmp_path):
    path = write_csv(tmp_path / "rows.csv", [(text_of(0), *ROWS[0])])
    job = Job(str(path), str(tmp_path / "out.csv"))
    job.parts.mkdir()

    class FailingOutput:
        def encode_masks(self, task, row):
            raise OSError(28, "No space left on device")

    runner = ChunkRunner(job, predictor=SamPredictor(FakeSegmenter()))
    runner._output = FailingOutput()
    with pytest.raises(OSError, match="No space left"):
        runner(list_tasks(job)[0])
