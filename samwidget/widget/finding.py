"""Finding: what a search for similar objects looks for, taken from the objects of the document. No state.

The search itself is in ``predict.find``; ``everything`` runs it step by step. Called by ``controller``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any

from samwidget.core import RunLengths, SegmentedObject, Size
from samwidget.errors import PromptError
from samwidget.widget.arguments import checked_ids, is_several
from samwidget.widget.everything import SearchTask
from samwidget.widget.network import Network

if TYPE_CHECKING:
    from samwidget.document import Document
    from samwidget.predict.everything import Progress


@dataclass(frozen=True)
class Wanted:
    """What a search for similar objects looks for.

    Attributes:
        examples: ids of objects; None is the active one.
        excluded: ids of objects that are not wanted although they look alike.
        max_objects: at most so many; None for all.
        likeness_thresh: least likeness, 0 to 1; None for the default.
    """

    examples: Sequence[int] | None = None
    excluded: Sequence[int] = ()
    max_objects: int | None = None
    likeness_thresh: float | None = None


def similar_task(
    wanted: Wanted, document: Document, network: Network, measured: Callable[[SegmentedObject], SegmentedObject]
) -> SearchTask:
    """Returns the task to find similar objects; the found ones get the class that the examples have.

    The examples are read when the search begins, after the requests before it.

    Args:
        wanted: what to look for.
        document: has the objects.
        network: has the image.
        measured: returns an object at the present threshold.
    """
    class_names: list[str | None] = []

    def open_steps(cancel: Event) -> Iterator[Progress]:
        state = document.state
        if wanted.examples is None:
            active = state.active_object
            if active is None:
                raise PromptError("no object is chosen", hint="select one or more that look like those to find")
            examples = [active]
        else:
            examples = [state.objects[index] for index in state.indices(wanted.examples)]
        excluded = [state.objects[index] for index in state.indices(wanted.excluded)]
        class_names[:] = [item.class_name for item in examples if item.class_name is not None][:1]
        masks, other_masks = (_masks_of([measured(item) for item in items]) for items in (examples, excluded))
        # What is there already is not found again, also where it is no example.
        known = [measured(item) for item in state.objects]
        known_masks = [item.to_run_lengths() for item in known if item.area > 0]
        return network.similar(masks, other_masks, known_masks, wanted.max_objects, wanted.likeness_thresh, cancel)

    return SearchTask(open_steps, "similar", class_of=lambda _: class_names[0] if class_names else None)


def ids_of(objects: Any, image_hw: Size, *, is_optional: bool = False) -> tuple[int, ...]:
    """Returns the ids of one or several objects of this image.

    Args:
        objects: an id, an object, or several of them.
        image_hw: size of the image.
        is_optional: whether there may be none.

    Raises:
        PromptError: there is none, one is something else, or it is of another image.
    """
    values = list(objects) if is_several(objects) else [objects]
    for value in values:
        if isinstance(value, SegmentedObject) and value.frame.image_hw != image_hw:
            raise PromptError(
                f"{value.name} is an object of another image", hint="give ids or objects of the image that is shown"
            )
    if not values and not is_optional:
        raise PromptError("no object is chosen", hint="give the id of at least one object, or None for the active one")
    ids = [value.id if isinstance(value, SegmentedObject) else value for value in values]
    return tuple(dict.fromkeys(checked_ids(ids))) if ids else ()


def _masks_of(items: Sequence[SegmentedObject]) -> list[RunLengths]:
    for item in items:
        if item.area == 0:
            raise PromptError(f"{item.name} has no pixel", hint="choose an object whose mask is not empty")
    return [item.to_run_lengths() for item in items]
