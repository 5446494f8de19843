"""Models that run on another machine, as ``Segmenter``, and the format in which ``samwidget serve`` talks to them.

``SamPredictor.from_endpoint`` calls ``open_remote``; ``serving`` reads requests and writes responses.
"""

from samwidget.models.remote.client import KEY_VARIABLE, is_loopback
from samwidget.models.remote.segmenters import open_remote
from samwidget.models.remote.wire import read_request, write_response

__all__ = ["KEY_VARIABLE", "is_loopback", "open_remote", "read_request", "write_response"]
