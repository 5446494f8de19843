"""One worker in this process, without Ray."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from samwidget.batch.inputs import Task
from samwidget.batch.job import Job
from samwidget.batch.stage import Receipt, Stage


def receipts_of(
    job: Job, chunks: Sequence[Sequence[Task]], signature: str, stage: Stage | None = None
) -> Iterator[Receipt]:
    """Answers the chunks one after the other; arguments and errors are those of ``Stage``."""
    stage = stage or Stage(job, signature)
    yield from map(stage, chunks)
