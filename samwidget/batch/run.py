"""run_batch: from the input of a batch run to its result, however often the run is killed on the way.

Owns the order of the steps: list the rows, leave out the chunks that are done, have the others computed by one worker
here or by several on Ray, record each, merge the parts. Shows the progress, and counts the rows that failed. Called by
``samwidget batch`` and from Python.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from samwidget.batch.chunks import ChunkResult, ChunkRunner
from samwidget.batch.extra import batch_extra
from samwidget.batch.inputs.tasks import Task, list_tasks
from samwidget.batch.job import Job
from samwidget.batch.manifest import Manifest
from samwidget.batch.outputs.output import output_of
from samwidget.errors import BatchError
from samwidget.models import checked_threads


@dataclass(frozen=True)
class Summary:
    """The outcome of a run.

    Attributes:
        result: the file that was written.
        rows: rows in it, those with an error included.
        errors: rows that have an error instead of masks; each says why in its own position.
        rows_before: rows that an earlier run to the same result had done.
    """

    result: Path
    rows: int
    errors: int
    rows_before: int


def run_batch(
    job: Job,
    *,
    workers: int = 1,
    address: str | None = None,
    max_errors: int | None = None,
    fresh: bool = False,
    retry_errors: bool = False,
    threads: int | None = None,
    show_progress: bool = True,
    runner: Callable[[Sequence[Task]], ChunkResult] | None = None,
) -> Summary:
    """Computes every row of the input once and writes the result. Continues an earlier run to the same result.

    Args:
        job: what to compute, and where the result goes.
        workers: processes that hold the model. One works in this process, without Ray.
        address: of a Ray cluster; None stays on this machine.
        max_errors: the run stops when more rows than this have an error; None never stops.
        fresh: forget what an earlier run did. Its result is replaced at the end.
        retry_errors: compute the chunks again in which a row has an error, also those of a finished run.
        threads: how many threads each worker computes with. None shares the cores of this machine equally; on a cluster
            it is one, and as many CPUs are asked of Ray.
        show_progress: show a bar with rows a second and the time left, on standard error.
        runner: computes the chunks in this process; None makes a ``ChunkRunner`` with the job's model.

    Returns:
        The outcome; also for a run that was finished before, which is not repeated.

    Raises:
        BatchError: the run cannot start, is not the one that was begun, has too many errors, cannot write its files, or
            a package is missing. What is done stays, and the same call continues.
        FormatError: the input cannot be read at all.
        ModelError: the model cannot be loaded, or ``threads`` is not a whole number from 1.
        KeyboardInterrupt: Ctrl-C, or SIGTERM; what is done stays.
    """
    if workers < 1:
        raise BatchError(f"workers is {workers}", hint="give at least 1")
    threads = checked_threads(threads)
    with batch_extra("a batch run"):  # before the model is loaded, which may take minutes
        import filelock  # noqa: F401
        import tqdm  # noqa: F401
    tasks, fingerprint = list_tasks(job)
    identity = {"samwidget": _version(), "input": fingerprint, "rows": len(tasks), **job.identity()}
    try:
        with _termination_as_interrupt(), Manifest(job, identity, fresh=fresh, retry_errors=retry_errors) as manifest:
            rows_before = manifest.rows
            if not manifest.is_finished:
                chunks = _remaining_chunks(tasks, job.mini_batch_size, manifest)
                results = _chunk_results(job, chunks, manifest.signature, workers, threads, address, runner)
                _record(results, manifest, len(tasks), max_errors, show_progress=show_progress)
                output_of(job).merge(manifest.part_files(), Path(job.result), job.parts)
                manifest.finish()
            return Summary(Path(job.result), manifest.rows, manifest.errors, rows_before)
    except OSError as error:
        raise BatchError("the run cannot write or read its files", hint=str(error)) from error


@contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """Within the block SIGTERM, which schedulers send, ends the run as Ctrl-C does: files are closed, workers end."""
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:  # the caller has a handler of its own
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _version() -> str:
    from samwidget import __version__

    return __version__


def _remaining_chunks(tasks: Sequence[Task], size: int, manifest: Manifest) -> list[Sequence[Task]]:
    return [tasks[first : first + size] for first in range(0, len(tasks), size) if first not in manifest.chunk_results]


def _chunk_results(
    job: Job,
    chunks: Sequence[Sequence[Task]],
    signature: str,
    workers: int,
    threads: int | None,
    address: str | None,
    runner: Callable[[Sequence[Task]], ChunkResult] | None,
) -> Iterator[ChunkResult]:
    """Returns the results of the chunks, which are computed while the caller iterates."""
    if not chunks:
        return iter(())
    if runner is not None or (workers == 1 and address is None):
        return map(runner or ChunkRunner(job, signature, threads=threads), chunks)
    from samwidget.batch import ray_data

    return ray_data.run_chunks(job, chunks, signature, workers=workers, threads=threads, address=address)


def _record(
    results: Iterator[ChunkResult], manifest: Manifest, rows: int, max_errors: int | None, *, show_progress: bool
) -> None:
    """Appends each result to the manifest as it comes, and shows the progress."""
    from tqdm import tqdm

    errors = manifest.errors
    examples = [example for result in manifest.chunk_results.values() for example in result.examples]
    _stop_above(max_errors, errors, examples)
    with tqdm(total=rows, initial=manifest.rows, unit="row", disable=not show_progress, dynamic_ncols=True) as bar:
        bar.set_postfix(errors=errors, refresh=False)
        for result in results:
            manifest.add(result)
            errors += result.errors
            bar.set_postfix(errors=errors, refresh=False)
            bar.update(result.rows)
            _stop_above(max_errors, errors, result.examples or examples)


def _stop_above(max_errors: int | None, errors: int, examples: Sequence[str]) -> None:
    if max_errors is not None and errors > max_errors:
        raise BatchError(
            f"stopped: {errors} rows have no answer, and at most {max_errors} may; one says: {examples[-1]}",
            hint="continue with a larger --max-errors, try them again with --retry-errors, or mend the rows and "
            "start over with --fresh",
        )
