"""The exceptions samwidget raises for things a user can mend.

::

    SamWidgetError
    ├── ImageError          the picture cannot be read or is not an image          (also a ValueError)
    ├── PromptError         points, labels, box or mask do not fit                 (also a ValueError)
    ├── ModelError          a network cannot be found, read or run
    │   ├── ModelNotFoundError     no such name, folder or file here
    │   ├── UnsupportedModelError  the family of the network is not one of ours
    │   └── EndpointError          a network on another machine cannot be reached, or refuses
    ├── MessageError        a message from the browser does not follow the protocol (also a ValueError)
    ├── FormatError         a request, response or file does not follow its format (also a ValueError)
    ├── LimitError          a request asks for more than a server allows           (also a ValueError)
    ├── BatchError          a batch run cannot start, go on or end as asked
    └── ClosedError         the widget or predictor was closed                     (also a RuntimeError)

Every one carries ``code``, a stable word for programs, and ``hint``, the remedy for people. The widget shows both, a
server sends both, and ``str()`` joins them.
"""

from __future__ import annotations


class SamWidgetError(Exception):
    """Base of all errors that the user can mend.

    Args:
        message: what is wrong, with the values that were seen.
        hint: how to mend it; empty where the message says it already.
    """

    code = "error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}: {self.hint}" if self.hint else self.message


class ImageError(SamWidgetError, ValueError):
    """The picture cannot be read, is too large or is not an image."""

    code = "image"


class PromptError(SamWidgetError, ValueError):
    """Points, labels, box or mask have the wrong shape, range or place."""

    code = "prompt"


class ModelError(SamWidgetError):
    """A network cannot be loaded or run."""

    code = "model"


class ModelNotFoundError(ModelError):
    """No network of that name, or a folder that holds none."""

    code = "model-not-found"


class UnsupportedModelError(ModelError):
    """The network's family is not one that samwidget can drive."""

    code = "model-unsupported"


class EndpointError(ModelError):
    """A network on another machine cannot be reached, refuses, or answers what cannot be read."""

    code = "endpoint"


class MessageError(SamWidgetError, ValueError):
    """A message from the browser that does not follow the protocol."""

    code = "message"


class FormatError(SamWidgetError, ValueError):
    """A request, response or file that does not follow its format."""

    code = "format"


class LimitError(SamWidgetError, ValueError):
    """A request asks for more than a server allows.

    Args:
        message: as the base class.
        hint: as the base class.
        limit: name of the limit, such as ``rows``; empty where it is not known.
        maximum: its value; None where it is not known.
    """

    code = "limit"

    def __init__(self, message: str, *, hint: str = "", limit: str = "", maximum: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.limit = limit
        self.maximum = maximum


class BatchError(SamWidgetError):
    """A batch run cannot start, go on or end as asked."""

    code = "batch"


class ClosedError(SamWidgetError, RuntimeError):
    """The widget or predictor was closed before the call."""

    code = "closed"


class SamWidgetWarning(UserWarning):
    """Something went on differently than asked, and the result is still right: a slower device, a stale cache file."""
