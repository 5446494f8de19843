"""Decode worker: the process that decodes the images of strangers. It can be ended, and its memory is limited.

``decoding`` starts it and talks to it over its standard input and output: one image at a time, as the functions here
read and write them. It imports no torch, so it starts fast, and it knows no key. It ends when its input ends, and also
within an image when the process that started it is gone.
"""

from __future__ import annotations

import io
import json
import os
import struct
import sys
import threading
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from samwidget.errors import ImageError, LimitError, SamWidgetError
from samwidget.images import Exif, ReadOptions, read_image
from samwidget.serving.limits import Limits

# Pillow can read many more. Some of those start other programs (EPS starts Ghostscript), others are seldom tested.
IMAGE_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
# Lengths of the JSON that comes first, and of the bytes behind it.
LENGTHS = struct.Struct("<QQ")
READY = b"\n"
"""What the process writes when it has started."""
_WATCH_S = 0.5
_MEMORY_MIN = 512 * 1024 * 1024
# 16-bit colours are scaled as float64 in two or three steps of 24 bytes for a pixel.
_MEMORY_PER_PIXEL = 64


def decode(data: bytes, limits: Limits, exif: Exif = "apply") -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of an image file in one of ``IMAGE_FORMATS``; the header is checked before any pixel is read.

    Args:
        data: the file.
        limits: ``pixels`` is used.
        exif: whether the rotation in the EXIF block is applied; see ``load_rgb``.

    Raises:
        ImageError: the file is not such an image, is broken, or needs more memory than this process may take.
        LimitError: the image has too many pixels.
    """
    try:
        with Image.open(io.BytesIO(data), formats=IMAGE_FORMATS) as image:
            limits.check_size(*image.size)
        # The same formats and the same limit as above: another reader might see another size in the same bytes.
        return read_image(data, ReadOptions(exif=exif, formats=IMAGE_FORMATS, pixels_max=limits.pixels)).pixels
    except SamWidgetError:
        raise
    except Image.DecompressionBombError:  # Pillow's own limit is 178 million pixels, above any of ours
        limits.check_size(limits.pixels + 1, 1)
        raise
    except MemoryError as error:
        raise ImageError("the image needs too much memory", hint="make it smaller, or save it as 8 bits") from error
    except Exception as error:  # Pillow's readers raise many kinds of exceptions for broken files
        raise ImageError(
            "the data is not an image that can be read", hint=f"send one of {', '.join(IMAGE_FORMATS)}"
        ) from error


def serve(source: BinaryIO, target: BinaryIO, limits: Limits) -> None:
    """Decodes each image that comes from ``source`` until its end, and writes the pixels or the error to ``target``."""
    while lengths := source.read(LENGTHS.size):
        head_length, byte_count = LENGTHS.unpack(lengths)
        exif = json.loads(source.read(head_length))["exif"]
        head: dict[str, object] = {}
        body = memoryview(b"")
        try:
            pixels = decode(source.read(byte_count), limits, exif)
            head["hw"] = pixels.shape[:2]
            body = pixels.reshape(-1).data
        except SamWidgetError as error:
            head = {"code": error.code, "message": error.message, "hint": error.hint}
            if isinstance(error, LimitError):
                head |= {"limit": error.limit, "maximum": error.maximum}
        write(target, head, body)
        del body  # its memory is free for the next image


def write(target: BinaryIO, head: Mapping[str, object], body: bytes | memoryview) -> None:
    """Writes a head as JSON, and bytes behind it, with the lengths of both before them."""
    text = json.dumps(head).encode()
    target.write(LENGTHS.pack(len(text), len(body)) + text)
    target.write(body)
    target.flush()


def limit_memory(pixels: int) -> None:
    """Lets this process take as much more memory as decoding an image of ``pixels`` needs. On Linux; else no limit."""
    try:
        import resource  # not on Windows

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (ImportError, OSError):
        return
    maximum = pages * resource.getpagesize() + _MEMORY_MIN + _MEMORY_PER_PIXEL * pixels
    resource.setrlimit(resource.RLIMIT_AS, (maximum, maximum))


def end_with(parent: int) -> None:
    """Ends this process soon after its parent has ended: nobody else would end a decoder at work on a bad image."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_S)
        os._exit(1)

    threading.Thread(target=watch, name="samwidget parent", daemon=True).start()


def main() -> None:
    """Decodes images from standard input with at most as many pixels as the argument says."""
    end_with(os.getppid())
    limits = Limits(pixels=int(sys.argv[1]))
    source, target = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints goes to the log
    warnings.simplefilter("ignore")  # there is nobody to read them
    Image.init()
    limit_memory(limits.pixels)
    target.write(READY)
    target.flush()
    serve(source, target, limits)
