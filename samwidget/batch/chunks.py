"""ChunkRunner computes the masks of a chunk and writes them to the disk as one part. Each worker has one.

A chunk is a few rows that follow each other (``mini_batch_size``). Its rows are computed, written and recorded
together, so a killed run repeats whole chunks. A row that fails becomes an error in its own position of the output,
whatever the reason, since one bad row must not stop a run of many hours.

Only small values travel between processes: tasks (positions in files) go in, a ``ChunkResult`` comes out.
``run`` calls this module with one worker, ``ray_data`` with several. What a part looks like is the business of
``outputs``; which chunks are done is recorded by ``manifest``.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from samwidget.batch.crashes import Crashes
from samwidget.batch.inputs.tasks import RowPrompts, Task, read_prompts
from samwidget.batch.job import Job
from samwidget.batch.outputs.output import output_of
from samwidget.batch.outputs.rows import Candidate, RowError, RowMasks
from samwidget.core import FoundObject, Frame, Masks, RunLengths, upsample_mask
from samwidget.errors import BatchError, ImageError, ModelError
from samwidget.formats.azure_ml import exif_of, rotation_named_in_errors
from samwidget.images import load_rgb
from samwidget.predict import SamPredictor

# Rows of one image usually follow each other, so a cache for a few embeddings is enough.
_CACHE_BYTES = 64 * 1024 * 1024
_EXAMPLES_MAX = 3
_FIRST_WAIT_S = 0.25
_BLOCK_BYTES = 1024 * 1024
# Kills from outside are seldom a row's fault. But without a limit, a guard that kills each worker on a row would keep
# the run busy for ever.
_KILLS_MAX = 50

T = TypeVar("T")


_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


@dataclass(frozen=True)
class ChunkResult:
    """Where the rows of one chunk lie, and how many of them failed.

    The names of the attributes are also the keys of a line of the manifest.

    Attributes:
        first: number of the first row.
        rows: number of rows.
        errors: rows that have an error instead of masks.
        part: name of the file that holds the rows, in the folder of parts.
        size: bytes of that file.
        signature: of the model that made the masks.
        digest: of the part's content, as ``file_digest`` makes it; empty in runs of samwidget 0.1.0.
        examples: the errors of the first rows that failed, at most three.
    """

    first: _Count
    rows: _Count
    errors: _Count
    part: str
    size: _Count
    signature: str
    examples: tuple[str, ...] = ()
    digest: str = ""

    def to_json(self) -> dict[str, object]:
        """Returns the result as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> ChunkResult:
        """Returns the result that ``to_json`` wrote.

        Raises:
            ValueError: a key is missing, has a value of another type, or a number is negative.
        """
        try:
            return msgspec.convert(value, cls)
        except msgspec.ValidationError as error:  # no ValueError before msgspec 0.21
            raise ValueError(str(error)) from error


