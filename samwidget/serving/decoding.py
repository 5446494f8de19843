"""Decoding: images of strangers to pixels, in processes that are ended where an image takes too long.

Owns the processes, how an image goes to one and its pixels come back, and the deadline. What a process does is in
``decode_worker``. The HTTP server and the adapters call it.

A file of some kilobytes can keep a decoder busy for minutes, and no thread can be stopped while it decodes.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from samwidget.errors import ImageError, LimitError, SamWidgetError
from samwidget.images import Exif
from samwidget.serving.decode_worker import LENGTHS, READY
from samwidget.serving.limits import Limits

PROCESSES = 4
"""Images that are decoded at the same time: a few, so that bad images do not make all others wait."""
_HEAD_BYTES_MAX = 64 * 1024
# A process starts within a second, on a machine that is busy within some.
_START_S = 30.0
# A pipe holds 64 KiB by default, and each filling costs two changes between processes.
_PIPE_BYTES = 1024 * 1024
# Without the current folder, which Python would search first: a json.py of anybody may be in it.
_PROGRAM = "import sys; sys.path = [*filter(None, sys.path)]; from samwidget.serving.decode_worker import main; main()"


class _EndedError(ImageError):
    """The process ended while it decoded an image."""


class DecoderError(SamWidgetError):
    """No process that decodes images can be started: the fault is not the image's."""

    code = "decoder"


class Decoders:
    """Processes that decode images.

    Args:
        limits: of one image; ``pixels`` and ``decode_s`` are used.
        count: processes at most. One is started when it is needed, and takes some 50 MB.
    """

    def __init__(self, limits: Limits | None = None, count: int = PROCESSES) -> None:
        self._limits = limits or Limits()
        # The process that was used last comes first, so that the others are started only when they are needed.
        self._idle: queue.LifoQueue[_Process] = queue.LifoQueue()
        for _ in range(count):
            self._idle.put(_Process(self._limits.pixels))
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="samwidget-decode")

    def decode(self, data: bytes | str, exif: Exif = "apply") -> npt.NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB of an image file. A URL is an ImageError: it has to be fetched before.

        Args:
            data: the file.
            exif: whether the rotation in the EXIF block is applied; see ``load_rgb``.

        Raises:
            ImageError: the file is not an image, is broken, needs too much memory, or ended two processes.
            LimitError: the image has too many pixels, or decoding took longer than ``decode_s``; it was ended.
            DecoderError: no process can be started.
        """
        if isinstance(data, str):
            raise ImageError("the image is a URL, and URLs are not fetched here", hint="send the image as base64")
        process = self._idle.get()
        try:
            try:
                return process.decode(data, exif, self._limits)
            except _EndedError:
                # Perhaps it was killed, as processes are where memory is short: that is no fault of the image.
                process = _Process(self._limits.pixels)
                return process.decode(data, exif, self._limits)
        finally:
            self._put_back(process)

    def start(self) -> None:
        """Starts one process, so that the first image need not wait for it; raises DecoderError where none starts."""
        process = self._idle.get()
        try:
            process.start()
        finally:
            self._put_back(process)

    def _put_back(self, process: _Process) -> None:
        # An ended process is replaced when the next image comes: a stranger pays for the start, not the server.
        self._idle.put(process if process.is_usable else _Process(self._limits.pixels))

    def submit(self, data: bytes | str, exif: Exif = "apply") -> Future[npt.NDArray[np.uint8]]:
        """The same as ``decode``, in a thread."""
        return self._threads.submit(self.decode, data, exif)

    def close(self) -> None:
        """Ends the processes that are idle; the others end after their image. Call nothing afterwards."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        with contextlib.suppress(queue.Empty):
            while True:
                self._idle.get_nowait().kill()


@cache
def decoders() -> Decoders:
    """Those of this process with the default limits: for adapters, which are plain functions in servers of others."""
    return Decoders()


