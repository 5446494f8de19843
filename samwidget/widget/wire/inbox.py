"""Inbox: the one guard between the page and the widget. Whatever comes from a page, nothing is raised.

It checks what the browser sends, acknowledges it and passes it on; what is wrong becomes an error that the views show.
The kernel calls it on its main thread or on a thread of its own, where a running cell may wait for it. So it returns
within a millisecond or two: ``controller`` puts the request in a queue. ``parse`` does the checks.

The notebook's Stop button may come while the main thread has a message. It waits until the message is taken. A message
that it drops before, in the kernel's own code, is not acknowledged, and the page repeats it. What the user asked after
that must not be done before: such a request names the one that it follows, and is refused until that one has come.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from cachetools import FIFOCache
from msgspec import UNSET
from traitlets import TraitError

from samwidget.core import held_interrupts
from samwidget.errors import MessageError, SamWidgetError
from samwidget.widget.protocol.replies import AckReply, ResendReply
from samwidget.widget.protocol.requests import Detail, Hello, Hover, Request
from samwidget.widget.traits import SETTINGS
from samwidget.widget.wire.host import Work
from samwidget.widget.wire.outbox import Outbox
from samwidget.widget.wire.parse import check_json, parse, request_id

log = logging.getLogger(__name__)

# A browser that lost its connection repeats what was not done, and few changes wait at a time.
_IDS_MAX = 4096
# These change nothing, so they may be carried out twice, and their ids are not worth remembering.
_READS = (Hello, Hover, Detail)


class Inbox:
    """Checks each message and passes it on.

    Args:
        outbox: sends acknowledgements and errors.
        take: puts a request in a queue and returns at once; called once for each id. It returns the work of a request
            that waits in no queue, and is carried out at once.
        take_again: takes a request that was taken before, because the browser has not heard of its end.
    """

    def __init__(
        self, outbox: Outbox, take: Callable[[Request], Work | None], take_again: Callable[[Request], None]
    ) -> None:
        self._outbox = outbox
        self._take = take
        self._take_again = take_again
        self._lock = threading.Lock()
        self._known_ids: FIFOCache[str, None] = FIFOCache(_IDS_MAX)

    def receive(self, content: object, buffers: Sequence[object]) -> None:
        """Takes one message. What is wrong with it is sent as an error; nothing is raised but Ctrl-C, at the end."""
        with held_interrupts():  # a function of the user may run here, which a second Ctrl-C ends
            try:
                with held_interrupts(holds_all=True):
                    request = parse(content, buffers)
                    work = self._receive(request)
                if work is not None:
                    self._carry_out(request, work)
            except SamWidgetError as error:
                self._outbox.send_error(error, re=request_id(content))
            except Exception as error:
                log.exception("a message from the browser could not be read")
                self._outbox.send_error(error, re=request_id(content))

    def _receive(self, request: Request) -> Work | None:
        """Acknowledges a request and passes it on; returns its work where that waits in no queue."""
        if self._is_early(request):
            self._outbox.send(ResendReply(request.id))
            return None
        is_new = isinstance(request, _READS) or self._remember(request.id)
        try:
            # Before the request is passed on, so that no reply from another thread comes first.
            self._outbox.send(AckReply(request.id))
            if is_new:
                return self._take(request)
            self._take_again(request)
        except BaseException:
            if is_new:
                self._forget(request.id)
            raise
        return None

    def _carry_out(self, request: Request, work: Work) -> None:
        try:
            work()
        except BaseException:
            self._forget(request.id)
            raise

    def receive_settings(self, settings: dict[str, Any], apply: Callable[[dict[str, Any]], None]) -> None:
        """Takes the settings that a view has changed; where one is wrong, all stay, and the views get them back.

        Args:
            settings: values by the name of their trait.
            apply: sets them, all or none; raises TraitError.
        """
        with held_interrupts(holds_all=True) as interrupts:
            try:
                check_json(settings)
                interrupts.allow(lambda: apply(settings))  # it calls functions of the user
            except SamWidgetError as error:
                self._outbox.send_error(error)
            except TraitError as error:
                self._outbox.send_error(MessageError(str(error), hint="the setting stays as it was"))
            except Exception as error:  # raised by a function of the user that observes the setting, which is set
                self._outbox.report("a function that observes a setting of the widget failed", error)
            except KeyboardInterrupt:  # some are set, and others are not
                self._outbox.send_traits(SETTINGS)
                raise
            else:
                return
            self._outbox.send_traits(SETTINGS)

    def _is_early(self, request: Request) -> bool:
        """Returns whether a request that must come before this one has not come."""
        with self._lock:
            known = self._known_ids
            return request.after is not UNSET and request.after not in known and request.id not in known

    def _remember(self, request_id: str) -> bool:
        """Remembers an id; returns whether it is new."""
        with self._lock:
            is_new = request_id not in self._known_ids
            if is_new:
                self._known_ids[request_id] = None
            return is_new

    def _forget(self, request_id: str) -> None:
        """Forgets a request that was not carried out: it must not be called done when it comes again."""
        with self._lock:
            self._known_ids.pop(request_id, None)
