"""Pixels in and out: files, arrays and web addresses to 8-bit RGB, and images to bytes for screens and files."""

from samwidget.images.load import load_rgb, read_image
from samwidget.images.options import Exif, ImageFormat, ReadOptions, Scale
from samwidget.images.overlay import SNAPSHOT_SIDE_MAX, draw_overlay, encode_small_jpeg, encode_small_png
from samwidget.images.png import decode_png, encode_png, encode_rgb_png
from samwidget.images.preview import EncodedImage, crop_detail, make_preview, shrink
from samwidget.images.scale import LoadedImage
from samwidget.images.sources import find_path, is_address, path_text
from samwidget.images.thumbnail import make_thumbnail

__all__ = [
    "SNAPSHOT_SIDE_MAX",
    "EncodedImage",
    "Exif",
    "ImageFormat",
    "LoadedImage",
    "ReadOptions",
    "Scale",
    "crop_detail",
    "decode_png",
    "draw_overlay",
    "encode_png",
    "encode_rgb_png",
    "encode_small_jpeg",
    "encode_small_png",
    "find_path",
    "is_address",
    "load_rgb",
    "make_preview",
    "make_thumbnail",
    "path_text",
    "read_image",
    "shrink",
]
