"""Files with more than 8 bits for a channel: all of their bits, in the type that the file says.

Pillow keeps 16-bit gray, but drops the low byte of 16-bit colour, and reads unsigned and signed TIFFs alike. This
module repairs that. Called by ``decode``.

Pillow can unpack 16-bit colour as big-endian or as little-endian, and takes the high byte. So a file is decoded twice:
as what it is, which gives the high bytes, and as the opposite, which gives the low ones.
"""

from __future__ import annotations

import io
import struct
import sys
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeGuard

import numpy as np
from PIL import Image, ImageFile

from samwidget.errors import ImageError
from samwidget.images.options import AnyArray, ReadOptions
from samwidget.images.tiff import BITS, PLANAR, divided_by_opacity, read_tiff, tags_of

_SAMPLE_FORMAT, _SIGNED, _UNSIGNED = 339, 2, 1
# Modes of which Pillow has 8 bits for a channel only, whatever the file has.
_MODES = ("RGB", "RGBA", "LA")
# Layouts of 16-bit colour that Pillow unpacks in either byte order. With "a" the opacity is multiplied into the colour.
_LAYOUTS = ("RGB;16", "RGBA;16", "RGBX;16", "RGBa;16")
# Formats that may have 16 bits for a colour and do not tell it once loaded; a level that 12 of these bits do not reach.
_MAY_BE_DEEP = ("JPEG2000", "PNG", "PPM", "SGI")
_DARK = 16
_NATIVE = "L" if sys.byteorder == "little" else "B"
_OPPOSITE = {"L": "B", "B": "L"}


def is_deep(image: ImageFile.ImageFile, data: bytes) -> bool:
    """Returns whether Pillow would drop bits of the file, or change the values that they stand for."""
    if image.format == "PPM":
        # Of gray written in digits Pillow keeps all.
        return _ppm_maximum(image) > 255 and not (image.mode == "I" and image.tile[0][0] == "ppm_plain")
    return image.mode in _MODES and _bits_of(image, data) > 8


def may_lack_bits(image: Image.Image) -> TypeGuard[ImageFile.ImageFile]:
    """Returns whether the loaded image is from a file of which Pillow may have dropped bits."""
    return isinstance(image, ImageFile.ImageFile) and image.mode in _MODES and image.format != "JPEG"


def read_deep(
    image: ImageFile.ImageFile,
    data: bytes,
    source: str,
    options: ReadOptions,
    upright: Callable[[Image.Image], Image.Image],
) -> AnyArray:
    """(H, W, C) uint16 of a file for which ``is_deep``.

    Args:
        image: the opened file, at the frame to read.
        data: the file.
        source: what error messages call it.
        options: how it is read.
        upright: turns an image as its EXIF block says.

    Raises:
        ImageError: the file has a layout that cannot be read in full.
    """
    tile: Any = image.tile[0]
    rawmode = tile[3] if isinstance(tile[3], str) else tile[3][0]
    if image.format == "PPM" and tile[0] in ("raw", "ppm"):
        channels = 1 if image.mode == "I" else 3
        count = image.height * image.width * channels
        return np.frombuffer(data, ">u2", count, tile[2]).reshape(image.height, image.width, channels)
    if image.format == "PNG" and rawmode == "LA;16B":
        with Image.open(io.BytesIO(_as_rgba_png(data))) as four_bytes:
            four_bytes.load()
            return np.ascontiguousarray(upright(four_bytes)).view(">u2")
    layout, order = str(rawmode)[:-1], str(rawmode)[-1].replace("N", _NATIVE)
    is_planar = tags_of(image).get(PLANAR, 1) == 2
    if image.format in ("PNG", "TIFF") and layout in _LAYOUTS and order in _OPPOSITE and not is_planar:
        unpack = partial(_unpacked, data, layout.replace("a", "A"), image.tell(), options, upright)
        values = unpack(order).astype(np.uint16) << 8 | unpack(_OPPOSITE[order])
        if layout == "RGBa;16":
            return divided_by_opacity(values)
        key = image.info.get("transparency")  # of a PNG: the colour that is transparent
        return values if key is None else _with_transparent_colour(values, key)
    if image.format == "TIFF" and options.formats is None:
        return read_tiff(data, source, options).values
    raise ImageError(
        f"{source} has colours of more than 8 bits, of which samwidget cannot read all",
        hint="save it as PNG or TIFF, or read it with another library and give the array",
    )


