"""Texts: how images, masks and nested values are written inside JSON and CSV.

Owns base64 of image files and of masks, and the reading of JSON and of Python's own way to write lists. ``messages``,
``predictions`` and batch runs call it.
"""

from __future__ import annotations

import ast
import base64
import binascii
import json

import numpy as np
import numpy.typing as npt

from samwidget.errors import FormatError
from samwidget.images import decode_png, encode_png


def encode_mask(mask: npt.ArrayLike) -> str:
    """Base64 text of the 8-bit gray PNG of an (H, W) bool mask.

    Raises:
        FormatError: the mask is not an (H, W) array of bool, or is empty.
    """
    return base64.b64encode(encode_png(mask)).decode("ascii")


def decode_mask(text: str) -> npt.NDArray[np.bool_]:
    """(H, W) bool mask of an ``encoded_binary_mask``.

    Raises:
        FormatError: the text is not base64 of a PNG.
    """
    return decode_png(_decoded_base64(text, "encoded_binary_mask"))


def decode_image(value: object, where: str = "image") -> bytes | str:
    """The bytes of base64 text, which may have line breaks or a data-URL prefix; a URL as it is.

    Args:
        value: text, or the same as ASCII bytes; or the bytes of an image file, which are returned as they are.
        where: names the value in error messages.

    Raises:
        FormatError: neither base64 text nor a URL.
    """
    if isinstance(value, bytearray | memoryview):
        value = bytes(value)
    if isinstance(value, bytes):
        if not value.isascii():  # base64 is ASCII, and no image file is
            return value
        value = value.decode("ascii")
    if not isinstance(value, str) or not value.strip():
        raise FormatError(f"{where} is not text", hint="give base64 of an image file, or its URL")
    text = value.strip()
    if text.lower().startswith(("http://", "https://")):
        return text
    if text.lower().startswith("data:"):
        text = text.partition(",")[2]
    return _decoded_base64(text, where)


def _decoded_base64(text: str, where: str) -> bytes:
    try:
        # Clients send line breaks, which base64.encodebytes() adds. validate=True refuses them, but without it wrong
        # characters are ignored.
        return base64.b64decode("".join(text.split()), validate=True)
    except (AttributeError, ValueError, binascii.Error) as error:  # AttributeError: not text
        raise FormatError(f"{where} is not base64", hint=str(error)) from error


def parse_text(value: object, where: str) -> object:
    """The value of a text in JSON, or as Python writes lists and dicts; any other value as it is.

    For responses, not for requests of people you do not know: Python's parser needs much memory.

    Args:
        value: text, or anything else.
        where: names the text in the error message.

    Raises:
        FormatError: the text is neither.
    """
    if not isinstance(value, str | bytes | bytearray):
        return value
    try:
        text = value if isinstance(value, str) else value.decode(json.detect_encoding(value), "surrogatepass")
        return read_literal(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        # Its context is what the JSON parser said: nearly all texts are meant as JSON.
        raise FormatError(f"{where} is not JSON", hint=str(error.__context__ or error)) from error


def read_literal(text: str, python_max: int | None = None) -> object:
    """The value of a text in JSON, or as Python writes it: with round brackets, other quotes or a comma at the end.

    Args:
        text: which is only read; nothing in it is run.
        python_max: a longer text is read as JSON only; None reads all. Python's parser takes a hundred times the memory
            of its text.

    Raises:
        ValueError, SyntaxError, TypeError, MemoryError or RecursionError: the text is neither.
    """
    try:
        value: object = json.loads(text)
    except ValueError:
        if python_max is not None and len(text) > python_max:
            raise
        value = ast.literal_eval(text.strip())
    return value
