"""Small image files of kinds that Pillow does not write, and every way to hand one over."""

import base64
import io
import struct
import zipfile
import zlib
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import tifffile
from PIL import Image


def saved(image, kind="PNG", **options):
    """The bytes of a PIL image or of an array that Pillow takes."""
    buffer = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(buffer, kind, **options)
    return buffer.getvalue()


def tiff(values, **options):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, **options)
    return buffer.getvalue()


def npy(values):
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def png16(values, chunks=b""):
    """A PNG of (H, W, C) uint16 values, C 1 gray, 2 gray and opacity, 3 RGB, 4 RGB and opacity."""
    height, width, channels = values.shape
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in values)
    chunks = chunks + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunks


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def ppm16(values, kind=b"P6"):
    height, width = values.shape[:2]
    return kind + b"\n%d %d\n65535\n" % (width, height) + values.astype(">u2").tobytes()


class Folder:
    """Hands the bytes of a file over in each way there is.

    Args:
        path: an empty folder.
        address: of a server that answers with what is in ``served``.
        served: the name in an address to the bytes behind it.
    """

    def __init__(self, path, address, served):
        self.path, self.address, self.served = path, address, served

    def sources(self, data):
        """Name of the way to what is handed over."""
        name = "a picture %7e.dat"
        path = self.path / name
        path.write_bytes(data)
        archive = self.path / "archive.zip"
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr(f"inside/{name}", data)
        self.served["/image"] = data
        open_file = io.BytesIO(data)
        open_file.seek(0, io.SEEK_END)  # as it is after writing
        yield "path", path
        yield "name", str(path)
        yield "bytes", data
        yield "bytearray", bytearray(data)
        yield "memoryview", memoryview(data)
        yield "BytesIO", open_file
        with path.open("rb") as file:
            yield "open file", file
        yield "zipfile.Path", zipfile.Path(archive, f"inside/{name}")
        yield "file://", path.as_uri()
        yield "data:", "data:image/png;base64," + base64.b64encode(data).decode()
        yield "http://", f"{self.address}/image"
        yield "memory://", in_memory(data)


def in_memory(data):
    import fsspec

    with fsspec.open("memory://picture", "wb") as file:
        file.write(data)
    return "memory://picture"


@contextmanager
def listening(handler):
    """The address of a server in this process, which answers requests as ``handler`` does."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def serving(served):
    """The same for bodies by their path."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = served[self.path]
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Keeps the test's output clean."""

    return listening(Handler)


DOCS = Path(__file__).parents[2] / "docs/images.md"
