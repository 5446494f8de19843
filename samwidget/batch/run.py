"""run_batch: from an input to its result, through any number of kills."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from samwidget.batch.chunks import Receipt, Stage
from samwidget.batch.inputs.tasks import Task, list_tasks
from samwidget.batch.job import Job
from samwidget.batch.manifest import Manifest
from samwidget.batch.outputs.base import output_of
from samwidget.errors import BatchError


@dataclass(frozen=True)
class Summary:
    """What a run came to.

    Attributes:
        result: the file that holds the answers.
        rows: rows in it, those without an answer included.
        errors: how many have none; each says why in its place.
        answered_before: rows that an earlier run to the same place had done.
    """

    result: Path
    rows: int
    errors: int
    answered_before: int


def run_batch(
    job: Job,
    *,
    workers: int = 1,
    address: str | None = None,
    max_errors: int | None = None,
    fresh: bool = False,
    show_progress: bool = True,
    stage: Stage | None = None,
) -> Summary:
    """Answers every row of the input once and writes the result; goes on where an earlier run to it was stopped.

    Args:
        job: what is asked of whom, and where the answers go.
        workers: processes that hold the network. One works without Ray, in this process.
        address: of a Ray cluster; None stays on this machine.
        max_errors: the run stops when more rows than this have no answer; None never stops.
        fresh: forget what an earlier run did. Its result is replaced at the end.
        show_progress: a bar with rows a second and time left, on standard error.
        stage: a worker with its network, instead of one that loads the job's; for one worker here.

    Raises:
        BatchError: the run cannot start, is not the one that was begun, has too many errors, or a disk is full. What is
            done stays; the same command goes on.
        FormatError: an input that cannot be read at all.
        ModelError: the network cannot be loaded.
    """
    if workers < 1:
        raise BatchError(f"workers is {workers}", hint="give at least 1")
    tasks, fingerprint = list_tasks(job)
    pin = {"samwidget": _version(), "input": fingerprint, "rows": len(tasks), **job.pinned()}
    try:
        with Manifest(job, pin, fresh=fresh) as manifest:
            before = manifest.rows
            if not manifest.is_finished:
                chunks = _chunks_left(tasks, job.mini_batch_size, manifest)
                receipts = _receipts(job, chunks, manifest.signature, workers, address, stage)
                _record(receipts, manifest, len(tasks), max_errors, show_progress=show_progress)
                output_of(job).merge(manifest.part_files(), Path(job.result), job.parts)
                manifest.finish()
            return Summary(Path(job.result), manifest.rows, manifest.errors, before)
    except OSError as error:
        raise BatchError("the run cannot write or read its files", hint=str(error)) from error


def _version() -> str:
    from samwidget import __version__

    return __version__


def _chunks_left(tasks: Sequence[Task], size: int, manifest: Manifest) -> list[Sequence[Task]]:
    return [tasks[first : first + size] for first in range(0, len(tasks), size) if first not in manifest.receipts]


def _receipts(
    job: Job,
    chunks: Sequence[Sequence[Task]],
    signature: str,
    workers: int,
    address: str | None,
    stage: Stage | None,
) -> Iterator[Receipt]:
    if not chunks:
        return iter(())
    if stage is not None or (workers == 1 and address is None):
        return map(stage or Stage(job, signature), chunks)
    from samwidget.batch import ray_data

    return ray_data.receipts_of(job, chunks, signature, workers=workers, address=address)


def _record(
    receipts: Iterator[Receipt], manifest: Manifest, rows: int, max_errors: int | None, *, show_progress: bool
) -> None:
    """Writes receipts down as they come."""
    errors, examples = manifest.errors, [text for each in manifest.receipts.values() for text in each.examples]
    _check(errors, max_errors, examples)
    bar: Any = tqdm(total=rows, initial=manifest.rows, unit="row", disable=not show_progress, dynamic_ncols=True)
    with bar:
        bar.set_postfix(errors=errors, refresh=False)
        for receipt in receipts:
            manifest.add(receipt)
            errors += receipt.errors
            bar.set_postfix(errors=errors, refresh=False)
            bar.update(receipt.rows)
            _check(errors, max_errors, receipt.examples or examples)


def _check(errors: int, max_errors: int | None, examples: Sequence[str]) -> None:
    if max_errors is not None and errors > max_errors:
        raise BatchError(
            f"stopped: {errors} rows have no answer, and at most {max_errors} may; one says: {examples[-1]}",
            hint="a larger --max-errors goes on from here; mended rows need --fresh",
        )
