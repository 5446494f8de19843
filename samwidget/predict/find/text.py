"""The search for what phrases and example boxes describe, with a model that can read: one step for each phrase.

Owns what is wrong with a phrase, a box and a threshold, and the found objects. The image is encoded once, whatever the
number of phrases; the model does the rest (``models.Finder``). Called by ``generate`` and by the widget.

There is no non-maximum suppression: within a phrase the model gives each object once, and of two phrases each gets its
own objects, since they may be two classes of one thing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from samwidget.core import Box, FoundObject, Frame, Size, checked_phrases, make_prompt
from samwidget.errors import PromptError
from samwidget.models import Wanted, run_in_threads, thread_count
from samwidget.predict.everything import Progress
from samwidget.predict.everything.pace import Pace
from samwidget.predict.everything.stability import mask_and_stability

if TYPE_CHECKING:
    from samwidget.models import Embedding, EverythingDefaults

SCORE_MIN = 0.5
"""Objects with a score above it are found where the caller does not say it; that of Meta's package."""

# Ids of two phrases never meet: the models have 200 queries.
_IDS_OF_A_PHRASE = 1000


class Predictor(Protocol):
    """What a search needs of a predictor; a ``SamPredictor`` is one."""

    @property
    def everything_defaults(self) -> EverythingDefaults:
        """Has the offset of stability."""
        ...

    @property
    def thread_count(self) -> int:
        """How many CPU threads compute where the caller does not say it."""
        ...

    def check_words(self, phrases: Sequence[str]) -> None:
        """Raises UnsupportedModelError where the model cannot read, PromptError where a phrase is too long for it."""
        ...

    def find_wanted(
        self, embedding: Embedding, wanted: Wanted, *, score_min: float, threads: int | None
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Low-res logits (N, h, w) and scores (N,) of the objects that are wanted."""
        ...


def search_words(
    predictor: Predictor,
    embedding: Embedding,
    text: Any = None,
    *,
    boxes: Any = (),
    excluded_boxes: Any = (),
    threshold: float | None = None,
    cancel: Event | None = None,
    threads: int | None = None,
) -> Iterator[Progress]:
    """The objects of an image that phrases and boxes describe, phrase by phrase, each with its score and its phrase.

    Args:
        predictor: it can serve other callers between two steps.
        embedding: of the image.
        text: a phrase or several; None where boxes alone say what to find.
        boxes: (K, 4) x0, y0, x1, y1 around objects of the kind that is wanted, in image pixels.
        excluded_boxes: the same, around objects of another kind.
        threshold: objects with a score above it are found, 0 to 1; None takes ``SCORE_MIN``.
        cancel: the search ends when this event is set, after the phrase that runs.
        threads: how many CPU threads compute; None takes the predictor's number.

    Yields:
        ``Progress`` after each phrase, which counts phrases; the last one holds the result.

    Raises:
        PromptError: nothing is asked; a phrase is none, blank, or too long for the model; a box is none, or outside the
            image; or the threshold is out of its range. Raised by the call.
        UnsupportedModelError: the model cannot read; raised by the call.
        ModelError: the model failed.
        ClosedError: the predictor is closed.
    """
    phrases = checked_phrases(text)
    image_hw = embedding.frame.image_hw
    examples, excluded = (_checked_boxes(values, image_hw) for values in (boxes, excluded_boxes))
    if not phrases and not examples:
        reason = "only excluded boxes" if excluded else "no phrase and no box"
        raise PromptError(f"there is {reason} to say what to find", hint='write what it is, such as "coin"')
    score_min = SCORE_MIN if threshold is None else threshold
    if isinstance(score_min, bool) or not isinstance(score_min, int | float) or not 0 <= score_min <= 1:
        raise PromptError(f"threshold is {threshold!r}", hint=f"give a number from 0 to 1; the default is {SCORE_MIN}")
    predictor.check_words(phrases)
    count = predictor.thread_count if threads is None else thread_count(threads)
    return _Search(
        predictor=predictor,
        embedding=embedding,
        wanted=[Wanted(phrase, examples, excluded) for phrase in phrases or (None,)],
        score_min=float(score_min),
        stability_offset=predictor.everything_defaults.stability_score_offset,
        pace=Pace(1),
        cancel=cancel or Event(),
        threads=count,
    ).steps()


def _checked_boxes(boxes: Any, image_hw: Size) -> tuple[Box, ...]:
    hint = "give boxes as x0, y0, x1, y1 in image pixels, one row for each"
    try:
        rows = np.asarray([] if boxes is None else boxes, np.float64)
    except (TypeError, ValueError) as error:
        raise PromptError("boxes must be numbers", hint=hint) from error
    if rows.size == 0:
        return ()
    rows = rows[None] if rows.ndim == 1 else rows
    if rows.ndim != 2 or rows.shape[1] != 4:
        raise PromptError(f"boxes have shape {rows.shape}", hint=hint)
    for row in rows:
        make_prompt(box=row).check_inside(image_hw)
    return tuple((x0, y0, x1, y1) for x0, y0, x1, y1 in rows.tolist())


@dataclass(eq=False)
class _Search:
    """One search: its settings and what it has found so far."""

    predictor: Predictor
    embedding: Embedding
    wanted: Sequence[Wanted]
    score_min: float
    stability_offset: float
    pace: Pace
    cancel: Event
    threads: int
    objects: list[FoundObject] = field(default_factory=list)

    def steps(self) -> Iterator[Progress]:
        for number, wanted in enumerate(self.wanted):
            if self.cancel.is_set():
                return
            with self.pace.decoding(1):
                added = self._found_objects(wanted, number * _IDS_OF_A_PHRASE)
            self.objects = sorted([*self.objects, *added], key=lambda item: -item.score)
            yield Progress(
                done=number + 1,
                total=len(self.wanted),
                seconds_left=self.pace.seconds_left(encodes=0, points=len(self.wanted) - number - 1),
                objects=tuple(self.objects),
                added=tuple(added),
                removed=(),
            )

    def _found_objects(self, wanted: Wanted, first_id: int) -> list[FoundObject]:
        logits, scores = self.predictor.find_wanted(
            self.embedding, wanted, score_min=self.score_min, threads=self.threads
        )
        made = run_in_threads(
            lambda index: _found_object(
                logits[index],
                float(scores[index]),
                self.embedding.frame,
                self.stability_offset,
                first_id + index,
                wanted.phrase,
            ),
            range(len(scores)),
            self.threads,
        )
        return [found_object for found_object in made if found_object is not None]


def _found_object(
    logits: npt.NDArray[np.float32], score: float, frame: Frame, offset: float, number: int, phrase: str | None
) -> FoundObject | None:
    """The object of (h, w) logits of the whole image; None where its mask is empty."""
    result = mask_and_stability(logits, frame, offset, 0)
    if result is None or result[0].box_xyxy is None:
        return None
    rows, columns = frame.content_logits_hw
    row, column = divmod(int(logits[:rows, :columns].argmax()), columns)
    height, width = frame.image_hw
    x, y = np.minimum(frame.logits_to_image([[column + 0.5, row + 0.5]])[0], (width - 0.5, height - 0.5)).tolist()
    return FoundObject(
        id=number,
        run_lengths=result[0],
        score=score,
        stability=float(result[1]),
        point_xy=(x, y),
        level=0,
        crop_xyxy=(0, 0, width, height),
        # A click cannot make this mask again, so an object of it is its pixels.
        candidate=None,
        phrase=phrase,
    )
