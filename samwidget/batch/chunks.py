"""Stage: answers some rows and leaves them as a part on the disk. One for each worker; it holds the network.

What travels is small: rows as places in files on the way in, a receipt on the way out. A row that fails is told in its
own place, whatever the reason: the rows of a night's run must not wait for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from samwidget.batch.crashes import Tries
from samwidget.batch.inputs.tasks import Question, Task, question_of
from samwidget.batch.job import Job
from samwidget.batch.outputs.base import output_of
from samwidget.batch.outputs.rows import Answer, Candidate, Problem
from samwidget.core import FoundObject, Frame, Masks, RunLengths, upsample_mask
from samwidget.errors import BatchError, ImageError, ModelError
from samwidget.images import load_rgb
from samwidget.predict import SamPredictor

# Rows about one image mostly follow each other, so a few embeddings are enough.
_CACHE_BYTES = 64 * 1024 * 1024
_EXAMPLES_MAX = 3


@dataclass(frozen=True)
class Receipt:
    """What became of some rows that follow each other.

    Attributes:
        first: number of the first.
        rows: how many.
        errors: how many of them have no answer.
        part: name of the file that holds them.
        size: its bytes.
        signature: of the network that answered.
        examples: what is wrong with the first rows that have no answer.
    """

    first: int
    rows: int
    errors: int
    part: str
    size: int
    signature: str
    examples: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The receipt as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Receipt:
        """The receipt that ``to_json`` wrote; raises TypeError or KeyError for anything else."""
        return cls(**{**value, "examples": tuple(value["examples"])})


class Stage:
    """Answers rows, a few at a time; a call takes tasks that follow each other and returns their receipt.

    Args:
        job: what is asked.
        signature: of the network that answered earlier rows of this run; empty where there are none.
        predictor: the network; None loads the job's.

    Raises:
        ModelError: the network cannot be loaded.
        BatchError: it is not the one that answered earlier rows, or a package is missing.
    """

    def __init__(self, job: Job, signature: str = "", predictor: SamPredictor | None = None) -> None:
        self._job = job
        self._output = output_of(job)
        self._predictor = predictor or SamPredictor.from_pretrained(job.model, cache_bytes_max=_CACHE_BYTES)
        self.signature = self._predictor.signature
        if signature and signature != self.signature:
            raise BatchError(
                f"this run began with the network {signature!r}, here it is {self.signature!r}",
                hint="use the same weights, on the same kind of device; or start over with --fresh",
            )

    def __call__(self, tasks: Sequence[Task]) -> Receipt:
        """Answers the tasks, writes them as a part, and says what became of them.

        Raises:
            OSError: the part cannot be written, or the input cannot be read.
        """
        first = tasks[0].number
        part = self._job.parts / f"{first:012d}.part"
        tries = Tries(part.with_suffix(".tries"))
        problems: list[Problem] = []
        rows = [self._row(task, tries, problems) for task in tasks]
        self._output.write_part(part, rows, self._job.parts)
        tries.forget()
        examples = tuple(str(problem) for problem in problems[:_EXAMPLES_MAX])
        return Receipt(first, len(tasks), len(problems), part.name, part.stat().st_size, self.signature, examples)

    def _row(self, task: Task, tries: Tries, problems: list[Problem]) -> Any:
        index: int | str = task.row
        try:
            if tries.deaths(task.number) > self._job.retries:
                raise BatchError(
                    f"a worker died on this row {tries.deaths(task.number)} times",
                    hint="its image may be broken, or too large for the memory",
                )
            with tries.of(task.number):
                question = question_of(task, self._job.prompt_column)
                index = question.index
                return _retried(lambda: self._output.row_of(task, self._answer(question)), question, self._job.retries)
        except OSError:  # the disk's fault, and not the row's: images that cannot be read are an ImageError
            raise
        except Exception as error:  # also errors of ours: one row must not end the run, and each says why it failed
            problem = Problem.of(error, index)
            problems.append(problem)
            return self._output.problem_row(task, problem)

    def _answer(self, question: Question) -> Answer:
        if question.prompts is None:
            pixels = load_rgb(question.image)
            found = self._predictor.everything(pixels)
            return Answer(question.index, pixels.shape[:2], tuple(map(_only_candidate, found)))
        embedding = self._predictor.embed(question.image)
        answers = self._predictor.predict_many(question.prompts, embedding, question.multimask_output)
        return Answer(question.index, embedding.frame.image_hw, tuple(map(_candidates, answers)))


def _candidates(masks: Masks) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(
            float(score),
            mask=partial(upsample_mask, logits, masks.frame),
            runs=partial(_runs, logits, masks.frame),
        )
        for logits, score in zip(masks.logits, masks.scores, strict=True)
    )


def _runs(logits: npt.NDArray[np.float32], frame: Frame) -> RunLengths:
    return RunLengths.from_mask(upsample_mask(logits, frame))


def _only_candidate(found: FoundObject) -> tuple[Candidate]:
    return (Candidate(found.score, mask=lambda: found.mask, runs=lambda: found.run_lengths),)


def _retried(answer: Callable[[], Any], question: Question, retries: int) -> Any:
    """What ``answer`` returns, tried again after a while where the reason may pass: the web, a device that is full."""
    for attempt in range(retries + 1):
        try:
            return answer()
        except (ImageError, ModelError) as error:
            may_pass = isinstance(error, ModelError) or isinstance(question.image, str)
            if attempt == retries or not may_pass:
                raise
            time.sleep(0.25 * 2**attempt)
    raise AssertionError("unreachable")
