"""Inbox: checks what the browser sends, acknowledges it and passes it on. It does no work itself.

The kernel calls it on its main thread or on a thread of its own, where a running cell may wait for it. So it returns
within a millisecond or two: ``controller`` puts the request in a queue. ``parse`` does the checks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from cachetools import FIFOCache

from samwidget.errors import ClosedError, MessageError
from samwidget.widget.protocol import AckReply, Request
from samwidget.widget.wire.outbox import Outbox
from samwidget.widget.wire.parse import parse, request_id

# A browser that lost its connection repeats its last few messages, not those of an hour ago.
_IDS_MAX = 4096


class Inbox:
    """Checks each message and passes it to ``take`` once.

    Args:
        outbox: sends acknowledgements and errors.
        take: puts a request in a queue and returns at once.
    """

    def __init__(self, outbox: Outbox, take: Callable[[Request], None]) -> None:
        self._outbox = outbox
        self._take = take
        self._lock = threading.Lock()
        self._known_ids: FIFOCache[str, None] = FIFOCache(_IDS_MAX)

    def receive(self, content: object, buffers: Sequence[object]) -> None:
        """Takes one message. What is wrong with it is sent as an error; nothing is raised."""
        try:
            request = parse(content, buffers)
        except MessageError as error:
            self._outbox.send_error(error, re=request_id(content))
            return
        is_new = self._remember(request.id)
        # Before the request is passed on, so that no reply from another thread comes first.
        self._outbox.send(AckReply(request.id))
        if not is_new:
            return
        try:
            self._take(request)
        except ClosedError as error:
            self._outbox.send_error(error, re=request.id)

    def _remember(self, request_id: str) -> bool:
        """Remembers an id; returns whether it is new."""
        with self._lock:
            is_new = request_id not in self._known_ids
            if is_new:
                self._known_ids[request_id] = None
            return is_new
