"""Handlers: which handler takes which request of the browser, and in which lane. ``Lanes`` runs them there.

Most handlers are one call of ``commands``, ``controller`` or ``turning``, in the table at the end; those that reply
themselves are functions here. ``wire.inbox`` has checked the requests.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, TypeVar

from samwidget.errors import PromptError, SamWidgetError, SessionError
from samwidget.widget.controller import Controller
from samwidget.widget.exporting import send_export
from samwidget.widget.finding import Wanted
from samwidget.widget.protocol import requests
from samwidget.widget.protocol.replies import DoneReply, PolygonsReply
from samwidget.widget.protocol.requests import Request
from samwidget.widget.session_images import path_from_view
from samwidget.widget.turning import Turning
from samwidget.widget.wire.host import Work
from samwidget.widget.wire.outbox import Outbox
from samwidget.widget.word_search import words_task
from samwidget.widget.worker import Worker

RequestType = TypeVar("RequestType", bound=Request)
log = logging.getLogger(__name__)


class Lane(Enum):
    """Where and in which order a handler runs."""

    NOW = "now"
    """On the thread of the message handler, which waits: the handler may only start or stop work."""
    PREVIEW = "preview"
    """On the worker's thread when nothing else waits there; a newer request replaces one that waits."""
    IN_ORDER = "in order"
    """On the worker's thread, one after the other, once there is a model; the changes are published, then ``done``."""
    TURNING = "turning"
    """In order, too, but also where there is no model: it changes which image is shown, not what is on it."""
    PICTURES = "pictures"
    """On the thread of the photo, which never waits for the model."""
    EXPORT = "export"
    """On a thread for exports alone, one after the other: they may take minutes."""


@dataclass(frozen=True)
class Handler:
    """Who takes the messages of one kind.

    Attributes:
        lane: where it runs.
        handle: carries out a request; what it returns is ignored.
    """

    lane: Lane
    handle: Callable[[Turning, Any], object]  # each takes its own kind of request; `_row` checks that it fits


class Lanes:
    """Takes the requests of the browser for one widget, each in the lane of its kind.

    Args:
        turning: has the controller of the image that is shown, which carries out most of them.
        outbox: sends the replies.
    """

    def __init__(self, turning: Turning, outbox: Outbox) -> None:
        self._turning = turning
        self._outbox = outbox
        self._export_worker = Worker("samwidget export", idle_s=10.0)

    def take(self, request: Request) -> Work | None:
        """Puts a request into the lane of its kind and returns at once; raises ClosedError after ``close``.

        Returns:
            The work of a request in the lane ``NOW``, which the caller carries out at once; None for all others.
        """
        turning, handler = self._turning, HANDLERS[type(request)]
        turning.note_request()
        work = partial(_reply_to_errors, self._outbox, request, lambda: handler.handle(turning, request))
        if handler.lane is Lane.NOW:
            return work
        if handler.lane is Lane.PREVIEW:
            turning.present.worker.offer(work)
        elif handler.lane is Lane.PICTURES:
            turning.photo.worker.submit(work)
        elif handler.lane is Lane.EXPORT:
            self._export_worker.submit(work)
        else:
            needs_model = handler.lane is Lane.IN_ORDER
            turning.submit_in_order(
                lambda controller: self._carry_out_in_order(controller, request, handler), needs_model=needs_model
            )
        return None

    def take_again(self, request: Request) -> None:
        """Says when a request is done that ``take`` had before; raises ClosedError after ``close``."""
        if HANDLERS[type(request)].lane in (Lane.IN_ORDER, Lane.TURNING):
            self._turning.present.worker.submit(lambda: self._say_done(request))

    def _carry_out_in_order(self, controller: Controller, request: Request, handler: Handler) -> None:
        def work() -> None:
            if handler.lane is Lane.IN_ORDER:
                controller.check_network()  # where it has waited for a model in vain
            handler.handle(self._turning, request)
            self._turning.present.publish(re=request.id)

        _reply_to_errors(self._outbox, request, work)

    def _say_done(self, request: Request) -> None:
        if self._turning.present.status.failure is None:  # otherwise it waits for the model
            self._outbox.send(DoneReply(request.id))


