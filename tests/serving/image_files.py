"""Image files for tests: good ones, and some that are made to harm."""

import io
import struct
import zlib

from PIL import Image

from tests.drawn_photo import drawn_photo


def encoded(kind, hw=(6, 8), **options):
    buffer = io.BytesIO()
    Image.fromarray(drawn_photo(*hw)).save(buffer, kind, **options)
    return buffer.getvalue()


def png_of_claimed_size(width, height):
    """A PNG of a few bytes whose header promises many pixels, as decompression bombs do."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def slow_jpeg(hw=(3000, 4000), scans=2000):
    """A progressive JPEG with its last scan many times: it takes minutes to decode, and no limit of size sees it."""
    data = encoded("JPEG", hw, progressive=True, quality=1)
    last_scan, end = data.rindex(b"\xff\xda"), data.rindex(b"\xff\xd9")
    return data[:end] + data[last_scan:end] * scans + data[end:]


def rotated_jpeg():
    """A photo of 40 x 30 in its file, which its EXIF tag turns to 30 x 40."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded("JPEG", (30, 40), exif=exif)
