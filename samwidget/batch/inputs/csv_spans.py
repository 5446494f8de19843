"""Spans: where the records of a CSV lie in the file, so that a row travels as two numbers and not as a photo in base64.

Owns where a record begins and ends, and how the cells of one are read. What the cells mean is the business of
``tasks``. A cell may hold line breaks, and megabytes. The records are those that Python's module ``csv`` reads, and
blanks before a quote are allowed, since programs write them after commas.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from samwidget.errors import FormatError

# From the start of a cell: a cell without quotes around it, or the quote that opens one.
_CELL_START = re.compile(r' *(?:"|[^",\r\n][^,\r\n]*|)')


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

    A record ends at the first line end outside quotes. Quotes count only around a whole cell: in ``5" lens`` the quote
    is a character like others.

    Args:
        path: the file.
        digest: receives every byte of the file, so that its content need not be read again for a fingerprint.

    Raises:
        FormatError: the quotes of the last record are not closed.
        OSError: the file cannot be read.
    """
    start = size = opened_in = 0
    is_blank = True
    # In Latin-1 a character is a byte, so the lengths are right whatever the encoding. All kinds of line ends count.
    with path.open(encoding="latin-1", newline="") as lines:
        for number, line in enumerate(lines, 1):
            data = line.encode("latin-1")
            if digest is not None:
                digest.update(data)
            if number == 1 and data.startswith(codecs.BOM_UTF8):
                start = len(codecs.BOM_UTF8)
                line = line[start:]
            is_open = _ends_within_quotes(line, within_quotes=opened_in > 0)
            opened_in = (opened_in or number) if is_open else 0
            size += len(line)
            is_blank = is_blank and not line.strip()
            if not is_open:
                if not is_blank:
                    yield Span(start, size)
                start, size, is_blank = start + size, 0, True
    if opened_in:
        raise FormatError(
            f"{path.name} ends within quotes, which line {opened_in} opens", hint="check that the file is complete"
        )


def read_record(path: Path, span: Span) -> list[str]:
    """Returns the cells of one record.

    Raises:
        FormatError: the bytes are not UTF-8, or not CSV; the message names the line.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        file.seek(span.start)
        data = file.read(span.size)
    # The reader refuses cells above a limit of the whole process. The default, 128 KiB, is less than a photo.
    csv.field_size_limit(max(csv.field_size_limit(), span.size))
    try:
        reader = csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True, skipinitialspace=True)
        (cells,) = reader
        return cells
    except (ValueError, csv.Error) as error:
        line = _line_number(path, span.start)
        hint = f"save it as CSV in UTF-8; {error}"
        raise FormatError(f"line {line} of {path.name} is not CSV in UTF-8", hint=hint) from error


def _ends_within_quotes(line: str, *, within_quotes: bool) -> bool:
    """Returns whether a quoted cell is open at the end of a line."""
    if '"' not in line:  # most lines of a photo in base64
        return within_quotes
    position = 0
    while True:
        if within_quotes:
            position = _closing_quote(line, position)
            if position < 0:
                return True
            position += 1
        else:
            match = _CELL_START.match(line, position)
            assert match is not None  # it matches the empty text, too
            position = match.end()
            if match.group().endswith('"') and match.group().strip(" ") == '"':
                within_quotes = True
                continue
        within_quotes = False
        comma = line.find(",", position)
        if comma < 0:
            return False
        position = comma + 1


def _closing_quote(line: str, start: int) -> int:
    """Returns where the quoted cell ends; -1 where it goes on in the next line. Two quotes are one in the cell."""
    position = line.find('"', start)
    while position >= 0 and line[position + 1 : position + 2] == '"':
        position = line.find('"', position + 2)
    return position


def _line_number(path: Path, offset: int) -> int:
    with path.open("rb") as file:
        return file.read(offset).count(b"\n") + 1
