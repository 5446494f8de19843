"""The search for objects that look like some that are chosen, in an image whose embedding is there: nothing is encoded.

Owns the arguments and their checks; ``search`` does the work. Called by ``SamPredictor`` and by the widget.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Event
from typing import TYPE_CHECKING

import numpy as np

from samwidget.core import RunLengths
from samwidget.errors import PromptError
from samwidget.models import thread_count
from samwidget.predict.everything import Progress
from samwidget.predict.everything.options import check_integer, check_range
from samwidget.predict.everything.pace import Pace
from samwidget.predict.find.candidates import Candidates
from samwidget.predict.find.features import Features
from samwidget.predict.find.likeness import Likeness
from samwidget.predict.find.parts import Predictor
from samwidget.predict.find.quality import Filter
from samwidget.predict.find.search import POINTS_AT_ONCE, Search

if TYPE_CHECKING:
    from samwidget.models import Embedding

LIKENESS_THRESH = 0.15
"""Least likeness of a mask where the caller does not say it."""
# How far objects reach from a point in them, in the longest sides of examples.
_REACH = 1.25


def search_similar(
    predictor: Predictor,
    embedding: Embedding,
    examples: Sequence[RunLengths],
    excluded: Sequence[RunLengths] = (),
    *,
    known: Sequence[RunLengths] = (),
    max_objects: int | None = None,
    likeness_thresh: float | None = None,
    cancel: Event | None = None,
    threads: int | None = None,
) -> Iterator[Progress]:
    """The objects like the examples while they are found, a few points at a time.

    Args:
        predictor: decodes the points; it can serve other callers between two steps.
        embedding: of the image.
        examples: the masks of one object or more, at the image's size. They are not found again.
        excluded: the masks of objects that are not wanted, and what looks like them.
        known: the masks of other objects that are there already, and are not found again.
        max_objects: at most so many, the best; None for all.
        likeness_thresh: least likeness, 0 to 1; None takes ``LIKENESS_THRESH``.
        cancel: the search ends when this event is set, after the step that runs.
        threads: how many CPU threads compute; None takes the predictor's number.

    Yields:
        ``Progress`` after each step; the last one holds the result. Nothing where nothing looks like the examples.

    Raises:
        PromptError: there is no example, a mask is empty, of another size or as large as the image, or a limit is
            out of its range; raised by the call.
        ModelError: the model failed, or its features are not on this computer.
        ClosedError: the predictor is closed.
    """
    if max_objects is not None:
        check_integer("max_objects", max_objects, 1)
    check_range("likeness_thresh", likeness_thresh, 1)
    _check_masks(examples, [*excluded, *known], embedding.frame.image_hw)
    count = predictor.thread_count if threads is None else thread_count(threads)
    features = Features.of(embedding)
    covers, excluded_covers, known_covers = (
        [features.cover_of_mask(mask) for mask in masks] for masks in (examples, excluded, known)
    )
    likeness = Likeness(features, covers, excluded_covers)
    likeness_min = LIKENESS_THRESH if likeness_thresh is None else likeness_thresh
    areas = np.array([mask.area for mask in examples], np.float64)
    boxes = [box for mask in examples if (box := mask.box_xyxy) is not None]
    return Search(
        predictor=predictor,
        embedding=embedding,
        features=features,
        filter=Filter(
            features=features,
            likeness=likeness,
            likenesses=[Likeness(features, [cover], excluded_covers) for cover in covers],
            areas=areas,
            likeness_min=likeness_min,
            defaults=predictor.everything_defaults,
        ),
        likeness=likeness,
        examples=covers,
        excluded=excluded_covers,
        candidates=Candidates([*examples, *excluded, *known], None if max_objects is None else int(max_objects)),
        covered=np.maximum.reduce([*covers, *excluded_covers, *known_covers]),
        areas=areas,
        reach=_REACH * max(max(x1 - x0, y1 - y0) for x0, y0, x1, y1 in boxes),
        likeness_min=likeness_min,
        pace=Pace(POINTS_AT_ONCE, count),
        cancel=cancel or Event(),
        threads=count,
    ).steps()


def _check_masks(examples: Sequence[RunLengths], others: Sequence[RunLengths], image_hw: tuple[int, int]) -> None:
    if not examples:
        raise PromptError("there is no example", hint="choose at least one object")
    for mask in (*examples, *others):
        if mask.size_hw != image_hw:
            raise PromptError(
                f"a mask has size {mask.size_hw}, the image {image_hw}", hint="choose objects of this image"
            )
        if mask.area == 0:
            raise PromptError("the mask of an example is empty", hint="choose an object that has pixels")
    if any(mask.area > 0.9 * image_hw[0] * image_hw[1] for mask in examples):
        raise PromptError("the example covers the whole image", hint="choose an object with something around it")
