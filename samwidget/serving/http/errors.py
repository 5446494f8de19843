"""Problems: what goes wrong becomes a status and ``{"error": {"code", "message", "hint", ...}}``. No web framework."""

from __future__ import annotations

import logging
from typing import Any

from samwidget.errors import ClosedError, LimitError, ModelError, SamWidgetError
from samwidget.serving.http.admission import BusyError
from samwidget.serving.http.auth import AccessError

log = logging.getLogger(__name__)

_TIMES = ("timeout_s", "upload_s")


class UnknownImageError(SamWidgetError):
    """The server does not have this image, or no more."""

    code = "image-unknown"


class OtherNetworkError(SamWidgetError):
    """The question is meant for another network than this one."""

    code = "network-changed"


def status_of(error: SamWidgetError) -> int:
    """The HTTP status that says what kind of problem it is."""
    match error:
        case AccessError():
            return error.status
        case LimitError():
            return 408 if error.limit in _TIMES else 413
        case UnknownImageError():
            return 404
        case OtherNetworkError():
            return 409
        case BusyError() | ClosedError():
            return 503
        case ModelError():
            return 500
    return 400


def problem_json(error: SamWidgetError) -> dict[str, Any]:
    """The body of the answer. A failure of the network is told without its inner reasons, which go to the log."""
    told: dict[str, Any] = {"code": error.code, "message": error.message, "hint": error.hint}
    if isinstance(error, ModelError):
        log.error("%s", error, exc_info=error)
        told["hint"] = "the server's log says why"
    if isinstance(error, LimitError):
        told["limit"] = {error.limit: error.maximum}
    return {"error": told}
