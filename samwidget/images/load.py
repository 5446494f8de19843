"""load_rgb: any image to (H, W, 3) uint8 RGB. The model and the screen both see what it returns.

It owns the order of the steps: ``sources`` finds the bytes, ``decode`` and ``arrays`` make a raster of them, ``scale``
makes 8-bit RGB of the raster. docs/images.md says what comes out for each kind of input. Called wherever a user hands
over an image; servers call ``read_image``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from samwidget.errors import warn_user
from samwidget.images.arrays import raster_of, read_array
from samwidget.images.decode import decode, read_pil
from samwidget.images.options import Exif, ImageFormat, ReadOptions, Scale
from samwidget.images.scale import LoadedImage, scale_to_rgb
from samwidget.images.sources import read_source


def load_rgb(
    image: object,
    *,
    scale: Scale = None,
    frame: int | None = None,
    exif: Exif = "auto",
    image_format: ImageFormat = "RGB",
) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB, C-contiguous, of anything that is an image.

    What is guessed, such as the range of 16-bit values, is given as a SamWidgetWarning. docs/images.md has the rules.

    Args:
        image: path, address (http, https, file, data, or one that fsspec opens), bytes of an image file, file that is
            open for reading bytes, PIL image, numpy array, torch tensor or xarray DataArray. An (H, W, 3) uint8 array
            in C order is returned itself, not copied.
        scale: ``(low, high)``: the values that become 0 and 255; ``minmax``: the smallest and the largest;
            ``percentile``: the 1st and the 99th percentile. None leaves 8-bit images as they are, and scales others.
        frame: number of the page or frame of a file, or of the image of a stack, from 0. None takes the first.
        exif: ``ignore`` does not apply the rotation in the EXIF block; ``apply`` does. ``auto`` applies it, but for a
            PIL image that was changed after it was opened: somebody may have turned it.
        image_format: ``BGR`` for arrays from OpenCV. Files know the order of their channels.

    Raises:
        ImageError: the image is missing, broken, too large or not an image, or an option is not one of these; the hint
            says what to do.
    """
    loaded = read_image(image, ReadOptions(scale, frame, exif, image_format))
    for note in loaded.notes:
        warn_user(note)
    return loaded.pixels


def read_image(image: object, options: ReadOptions) -> LoadedImage:
    """``load_rgb`` without warnings: what was guessed is returned with the pixels.

    For files of strangers give their bytes, and ``ReadOptions`` with ``formats`` and ``pixels_max``: Pillow then tries
    these formats alone, once, and an image that is too large is refused from its header.

    Raises:
        ImageError: as ``load_rgb``.
    """
    if isinstance(image, np.ndarray):
        return scale_to_rgb(raster_of(image, options), options.scale)
    if isinstance(image, Image.Image):
        return scale_to_rgb(read_pil(image, options), options.scale)
    file = read_source(image)
    if file is not None:
        return scale_to_rgb(decode(file.data, file.name, options), options.scale)
    return scale_to_rgb(read_array(image, options), options.scale)