def _reply_to_errors(outbox: Outbox, request: Request, work: Callable[[], object]) -> None:
    """Does the work of a request; an error becomes a reply."""
    try:
        work()
    except SamWidgetError as error:
        outbox.send_error(error, re=request.id)
    except Exception as error:
        log.exception("%s from the browser failed", type(request).__name__)
        outbox.send_error(error, re=request.id)


def _send_all(controller: Controller, request: requests.Hello) -> None:
    """Sends a view that has nothing, or that may have missed something, all that there is."""
    outbox, failure = controller.outbox, controller.status.failure
    controller.photo.send_preview()
    controller.publisher.send_all(request.id)
    controller.everything.send_all(request.id)
    outbox.send_traits(["document", "status", "models", "saving", "images"])
    if failure is None:
        outbox.send(DoneReply(request.id))
    else:
        outbox.send_error(failure, re=request.id)


def _preview(controller: Controller, request: requests.Hover) -> None:
    """Sends the mask that a click would make."""
    controller.check_network()
    active = controller.document.state.active_object
    prompt = controller.commands.prompt_with_point(request.x, request.y, request.label)
    candidates = controller.network.predict(prompt)
    chosen = None if active is None else active.level
    level = candidates.best if chosen is None else min(chosen, len(candidates) - 1)
    controller.publisher.send_preview(candidates, level, re=request.id)


def _search(controller: Controller, request: requests.Everything) -> None:
    """Begins a search of everything."""
    points = request.points_per_side
    task = controller.everything_task({} if points is None else {"points_per_side": points})
    controller.everything.begin(task, re=request.id)


def _find_similar(controller: Controller, request: requests.FindSimilar) -> None:
    """Begins a search for similar objects."""
    wanted = Wanted(request.objects, request.excluded)
    controller.everything.begin(controller.similar_task(wanted), re=request.id)


def _find(controller: Controller, request: requests.Find) -> None:
    """Begins a search by words and example boxes."""
    task = words_task(controller.network, request.phrases or None, request.boxes, request.excluded_boxes)
    controller.everything.begin(task, re=request.id)


def _cancel_search(controller: Controller, request: requests.CancelEverything) -> None:
    """Ends the search at once: in order it would wait for the step that runs."""
    controller.everything.cancel()
    controller.outbox.send(DoneReply(request.id))


def _stop_making(controller: Controller, request: requests.StopMaking) -> None:
    """Ends the work on many prompts at once: in order it would wait for the step that runs."""
    controller.many_prompts.stop()
    controller.outbox.send(DoneReply(request.id))


def _cancel_model(turning: Turning, request: requests.CancelModel) -> None:
    """Ends the change to another model at once."""
    turning.models.cancel()
    turning.outbox.send(DoneReply(request.id))


def _retry(controller: Controller, request: requests.Retry | requests.UseBundled) -> None:
    """Loads the model and encodes the image again where that has failed, behind the jobs that wait."""
    work = partial(controller.retry, uses_bundled=isinstance(request, requests.UseBundled), re=request.id)
    controller.worker.submit(lambda: _reply_to_errors(controller.outbox, request, work))


def _send_polygons(controller: Controller, request: requests.Polygons) -> None:
    """Sends the outlines of an object; ``done`` follows."""
    polygons = controller.commands.corrections.weighted_polygons(request.object_id)
    controller.outbox.send(PolygonsReply(request.id, [corners.tolist() for corners in polygons]))


