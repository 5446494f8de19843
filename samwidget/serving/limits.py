"""Limits: how much one request may ask of a server. A request above a limit is refused with a LimitError that names it.

Owns the default values, and the checks that need nothing but the request. The time limits and the limits of the server
as a whole are enforced where the time passes. This is where each limit is enforced:

=================================  ===================  ==============================================================
limit                              default              enforced in
=================================  ===================  ==============================================================
``body_bytes``: upload             32 MiB               ``http/body.py`` ``Uploads.read``, while they arrive
``body_bytes``: images by URL      32 MiB per request   ``http/url_images.py``, while the bytes arrive
``json_bytes``: JSON less images   256 KiB              ``check_json`` before it is parsed, ``check_table``
``rows``                           64                   ``check_table``, before they are parsed
``prompts``, ``points``            256, 4096            ``check_prompts``
``pixels`` of an image             50 million           ``decode_worker.py``, from the header, before it is decoded
``decode_s``                       5 s                  ``decoding.py``, which ends the process
memory to decode one image         512 MiB + 64/pixel   ``decode_worker.py``; on Linux
``upload_s``                       30 s                 ``http/body.py`` ``Uploads.read``
all bodies that are arriving       512 MiB              ``http/body.py`` ``Uploads``
``timeout_s``                      60 s                 ``http/body.py`` ``run_while_connected``
requests that wait, for how long   32, 30 s             ``http/admission.py``
fetching one image by URL          20 s, 5 redirects    ``http/url_images.py``
open connections                   1000, 256 per peer   ``http/connection.py``
head, response, stop               10 s, 60 s, 30 s     ``http/connection.py``, ``http/server.py``
=================================  ===================  ==============================================================

The HTTP server enforces all of them. Under other servers the adapters check JSON, rows, prompts, points and images;
those servers limit the body and the time themselves.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from samwidget.core import Prompt
from samwidget.errors import LimitError

# Base64, its escaped line breaks, and white space: many of these bytes in JSON are one long text, or nothing. All other
# bytes (brackets, commas, quotes) may each begin a value, which takes some hundred bytes of memory.
_NO_STRUCTURE = (string.ascii_letters + string.digits + "+/=\\" + " \t\r\n").encode()


@dataclass(frozen=True)
class Limits:
    """How much one request may ask.

    Attributes:
        body_bytes: bytes of the body; also of all images together that are fetched for the request.
        json_bytes: bytes of JSON without the images. A longer request is refused before it is parsed.
        pixels: pixels of one image.
        rows: rows of a documented request.
        prompts: prompts of the request, all rows together; each one is a prediction.
        points: points of the request, all prompts together.
        decode_s: seconds for decoding one image.
        upload_s: seconds from the first byte of the body to the last.
        timeout_s: seconds from the last byte of the body to the response.
    """

    body_bytes: int = 32 * 1024 * 1024
    json_bytes: int = 256 * 1024
    pixels: int = 50_000_000
    rows: int = 64
    prompts: int = 256
    points: int = 4096
    decode_s: float = 5.0
    upload_s: float = 30.0
    timeout_s: float = 60.0

    def check_body(self, byte_count: int) -> None:
        """Raises LimitError for a body of more than ``body_bytes``."""
        if byte_count > self.body_bytes:
            raise LimitError(
                f"the request has more than {self.body_bytes} bytes",
                hint="send fewer rows, or a smaller image",
                limit="body_bytes",
                maximum=self.body_bytes,
            )

    def check_json(self, text: bytes | bytearray | str) -> None:
        """Raises LimitError for JSON with more brackets, commas, quotes and signs than ``json_bytes``.

        This bounds the number of its values, and so time and memory to parse it. The letters of base64 do not count.
        """
        data = text.encode("utf-8", "replace") if isinstance(text, str) else text
        if len(data) > self.json_bytes and len(data.translate(None, _NO_STRUCTURE)) > self.json_bytes:
            raise self._too_much_json()

    def check_table(self, request: object) -> None:
        """Raises LimitError for too many rows, or too much text outside the images, before the rows are read.

        Args:
            request: the parsed JSON of a documented request, or a pandas DataFrame. Values of other kinds pass.
        """
        table = request.get("input_data", request) if isinstance(request, Mapping) else request
        shape = getattr(table, "shape", None)  # of a DataFrame
        data = table.get("data") if isinstance(table, Mapping) else None
        row_count = shape[0] if shape else len(data) if isinstance(data, list) else 0
        if row_count > self.rows:
            raise _too_many("rows", row_count, self.rows)
        if _text_length(request) - _image_text_length(table) > self.json_bytes:
            raise self._too_much_json()

    def check_prompts(self, prompts: Sequence[Prompt]) -> None:
        """Raises LimitError for too many prompts, or too many points in all of them together."""
        if len(prompts) > self.prompts:
            raise _too_many("prompts", len(prompts), self.prompts)
        points = sum(len(prompt.points_xy) for prompt in prompts)
        if points > self.points:
            raise _too_many("points", points, self.points)

    def check_size(self, width: int, height: int) -> None:
        """Raises LimitError for an image of more than ``pixels``."""
        if width * height > self.pixels:
            raise LimitError(
                f"the image has more than {self.pixels} pixels",
                hint="make it smaller",
                limit="pixels",
                maximum=self.pixels,
            )

    def _too_much_json(self) -> LimitError:
        return LimitError(
            f"the request has more than {self.json_bytes} bytes of JSON besides its images",
            hint="send fewer rows and prompts",
            limit="json_bytes",
            maximum=self.json_bytes,
        )


def _text_length(value: object) -> int:
    """Characters of all texts within a JSON value."""
    length, pending = 0, [value]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            length += len(value)
        elif isinstance(value, dict):
            pending += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            pending += value
    return length


def _image_text_length(table: object) -> int:
    """Characters of the cells in the column ``image`` of a table as JSON has it."""
    if not isinstance(table, Mapping):
        return 0
    columns, data = table.get("columns"), table.get("data")
    if not isinstance(columns, list) or not isinstance(data, list) or "image" not in columns:
        return 0
    position = columns.index("image")
    cells = (row[position] for row in data if isinstance(row, list) and len(row) > position)
    return sum(len(cell) for cell in cells if isinstance(cell, str))


def _too_many(limit: str, count: int, maximum: int) -> LimitError:
    return LimitError(
        f"the request has {count} {limit}, at most {maximum} are allowed",
        hint="send several requests",
        limit=limit,
        maximum=maximum,
    )
