"""Files that people take for images, and Pillow does not: what each is, and what to do with it.

Owns the first bytes by which they are known. Called by ``decode`` for the text of its error.
"""

from __future__ import annotations

from typing import NamedTuple

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")


class OtherFile(NamedTuple):
    """What a file is, with its article, and the remedy."""

    name: str
    hint: str


_HEIF = OtherFile("a HEIC photo", "run pip install pillow-heif, then pillow_heif.register_heif_opener()")
_VIDEO = OtherFile("a video", "give one of its frames as an array")
_DICOM = OtherFile("a DICOM file", "open it with pydicom and give pixel_array")
_STARTS = (
    (b"version https://git-lfs", OtherFile("a pointer of Git LFS", "run git lfs pull")),
    (b"%PDF", OtherFile("a PDF", "save its page as PNG")),
    (b"\x89HDF", OtherFile("an HDF5 file", "open it with h5py or xarray and give the array")),
    (b"CDF", OtherFile("a NetCDF file", "open it with xarray and give the array")),
    (b"\x1f\x8b", OtherFile("compressed with gzip", "unpack it first")),
    (b"\x1aE\xdf\xa3", _VIDEO),
    (b"<!doctype html", OtherFile("a web page", "give the address of the image itself")),
    (b"<html", OtherFile("a web page", "give the address of the image itself")),
    (b"<svg", OtherFile("an SVG drawing", "save it as PNG")),
    (b"{", OtherFile("text", "check what was saved or downloaded")),
)


def other_file(data: bytes) -> OtherFile | None:
    """What the bytes are, if they are a file of a known kind that is no image; else None."""
    if data[4:8] == b"ftyp":
        return _HEIF if data[8:12] in _HEIF_BRANDS else _VIDEO
    if data[128:132] == b"DICM":
        return _DICOM
    if data[:4] == b"RIFF" and data[8:12] == b"AVI ":
        return _VIDEO
    start = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith(b"<?xml") and b"<svg" in data[:4096]:
        start = b"<svg"
    return next((kind for first, kind in _STARTS if start.startswith(first.lower())), None)