def _save_session(turning: Turning, request: requests.SaveSession) -> None:
    """Saves to the session file that a view asks for, on the thread that saves."""
    outbox = turning.outbox
    if outbox.is_app:
        raise SessionError("an app saves nothing for those who see it", hint="its author may give the widget session=")

    def work() -> None:
        if str(turning.path) == request.path:  # Python may have chosen one that a view may not
            turning.save()
        else:
            turning.save_as(path_from_view(request.path))
        outbox.send(DoneReply(request.id))

    turning.present.saving.submit(lambda: _reply_to_errors(outbox, request, work))


def _accept_image(turning: Turning, _request: requests.AcceptImage) -> None:
    """Says that the image is done and shows the next one; where there is none, the reply says so."""
    if not turning.accept():
        raise PromptError("every other image is done or skipped", hint="this one is done, too")


def _of_present(handle: Callable[[Controller, RequestType], object]) -> Callable[[Turning, RequestType], object]:
    """A handler that works on the image that is shown."""
    return lambda turning, request: handle(turning.present, request)


def _row(
    request_type: type[RequestType], lane: Lane, handle: Callable[[Controller, RequestType], object]
) -> tuple[type[Request], Handler]:
    return request_type, Handler(lane, _of_present(handle))


def _row_of_images(
    request_type: type[RequestType], lane: Lane, handle: Callable[[Turning, RequestType], object]
) -> tuple[type[Request], Handler]:
    return request_type, Handler(lane, handle)


