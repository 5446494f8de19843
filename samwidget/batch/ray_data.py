"""Workers on Ray Data: actors that load the model once, and then compute one chunk after the other.

A Ray actor is a process that Ray starts and that keeps its state between calls. Chunks go to the actors as positions in
files and results come back as a few numbers, so Ray moves and stores kilobytes, whatever the images weigh. The actors
read the images and write the parts themselves. Ray gives a chunk to an actor that has room for it, and gives the chunks
of an actor that died to another one; how often a row may kill its actor is counted by ``crashes``. On a cluster every
node must see the input and the result under the same path.

Owns everything about Ray. Called by ``run`` for several workers, or for a cluster.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType

from samwidget.batch.chunks import ChunkResult, ChunkRunner
from samwidget.batch.extra import batch_extra
from samwidget.batch.inputs.tasks import Task
from samwidget.batch.job import Job
from samwidget.errors import BatchError, SamWidgetError
from samwidget.models import thread_count

# Chunks and results take some kB; Ray reserves a third of the memory unless told otherwise.
_OBJECT_STORE_BYTES = 200 * 1024 * 1024
# One chunk in work and one that waits. With more, a few actors would still be busy when the others have nothing left.
_CHUNKS_PER_ACTOR = 2
_START_ATTEMPTS = 3


@dataclass(frozen=True)
class _Plan:
    """What the actors need to know; sent to them once.

    Attributes:
        job: what to compute.
        chunks: rows that follow each other.
        signature: of the model that made the earlier parts; empty where there are none.
        workers: number of actors.
        threads: of each actor, and the CPU cores that Ray reserves for it.
        command_id: the same for all actors, see ``crashes``.
    """

    job: Job
    chunks: Sequence[Sequence[Task]]
    signature: str
    workers: int
    threads: int
    command_id: str


def run_chunks(
    job: Job,
    chunks: Sequence[Sequence[Task]],
    signature: str,
    *,
    workers: int,
    threads: int | None,
    address: str | None,
) -> Iterator[ChunkResult]:
    """Computes the chunks on Ray actors, and yields each result when its part is on the disk, in any order.

    Args:
        job: what to compute.
        chunks: rows that follow each other.
        signature: of the model that made the earlier parts; empty where there are none.
        workers: number of actors.
        threads: of each actor; None shares this machine's cores, and takes one on a cluster.
        address: of a cluster, such as ``ray://head:10001`` or ``auto``; None starts Ray on this machine and stops it.

    Raises:
        BatchError: Ray is not installed, the cluster cannot be reached, or an actor cannot start, with its message.
    """
    ray = _require_ray()
    threads_each = threads or (1 if address else _threads_each(workers))
    with _started_ray(ray, workers * threads_each, address):
        plan = _Plan(job, chunks, signature, workers, threads_each, uuid.uuid4().hex)
        run = _run_actors_from_cluster if ray.util.client.ray.is_connected() else _run_actors
        try:
            for reply in run(plan):
                if reply["error"]:
                    raise BatchError(**json.loads(reply["error"]))
                yield ChunkResult.from_json(json.loads(reply["result"]))
        except ray.exceptions.RayError as error:
            reason = " ".join(str(error).strip().splitlines()[-1:])
            raise BatchError("Ray stopped the run", hint=f"repeat the command to continue it ({reason})") from error


class _Actor:
    """A ``ChunkRunner`` inside Ray, which calls it with one batch at a time.

    An error of ours is returned as a value: as an exception, Ray would wrap it in pages of its own text.
    """

    def __init__(self, job: Job, signature: str, threads: int = 1, command_id: str | None = None) -> None:
        self._runner: ChunkRunner | None = None
        self._error = ""
        try:
            self._runner = ChunkRunner(job, signature, threads=threads, command_id=command_id)
        except SamWidgetError as error:
            self._error = json.dumps({"message": error.message, "hint": error.hint})

    def __call__(self, batch: Mapping[str, Sequence[bytes]]) -> dict[str, list[str]]:
        """Returns the results of chunks as JSON, in columns as Ray Data wants them.

        Args:
            batch: pickled chunks in the column ``tasks``.
        """
        if self._runner is None:
            return {"error": [self._error], "result": [""]}
        results = [self._runner(pickle.loads(tasks)) for tasks in batch["tasks"]]
        return {"error": [""] * len(results), "result": [json.dumps(result.to_json()) for result in results]}


def _run_actors(plan: _Plan) -> Iterator[dict[str, str]]:
    """Starts the actors from this process, and yields the reply to each chunk as it comes."""
    ray = _require_ray()
    from ray.data import ActorPoolStrategy, DataContext

    context = DataContext.get_current()
    context.enable_progress_bars = False  # the run shows its own
    context.print_on_execution_start = False
    rows = [{"tasks": pickle.dumps(list(chunk))} for chunk in plan.chunks]
    # One block for each chunk, so that its result comes as soon as its part is written.
    dataset = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
        _Actor,
        fn_constructor_args=(plan.job, plan.signature, plan.threads, plan.command_id),
        batch_size=None,
        compute=ActorPoolStrategy(size=plan.workers, max_tasks_in_flight_per_actor=_CHUNKS_PER_ACTOR),
        num_cpus=plan.threads,
        num_gpus=_gpus_each(ray, plan.workers),
    )
    yield from dataset.iter_rows()


class _ClusterDriver:
    """Runs ``_run_actors`` in a process of the cluster: Ray Data needs its driver there, not behind ``ray://``."""

    def __init__(self, plan: _Plan) -> None:
        self._replies = _run_actors(plan)

    def next(self) -> dict[str, str] | None:
        """Returns the next reply; None after the last."""
        return next(self._replies, None)