class _Process:
    """One process, started for its first image."""

    def __init__(self, pixels: int) -> None:
        self._pixels = pixels
        self._process: subprocess.Popen[bytes] | None = None
        self.is_usable = True

    def decode(self, data: bytes, exif: Exif, limits: Limits) -> npt.NDArray[np.uint8]:
        """As ``Decoders.decode``."""
        process = self.start()
        deadline = _Deadline(process, limits.decode_s)
        try:
            with deadline:
                return _exchange(process, data, exif, limits)
        except SamWidgetError:
            raise
        except Exception as error:  # the process ended, or what came back is no reply
            self.kill()
            if deadline.has_ended_it:
                raise LimitError(
                    f"the image took longer than {limits.decode_s:g} s to decode",
                    hint="save it again, for example as a JPEG that is not progressive",
                    limit="decode_s",
                    maximum=limits.decode_s,
                ) from error
            raise _EndedError("the image ended the program that decodes it", hint="save it again") from error
        finally:
            self.is_usable = self.is_usable and not deadline.has_ended_it

    def start(self) -> subprocess.Popen[bytes]:
        """The process; if none is running, starts one and waits until it is ready, which takes no image's time.

        Raises:
            DecoderError: it does not start.
        """
        if self._process is not None and self._process.poll() is not None:
            self._close()
        if self._process is None:
            try:
                self._process = _start(self._pixels)
                with _Deadline(self._process, _START_S):
                    _read(_open(self._process.stdout), bytearray(READY))
            except Exception as error:  # no memory, too many open files, a module that is missing, a process that hangs
                self.kill()
                raise DecoderError(
                    "the process that decodes images does not start", hint="the log says why; try again"
                ) from error
        return self._process

    def kill(self) -> None:
        """Ends the process."""
        self.is_usable = False
        if self._process is not None:
            self._process.kill()
            self._close()

    def _close(self) -> None:
        """Forgets a process that has ended."""
        if self._process is not None:
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                _open(stream).close()
            self._process = None


class _Deadline:
    """Ends a process if a block takes longer than ``seconds``; never after the block.

    Attributes:
        has_ended_it: whether the block took longer.
    """

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self.has_ended_it = False
        self._process = process
        self._is_over = False
        # A timer that has begun cannot be cancelled: without the lock it would end the process within the next image.
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._end)

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            self._is_over = True

    def _end(self) -> None:
        with self._lock:
            if not self._is_over:
                self.has_ended_it = True
                self._process.kill()


def _start(pixels: int) -> subprocess.Popen[bytes]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("SAMWIDGET_")}
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(pixels)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        # The same packages, wherever this process found them; and one thread, for little memory.
        env={**variables, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OPENBLAS_NUM_THREADS": "1"},
        start_new_session=True,  # Ctrl-C is for the server, which ends its processes
    )
    with contextlib.suppress(ImportError, AttributeError, OSError):  # not on macOS and Windows
        import fcntl

        for stream in (process.stdin, process.stdout):
            fcntl.fcntl(_open(stream), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return process


def _exchange(process: subprocess.Popen[bytes], data: bytes, exif: Exif, limits: Limits) -> npt.NDArray[np.uint8]:
    """Sends an image and receives its pixels; raises what the process reports, or any exception.

    Nothing that comes back is trusted: a broken image may have taken the process over.
    """
    options = json.dumps({"exif": exif}).encode()
    _write(_open(process.stdin), LENGTHS.pack(len(options), len(data)) + options)
    _write(_open(process.stdin), data)
    source = _open(process.stdout)
    head_length, byte_count = LENGTHS.unpack(_read(source, bytearray(LENGTHS.size)))
    if head_length > _HEAD_BYTES_MAX:
        raise ValueError("the head is too long")
    head = json.loads(_read(source, bytearray(head_length)))
    if not isinstance(head, dict):
        raise ValueError("the head is no object")
    if "hw" not in head:
        raise _error_of(head)
    height, width = map(int, head["hw"])
    if min(height, width) < 1 or height * width > limits.pixels or height * width * 3 != byte_count:
        raise ValueError("the sizes do not match")
    pixels = np.empty((height, width, 3), np.uint8)
    _read(source, pixels.reshape(-1).data)
    return pixels


def _error_of(head: dict[str, Any]) -> ImageError | LimitError:
    message, hint = str(head.get("message")), str(head.get("hint"))
    if head.get("code") == LimitError.code:
        return LimitError(message, hint=hint, limit=str(head.get("limit")), maximum=float(head.get("maximum", 0)))
    return ImageError(message, hint=hint)


def _open(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # each is a pipe
    return stream


def _write(target: IO[bytes], data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[target.write(view) :]


def _read(source: IO[bytes], buffer: Any) -> Any:
    """The buffer, filled; raises EOFError where the process ended."""
    view = memoryview(buffer)
    read: Callable[[memoryview], int | None] = source.readinto  # type: ignore[attr-defined]
    while view:
        count = read(view)
        if not count:
            raise EOFError
        view = view[count:]
    return buffer
