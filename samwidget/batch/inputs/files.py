"""Files: which files of a folder or a pattern a run reads, and which it leaves out.

Owns the walk through folders, links among them included, the names in the output, and which endings are images.
``tasks`` makes rows of the files.
"""

from __future__ import annotations

import glob
import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from functools import cache
from itertools import takewhile
from pathlib import Path

from PIL import Image

from samwidget.errors import BatchError, warn_user

# Pillow knows them, and cannot read their pixels by itself.
_ONLY_RECOGNISED = frozenset({"BUFR", "GRIB", "HDF5", "IPTC", "MPEG", "WMF"})
_KINDS_MAX = 8  # in the warning about what is left out


@cache
def image_suffixes() -> frozenset[str]:
    """Returns the endings of all files that ``load_rgb`` reads, in small letters, with the dot."""
    formats = Image.registered_extensions()
    return frozenset(
        suffix for suffix, name in formats.items() if name in Image.OPEN and name not in _ONLY_RECOGNISED
    ) | {".mpo", ".npy", ".npz"}


def input_folder(source: str) -> Path:
    """Returns the folder that the names of files in the output are relative to.

    Args:
        source: a file, a folder, or a pattern with ``*``, ``?`` or ``[...]``.

    Raises:
        BatchError: there is no such file or folder.
    """
    path = Path(source).expanduser().absolute()
    if path.is_file():
        return path.parent
    if path.is_dir():
        return path
    if glob.has_magic(source):
        return Path(*takewhile(lambda part: not glob.has_magic(part), path.parts))
    raise BatchError(f"there is no {source}", hint="give a CSV, a folder, or a quoted pattern such as 'photos/*.jpg'")


def find_files(source: str, suffixes: frozenset[str]) -> list[Path]:
    """Returns the files of the input with these endings, sorted by path.

    Hidden files are left out. A link to a folder is followed where the folder was not read already, so each folder is
    read once, and links in a circle end. What is left out is said in one SamWidgetWarning.

    Args:
        source: as in ``input_folder``.
        suffixes: with the dot, in small letters.

    Raises:
        BatchError: as ``input_folder``.
    """
    folder, path = input_folder(source), Path(source).expanduser().absolute()
    left_out: Counter[str] = Counter()
    if path.is_file():
        files = [path]
    elif path.is_dir():
        files = list(_walk(path, left_out))
    else:
        pattern = path.relative_to(folder)
        # Python's own ** follows no links.
        paths = _walk(folder, left_out) if "**" in pattern.parts else folder.glob(str(pattern))
        files = [file for file in paths if file.is_file() and _fits(file.relative_to(folder).parts, pattern.parts)]
    chosen = [file for file in files if file.suffix.lower() in suffixes]
    left_out.update(f"*{file.suffix.lower()}" for file in files if file.suffix.lower() not in suffixes)
    if left_out and chosen:
        warn_user(f"{printable(source)}: left out: {_described(left_out)}")
    return sorted(chosen)


def output_name(path: Path, base: Path) -> str:
    """Returns the name of an input file in the output: its path inside the input, as text that can be written."""
    return printable((path.relative_to(base) if path.is_relative_to(base) else path).as_posix())


def printable(text: str) -> str:
    """Returns the text as UTF-8 can hold it: other bytes of a file's name, and NUL, are written as numbers."""
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")


def named_file(base: Path, name: str) -> Path:
    """Returns the file in ``base`` that a table names, also where the table comes from another system.

    Windows writes backslashes; macOS writes accents as characters of their own. The first of these spellings that
    exists is taken; where none does, the name as it is.
    """
    spellings = dict.fromkeys(
        unicodedata.normalize(form, spelling) if form else spelling
        for spelling in (name, name.replace("\\", "/"))
        for form in (None, "NFC", "NFD")
    )
    for spelling in spellings:
        try:
            if (base / spelling).exists():
                return base / spelling
        except (OSError, ValueError):  # a name that no file can have; the row gets the error of reading it
            continue
    return base / name


def _walk(folder: Path, left_out: Counter[str]) -> Iterator[Path]:
    """Yields the files in and below a folder; first those of real folders, then those behind links."""
    seen: set[tuple[int, int]] = set()
    pending, links = [folder], list[Path]()
    while pending or links:
        current = pending.pop() if pending else links.pop(0)
        try:
            status = current.stat()
            if (status.st_dev, status.st_ino) in seen:
                left_out["links to folders that are read already"] += 1
                continue
            seen.add((status.st_dev, status.st_ino))
            entries = sorted(os.scandir(current), key=lambda entry: entry.name)
        except OSError:
            left_out["folders that cannot be read"] += 1
            continue
        for entry in entries:
            path = current / entry.name
            if entry.name.startswith("."):
                left_out["hidden"] += 1
            elif path.is_file():
                yield path
            elif path.is_dir():
                (links if path.is_symlink() else pending).append(path)
            else:
                left_out["links to nothing"] += 1


def _fits(names: Sequence[str], pattern: Sequence[str]) -> bool:
    """Returns whether a path fits a pattern, part by part; ``**`` stands for any number of folders."""
    if not pattern:
        return not names
    if pattern[0] == "**":
        return _fits(names, pattern[1:]) or (len(names) > 0 and _fits(names[1:], pattern))
    return len(names) > 0 and fnmatch(names[0], pattern[0]) and _fits(names[1:], pattern[1:])


def _described(counts: Counter[str]) -> str:
    kinds = [f"{count} {printable(kind)}" for kind, count in counts.most_common(_KINDS_MAX)]
    return ", ".join([*kinds, "..."] if len(counts) > _KINDS_MAX else kinds)
