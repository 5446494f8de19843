"""Spans: where the records of a CSV lie in the file, so that a row travels as two numbers and not as a photo in base64.

Owns where a record begins and ends, and how the cells of one are read. What the cells mean is the business of
``tasks``. A cell may hold line breaks, and megabytes.
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
    """The bytes of one record in its file.

    Attributes:
        start: offset of the first byte.
        size: number of bytes, the line end included.
    """

    start: int
    size: int


def spans(path: Path, digest: hashlib.blake2b | None = None) -> Iterator[Span]:
    """Yields the spans of a CSV's records, the header first, without blank lines. Holds one line in memory.

    A record ends at the first line end outside quotes. A quote inside a quoted cell is doubled (RFC 4180), so a line
    end is outside quotes where the number of quotes before it is even.

    Args:
        path: the file.
        digest: receives every byte of the file, so that its content need not be read again for a fingerprint.

    Raises:
        FormatError: the quotes of the last record are not closed.
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
        raise FormatError(f"{path.name} ends within quotes", hint="check that the file is complete")


def read_record(path: Path, span: Span) -> list[str]:
    """Returns the cells of one record.

    Raises:
        FormatError: the bytes are not UTF-8, or not CSV.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        file.seek(span.start)
        data = file.read(span.size)
    # The reader refuses cells above a limit of the whole process. The default, 128 KiB, is less than a photo.
    csv.field_size_limit(max(csv.field_size_limit(), span.size))
    try:
        (cells,) = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        return cells
    except (ValueError, csv.Error) as error:
        raise FormatError("the row is not CSV in UTF-8", hint=str(error)) from error
