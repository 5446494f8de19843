"""Image files and PIL images to a ``Raster``: which frame, which way up, and which type the values have.

Pillow decodes. What it would narrow (16-bit colour, unsigned and signed TIFFs) is in ``deep``, TIFFs that it does not
read or misreads are in ``tiff``, files that hold arrays in ``numpy_file``, and files that are no images in
``other_files``. Called by ``load``, for a file's bytes and for a PIL image that the user has.
"""

from __future__ import annotations

import io
from dataclasses import replace
from os import fsdecode
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from samwidget.errors import ImageError
from samwidget.images.deep import (
    dropped_bits_note,
    is_deep,
    may_lack_bits,
    read_deep,
    stored_values,
)
from samwidget.images.numpy_file import is_numpy_file, read_numpy_file
from samwidget.images.options import TOO_LARGE, AnyArray, Raster, ReadOptions, frames_note, no_data_of
from samwidget.images.other_files import OtherFile, other_file
from samwidget.images.tiff import GDAL_NO_DATA, ORIENTATION, PHOTOMETRIC, is_misread, is_tiff, read_tiff, tags_of

_EXIF_BLOCK, _EXIF_WIDTH, _EXIF_HEIGHT, _NEW_SUBFILE_TYPE = 0x8769, 0xA002, 0xA003, 254
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_QUARTER_TURNS = tuple(_TURNS[orientation] for orientation in (5, 6, 7, 8))
# Layers and sizes of one image, and the second image of a phone's photo, are no frames that one would choose among.
_WITHOUT_FRAMES = ("ICNS", "ICO", "JPEG", "MPO", "PSD")
_UNKNOWN = OtherFile("not an image", "give a format that Pillow reads, or its pixels as an array")


def decode(data: bytes, source: str, options: ReadOptions) -> Raster:
    """The raster of a file's bytes.

    Args:
        data: of a format that Pillow reads, or of numpy's ``.npy`` or ``.npz``.
        source: what error messages call it.
        options: how it is read.

    Raises:
        ImageError: not an image, broken, too large, or of a kind that cannot be read in full.
    """
    if not data:
        raise ImageError(f"{source} is empty", hint="it has zero bytes: check that it was written completely")
    if options.formats is None and is_numpy_file(data):
        return read_numpy_file(data, source, options)
    _refuse_bgr(options)
    try:
        with Image.open(io.BytesIO(data), formats=options.formats) as image:
            # Pillow knows such formats, HDF5 for example, and cannot read them.
            if isinstance(image, ImageFile.StubImageFile) and other_file(data):
                raise _not_an_image(data, source, options)
            options.check_size(image.height, image.width, source)
            notes = _choose_frame(image, source, options)
            raster = _raster_of_file(image, data, source, options)
            return replace(raster, notes=(*notes, *raster.notes))
    except UnidentifiedImageError as error:
        if options.formats is None and is_tiff(data):
            return read_tiff(data, source, options)
        raise _not_an_image(data, source, options) from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"{source} has too many pixels", hint=TOO_LARGE.format(options.pixels_max)) from error
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # for broken files each of Pillow's decoders raises exceptions of its own
        needs_more = "cannot find loader" in str(error) or "Ghostscript" in str(error)
        problem = "cannot be read on this machine" if needs_more else "is broken or cut off"
        raise ImageError(f"{source} {problem}", hint=str(error)[:200]) from error


def _not_an_image(data: bytes, source: str, options: ReadOptions) -> ImageError:
    """The error that says what a file is, and what to do with it where that is in the caller's hands."""
    other = other_file(data) or _UNKNOWN
    hint = other.hint if options.formats is None else f"give {', '.join(options.formats)}"
    return ImageError(f"{source} is {other.name}", hint=hint)


def read_pil(image: Image.Image, options: ReadOptions) -> Raster:
    """The raster of a PIL image; the image stays as it is, but is loaded.

    An image that was opened and not yet loaded is read as its file would be: in full depth, and frame by frame. So is
    one that was loaded, where Pillow has dropped bits of it and the file still holds these pixels.

    Raises:
        ImageError: the image is broken or too large, or has no such frame.
    """
    source = "the image"
    _refuse_bgr(options)
    try:
        data = _unread_file(image, options) or _file_with_more_bits(image)
    except (OSError, ValueError) as error:  # such as a file that was closed before the image was loaded
        raise ImageError(f"the file of {source} cannot be read any more", hint="give the file's path") from error
    if data is not None:
        current = image.tell() or None
        return decode(data, source, replace(options, frame=current if options.frame is None else options.frame))
    try:
        if options.frame not in (None, image.tell()):
            raise ImageError(
                f"the PIL image is loaded and shows frame {image.tell()}",
                hint=f"call image.seek({options.frame}), or give the file",
            )
        raster = _raster_of(_without_old_key(image), source, options)
        return replace(raster, notes=(*raster.notes, *dropped_bits_note(image)))
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # as in decode
        raise ImageError(f"{source} is broken or cut off", hint=str(error)[:200]) from error


def _refuse_bgr(options: ReadOptions) -> None:
    if options.image_format != "RGB":
        raise ImageError(
            "image_format='BGR' is for arrays", hint="leave it out: files know the order of their channels"
        )


