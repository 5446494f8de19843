"""Real processes, really killed: the result is that of a run nobody touched, each row once."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from samwidget.batch.job import FORMATS, Job, choose_result
from samwidget.batch.run import run_batch
from tests.batch.killed_often import files_of, kill_often, write_input
from tests.batch.rows import fake_runner, write_rows

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


@pytest.mark.parametrize(("format_", "step"), [("csv", 1), ("png", 5), ("parquet", 5), ("coco", 5)])
def test_a_kill_at_any_write_loses_nothing(tmp_path, format_, step):
    if format_ == "parquet":
        pytest.importorskip("pyarrow")
    source = str(write_rows(tmp_path / "rows.csv", 7))
    untouched = Job(source, choose_result(tmp_path / "whole", format_)[0], format=format_, mini_batch_size=2)
    run_batch(untouched, runner=fake_runner(untouched), show_progress=False)
    expected = files_of(tmp_path / "whole")
    done = subprocess.run(
        [sys.executable, "-m", "tests.batch.killed", source, str(tmp_path / "killed"), format_, str(step)],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    killed = list((tmp_path / "killed").iterdir())
    assert len(killed) >= 5
    for folder in killed:
        assert files_of(folder) == expected, f"killed at write {folder.name}"


@pytest.mark.parametrize("seed", [1, 2])
def test_kills_within_rows_that_are_slower_than_the_time_between_them(tmp_path, seed):
    statuses, is_equal = kill_often(write_input(tmp_path, 4), tmp_path, "csv", kills=6, row_s=0.2, seed=seed)
    assert set(statuses) <= {1, -signal.SIGKILL}, "each was killed"
    assert is_equal


def test_the_formats_are_all_killed():
    assert set(FORMATS) == {"csv", "png", "parquet", "coco"}


def start(*words, cwd, env=ENVIRONMENT):
    """The command line in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "samwidget", "batch", *words],
        cwd=cwd,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process, timeout_s=240):
    output, _ = process.communicate(timeout=timeout_s)
    assert process.returncode == 0, output
    return output


def kill_after(process, manifest, parts):
    """Kills once the manifest has so many chunks, or lets a quicker process be."""
    deadline = time.monotonic() + 240
    while process.poll() is None and time.monotonic() < deadline:
        if manifest.is_file() and manifest.read_bytes().count(b'"part"') >= parts:
            process.kill()
        time.sleep(0.002)
    process.communicate()
    return process.returncode


@pytest.fixture
def rows(tmp_path):
    write_rows(tmp_path / "rows.csv", 100)
    (tmp_path / "deploy.yaml").write_text("mini_batch_size: 2\n")
    return tmp_path


def numbers(path):
    return [int(line.split(",", 1)[0]) for line in path.read_text().splitlines()]


def test_a_command_killed_five_times_ends_as_if_never_touched(rows):
    words = ("rows.csv", "--config", "deploy.yaml", "-o")
    finish(start(*words, "whole.csv", cwd=rows))
    manifest = rows / "killed.csv.manifest.jsonl"
    statuses = [kill_after(start(*words, "killed.csv", cwd=rows), manifest, parts) for parts in (1, 4, 9, 15, 22)]
    assert statuses == [-signal.SIGKILL] * 5
    assert not (rows / "killed.csv").exists()
    output = finish(start(*words, "killed.csv", cwd=rows))
    assert "100 rows, " in output
    assert (rows / "killed.csv").read_bytes() == (rows / "whole.csv").read_bytes()
    assert numbers(rows / "killed.csv") == list(range(100))
    chunks = [json.loads(line) for line in manifest.read_text().splitlines()][1:-1]
    assert sorted(chunk["first"] for chunk in chunks) == list(range(0, 100, 2)), "no part was answered twice"
