"""Where an image file comes from: paths, addresses, data URLs, open files and members of archives to bytes.

It owns how each kind is opened and what an error says about it. What the bytes mean is ``decode``, how a web address is
read is ``fetch``. Called by ``load``. It reads whatever it is asked for, local files among them: a server checks
what strangers ask for before.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
from collections.abc import Callable
from os import PathLike, fsdecode, fspath
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

from samwidget.errors import ImageError
from samwidget.images.fetch import BYTES_MAX, fetch

# Two letters at least, because `C://photo.png` is a path.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.:-]*[A-Za-z0-9])://")
_NO_TEXT = re.compile("[\ud800-\udfff]")
_ECHO_MAX = 80


class FileBytes(NamedTuple):
    """The bytes of an image file, and what error messages call it."""

    data: bytes
    name: str


def read_source(image: object) -> FileBytes | None:
    """The bytes of a file; None where the object is not something that a file can be read from.

    Args:
        image: path, address, data URL, bytes, a file open for reading bytes, or an object with ``read_bytes`` such as
            ``zipfile.Path``. A file is read from its start, and its position is put back.

    Raises:
        ImageError: the file is missing or cannot be read.
    """
    if isinstance(image, bytes | bytearray | memoryview):
        return FileBytes(bytes(image), "the data")
    if isinstance(image, str):
        return _read_text(str(image))
    if isinstance(image, PathLike):
        return _read_path(find_path(image))
    if callable(read_bytes := getattr(image, "read_bytes", None)):
        name = str(getattr(image, "name", "") or "the file")
        return FileBytes(_read(read_bytes, name), name)
    if callable(getattr(image, "read", None)):
        return _read_open_file(image)
    return None


def is_address(text: str) -> bool:
    """Whether a text is an address, such as ``https://`` or ``s3://``, and no path."""
    return _SCHEME.match(text) is not None


def path_text(path: str) -> str:
    """A path as text: on Linux a name may hold bytes that are no text, and each becomes % and two digits."""
    return _NO_TEXT.sub(lambda match: f"%{ord(match[0]) & 0xFF:02X}", path)


def find_path(path: str | PathLike[Any]) -> Path:
    """The path that is meant: ``~`` is the home folder, but for a file whose name begins so."""
    plain = Path(fsdecode(fspath(path)))
    if not plain.parts or not plain.parts[0].startswith("~"):
        return plain
    try:
        return plain if plain.exists() else plain.expanduser()
    except (OSError, RuntimeError, ValueError):  # no such user; a name that no file can have
        return plain


def _read_text(text: str) -> FileBytes:
    if not text:  # as a path it would be the current folder
        raise ImageError("the path of the image is empty", hint="give the path of a file, or an address")
    start = text[:5].lower()
    if start == "data:":
        return FileBytes(_read_data_url(text), "the data URL")
    match = _SCHEME.match(text)
    if match is None:
        return _read_path(find_path(text))
    scheme = match[1].lower()
    if scheme in ("http", "https"):
        return FileBytes(fetch(text), text)
    if scheme == "file":
        return _read_path(_path_of_url(text))
    return FileBytes(_read_with_fsspec(text, scheme), text)


def _read_path(path: Path) -> FileBytes:
    try:
        return FileBytes(path.read_bytes(), path.name)
    except FileNotFoundError as error:
        raise ImageError(f"there is no file {_echo(str(path))}", hint=f"the current folder is {Path.cwd()}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError(f"{_echo(str(path))} cannot be read", hint=reason[:200]) from error


def _path_of_url(url: str) -> Path:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ImageError(f"{_echo(url)} is not an address", hint=str(error)) from error
    if parts.netloc not in ("", "localhost"):
        raise ImageError(f"{_echo(url)} names another machine", hint="write file:/// before the path of a local file")
    from urllib.request import url2pathname  # 20 ms to import, and few images come this way

    return Path(url2pathname(parts.path))


def _read_data_url(url: str) -> bytes:
    head, comma, body = url.partition(",")
    if not comma:
        raise ImageError("the data URL has no comma", hint="write data:image/png;base64, and then the data")
    data = unquote_to_bytes(body)
    if not head.lower().rstrip().endswith(";base64"):
        return data
    try:
        return base64.b64decode(b"".join(data.split()), validate=True)
    except binascii.Error as error:
        raise ImageError("the data URL is not base64", hint=str(error)) from error


def _read_with_fsspec(url: str, scheme: str) -> bytes:
    """The bytes at an address of a scheme that another library speaks."""
    remedy = "download the file and give its path"
    try:
        import fsspec  # type: ignore[import-untyped]
    except ImportError as error:
        raise ImageError(f"{scheme}:// needs fsspec", hint=f"run pip install fsspec, or {remedy}") from error
    try:
        with fsspec.open(url, "rb") as file:
            data: bytes = file.read(BYTES_MAX + 1)
    except FileNotFoundError as error:
        raise ImageError(f"there is no file {_echo(url)}", hint="check the address") from error
    except ImportError as error:  # fsspec knows the scheme, and names the package that speaks it
        raise ImageError(f"{scheme}:// cannot be read here", hint=f"{error}; or {remedy}") from error
    except Exception as error:  # each of fsspec's file systems raises exceptions of its own
        if "protocol" in str(error).lower():
            raise ImageError(f"samwidget does not read {scheme}://", hint=remedy) from error
        raise ImageError(f"{_echo(url)} cannot be read", hint=str(error)[:200] or type(error).__name__) from error
    if len(data) > BYTES_MAX:
        raise ImageError(f"{_echo(url)} is larger than {BYTES_MAX} bytes", hint=remedy)
    return data


def _read_open_file(file: Any) -> FileBytes:
    raw_name = getattr(file, "name", None)
    name = Path(raw_name).name if isinstance(raw_name, str) and raw_name else "the file"
    position = None
    try:
        if file.seekable():
            position = file.tell()
            file.seek(0)
    except (AttributeError, OSError, ValueError):  # a stream that only has read(); a closed file, which _read names
        position = None
    data = _read(file.read, name)
    if position is not None:
        file.seek(position)
    return FileBytes(data, name)


def _read(read: Callable[[], object], name: str) -> bytes:
    try:
        data = read()
    except UnicodeDecodeError as error:
        raise ImageError(f"{name} is open as text", hint="open it with mode 'rb'") from error
    except io.UnsupportedOperation as error:
        raise ImageError(f"{name} is not open for reading", hint="open it with mode 'rb'") from error
    except Exception as error:  # archives and remote files raise exceptions of their own
        raise ImageError(f"{name} cannot be read", hint=str(error)[:200] or type(error).__name__) from error
    if isinstance(data, str):
        raise ImageError(f"{name} is open as text", hint="open it with mode 'rb'")
    if not isinstance(data, bytes | bytearray | memoryview):
        raise ImageError(f"{name} gives no bytes when it is read", hint="give a file that is open with mode 'rb'")
    return bytes(data)


def _echo(text: str) -> str:
    """The text as an error message shows it: quoted, and cut in the middle where it is long, since a name is last."""
    half = _ECHO_MAX // 2
    return repr(text if len(text) <= _ECHO_MAX else f"{text[:half]}...{text[-half:]}")