def stored_values(image: Image.Image, tags: Mapping[int, Any], file_format: str | None) -> AnyArray | None:
    """(H, W, 1) of a gray image, or (H, W, 2) with opacity, in the type that the file says; None for other images.

    Args:
        image: loaded.
        tags: of the TIFF that it was read from; empty for other formats.
        file_format: the format of that file; None for an image that was made in memory.
    """
    bits, sample_format = _first(tags.get(BITS, 0)), _first(tags.get(_SAMPLE_FORMAT, _UNSIGNED))
    key = image.info.get("transparency")
    if image.mode == "L" and key is None:
        values = np.asarray(image)
        if tags.get(262) == 0:  # white is zero: Pillow has inverted these, and only these
            values = ~values
        return (values.view(np.int8) if (bits, sample_format) == (8, _SIGNED) else values)[..., None]
    if image.mode not in ("I", "F") and not image.mode.startswith("I;"):
        return None
    values = np.asarray(image)
    if image.mode == "I" and (bits, sample_format) == (32, _UNSIGNED):
        values = values.view(np.uint32)
    elif image.mode == "I" and (bits, sample_format) == (16, _SIGNED):
        values = values.astype(np.int16)
    elif image.mode == "I" and file_format in ("PNG", "PPM"):  # these have 16 bits at most
        values = values.astype(np.uint16)
    if isinstance(key, int) and values.dtype.kind == "u":
        opaque = np.where(values == key, 0, np.iinfo(values.dtype).max).astype(values.dtype)
        return np.stack([values, opaque], axis=2)
    return values[..., None]


def dropped_bits_note(image: Image.Image) -> tuple[str, ...]:
    """What to say of a loaded PIL image if Pillow has dropped bits of its file, as far as the image shows it."""
    if not may_lack_bits(image):
        return ()
    bits = _first(tags_of(image).get(BITS, 8))
    if bits > 8:
        return (f"Pillow has loaded the image with 8 of its {bits} bits for a channel: give the path of the file",)
    darkest_and_brightest: Any = image.getextrema()  # of each channel; Pillow declares those of one, too
    brightest = max(high for _, high in darkest_and_brightest[: 1 if image.mode == "LA" else 3])
    if image.format in _MAY_BE_DEEP and brightest < _DARK:
        return (
            f"no value of the image is above {brightest} of 255: if its file has 16 bits for a channel, Pillow has "
            "loaded 8 of them; give the path of the file",
        )
    return ()


def _bits_of(image: ImageFile.ImageFile, data: bytes) -> int:
    """The bits of one channel as the file has them; 8 where the format knows nothing else."""
    match image.format:
        case "PNG":
            return data[24]
        case "SGI":
            return 8 * data[3]
        case "TIFF":
            return int(_first(tags_of(image).get(BITS, 8)))
        case "JPEG2000":
            start = data.find(b"\xff\x4f\xff\x51")  # the codestream: its precision is 42 bytes further on
            return (data[start + 42] & 0x7F) + 1 if 0 <= start < len(data) - 42 else 8
        case _:
            return 8


def _ppm_maximum(image: ImageFile.ImageFile) -> int:
    """The value that is white in a PPM or PGM."""
    if not image.tile:
        return 255
    arguments = image.tile[0][3]
    if isinstance(arguments, tuple) and len(arguments) == 2:
        return int(arguments[1])
    return 65535 if arguments == "I;16B" else 255


def _unpacked(
    data: bytes,
    layout: str,
    frame: int,
    options: ReadOptions,
    upright: Callable[[Image.Image], Image.Image],
    order: str,
) -> AnyArray:
    """(H, W, C) uint8: the high bytes, if the file has its bytes in this order; B for big-endian, L for little."""
    with Image.open(io.BytesIO(data), formats=options.formats) as image:
        image.seek(frame)
        image.tile = [_with_rawmode(tile, layout + order) for tile in image.tile]
        image.load()
        return np.asarray(upright(image))


def _with_rawmode(tile: Any, rawmode: str) -> Any:  # a tuple in older versions of Pillow, a named one in newer
    arguments = rawmode if isinstance(tile[3], str) else (rawmode, *tile[3][1:])
    fields = (tile[0], tile[1], tile[2], arguments)
    return type(tile)._make(fields) if hasattr(tile, "_make") else fields


def _as_rgba_png(data: bytes) -> bytes:
    """The PNG of 16-bit gray with opacity as one of 8-bit RGBA: both have four bytes a pixel, in the same order."""
    header = data[12:24] + bytes([8, 6]) + data[26:29]
    return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]


def _with_transparent_colour(values: AnyArray, key: Any) -> AnyArray:
    opaque = np.where((values[..., :3] == np.asarray(key)).all(axis=2), 0, 65535).astype(np.uint16)
    return np.dstack([values[..., :3], opaque])


def _first(value: Any) -> Any:  # a tag holds one number, or one for each channel
    return value[0] if isinstance(value, tuple) else value
