"""Router: takes what the browser sends, acknowledges it and hands it on. It does no work itself.

The kernel may call it on its main thread or on a thread of its own, and a running cell waits behind it, so it returns
within a millisecond or two.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from samwidget.errors import ClosedError, MessageError
from samwidget.widget.protocol import Request, parse, request_id
from samwidget.widget.wire.outbox import Outbox

# A browser that lost its connection repeats its last few messages, not those of an hour ago.
_IDS_MAX = 4096


class Router:
    """Checks each message and gives it to ``take`` once.

    Args:
        outbox: where acknowledgements and errors go.
        take: puts a request in the queue and returns at once.
    """

    def __init__(self, outbox: Outbox, take: Callable[[Request], None]) -> None:
        self._outbox = outbox
        self._take = take
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, None] = OrderedDict()

    def handle(self, content: Any, buffers: Sequence[Any]) -> None:
        """Takes one message; whatever is wrong with it is answered, and nothing is raised."""
        try:
            request = parse(content, buffers)
        except MessageError as error:
            self._outbox.error(error, re=request_id(content))
            return
        is_new = self._remember(request.id)
        # Before the work is handed on, so that no answer of another thread can overtake it.
        self._outbox.send("ack", re=request.id)
        if not is_new:
            return
        try:
            self._take(request)
        except ClosedError as error:
            self._outbox.error(error, re=request.id)

    def _remember(self, name: str) -> bool:
        """Whether the id is new."""
        with self._lock:
            if name in self._seen:
                return False
            self._seen[name] = None
            if len(self._seen) > _IDS_MAX:
                self._seen.popitem(last=False)
            return True
