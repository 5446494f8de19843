"""Where a GeoTIFF lies on the earth: its affine and the number of its coordinate system.

Owns the tags. ``geojson`` asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

Affine = tuple[float, float, float, float, float, float]
"""a, b, c, d, e, f of X = a x + b y + c and Y = d x + e y + f, with x and y in image pixels: the order of rasterio."""

_PIXEL_SCALE, _TIE_POINTS, _MATRIX, _KEYS = 33550, 33922, 34264, 34735
_RASTER_TYPE, _GEOGRAPHIC, _PROJECTED = 1025, 2048, 3072  # of the keys
_POINT, _USER_DEFINED = 2, 32767  # values of keys


class GeoReference(NamedTuple):
    """The place of an image.

    Attributes:
        affine: from image pixels to coordinates.
        epsg: number of the coordinate system; None where it has none.
    """

    affine: Affine
    epsg: int | None


def geo_reference(path: Path) -> GeoReference | None:
    """The place of a GeoTIFF; None where the file is no TIFF with a place, or not one that Pillow can open."""
    try:
        with Image.open(path, formats=["TIFF"]) as image:
            tags: Mapping[int, Any] = dict(getattr(image, "tag_v2", {}))
        keys = _keys(tags.get(_KEYS, ()))
        affine = _affine(tags, 0.5 if keys.get(_RASTER_TYPE) == _POINT else 0.0)
    except (OSError, ValueError, SyntaxError, TypeError, Image.DecompressionBombError):
        return None
    except ImportError:  # ultralytics, where it is imported, has Pillow look for readers that may not be installed
        return None
    epsg = keys.get(_PROJECTED) or keys.get(_GEOGRAPHIC)
    return None if affine is None else GeoReference(affine, None if epsg == _USER_DEFINED else epsg)


def _affine(tags: Mapping[int, Any], centre: float) -> Affine | None:
    """The affine from the corner of pixel (0, 0) on; ``centre`` is where in a pixel the tags count from."""
    if _MATRIX in tags:
        a, b, _, c, d, e, _, f, *_ = (float(number) for number in tags[_MATRIX])
    elif _PIXEL_SCALE in tags and len(tags.get(_TIE_POINTS, ())) >= 6:
        a, e = float(tags[_PIXEL_SCALE][0]), -float(tags[_PIXEL_SCALE][1])
        column, row, _, x, y, _ = (float(number) for number in tags[_TIE_POINTS][:6])
        b, d, c, f = 0.0, 0.0, x - column * a, y - row * e
    else:
        return None
    return a, b, c - centre * (a + b), d, e, f - centre * (d + e)


def _keys(directory: Sequence[int]) -> dict[int, int]:
    """The keys whose values are in the directory itself, which holds four numbers for each."""
    rows = [tuple(directory[start : start + 4]) for start in range(4, len(directory) - 3, 4)]
    return {key: value for key, location, _, value in rows if location == 0}
