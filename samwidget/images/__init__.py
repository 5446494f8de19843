"""Pixels in and out: files, arrays and web addresses to 8-bit RGB, and pictures to bytes."""

from samwidget.images.load import load_rgb
from samwidget.images.overlay import SNAPSHOT_SIDE_MAX, drawn, small_jpeg, small_png
from samwidget.images.png import decode_png, encode_png
from samwidget.images.preview import Picture, detail_of, preview_of, smaller

__all__ = [
    "SNAPSHOT_SIDE_MAX",
    "Picture",
    "decode_png",
    "detail_of",
    "drawn",
    "encode_png",
    "load_rgb",
    "preview_of",
    "small_jpeg",
    "small_png",
    "smaller",
]
