"""``SamPredictor.find_similar`` and ``find``: their arguments, written out for completion and help.

``similar`` and ``text`` do the work.
"""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING, Any

from samwidget.core import FoundObject
from samwidget.errors import PromptError
from samwidget.models import thread_count
from samwidget.predict.find.examples import masks_of_examples
from samwidget.predict.find.similar import search_similar
from samwidget.predict.find.text import search_words

if TYPE_CHECKING:
    from samwidget.models import Embedding
    from samwidget.predict.predictor import SamPredictor


def find_similar(
    predictor: SamPredictor,
    examples: Any,
    *,
    excluded: Any = (),
    image: object | None = None,
    max_objects: int | None = None,
    likeness_thresh: float | None = None,
    cancel: Event | None = None,
    threads: int | None = None,
) -> list[FoundObject]:
    """The objects of an image that look like the examples, the best first. The examples are not among them.

    Works with every model in this process, on the embedding of the image alone: places whose features are like those
    inside the examples, and unlike their surroundings, become prompts. A mask is kept where it looks like the examples,
    has about their size and a good score, and is no second mask of the same object. A second and a third example help.

    Args:
        predictor: decodes the prompts.
        examples: what to look for: a mask (H, W) bool, run lengths, a prompt (``make_prompt``), an object, or a list.
        excluded: the same, for what is not wanted although it looks alike.
        image: whatever ``load_rgb`` reads; None takes the image that this thread has set.
        max_objects: at most so many, the best; None for all.
        likeness_thresh: least likeness, 0 to 1; None takes 0.15. Lower it to find more, raise it to find fewer.
        cancel: the search ends when this event is set; what was found until then is returned.
        threads: how many CPU threads compute; None takes the predictor's number.

    Raises:
        PromptError: no image is set, there is no example, or one is empty, covers the image or does not fit it.
        ImageError: the image cannot be read.
        ModelError: the model failed, or runs on another computer, where its features are.
        ClosedError: after ``close``.
    """
    count = predictor.thread_count if threads is None else thread_count(threads)
    embedding = _embedding(predictor, image, count)
    masks, other_masks = (masks_of_examples(predictor, values, embedding, count) for values in (examples, excluded))
    objects: tuple[FoundObject, ...] = ()
    for progress in search_similar(
        predictor,
        embedding,
        masks,
        other_masks,
        max_objects=max_objects,
        likeness_thresh=likeness_thresh,
        cancel=cancel,
        threads=count,
    ):
        objects = progress.objects
    return list(objects)


def find_words(
    predictor: SamPredictor,
    text: Any = None,
    *,
    boxes: Any = (),
    excluded_boxes: Any = (),
    image: object | None = None,
    threshold: float | None = None,
    cancel: Event | None = None,
    threads: int | None = None,
) -> list[FoundObject]:
    """The objects of an image that phrases and example boxes describe, the best first, with score and phrase.

    Works with a model that can read, such as ``facebook/sam3``. Several phrases on one image cost one encode. Boxes are
    examples: everything like what is inside is found too. With several phrases, each phrase gets all boxes.

    Args:
        predictor: has the model.
        text: what to find, such as "coin", or several phrases; None where boxes alone say it.
        boxes: (K, 4) x0, y0, x1, y1 around examples, in image pixels.
        excluded_boxes: the same, around objects that are not wanted.
        image: whatever ``load_rgb`` reads; None takes the image that this thread has set.
        threshold: objects with a score above it are found, 0 to 1; None takes 0.5. Lower it to find more.
        cancel: the search ends when this event is set; what was found until then is returned.
        threads: how many CPU threads compute; None takes the predictor's number.

    Raises:
        PromptError: no image is set, nothing is asked, a phrase is none, blank or too long for the model, a box is
            none or outside the image, or the threshold is out of its range.
        UnsupportedModelError: the model cannot read.
        ImageError: the image cannot be read.
        ModelError: the model failed.
        ClosedError: after ``close``.
    """
    count = predictor.thread_count if threads is None else thread_count(threads)
    objects: tuple[FoundObject, ...] = ()
    for progress in search_words(
        predictor,
        _embedding(predictor, image, count),
        text,
        boxes=boxes,
        excluded_boxes=excluded_boxes,
        threshold=threshold,
        cancel=cancel,
        threads=count,
    ):
        objects = progress.objects
    return list(objects)


def _embedding(predictor: SamPredictor, image: object | None, threads: int) -> Embedding:
    """Of an image, or of the one that is set."""
    embedding = predictor.embedding if image is None else predictor.embed(image, threads=threads)
    if embedding is None:
        raise PromptError("no image is set in this thread", hint="call set_image(image) first, or give image=")
    return embedding
