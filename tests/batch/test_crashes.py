"""A row that kills its worker is given up after some attempts, and the other rows are computed."""

import csv
import json
import os
import re
import signal
from pathlib import Path

import pytest

from samwidget.batch import crashes as crashes_module
from samwidget.batch.chunks import ChunkRunner
from samwidget.batch.crashes import Crashes
from samwidget.batch.inputs.tasks import list_tasks
from samwidget.batch.job import Job
from samwidget.batch.run import run_batch
from samwidget.predict.predictor import SamPredictor
from tests.batch.rows import ROWS, text_of, write_csv
from tests.predict.fake_segmenter import FakeSegmenter

BEGUN = re.compile(r"begun (\d+) (\w+) [^ ]+:\d+\n")


@pytest.fixture
def left_behind(tmp_path):
    """What the file holds while row 3 is computed by a worker of the command ``a``."""
    crashes = Crashes(tmp_path / "0.tries", "a")
    with crashes.watch(3):
        text = (tmp_path / "0.tries").read_text()
    assert (tmp_path / "0.tries").read_text() == ""
    assert BEGUN.fullmatch(text).groups() == ("3", "a")
    return text


@pytest.mark.parametrize(
    ("command_id", "following", "crash_count", "kill_count"),
    [
        ("b", "", 0, 0),  # command and worker were killed together
        ("a", "", 0, 1),  # the worker alone was killed
        ("a", "Fatal Python error: Segmentation fault\n\nCurrent thread\n  File x\n", 1, 0),
        ("b", "Fatal Python error: Aborted\n", 1, 0),
        ("b", "Windows fatal exception: access violation\n", 1, 0),
    ],
)
def test_why_a_worker_ended(tmp_path, left_behind, command_id, following, crash_count, kill_count):
    path = tmp_path / "0.tries"
    path.write_text(left_behind + following)
    for _ in range(2):  # the second worker after it reads what the first has settled
        crashes = Crashes(path, command_id)
        assert (crashes.count(3), crashes.kills(3)) == (crash_count, kill_count)
        assert (crashes.count(4), crashes.kills(4)) == (0, 0)
    crashes.clear()
    assert not path.exists()


def test_lines_that_were_cut_off_are_left_out(tmp_path):
    path = tmp_path / "0.tries"
    path.write_text("crash 3\nbegun 12 abc bo\nbegun x y z\nkill abc\ncrash\nkill abc 4\nbegun 5 a")
    crashes = Crashes(path, "abc")
    assert [crashes.count(number) for number in (3, 5, 12)] == [1, 0, 0]
    assert [crashes.kills(number) for number in (4, 12)] == [1, 1]


def test_a_kernel_without_memory_is_a_crash_and_stays_one(tmp_path, left_behind, monkeypatch):
    path = tmp_path / "0.tries"
    path.write_text(left_behind)
    boot, count = left_behind.split()[-1].split(":")
    monkeypatch.setattr(crashes_module, "_memory_kills", lambda: f"{boot}:{int(count) + 1}")
    assert Crashes(path, "b").count(3) == 1
    monkeypatch.undo()
    assert Crashes(path, "b").count(3) == 1


def test_another_machine_counts_its_own_memory(tmp_path, left_behind, monkeypatch):
    (tmp_path / "0.tries").write_text(left_behind)
    monkeypatch.setattr(crashes_module, "_memory_kills", lambda: "other:999")
    assert Crashes(tmp_path / "0.tries", "b").count(3) == 0


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_is_no_crash(tmp_path, error):
    crashes = Crashes(tmp_path / "0.tries", "a")
    with pytest.raises(error), crashes.watch(3):
        raise error
    assert (tmp_path / "0.tries").read_text() == ""


class DiesOnItsSecondPhoto(FakeSegmenter):
    """As a decoder's crash has it, or somebody who kills the run."""

    def __init__(self, signal_):
        super().__init__()
        self.signal = signal_

    def encode(self, image, *, threads=None):
        if len(self.encoded) == 1:
            os.kill(os.getpid(), self.signal)
        return super().encode(image)


def run_in_a_fork(job, segmenter):
    """The exit status of a run of the job in a process of its own."""
    child = os.fork()
    if child == 0:
        try:
            runner = ChunkRunner(job, predictor=SamPredictor(segmenter))
            run_batch(job, runner=runner, show_progress=False)
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def cells_of(job):
    return [json.loads(cell) for _, cell, _ in csv.reader(Path(job.result).open(newline=""))]


@pytest.fixture
def two_rows(tmp_path):
    return str(write_csv(tmp_path / "rows.csv", [(text_of(seed), *ROWS[0]) for seed in range(2)]))


@pytest.mark.parametrize("retries", [0, 2])
def test_a_row_that_crashes_is_given_up_and_the_others_are_computed(tmp_path, two_rows, retries):
    job = Job(two_rows, str(tmp_path / "out.csv"), retries=retries)
    statuses = [run_in_a_fork(job, DiesOnItsSecondPhoto(signal.SIGSEGV)) for _ in range(retries + 2)]
    assert statuses == [-signal.SIGSEGV] * (retries + 1) + [0]
    first, second = cells_of(job)
    assert "predictions" in first
    assert second["error"]["message"] == f"a worker died on this row {retries + 1} times"


@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_killed_on_a_good_row_computes_it_in_the_end(tmp_path, two_rows, signal_):
    job = Job(two_rows, str(tmp_path / "out.csv"), retries=0)
    for _ in range(5):
        assert run_in_a_fork(job, DiesOnItsSecondPhoto(signal_)) == (-signal_ if signal_ == signal.SIGKILL else 1)
    assert run_in_a_fork(job, FakeSegmenter()) == 0
    assert ["predictions" in cell for cell in cells_of(job)] == [True, True]


def test_workers_that_somebody_kills_again_and_again_end_too(tmp_path, two_rows):
    # All workers of one command, which lives: what kills them may be a guard of the memory.
    job = Job(two_rows, str(tmp_path / "out.csv"), retries=0)
    job.parts.mkdir()
    tasks, _ = list_tasks(job)
    for count, is_row in ((49, True), (50, False)):
        (job.parts / "000000000000.tries").write_text("".join("kill a 1\n" for _ in range(count)))
        result = ChunkRunner(job, predictor=SamPredictor(FakeSegmenter()), command_id="a")(tasks)
        assert result.errors == (0 if is_row else 1)


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
