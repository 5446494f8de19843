"""Numpy's files ``.npy`` and ``.npz`` to a ``Raster``. What the axes mean is ``arrays``. Called by ``decode``.

A file is checked by its header before memory is taken for what it claims to hold, and code in it never runs.
"""

from __future__ import annotations

import io
import math
import zipfile
from typing import IO

from numpy.lib import format as npy_format

from samwidget.core import PIXELS_MAX
from samwidget.errors import ImageError
from samwidget.images.arrays import raster_of
from samwidget.images.options import TOO_LARGE, AnyArray, Raster, ReadOptions, check_dtype

_NPY, _ZIP = b"\x93NUMPY", b"PK\x03\x04"
# Four channels of 64 bits for as many pixels as there may be.
_ARRAY_BYTES_MAX = 32 * PIXELS_MAX + 4096


def is_numpy_file(data: bytes) -> bool:
    """Whether the bytes begin as a ``.npy`` file or as an archive, which ``.npz`` is."""
    return data.startswith((_NPY, _ZIP))


def read_numpy_file(data: bytes, source: str, options: ReadOptions) -> Raster:
    """The raster of a ``.npy`` file, or of a ``.npz`` file with one array.

    Raises:
        ImageError: broken, not one array of numbers, or its shape is not one of an image.
    """
    try:
        if data.startswith(_NPY):
            return raster_of(_load_array(io.BytesIO(data), len(data), source), options, source=source)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            names = [member.filename.removesuffix(".npy") for member in members]
            if not all(member.filename.endswith(".npy") for member in members):
                raise ImageError(f"{source} is an archive, not an image", hint="unpack it and give an image of it")
            if len(names) != 1:
                listed = ", ".join(names[:10])
                raise ImageError(f"{source} holds {len(names)} arrays: {listed}", hint="load it and give one of them")
            if members[0].file_size > _ARRAY_BYTES_MAX:
                raise ImageError(f"{source} is too large", hint=TOO_LARGE.format(options.pixels_max))
            with archive.open(members[0]) as file:
                return raster_of(_load_array(file, members[0].file_size, source), options, source=source)
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError(f"{source} does not fit into memory", hint="give a part of the array") from error
    except Exception as error:  # numpy and zipfile raise many kinds for broken files
        raise ImageError(f"{source} is broken or cut off", hint=str(error)[:200]) from error


def _load_array(file: IO[bytes], byte_count: int, source: str) -> AnyArray:
    """The array in a ``.npy`` file of so many bytes; refused from its header where the bytes cannot be that array."""
    version = npy_format.read_magic(file)
    read_header = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
    shape, _, dtype = read_header(file)
    check_dtype(dtype, source)
    claimed = math.prod(shape) * dtype.itemsize
    if claimed > byte_count - file.tell():
        raise ImageError(
            f"{source} is cut off", hint=f"its header says shape {shape} of {dtype}, and it has {byte_count} bytes"
        )
    file.seek(0)
    array: AnyArray = npy_format.read_array(file, allow_pickle=False)
    return array
