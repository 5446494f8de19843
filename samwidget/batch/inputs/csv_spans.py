"""Rows of a CSV by their place in the file, so that a row travels as two numbers and not as a photo in base64.

Owns where a record begins and ends, and how one is read. A cell may hold line breaks and megabytes.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from samwidget.errors import FormatError

_QUOTE = b'"'


@dataclass(frozen=True, slots=True)
class Span:
    """Where a record lies in its file.

    Attributes:
        start: offset of its first byte.
        size: bytes, its line end included.
    """

    start: int
    size: int


def spans(path: Path, digest: hashlib.blake2b | None = None) -> Iterator[Span]:
    """Where the records of a CSV lie, the header first; blank lines are no records. One record is held at a time.

    A record ends at the first line end outside quotes, and a quote inside quotes is doubled (RFC 4180), so the number
    of quotes up to there is even.

    Args:
        path: the file.
        digest: is fed every byte, since all of them pass by here.

    Raises:
        FormatError: the last record's quotes are not closed.
        OSError: the file cannot be read.
    """
    start = size = quotes = 0
    is_blank = True
    with path.open("rb") as file:
        for line in file:
            if digest is not None:
                digest.update(line)
            quotes += line.count(_QUOTE)
            size += len(line)
            is_blank = is_blank and not line.strip()
            if quotes % 2 == 0:
                if not is_blank:
                    yield Span(start, size)
                start, size, is_blank = start + size, 0, True
    if size:
        raise FormatError(f"{path.name} ends within quotes", hint="was it written to its end?")


def read_record(path: Path, span: Span) -> list[str]:
    """The cells of one record.

    Raises:
        FormatError: not UTF-8, or not CSV.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        file.seek(span.start)
        data = file.read(span.size)
    # The reader refuses cells above a limit that holds for the whole process; a photo is above its default.
    csv.field_size_limit(max(csv.field_size_limit(), span.size))
    try:
        (cells,) = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        return cells
    except (ValueError, csv.Error) as error:
        raise FormatError("the row is not CSV in UTF-8", hint=str(error)) from error
