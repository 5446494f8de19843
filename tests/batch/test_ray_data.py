"""Workers on Ray: started on this machine, killed and continued; and on a cluster that runs already."""

import builtins
import signal
import socket
import subprocess
import sys
import time
import uuid

import psutil
import pytest

from samwidget.batch.job import Job
from samwidget.batch.ray_data import _started_ray, _threads_each
from samwidget.batch.run import run_batch
from samwidget.errors import BatchError
from tests.batch.killed_often import ray_workers
from tests.batch.rows import write_rows
from tests.batch.test_kill import ENVIRONMENT, finish, kill_after, numbers, start


def test_a_missing_ray_names_the_extra(tmp_path, monkeypatch):
    real = builtins.__import__

    def without_ray(name, *args, **kwargs):
        if name.split(".")[0] == "ray":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_ray)
    job = Job(str(write_rows(tmp_path / "rows.csv", 2)), str(tmp_path / "out.csv"))
    with pytest.raises(BatchError) as caught:
        run_batch(job, workers=2, show_progress=False)
    assert "pip install 'samwidget[batch]'" in caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_errors_of_an_actor_are_returned_as_a_value(tmp_path):
    pytest.importorskip("ray")
    from samwidget.batch.ray_data import _Actor

    actor = _Actor(Job("rows.csv", str(tmp_path / "out.csv"), model="no-such-network"), "")
    reply = actor({"tasks": [b"not read"]})
    assert "no-such-network" in reply["error"][0]
    assert reply["result"] == [""]


@pytest.mark.parametrize(("cores", "workers", "threads"), [(4, 2, 2), (2, 3, 1), (7, 2, 3)])
def test_workers_on_one_machine_share_its_threads(monkeypatch, cores, workers, threads):
    monkeypatch.setenv("SAMWIDGET_THREADS", str(cores))
    assert _threads_each(workers) == threads


def test_an_actor_computes_with_the_threads_that_ray_gives_it(tmp_path, monkeypatch):
    from samwidget.batch import ray_data

    monkeypatch.setattr(ray_data, "ChunkRunner", lambda *args, **options: options)
    actor = ray_data._Actor(Job("rows.csv", str(tmp_path / "out.csv")), "", 3, "id")
    assert actor._runner == {"threads": 3, "command_id": "id"}


class FailingRay:
    """A Ray that fails some times before it starts."""

    def __init__(self, *failures):
        self.failures, self.starts = list(failures), []

    def is_initialized(self):
        return False

    def init(self, **options):
        self.starts.append(options["address"])
        if self.failures:
            raise self.failures.pop(0)

    def shutdown(self):
        pass


def test_an_aborted_connection_is_tried_again():
    ray = FailingRay(ConnectionAbortedError("it died"), ConnectionAbortedError("it died"))
    with _started_ray(ray, 2, "ray://head:10001"):
        pass
    assert ray.starts == ["ray://head:10001"] * 3


@pytest.mark.parametrize(
    ("failures", "starts"),
    [
        ([ConnectionAbortedError("it died")] * 3, 3),
        ([ConnectionError("nobody there")], 1),
        ([Exception("The current node timed out during startup.")], 1),  # Ray's words on a machine that is too busy
    ],
)
def test_a_cluster_that_keeps_failing_is_an_error(failures, starts):
    ray = FailingRay(*failures)
    with pytest.raises(BatchError, match="at ray://head:10001") as caught, _started_ray(ray, 2, "ray://head:10001"):
        pass
    assert caught.value.hint == str(failures[-1])
    assert len(ray.starts) == starts


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture
def cluster(tmp_path):
    """The address and environment of a Ray cluster in processes of its own, for two actors."""
    pytest.importorskip("ray")
    port, client_port = free_port(), free_port()
    environment = {**ENVIRONMENT, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": uuid.uuid4().hex}
    environment["RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S"] = "240"  # of 30 s, which a busy machine exceeds
    words = ["start", "--head", "--block", f"--port={port}", f"--ray-client-server-port={client_port}", "--num-cpus=2"]
    words += ["--min-worker-port=0", "--max-worker-port=0", "--include-dashboard=false", "--disable-usage-stats"]
    words += ["--node-ip-address=127.0.0.1", "--object-store-memory=200000000"]
    log = (tmp_path / "ray.log").open("w")
    head = subprocess.Popen(
        [sys.executable, "-m", "ray.scripts.scripts", *words],
        env=environment,
        stdout=log,
        stderr=log,
    )
    try:
        deadline = time.monotonic() + 120
        while "--block" not in (tmp_path / "ray.log").read_text():
            assert head.poll() is None, (tmp_path / "ray.log").read_text()
            assert time.monotonic() < deadline, "Ray does not start"
            time.sleep(0.1)
        yield f"ray://127.0.0.1:{client_port}", environment, head
    finally:
        # A polite request waits half a minute for jobs.
        processes = [psutil.Process(head.pid), *psutil.Process(head.pid).children(recursive=True)]
        for ray_process in processes:
            ray_process.kill()
        head.wait(60)
        psutil.wait_procs(processes, timeout=60)
        log.close()


@pytest.fixture
def rows(tmp_path):
    pytest.importorskip("ray")
    write_rows(tmp_path / "rows.csv", 300)
    (tmp_path / "deploy.yaml").write_text("mini_batch_size: 2\n")
    words = ("rows.csv", "--config", "deploy.yaml", "-o")
    finish(start(*words, "whole.csv", cwd=tmp_path))
    return tmp_path, words


def test_two_workers_killed_and_continued_write_what_one_writes(rows):
    folder, words = rows
    words = (*words, "killed.csv", "--workers", "2")
    process = start(*words, cwd=folder)
    actors = []
    while not actors and process.poll() is None:
        actors = ray_workers(process)
        time.sleep(0.05)
    assert kill_after(process, folder / "killed.csv.manifest.jsonl", 3) == -signal.SIGKILL
    psutil.wait_procs(actors, timeout=60)
    assert not any(actor.is_running() for actor in actors), "actors outlive a run that was killed"
    output = finish(start(*words, cwd=folder))
    assert "300 rows, " in output
    assert (folder / "killed.csv").read_bytes() == (folder / "whole.csv").read_bytes()
    assert numbers(folder / "killed.csv") == list(range(300))


def test_a_cluster_whose_actor_dies_writes_what_one_writes(rows, cluster):
    folder, words = rows
    address, environment, head = cluster
    process = start(*words, "cluster.csv", "--workers", "2", "--address", address, cwd=folder, env=environment)
    manifest = folder / "cluster.csv.manifest.jsonl"
    while process.poll() is None and not (manifest.is_file() and b'"part"' in manifest.read_bytes()):
        time.sleep(0.02)
    actors = ray_workers(head)
    if process.poll() is None:
        actors[0].kill()
    finish(process)
    assert actors, "no actor was there to die"
    assert (folder / "cluster.csv").read_bytes() == (folder / "whole.csv").read_bytes()
