"""Limits: how much one request may ask. Each check raises an error that names the limit and its value.

Owns sizes and counts alone. Who may ask is ``key``, which addresses are fetched is ``addresses``, and how many ask at
once is ``queue``.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from samwidget.core import Prompt
from samwidget.errors import ImageError, LimitError
from samwidget.formats.azure_ml import RequestRow
from samwidget.serving.scoring import naming_row

# Pillow reads many more. Some of those run other programs (EPS runs Ghostscript) or are seldom tried parsers.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")


@dataclass(frozen=True)
class Limits:
    """What one request may ask.

    Attributes:
        body_bytes: of the request, and of an image that is fetched for it.
        pixels: of an image; taken from its header, before anything is decoded.
        rows: of a documented request.
        prompts: of a request, which is the number of predictions it asks for.
        points: of a request, all prompts together.
        upload_s: from the first byte of a request to its last.
        timeout_s: from the last byte of a request to its answer.
    """

    body_bytes: int = 32 * 1024 * 1024
    pixels: int = 50_000_000
    rows: int = 64
    prompts: int = 256
    points: int = 4096
    upload_s: float = 30.0
    timeout_s: float = 60.0

    def check_body(self, byte_count: int) -> None:
        """Raises LimitError where a body has more bytes."""
        if byte_count > self.body_bytes:
            raise LimitError(
                f"the request has more than {self.body_bytes} bytes",
                hint="send fewer rows, or a smaller image",
                limit="body_bytes",
                maximum=self.body_bytes,
            )

    def check_rows(self, rows: Sequence[RequestRow]) -> None:
        """Raises LimitError for too many rows, prompts or points, and as ``check_image`` for images that are here."""
        if len(rows) > self.rows:
            raise LimitError(
                f"the request has {len(rows)} rows, at most {self.rows} are answered",
                hint="send several requests",
                limit="rows",
                maximum=self.rows,
            )
        self.check_prompts([prompt for row in rows for prompt in row.prompts])
        for number, row in enumerate(rows):
            if isinstance(row.image, bytes):
                with naming_row(number):
                    self.check_image(row.image)

    def check_prompts(self, prompts: Sequence[Prompt]) -> None:
        """Raises LimitError for too many prompts, or points in them."""
        points = sum(len(prompt.points_xy) for prompt in prompts)
        for limit, count, maximum in (("prompts", len(prompts), self.prompts), ("points", points, self.points)):
            if count > maximum:
                raise LimitError(
                    f"the request has {count} {limit}, at most {maximum} are answered",
                    hint="send several requests",
                    limit=limit,
                    maximum=maximum,
                )

    def check_image(self, data: bytes) -> None:
        """Reads the header of an image file, and nothing more.

        Raises:
            ImageError: not an image, or in a format that is not read here.
            LimitError: more pixels than are read.
        """
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                width, height = image.size
        except Image.DecompressionBombError:  # Pillow's own limit, which is far above ours
            width, height = self.pixels + 1, 1
        except Exception as error:  # each of Pillow's readers raises its own kinds for broken headers
            raise ImageError(
                "the data is not an image that is read here", hint=f"send one of {', '.join(FORMATS)}"
            ) from error
        if width * height > self.pixels:
            raise LimitError(
                f"the image has more than {self.pixels} pixels",
                hint="make it smaller",
                limit="pixels",
                maximum=self.pixels,
            )
