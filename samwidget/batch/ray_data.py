"""Workers on Ray Data: an actor for each, which loads the network once and then takes chunk after chunk.

Rows go in as places in files and receipts come out, so the object store holds kilobytes whatever the images weigh. The
actors read and write the files themselves; Ray hands a chunk to an actor only when it has room, and to another one when
an actor dies. On a cluster every node must see input and output under the same path.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from samwidget.batch.chunks import Receipt, Stage
from samwidget.batch.inputs.tasks import Task
from samwidget.batch.job import Job
from samwidget.errors import BatchError, SamWidgetError

# Receipts and chunks are some kB; Ray's own default is a third of the memory.
_OBJECT_STORE_BYTES = 200 * 1024 * 1024
# One chunk to work on and one that waits: more would leave the last ones with a few busy actors.
_CHUNKS_PER_ACTOR = 2
_STARTS = 3


class _Actor:
    """The stage inside Ray. Errors of ours are told as a value: Ray would wrap them in pages of its own."""

    def __init__(self, job: Job, signature: str) -> None:
        self._stage: Stage | None = None
        self._error: SamWidgetError | None = None
        try:
            self._stage = Stage(job, signature)
        except SamWidgetError as error:
            self._error = error

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        if self._stage is None:
            said = {"message": self._error.message, "hint": self._error.hint} if self._error else {}
            return {"error": [json.dumps(said)], "receipt": [""]}
        receipts = [self._stage(pickle.loads(tasks)) for tasks in batch["tasks"]]
        return {"error": [""] * len(receipts), "receipt": [json.dumps(each.to_json()) for each in receipts]}


def receipts_of(
    job: Job, chunks: Sequence[Sequence[Task]], signature: str, *, workers: int, address: str | None
) -> Iterator[Receipt]:
    """Answers the chunks on so many actors; receipts come in the order in which they are done.

    Args:
        job: what is asked.
        chunks: rows that follow each other.
        signature: of the network that answered earlier rows; empty where there are none.
        workers: how many actors.
        address: of a cluster, such as ``ray://head:10001`` or ``auto``; None starts Ray on this machine and stops it.

    Raises:
        BatchError: Ray is not installed or the cluster does not answer.
        SamWidgetError: as ``Stage``.
    """
    ray = _require_ray()
    with _running(ray, workers, address):
        options = {"workers": workers, "cpus_each": 1 if address else _cpus_each(workers)}
        follow = _follow_from_afar if ray.util.client.ray.is_connected() else _follow
        try:
            for said in follow(job, chunks, signature, **options):
                if said["error"]:
                    raise BatchError(**json.loads(said["error"]))
                yield Receipt.from_json(json.loads(said["receipt"]))
        except ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[-1:]
            raise BatchError("Ray gave up; the same command goes on", hint=" ".join(reason)) from error


def _follow(
    job: Job, chunks: Sequence[Sequence[Task]], signature: str, *, workers: int, cpus_each: int
) -> Iterator[dict[str, Any]]:
    """Runs the actors from this process, and yields what they say when they say it."""
    ray = _require_ray()
    from ray.data import ActorPoolStrategy, DataContext

    context = DataContext.get_current()
    context.enable_progress_bars = False  # the run has one of its own
    context.print_on_execution_start = False
    rows = [{"tasks": pickle.dumps(list(chunk))} for chunk in chunks]
    # A block for each chunk, so that a receipt comes as soon as its part is there.
    dataset = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
        _Actor,
        fn_constructor_args=(job, signature),
        batch_size=None,
        compute=ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=_CHUNKS_PER_ACTOR),
        num_cpus=cpus_each,
        num_gpus=_gpus_each(ray, workers),
    )
    yield from dataset.iter_rows()


class _Follower:
    """``_follow`` on the cluster. Ray Data needs its driver there, and a ``ray://`` address leaves it here."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._said = _follow(*args, **options)

    def next(self) -> dict[str, Any] | None:
        """What an actor says next; None at the end."""
        return next(self._said, None)


def _follow_from_afar(*args: Any, **options: Any) -> Iterator[dict[str, Any]]:
    ray = _require_ray()
    follower = ray.remote(num_cpus=0)(_Follower).remote(*args, **options)
    while (said := ray.get(follower.next.remote())) is not None:
        yield said


def _require_ray() -> ModuleType:
    # Ray would otherwise report its use to its makers, and wait for that without a connection.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise BatchError("several workers need Ray", hint='pip install "samwidget[batch]", or --workers 1') from error
    module: ModuleType = ray
    return module


@contextmanager
def _running(ray: ModuleType, workers: int, address: str | None) -> Iterator[None]:
    """Ray while the block runs: the cluster, this machine, or what the caller has started before."""
    if ray.is_initialized():
        yield
        return
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address is None:
        # Ray's core otherwise prints errors about how Ray Data, its own library, starts actors.
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        options.update(
            address="local",
            num_cpus=workers * _cpus_each(workers),
            include_dashboard=False,
            object_store_memory=_OBJECT_STORE_BYTES,
            _node_ip_address="127.0.0.1",
        )
    else:
        options.update(address=address)
    try:
        _start(ray, options)
    except (ConnectionError, RuntimeError, TimeoutError, ValueError) as error:
        where = "on this machine" if address is None else f"at {address}"
        raise BatchError(f"Ray does not start {where}", hint=str(error)) from error
    try:
        yield
    finally:
        ray.shutdown()


def _start(ray: ModuleType, options: dict[str, Any]) -> None:
    """Starts Ray or joins a cluster.

    A Ray Client server forks a process of its own for each client, while other threads of it are at work, and now and
    then loses that process before it has begun (seen with Ray 2.60). It says so, and the next one begins.
    """
    for attempt in range(1, _STARTS + 1):
        try:
            ray.init(**options)
        except ConnectionAbortedError:
            if attempt == _STARTS:
                raise
        else:
            return


def _cpus_each(workers: int) -> int:
    """Cores of this machine for each actor. Ray lets an actor's libraries start as many threads, and no more."""
    return max(1, (os.cpu_count() or 1) // workers)


def _gpus_each(ray: ModuleType, workers: int) -> float:
    """GPUs for each actor: one, or a part of one where there are more actors than GPUs."""
    gpus: float = ray.cluster_resources().get("GPU", 0.0)
    return min(1.0, gpus / workers)
