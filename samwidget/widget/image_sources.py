"""Image sources: which images a widget was given: one, the files of a folder or of a glob pattern, or a list.

It lists names and opens no file: a folder may have 100,000. Reading is up to ``images``; ``turning`` calls it.
"""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Iterator
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from samwidget.errors import ImageError
from samwidget.images import find_path, is_address, path_text

SUFFIXES = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".apng",
        ".webp",
        ".avif",
        ".bmp",
        ".dib",
        ".gif",
        ".tif",
        ".tiff",
        ".jp2",
        ".j2k",
        ".jpx",
        ".heic",
        ".heif",
        ".tga",
        ".ico",
        ".ppm",
        ".pgm",
        ".pbm",
        ".pnm",
        ".pfm",
        ".qoi",
        ".npy",
        ".npz",
    ]
)
"""Of the files that are taken from a folder; a list or a pattern such as ``*.dat`` takes others, too."""

_DIGITS = re.compile(r"(\d+)")
_PATTERN = re.compile(r"[*?\[]")


class ImageSource(NamedTuple):
    """One image of several.

    Attributes:
        source: what ``load_rgb`` reads.
        name: for people: that of the file, with its folder where several files have the same name.
    """

    source: Any
    name: str

    @property
    def path(self) -> Path | None:
        """Of the file; None where it is none on this machine."""
        return path_of(self.source)


def sources_of(image: Any) -> tuple[ImageSource, ...] | None:
    """The images of a folder, a glob pattern or a list, in their order; None where ``image`` is one image.

    What ``Path.glob`` returns is a list, too, and so is a column of paths of pandas.
    Files are in natural order: ``cell2`` comes before ``cell10``. Hidden files and folders inside are left out.

    Raises:
        ImageError: there is no image in it.
    """
    if isinstance(image, list | tuple) or _is_column(image) or _is_iterator(image):
        return _of_list(list(image))
    if not isinstance(image, str | PathLike) or image == "":  # as a path it would be the current folder
        return None
    if isinstance(image, str) and (is_address(image) or _is_data(image)):
        return None
    path = find_path(image).absolute()  # files are read later, and the current folder may change
    try:
        is_folder = path.is_dir()
        is_pattern = not is_folder and _PATTERN.search(str(path)) is not None and not path.exists()
    except (OSError, ValueError):  # a name that no file can have; load_rgb says so
        return None
    if is_folder:
        return _of_paths(_in_folder(path), f"the folder {path.name or path}")
    if not is_pattern:
        return None
    return _of_paths(_of_pattern(str(path)), f"the pattern {str(image)!r:.80}")


def _is_column(image: Any) -> bool:
    """Whether this is a column of pandas, or an array of numpy, of text or of objects."""
    return getattr(image, "ndim", 0) == 1 and getattr(getattr(image, "dtype", None), "kind", "") in ("O", "U")


def _is_iterator(image: Any) -> bool:
    return isinstance(image, Iterator) and not hasattr(image, "read")  # open files are read as one image


def path_of(source: object) -> Path | None:
    """The path that an image is read from, whether the file is there or not; None where it is no local file."""
    if not isinstance(source, str | PathLike) or (isinstance(source, str) and (is_address(source) or _is_data(source))):
        return None
    return find_path(source)


def _is_data(text: str) -> bool:
    return text[:5].lower() == "data:"


def _in_folder(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.path for entry in entries if _is_image(entry.name) and not entry.is_dir()]
    except OSError as error:
        raise ImageError(f"the folder {folder} cannot be read", hint=error.strerror or "check its name") from error


def _of_pattern(pattern: str) -> list[str]:
    """The files that match; where the pattern says nothing of the suffix, those with the suffix of an image."""
    is_open = _suffix(pattern) in ("", ".*")
    # Path.glob takes no absolute pattern.
    paths = [Path(path) for path in glob.glob(pattern, recursive=True)]  # noqa: PTH207
    return [str(path) for path in paths if (_is_image(path.name) or not is_open) and not path.is_dir()]


def _is_image(name: str) -> bool:
    return not name.startswith(".") and _suffix(name) in SUFFIXES


def _suffix(name: str) -> str:
    # No Path: there may be 100,000 names.
    _, point, suffix = name.rpartition(".")
    return point + suffix.lower() if point and os.sep not in suffix else ""


def _of_paths(paths: list[str], origin: str) -> tuple[ImageSource, ...]:
    if not paths:
        raise ImageError(f"there is no image in {origin}", hint="give a folder with images, such as .jpg or .png")
    ordered = sorted((path.rpartition(os.sep) for path in paths), key=_natural)
    return _named(["".join(parts) for parts in ordered], [name for _, _, name in ordered])


def _of_list(images: list[Any]) -> tuple[ImageSource, ...]:
    if not images:
        raise ImageError("the list of images is empty", hint="give one image at least")
    names = []
    for number, image in enumerate(images, start=1):
        path = path_of(image)
        if path is not None:
            names.append(path.name)
            images[number - 1] = str(path.absolute())
        elif isinstance(image, str) and is_address(image):
            names.append(PurePosixPath(image.partition("?")[0]).name or f"image {number}")
        else:
            names.append(f"image {number}")
    return _named(images, names)


def _named(sources: list[Any], names: list[str]) -> tuple[ImageSource, ...]:
    """The images with their names, each with its folder where several have the same."""
    counts = Counter(names)
    if len(counts) < len(names):
        for index, source in enumerate(sources):
            path = path_of(source) if counts[names[index]] > 1 else None
            if path is not None:
                names[index] = f"{path.parent.name}/{path.name}" if path.parent.name else path.name
    return tuple(map(ImageSource, sources, map(path_text, names)))


def _natural(parts: tuple[str, str, str]) -> tuple[Any, ...]:
    """The key that sorts a file by its folder, then by its name, in which numbers are compared as numbers."""
    folder, _, name = parts
    # Digits are every second piece, so numbers are compared with numbers.
    return (folder, [int(piece) if piece.isdecimal() else piece for piece in _DIGITS.split(name.casefold())], name)
