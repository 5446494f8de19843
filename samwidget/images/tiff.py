"""TIFFs that Pillow does not read, or misreads, with tifffile where that is installed.

Owns the numbers of the tags that ``images`` reads, and what the samples of such a file mean: gray, colours, a palette
or opacity, and which way up they lie. Called by ``decode`` and by ``deep``.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageFile

from samwidget.errors import ImageError
from samwidget.images.options import AnyArray, Raster, ReadOptions, frames_note, no_data_of

_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
BITS, PHOTOMETRIC, ORIENTATION, PLANAR, _EXTRA_SAMPLES, GDAL_NO_DATA = 258, 262, 274, 284, 338, 42113
_YCBCR = 6
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE = range(4)
_MULTIPLIED, _OPACITY = 1, 2  # kinds of extra samples: opacity that is multiplied into the colour, and one that is not


def is_tiff(data: bytes) -> bool:
    """Returns whether the bytes begin as a TIFF, also one of a kind that Pillow does not read."""
    return data.startswith(_STARTS)


def tags_of(image: Image.Image) -> Mapping[int, Any]:
    """The tags of a TIFF that Pillow has opened; none for other formats."""
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})
    return tags


def is_misread(image: ImageFile.ImageFile) -> bool:
    """Returns whether the file has its channels in planes of a kind that Pillow opens, but reads wrongly."""
    tags = tags_of(image)
    bits = tags.get(BITS, 8)
    if tags.get(PLANAR, 1) != 2 or not isinstance(bits, tuple) or len(bits) == 1:
        return False
    is_read = image.mode in ("RGB", "RGBA", "CMYK") and set(bits) == {8} and tags.get(PHOTOMETRIC) != _YCBCR
    return not is_read or tags.get(_EXTRA_SAMPLES, (_OPACITY,)) != (_OPACITY,)


def read_tiff(data: bytes, source: str, options: ReadOptions) -> Raster:
    """The raster of a TIFF that Pillow does not read, or not in full.

    Raises:
        ImageError: tifffile is not installed or may not be used for this caller, does not read the file either, or the
            file is too large or has colours of another kind than RGB.
    """
    if options.formats is not None:  # a file of a stranger, for which Pillow alone is trusted
        raise ImageError(f"{source} is a TIFF of a kind that is not read here", hint="save it as PNG")
    try:
        import tifffile
    except ImportError as error:
        raise ImageError(
            f"{source} is a TIFF of a kind that Pillow does not read in full",
            hint="run pip install tifffile imagecodecs, or give its pixels as an array",
        ) from error
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            pages = [page for page in file.pages if not page.subfiletype & 5]
            chosen = pages[0] if options.frame is None else file.pages[options.frame_of(len(file.pages), source)]
            options.check_size(chosen.imagelength, chosen.imagewidth, source)
            values = _samples(chosen, source)
            notes = (frames_note(len(pages), source),) if options.frame is None and len(pages) > 1 else ()
            mark, orientation = (chosen.tags.get(tag) for tag in (GDAL_NO_DATA, ORIENTATION))
            is_negative = chosen.photometric == _WHITE_IS_ZERO
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # tifffile raises many kinds, and names the package that it needs for a compression
        raise ImageError(f"{source} is a TIFF that cannot be read", hint=str(error)[:200]) from error
    values = _upright(values, 1 if orientation is None else orientation.value)
    return Raster(values, None if mark is None else no_data_of(values, mark.value), is_negative, notes)


def divided_by_opacity(values: AnyArray) -> AnyArray:
    """The values, whose colours were multiplied by their opacity, as they were before."""
    opaque = np.iinfo(values.dtype).max if values.dtype.kind in "iu" else 1
    opacity = values[..., -1:].astype(np.float64)
    colours = values[..., :-1] * (opaque / np.where(opacity > 0, opacity, opaque))
    if values.dtype.kind in "iu":
        colours = np.rint(np.minimum(colours, opaque))
    return np.concatenate([colours.astype(values.dtype), values[..., -1:]], axis=2)


def _samples(page: Any, source: str) -> AnyArray:  # Any: tifffile has no types of its own where it is not installed
    """(H, W, C) of a page: gray, RGB, or one of these with opacity."""
    kind, extra = int(page.photometric), tuple(map(int, page.extrasamples))
    if kind not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE):
        name = getattr(page.photometric, "name", kind)
        raise ImageError(f"{source} is a TIFF with colours of the kind {name}", hint="convert it to RGB")
    values: AnyArray = page.asarray()
    if kind == _PALETTE:
        colours: AnyArray = page.colormap[:, values] >> 8
        return np.moveaxis(colours, 0, -1).astype(np.uint8)
    values = values[..., None] if values.ndim == 2 else np.moveaxis(values, 0, -1) if page.axes[0] == "S" else values
    count = 3 if kind == _RGB or values.shape[-1] == 3 else 1
    first_extra = extra[0] if extra else _OPACITY
    if values.ndim != 3 or not (kind == _RGB or values.shape[2] <= 3):
        hint = "give an array of 1 or 3 of its channels, or of 4 if the last is opacity"
        raise ImageError(f"{source} has shape {values.shape}", hint=hint)
    if first_extra not in (_MULTIPLIED, _OPACITY):  # infrared, for example
        return values[..., :count]
    values = values[..., : count + 1]
    return divided_by_opacity(values) if first_extra == _MULTIPLIED and values.shape[2] > count else values


def _upright(values: AnyArray, orientation: int) -> AnyArray:
    """The values, turned as the tag says: 1 is upright, and 5 to 8 have their rows in the columns."""
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    return values[:, ::-1] if orientation in (2, 3, 6, 7) else values