def _run_actors_from_cluster(plan: _Plan) -> Iterator[dict[str, str]]:
    ray = _require_ray()
    driver = ray.remote(num_cpus=0)(_ClusterDriver).remote(plan)
    while (reply := ray.get(driver.next.remote())) is not None:
        yield reply


def _require_ray() -> ModuleType:
    # Ray would otherwise send usage reports to its makers, and wait for that where there is no connection.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    with batch_extra("a run with several workers", otherwise="--workers 1"):
        import ray
        import ray.data
    module: ModuleType = ray
    return module


@contextmanager
def _started_ray(ray: ModuleType, cpus: int, address: str | None) -> Iterator[None]:
    """Connects to the cluster, or starts Ray on this machine with so many CPUs, while the block runs.

    Where the caller is connected to Ray already, that connection is used and stays.
    """
    if ray.is_initialized():
        yield
        return
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    options: dict[str, object] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address is None:
        # Without this Ray's core prints errors about how its own library Ray Data starts actors.
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        options.update(
            address="local",
            num_cpus=cpus,
            include_dashboard=False,
            object_store_memory=_OBJECT_STORE_BYTES,
            _node_ip_address="127.0.0.1",
        )
    else:
        options.update(address=address)
    try:
        _start(ray, options)
    except Exception as error:  # Ray has errors of many kinds, and raises plain Exception on a machine that is too busy
        location = "on this machine" if address is None else f"at {address}"
        raise BatchError(f"Ray does not start {location}", hint=str(error)) from error
    try:
        yield
    finally:
        ray.shutdown()


def _start(ray: ModuleType, options: Mapping[str, object]) -> None:
    """Starts Ray or joins a cluster; repeats it where a cluster's server aborts the connection.

    A Ray Client server forks a process for each client while its other threads are at work. Now and then that process
    dies before it has begun (seen with Ray 2.60), and the server aborts the connection. The next attempt succeeds.
    """
    for attempt in range(1, _START_ATTEMPTS + 1):
        try:
            ray.init(**options)
        except ConnectionAbortedError:
            if attempt == _START_ATTEMPTS:
                raise
        else:
            return


def _threads_each(workers: int) -> int:
    """Returns the threads for each actor on this machine. Ray limits the threads of other libraries to them, too."""
    return max(1, thread_count() // workers)


def _gpus_each(ray: ModuleType, workers: int) -> float:
    """Returns the GPUs for each actor: one, or a fraction of one where there are more actors than GPUs."""
    gpus: float = ray.cluster_resources().get("GPU", 0.0)
    return min(1.0, gpus / workers)
