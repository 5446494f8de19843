"""Packages that only batch runs need: where one is missing, the message names the extra to install."""

import os
import subprocess
import sys

import pytest

from samwidget.batch.job import Job
from samwidget.batch.run import run_batch
from samwidget.errors import BatchError
from tests.batch.rows import fake_runner, write_rows

INSTALL = "pip install 'samwidget[batch]'"


@pytest.mark.parametrize("package", ["filelock", "tqdm"])
def test_a_run_without_a_package_names_the_extra_and_leaves_no_trace(tmp_path, monkeypatch, package):
    job = Job(str(write_rows(tmp_path / "rows.csv", 2)), str(tmp_path / "out.csv"))
    runner = fake_runner(job)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(BatchError, match=f"a batch run needs the package {package}") as caught:
        run_batch(job, runner=runner, show_progress=False)
    assert caught.value.hint == INSTALL
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "samwidget.batch.outputs.parquet", raising=False)
    with pytest.raises(BatchError, match="Parquet needs the package pyarrow") as caught:
        fake_runner(Job("rows.csv", str(tmp_path / "out.parquet"), format="parquet"))
    assert caught.value.hint == INSTALL


@pytest.mark.parametrize("package", ["filelock", "tqdm", "yaml"])
def test_the_command_without_a_package_ends_with_one_line(tmp_path, package):
    write_rows(tmp_path / "rows.csv", 1)
    (tmp_path / "deploy.yaml").write_text("model: nano\n")
    words = ["samwidget", "batch", "rows.csv", "-o", "out.csv", "--config", "deploy.yaml"]
    code = f"import sys; sys.modules[{package!r}] = None; sys.argv = {words}; from samwidget.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("samwidget: ")
    assert line.endswith(INSTALL)
