"""The exceptions that samwidget raises for problems that a user can solve.

::

    SamWidgetError
    ├── ImageError          an image cannot be read, or is too large                 (also a ValueError)
    ├── PromptError         points, labels, a box, a mask or an option are not valid (also a ValueError)
    ├── ModelError          a model cannot be loaded or run
    │   ├── ModelNotFoundError     no model has this name, or the folder holds none
    │   ├── UnsupportedModelError  samwidget cannot run models of this family
    │   └── EndpointError          a model on another machine cannot be used
    ├── MessageError        a message from the browser does not follow the protocol  (also a ValueError)
    ├── FormatError         a request, a response or a file has the wrong format     (also a ValueError)
    ├── LimitError          a request is larger than the server allows               (also a ValueError)
    ├── BatchError          a batch run cannot start, continue or end
    ├── SessionError        a session file cannot be opened or written
    └── ClosedError         the widget or the predictor is closed                    (also a RuntimeError)

Each has ``message``, what is wrong; ``hint``, the remedy; and ``code``, a word for programs that does not change. The
widget and the server show message and hint, and ``str()`` joins them. Errors in samwidget's own code are not of these
classes.
"""

from __future__ import annotations

import sys
import warnings


class SamWidgetError(Exception):
    """Base class of all errors that a user can solve.

    Args:
        message: what is wrong, with the values that caused it.
        hint: the remedy; empty where the message already says it.

    Attributes:
        code: names the class for programs; the same in each version.
    """

    code = "error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}: {self.hint}" if self.hint else self.message


class ImageError(SamWidgetError, ValueError):
    """An image cannot be read, or has more pixels than samwidget reads."""

    code = "image"


class PromptError(SamWidgetError, ValueError):
    """Points, labels, a box or a mask have a wrong shape or value, or an option is out of its range."""

    code = "prompt"


class ModelError(SamWidgetError):
    """A model cannot be loaded or run."""

    code = "model"


class ModelNotFoundError(ModelError):
    """No model has this name, or the folder holds no model."""

    code = "model-not-found"


class UnsupportedModelError(ModelError):
    """The model belongs to a family that samwidget cannot run."""

    code = "model-unsupported"


class EndpointError(ModelError):
    """A model on another machine cannot be reached, refuses the request, or sends a response that cannot be read."""

    code = "endpoint"


class MessageError(SamWidgetError, ValueError):
    """A message from the browser does not follow the protocol."""

    code = "message"


class FormatError(SamWidgetError, ValueError):
    """A request, a response or a file does not follow its format."""

    code = "format"


class LimitError(SamWidgetError, ValueError):
    """A request is larger than the server allows.

    Args:
        message: as in ``SamWidgetError``.
        hint: as in ``SamWidgetError``.
        limit: name of the limit, such as ``rows``; empty where it is not known.
        maximum: value of the limit; None where it is not known.
    """

    code = "limit"

    def __init__(self, message: str, *, hint: str = "", limit: str = "", maximum: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.limit = limit
        self.maximum = maximum


class BatchError(SamWidgetError):
    """A batch run cannot start, continue or end."""

    code = "batch"


class SessionError(SamWidgetError):
    """A session file cannot be opened or written, or does not fit the image."""

    code = "session"


class ClosedError(SamWidgetError, RuntimeError):
    """The widget or the predictor was closed before the call."""

    code = "closed"


class StoppedError(SamWidgetError, RuntimeError):
    """Work that takes long was stopped on the screen before its end."""

    code = "stopped"


class SamWidgetWarning(UserWarning):
    """Something did not go as requested, such as the use of a slower device. The result is still right."""


def warn_user(message: str) -> None:
    """Gives a SamWidgetWarning that names the line of the user's code which called samwidget."""
    frame, stacklevel = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "samwidget":
        frame, stacklevel = frame.f_back, stacklevel + 1
    warnings.warn(message, SamWidgetWarning, stacklevel=stacklevel)