HANDLERS: Mapping[type[Request], Handler] = dict(
    [
        _row(requests.Hello, Lane.PICTURES, _send_all),
        _row(requests.Detail, Lane.PICTURES, lambda c, m: c.photo.send_detail(m.id, m.box, m.width)),
        _row(requests.Hover, Lane.PREVIEW, _preview),
        _row(requests.Everything, Lane.NOW, _search),
        _row(requests.FindSimilar, Lane.NOW, _find_similar),
        _row(requests.Find, Lane.NOW, _find),
        _row(requests.CancelEverything, Lane.NOW, _cancel_search),
        _row(requests.StopMaking, Lane.NOW, _stop_making),
        _row_of_images(requests.ListModels, Lane.PICTURES, lambda t, m: t.models.send_rows(m.id)),
        _row_of_images(requests.UseModel, Lane.NOW, lambda t, m: t.models.choose(m.model, m.id)),
        _row_of_images(requests.CancelModel, Lane.NOW, _cancel_model),
        _row(requests.Retry, Lane.NOW, _retry),
        _row(requests.UseBundled, Lane.NOW, _retry),
        _row_of_images(requests.SaveSession, Lane.NOW, _save_session),
        _row(requests.AddPoint, Lane.IN_ORDER, lambda c, m: c.commands.add_point(m.x, m.y, m.label)),
        _row(requests.MovePoint, Lane.IN_ORDER, lambda c, m: c.commands.move_point(m.index, m.x, m.y)),
        _row(requests.RemovePoint, Lane.IN_ORDER, lambda c, m: c.commands.remove_point(m.index)),
        _row(requests.AddBox, Lane.IN_ORDER, lambda c, m: c.commands.add_box(m.box)),
        _row(requests.MoveBox, Lane.IN_ORDER, lambda c, m: c.commands.move_box(m.box)),
        _row(requests.RemoveBox, Lane.IN_ORDER, lambda c, m: c.commands.remove_box()),
        _row(requests.Choose, Lane.IN_ORDER, lambda c, m: c.commands.choose(m.level)),
        _row(requests.Accept, Lane.IN_ORDER, lambda c, m: c.commands.accept()),
        _row(requests.Select, Lane.IN_ORDER, lambda c, m: c.commands.select(m.object_id)),
        _row(requests.Rename, Lane.IN_ORDER, lambda c, m: c.commands.rename(m.object_id, m.name)),
        _row(requests.SetVisible, Lane.IN_ORDER, lambda c, m: c.commands.set_visible(m.object_id, m.visible)),
        _row(requests.Delete, Lane.IN_ORDER, lambda c, m: c.commands.delete([m.object_id])),
        _row(requests.Clear, Lane.IN_ORDER, lambda c, m: c.commands.clear()),
        _row(requests.DeleteObjects, Lane.IN_ORDER, lambda c, m: c.commands.delete(m.objects)),
        _row(requests.SetLocked, Lane.IN_ORDER, lambda c, m: c.commands.set_locked(m.objects, m.locked)),
        _row(requests.Reorder, Lane.IN_ORDER, lambda c, m: c.commands.reorder(m.objects, m.to)),
        _row(requests.AddClass, Lane.IN_ORDER, lambda c, m: c.commands.add_class(m.name)),
        _row(requests.RenameClass, Lane.IN_ORDER, lambda c, m: c.commands.rename_class(m.class_name, m.name)),
        _row(requests.DeleteClass, Lane.IN_ORDER, lambda c, m: c.commands.delete_class(m.class_name)),
        _row(requests.ActivateClass, Lane.IN_ORDER, lambda c, m: c.commands.activate_class(m.class_name)),
        _row(requests.SetClass, Lane.IN_ORDER, lambda c, m: c.commands.set_class(m.objects, m.class_name)),
        _row(requests.Scribble, Lane.IN_ORDER, lambda c, m: c.commands.scribble(m.points, m.label)),
        _row(
            requests.Paint,
            Lane.IN_ORDER,
            lambda c, m: c.commands.corrections.paint(m.object_id, m.points, m.radius, m.erase),
        ),
        _row(
            requests.FillPolygon,
            Lane.IN_ORDER,
            lambda c, m: c.commands.corrections.fill_polygon(m.object_id, m.points, m.erase),
        ),
        _row(requests.Polygons, Lane.IN_ORDER, _send_polygons),
        _row(
            requests.SetPolygons,
            Lane.IN_ORDER,
            lambda c, m: c.commands.corrections.set_polygons(m.object_id, m.polygons),
        ),
        _row(requests.Merge, Lane.IN_ORDER, lambda c, m: c.commands.corrections.merge(m.objects)),
        _row(requests.Split, Lane.IN_ORDER, lambda c, m: c.commands.corrections.split(m.object_id)),
        _row(requests.Subtract, Lane.IN_ORDER, lambda c, m: c.commands.corrections.subtract(m.object_id, m.others)),
        _row(requests.Intersect, Lane.IN_ORDER, lambda c, m: c.commands.corrections.intersect(m.objects)),
        _row(
            requests.Adjust,
            Lane.IN_ORDER,
            lambda c, m: c.commands.corrections.adjust(m.object_id, m.operation, m.amount, m.continues),
        ),
        _row(requests.RestoreObjects, Lane.IN_ORDER, lambda c, m: c.commands.restore(m.objects)),
        _row(requests.Undo, Lane.IN_ORDER, lambda c, m: c.undo()),
        _row(requests.Redo, Lane.IN_ORDER, lambda c, m: c.redo()),
        _row(requests.KeepFound, Lane.IN_ORDER, lambda c, m: c.keep_chosen(m.ids)),
        _row(requests.DiscardFound, Lane.IN_ORDER, lambda c, m: c.discard_found()),
        _row_of_images(requests.GoTo, Lane.TURNING, lambda t, m: t.go_to(m.image)),
        _row_of_images(requests.AcceptImage, Lane.TURNING, _accept_image),
        _row_of_images(requests.SetImageState, Lane.TURNING, lambda t, m: t.set_states(m.images, m.state)),
        _row_of_images(requests.CopyObjects, Lane.IN_ORDER, lambda t, m: t.copy_objects(m.image, prompts=m.prompts)),
        _row_of_images(requests.ListImages, Lane.PICTURES, lambda t, m: t.send_rows(m)),
        _row_of_images(requests.Thumbnails, Lane.NOW, lambda t, m: t.send_thumbnails(m.id, m.images)),
        _row_of_images(requests.Export, Lane.EXPORT, lambda t, m: send_export(t, t.outbox, m)),
    ]
)
"""Which handler takes which kind of message, and in which lane."""
