"""Limits: how much one request may ask of a server. A request above a limit is refused with a LimitError that names it.

Owns the default values, and the checks that need nothing but the request. The time limits and the limits of the server
as a whole are enforced where the time passes. This is where each limit is enforced:

=================================  ===================  ==============================================================
limit                              default              enforced in
=================================  ===================  ==============================================================
``body_bytes``: upload             32 MiB               ``http/body.py`` ``read_body``, while the bytes arrive
``body_bytes``: images by URL      32 MiB per request   ``http/url_images.py``, while the bytes arrive
``pixels`` of an image             50 million           ``check_image``, from the header, before it is decoded
``rows``                           64                   ``check_rows``
``prompts``, ``points``            256, 4096            ``check_prompts``
``upload_s``                       30 s                 ``http/body.py`` ``read_body``
``timeout_s``                      60 s                 ``http/body.py`` ``run_while_connected``
requests that wait, for how long   32, 30 s             ``http/admission.py``
fetching one image by URL          20 s, 5 redirects    ``http/url_images.py``
open connections                   1000                 ``http/server.py``
=================================  ===================  ==============================================================

The HTTP server enforces all of them. Under other servers the adapters check rows, prompts, points and pixels; those
servers limit the body and the time themselves.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from samwidget.core import Prompt
from samwidget.errors import ImageError, LimitError
from samwidget.formats.azure_ml import RequestRow
from samwidget.serving.scoring import row_named_in_errors

# Pillow can read many more. Some of those start other programs (EPS starts Ghostscript), others are seldom tested.
IMAGE_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")


@dataclass(frozen=True)
class Limits:
    """How much one request may ask.

    Attributes:
        body_bytes: bytes of the body; also of all images together that are fetched for the request.
        pixels: pixels of one image.
        rows: rows of a documented request.
        prompts: prompts of the request, all rows together; each one is a prediction.
        points: points of the request, all prompts together.
        upload_s: seconds from the first byte of the body to the last.
        timeout_s: seconds from the last byte of the body to the response.
    """

    body_bytes: int = 32 * 1024 * 1024
    pixels: int = 50_000_000
    rows: int = 64
    prompts: int = 256
    points: int = 4096
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

    def check_rows(self, rows: Sequence[RequestRow]) -> None:
        """Checks a documented request: the number of its rows, prompts and points, and the images in it.

        Raises:
            LimitError: too many rows, prompts or points, or an image with too many pixels.
            ImageError: an image that ``check_image`` cannot read; the message names the row. URLs are not checked.
        """
        if len(rows) > self.rows:
            raise _too_many("rows", len(rows), self.rows)
        self.check_prompts([prompt for row in rows for prompt in row.prompts])
        for number, row in enumerate(rows):
            if isinstance(row.image, bytes):
                with row_named_in_errors(number):
                    self.check_image(row.image)

    def check_prompts(self, prompts: Sequence[Prompt]) -> None:
        """Raises LimitError for too many prompts, or too many points in all of them together."""
        if len(prompts) > self.prompts:
            raise _too_many("prompts", len(prompts), self.prompts)
        points = sum(len(prompt.points_xy) for prompt in prompts)
        if points > self.points:
            raise _too_many("points", points, self.points)

    def check_image(self, data: bytes) -> None:
        """Checks an image file by its header alone, which costs neither time nor memory for pixels.

        Raises:
            ImageError: not an image, or not in one of ``IMAGE_FORMATS``.
            LimitError: the image has more than ``pixels``.
        """
        try:
            with Image.open(io.BytesIO(data), formats=IMAGE_FORMATS) as image:
                width, height = image.size
        except Image.DecompressionBombError:  # Pillow's own limit is 178 million pixels, above any of ours
            width, height = self.pixels + 1, 1
        except Exception as error:  # Pillow's readers raise many kinds of exceptions for broken headers
            raise ImageError(
                "the data is not an image that can be read", hint=f"send one of {', '.join(IMAGE_FORMATS)}"
            ) from error
        if width * height > self.pixels:
            raise LimitError(
                f"the image has more than {self.pixels} pixels",
                hint="make it smaller",
                limit="pixels",
                maximum=self.pixels,
            )


def _too_many(limit: str, count: int, maximum: int) -> LimitError:
    return LimitError(
        f"the request has {count} {limit}, at most {maximum} are allowed",
        hint="send several requests",
        limit=limit,
        maximum=maximum,
    )