def _unread_file(image: Image.Image, options: ReadOptions) -> bytes | None:
    """The bytes of the file behind a PIL image that is not loaded and that Pillow alone may not read in full."""
    if not isinstance(image, ImageFile.ImageFile) or image.fp is None:
        return None
    if not image.tile and image.format not in ("AVIF", "WEBP"):  # loaded; these two have tiles only while they load
        return None
    if image.format in (None, "JPEG") and options.frame is None:  # Pillow reads it in full; it may be in draft mode
        return None
    position = image.fp.tell()
    image.fp.seek(0)
    data = image.fp.read()
    image.fp.seek(position)
    return data


def _file_with_more_bits(image: Image.Image) -> bytes | None:
    """The bytes of the file behind a loaded PIL image, if they have more bits and Pillow makes the same pixels of them.

    A notebook that shows an image loads it, so images come loaded as often as not.
    """
    if not may_lack_bits(image):
        return None
    try:
        data = Path(fsdecode(image.filename)).read_bytes()
        with Image.open(io.BytesIO(data), formats=[image.format or ""]) as again:
            again.seek(image.tell())
            is_same = is_deep(again, data) and again.mode == image.mode and again.tobytes() == image.tobytes()
    except Exception:  # the file is gone, or is another one by now
        return None
    return data if is_same else None


def _without_old_key(image: Image.Image) -> Image.Image:
    """The image without the transparent colour of the palette image that it was converted from: all of it is opaque.

    Pillow keeps the colour in ``info`` when it converts, and would make all pixels of that colour transparent.
    """
    if isinstance(image, ImageFile.ImageFile) or image.mode in ("P", "PA") or "transparency" not in image.info:
        return image
    opaque = image.copy()
    del opaque.info["transparency"]
    return opaque


def _choose_frame(image: ImageFile.ImageFile, source: str, options: ReadOptions) -> tuple[str, ...]:
    """Goes to the frame that the caller chose; returns a note where nobody chose among several."""
    if options.frame is not None:
        if frame := options.frame_of(getattr(image, "n_frames", 1), source):
            image.seek(frame)
        return ()
    if image.format in _WITHOUT_FRAMES:
        return ()
    try:
        count = _page_count(image) if getattr(image, "is_animated", False) else 1
    except Exception:  # a later frame is broken; the first may be good
        count = 1
        image.seek(0)
    return (frames_note(count, source),) if count > 1 else ()


def _page_count(image: ImageFile.ImageFile) -> int:
    """The number of frames; of a TIFF without its smaller copies and its masks."""
    count: int = getattr(image, "n_frames", 1)
    if image.format != "TIFF":
        return count
    pages = 0
    for number in range(count):
        image.seek(number)
        pages += not tags_of(image).get(_NEW_SUBFILE_TYPE, 0) & 5
    image.seek(0)
    return pages


def _raster_of_file(image: ImageFile.ImageFile, data: bytes, source: str, options: ReadOptions) -> Raster:
    # The size is in the header, so an image that is too large is refused before it is decoded.
    options.check_size(image.height, image.width, source)
    if is_misread(image):
        return read_tiff(data, source, replace(options, frame=image.tell()))
    if not is_deep(image, data):
        return _raster_of(image, source, options)
    values = read_deep(image, data, source, options, lambda half: _upright(half, source, options)[0])
    return Raster(values, no_data_of(values, tags_of(image).get(GDAL_NO_DATA)))


def _raster_of(image: Image.Image, source: str, options: ReadOptions) -> Raster:
    options.check_size(image.height, image.width, source)
    image.load()
    tags = tags_of(image)
    upright, notes = _upright(image, source, options)
    values = stored_values(upright, tags, image.format)
    is_negative = values is not None and tags.get(PHOTOMETRIC) == 0
    if values is None:
        values = _colours_of(upright)
    no_data = no_data_of(values, tags.get(GDAL_NO_DATA))
    return Raster(values, no_data, is_negative, notes)


def _colours_of(image: Image.Image) -> AnyArray:
    """(H, W, 3) RGB or (H, W, 4) RGB and opacity, uint8, of an image of at most 8 bits."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return np.array(image)
    if image.mode == "La":  # opacity multiplied into the gray, which Pillow undoes in one way alone
        image = image.convert("LA")
    return np.array(image.convert("RGBA" if image.has_transparency_data else "RGB"))


def _upright(image: Image.Image, source: str, options: ReadOptions) -> tuple[Image.Image, tuple[str, ...]]:
    """The loaded image, turned as its EXIF block and the options say, and what was guessed about it.

    An image that was changed after opening may have been turned by hand, with the tag still in it.
    """
    if options.exif == "ignore":
        return image, ()
    try:
        exif = image.getexif()
        transpose = _TURNS.get(exif.get(ORIENTATION, 1))
        block = exif.get_ifd(_EXIF_BLOCK) if transpose is not None else {}
    except Exception:  # the pixels are good although the EXIF block is broken
        return image, ()
    if transpose is None:
        return image, ()
    if options.exif == "auto" and not isinstance(image, ImageFile.ImageFile):
        return image, (
            "the PIL image was changed after it was opened, so the rotation in its EXIF block is not applied; give "
            "exif='apply' if it is not turned yet, or 'ignore' to say that it is",
        )
    notes: tuple[str, ...] = ()
    size, exif_size = (image.width, image.height), (block.get(_EXIF_WIDTH), block.get(_EXIF_HEIGHT))
    if size == exif_size[::-1] != exif_size and transpose in _QUARTER_TURNS:
        notes = (
            f"the EXIF block of {source} says to turn it, and its size in there says that it is turned already; it was "
            "turned, as viewers do: give exif='ignore' if it lies on its side",
        )
    return image.transpose(transpose), notes
