"""Reading: what clients send, as values of ours. Whatever they send, only errors of ours come out.

Owns the steps from the bytes of a request to its rows, in the order in which they are cheap: size of the JSON, the
JSON, number of rows, the rows. Images stay encoded here; ``decoding`` decodes them. The routes and the adapters call
it. The numbers are in ``limits``, the format is in ``formats.azure_ml``.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from samwidget.errors import FormatError, SamWidgetError
from samwidget.formats.azure_ml import RequestRow, Style, parse_request
from samwidget.serving.limits import Limits

log = logging.getLogger(__name__)


@contextmanager
def only_own_errors(name: str) -> Iterator[None]:
    """Raises FormatError in place of any exception of the block that is not one of ours.

    Args:
        name: of what the block reads, for the message.
    """
    try:
        yield
    except SamWidgetError:
        raise
    except Exception as error:  # people send what nobody thought of; the log shows what was not foreseen
        log.warning("%s cannot be read", name, exc_info=error)
        raise FormatError(f"{name} cannot be read", hint=type(error).__name__) from error


def read_json(body: bytes | bytearray | str, limits: Limits) -> object:
    """The value of JSON text.

    Raises:
        LimitError: the text has more structure than ``limits`` allow; it was not parsed.
        FormatError: not JSON.
    """
    limits.check_json(body)
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise FormatError("the text is not JSON", hint=str(error)) from error
    return value


def read_rows(request: object, limits: Limits, style: Style) -> list[RequestRow]:
    """The rows of a documented request, within the limits. Images are neither fetched nor decoded.

    Args:
        request: JSON as text or bytes, or a pandas DataFrame with the documented columns.
        limits: how much the request may ask.
        style: how cells are read; see ``parse_request``.

    Raises:
        LimitError: the request is above a limit.
        FormatError: not a documented request.
    """
    with only_own_errors("the request"):
        value = read_json(request, limits) if isinstance(request, str | bytes | bytearray) else request
        limits.check_table(value)
        rows = parse_request(value, style)
        limits.check_prompts([prompt for row in rows for prompt in row.prompts])
        return rows