class ChunkRunner:
    """Computes chunks, one call at a time. It holds the model and its cache of embeddings.

    Args:
        job: what to compute, and the folder of the parts, which exists.
        signature: of the model that made the earlier parts of this run; empty where there are none.
        predictor: the model; None loads the job's.
        threads: how many threads the model computes with; None takes all cores.
        command_id: the same for all workers that one command starts, see ``crashes``; None makes a new one.

    Attributes:
        signature: of the model in use.

    Raises:
        ModelError: the model cannot be loaded.
        BatchError: the model is not the one that made the earlier parts, or a package is missing.
    """

    def __init__(
        self,
        job: Job,
        signature: str = "",
        predictor: SamPredictor | None = None,
        *,
        threads: int | None = None,
        command_id: str | None = None,
    ) -> None:
        self._job = job
        self._command_id = command_id or uuid.uuid4().hex
        self._output = output_of(job)
        self._predictor = predictor or SamPredictor.from_pretrained(
            job.model, cache_bytes_max=_CACHE_BYTES, threads=threads
        )
        self.signature = self._predictor.signature
        if signature and signature != self.signature:
            raise BatchError(
                f"this run began with the model {signature!r}, here it is {self.signature!r}",
                hint="use the same weights, on the same kind of device; or start over with --fresh",
            )

    def __call__(self, tasks: Sequence[Task]) -> ChunkResult:
        """Computes the rows of a chunk, writes them as a part, and returns where they are.

        The part is on the disk when this returns. It is named after the first row, so computing a chunk again
        replaces it.

        Args:
            tasks: the rows, at least one, in the order of the run.

        Raises:
            OSError: the part cannot be written, or the input cannot be read.
        """
        first = tasks[0].number
        part = self._job.parts / f"{first:012d}.part"
        crashes = Crashes(part.with_suffix(".tries"), self._command_id)
        errors: list[RowError] = []
        rows = [self._encoded_row(task, crashes, errors) for task in tasks]
        self._output.write_part(part, rows, self._job.parts)
        crashes.clear()
        examples = tuple(str(error) for error in errors[:_EXAMPLES_MAX])
        size, digest = part.stat().st_size, file_digest(part)
        return ChunkResult(first, len(tasks), len(errors), part.name, size, self.signature, examples, digest)

    def _encoded_row(self, task: Task, crashes: Crashes, errors: list[RowError]) -> Any:  # what the output encodes to
        """Returns the row as the output stores it; an error is appended to ``errors``."""
        index: int | str = task.row
        try:
            _refuse_deadly(crashes, task.number, self._job.retries)
            with crashes.watch(task.number):
                prompts = read_prompts(task, self._job.prompt_column, self._job.style)
                index = prompts.index
                return self._retried(lambda: self._output.encode_masks(task, self._row_masks(prompts)), prompts)
        except OSError:  # the disk failed, not the row: an image that cannot be read is an ImageError
            raise
        except Exception as error:  # any other error belongs to this row alone, and the output names it
            row_error = RowError.of(error, index)
            errors.append(row_error)
            return self._output.encode_error(task, row_error)

    def _row_masks(self, row: RowPrompts) -> RowMasks:
        pixels = load_rgb(row.image, exif=exif_of(row.style))
        if row.prompts is None:
            found_objects = self._predictor.everything(pixels)
            return RowMasks(row.index, pixels.shape[:2], tuple(map(_only_candidate, found_objects)))
        embedding = self._predictor.embed(pixels)
        with rotation_named_in_errors(row.image, row.style):
            predictions = self._predictor.predict_many(
                row.prompts, embedding, row.multimask_output, check=row.style == "card"
            )
        return RowMasks(row.index, embedding.frame.image_hw, tuple(map(_candidates, predictions)))

    def _retried(self, compute: Callable[[], T], row: RowPrompts) -> T:
        """Returns what ``compute`` returns; repeats it after a failure that may pass.

        Such failures are those of the model (a device whose memory is full) and of an image behind a web address. The
        waits are 0.25 s, 0.5 s, 1 s and so on.
        """
        wait_s = _FIRST_WAIT_S
        for _ in range(self._job.retries):
            try:
                return compute()
            except ModelError:
                pass
            except ImageError:
                if not isinstance(row.image, str):
                    raise
            time.sleep(wait_s)
            wait_s *= 2
        return compute()


def file_digest(path: Path) -> str:
    """Returns 32 hexadecimal digits that change with the content of a file."""
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _refuse_deadly(crashes: Crashes, number: int, retries: int) -> None:
    """Raises BatchError for a row that has ended its workers too often."""
    if (count := crashes.count(number)) > retries:
        raise BatchError(
            f"a worker died on this row {count} times", hint="its image may be broken, or too large for the memory"
        )
    if (count := crashes.kills(number)) >= _KILLS_MAX:
        raise BatchError(
            f"a worker was killed on this row {count} times", hint="something ends workers that use much memory or time"
        )


def _candidates(masks: Masks) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(
            float(score),
            make_mask=partial(upsample_mask, logits, masks.frame),
            make_run_lengths=partial(_run_lengths, logits, masks.frame),
        )
        for logits, score in zip(masks.logits, masks.scores, strict=True)
    )


def _run_lengths(logits: npt.NDArray[np.float32], frame: Frame) -> RunLengths:
    return RunLengths.from_mask(upsample_mask(logits, frame))


def _only_candidate(found_object: FoundObject) -> tuple[Candidate]:
    return (
        Candidate(
            found_object.score,
            make_mask=lambda: found_object.mask,
            make_run_lengths=lambda: found_object.run_lengths,
        ),
    )
