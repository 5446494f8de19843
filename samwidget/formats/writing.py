"""What writers of folders share: a folder that appears whole, names of files, and the images beside the labels.

Owns how files of a data set reach the disk. Single files are written by ``samwidget.files``. The writers of YOLO,
Pascal VOC, label maps and cut-outs call it.
"""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path, PurePosixPath

from PIL import Image

from samwidget.core import Size
from samwidget.errors import FormatError
from samwidget.files import UNFINISHED_SUFFIX
from samwidget.formats.labels import DataSet, LabelledImage
from samwidget.images import encode_rgb_png

# EXIF tag 274: the rotation that a viewer must apply; 1 is none.
_ORIENTATION_TAG = 0x0112
_UNSAFE = re.compile(r'[\x00-\x1f<>:"/\\|?*]')
_PLAIN_FORMATS = {"BMP", "JPEG", "PNG", "TIFF", "WEBP"}


@contextmanager
def staged_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder whose files go into ``folder`` when the block ends without an error.

    Until then ``folder`` stays as it was. Other files that are there stay also then.

    Raises:
        FormatError: there is a file of this name.
        OSError: the folder cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise FormatError(f"{folder} is a file", hint="this format is a folder: give another name")
    scratch = folder.absolute().with_name(f"{folder.absolute().name}.{uuid.uuid4().hex}{UNFINISHED_SUFFIX}")
    try:
        scratch.mkdir(parents=True)
        yield scratch
        if not folder.exists():
            scratch.rename(folder)
            return
        for path in sorted(scratch.rglob("*")):
            target = folder / path.relative_to(scratch)
            if path.is_dir():
                target.mkdir(exist_ok=True)
            else:
                path.replace(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


class FileNames:
    """Names for the files of images, without suffix: of two images with the same name, the second gets a number."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def of(self, image: LabelledImage) -> str:
        """A name that no file of an image has yet; also not where a system does not tell ``A`` from ``a``."""
        base = _UNSAFE.sub("_", PurePosixPath(image.file_name).stem).strip(". ") or "image"
        name, number = base, 1
        while name.casefold() in self._used:
            number += 1
            name = f"{base}_{number}"
        self._used.add(name.casefold())
        return name


def write_each(data: DataSet, path: Path, suffix: str, write: Callable[[LabelledImage, Path], None]) -> None:
    """Writes a file for each image: ``path`` itself where it ends in ``suffix``, else into the folder ``path``.

    Args:
        data: with one image, where ``path`` is a file.
        path: of the file or folder.
        suffix: of the files, such as ``.json``.
        write: writes the file of an image.

    Raises:
        FormatError: there are several images for one file.
        OSError: the file or folder cannot be written; what was there stays.
    """
    if path.suffix.lower() == suffix:
        images = list(islice(data.images, 2))  # they may be made one by one, and a thousand more may follow
        if len(images) != 1:
            count = "several" if images else "none"
            raise FormatError(
                f"{path.name} is a file for one image, and there are {count}",
                hint=f"give a folder: {path.with_suffix('')}",
            )
        _check_not_image(images[0], path)
        write(images[0], path)
        return
    names = FileNames()
    with staged_folder(path) as folder:
        for image in data.images:
            file_name = f"{names.of(image)}{suffix}"
            _check_not_image(image, path / file_name)
            write(image, folder / file_name)


def _check_not_image(image: LabelledImage, path: Path) -> None:
    """Raises FormatError where a file would take the place of the image itself."""
    if image.path is not None and path.exists() and path.samefile(image.path):
        raise FormatError(f"{path} is the image itself", hint="give another name or folder")


def put_image(image: LabelledImage, folder: Path, name: str) -> str | None:
    """Puts an image into a folder, and returns the name of its file; None where its pixels cannot be had.

    A file that other programs show as samwidget does is copied; else the pixels become a PNG.

    Args:
        image: the image.
        folder: an existing folder.
        name: of the file, without suffix.
    """
    if image.path is not None and is_plain_file(image.path, image.size_hw):
        target = folder / f"{name}{image.path.suffix.lower()}"
        shutil.copyfile(image.path, target)
        return target.name
    if image.read is None:
        return None
    target = folder / f"{name}.png"
    target.write_bytes(encode_rgb_png(image.pixels()))
    return target.name


def is_plain_file(path: Path, size_hw: Size) -> bool:
    """Whether each program shows a file with these pixels: 8 bits, not rotated, of this size."""
    try:
        with Image.open(path) as opened:
            return (
                opened.format in _PLAIN_FORMATS
                and opened.mode in ("L", "RGB")
                and getattr(opened, "n_frames", 1) == 1
                and opened.getexif().get(_ORIENTATION_TAG, 1) == 1
                and (opened.height, opened.width) == size_hw
            )
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False  # no file, or one for which Pillow has no reader


def image_size(path: Path) -> Size:
    """Height and width of an image file, rotated as its EXIF tag says.

    Raises:
        FormatError: it cannot be read.
    """
    try:
        with Image.open(path) as opened:
            height, width = opened.height, opened.width
            return (width, height) if opened.getexif().get(_ORIENTATION_TAG, 1) in (5, 6, 7, 8) else (height, width)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise FormatError(f"the image {path.name} cannot be read", hint=str(error)[:200]) from error
