"""load_rgb: any image to (H, W, 3) uint8 RGB. The model and the screen both see what it returns.

It owns where an image comes from and how an array's axes are read; how values become 8 bits is ``scale``, how a web
address is read is ``fetch``. Called wherever a user hands over an image.

Rules, the same for files and arrays:

- EXIF rotation is applied, also to PIL images that carry it.
- Transparent images are laid on white. Gray, palette and CMYK images become RGB.
- Arrays are (H, W), (H, W, 1), (H, W, 3), (H, W, 4), (1, H, W) or (3, H, W). Where a shape fits two of these, a numpy
  array with one row is channels last; all other such arrays are refused.
"""

from __future__ import annotations

import io
from collections.abc import Hashable, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Protocol, TypeGuard

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from samwidget.core import PIXELS_MAX
from samwidget.errors import ImageError
from samwidget.images.fetch import fetch
from samwidget.images.scale import AnyArray, scale_to_rgb

_ACCEPTED = "give a path, URL, bytes, PIL image, numpy array or torch tensor"
_SHAPES = "give (H, W), (H, W, 1), (H, W, 3), (H, W, 4), (1, H, W) or (3, H, W)"
_TOO_LARGE = f"samwidget reads at most {PIXELS_MAX} pixels; make the image smaller"
_CHANNEL_DIMENSIONS = ("band", "bands", "channel", "channels", "c", "rgb")


class _Tensor(Protocol):
    """The methods of ``torch.Tensor`` that are used here; torch itself is not imported."""

    def detach(self) -> _Tensor: ...
    def cpu(self) -> _Tensor: ...
    def float(self) -> _Tensor: ...
    def numpy(self) -> AnyArray: ...


class _LabelledArray(Protocol):
    """The attributes of ``xarray.DataArray`` that are used here."""

    dims: Sequence[Hashable]
    values: AnyArray


def load_rgb(image: object) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB, C-contiguous, of anything that is an image.

    Args:
        image: path, http(s) URL, bytes of an image file, PIL image, numpy array, torch tensor or xarray DataArray. An
            (H, W, 3) uint8 array in C order is returned itself, not copied.

    Raises:
        ImageError: the image is missing, broken, too large or not an image; the hint says what to do.
    """
    if isinstance(image, np.ndarray):
        return _from_array(image)
    if isinstance(image, Image.Image):
        return _from_pil(image, "the image")
    if isinstance(image, bytes | bytearray | memoryview):
        return _from_bytes(bytes(image), "the data")
    if isinstance(image, str) and image.lower().startswith(("http://", "https://")):
        return _from_bytes(fetch(image), image)
    if isinstance(image, str | PathLike):
        return _from_file(Path(fspath(image)).expanduser())
    if _is_tensor(image):
        return _from_array(_read_tensor(image), is_tensor=True)
    if _is_labelled(image):
        return _from_array(_read_labelled(image))
    if hasattr(image, "__array__"):
        return _from_array(np.asarray(image))
    raise ImageError(f"a {type(image).__name__} is not an image", hint=_ACCEPTED)


def _from_file(path: Path) -> npt.NDArray[np.uint8]:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ImageError(f"there is no file {str(path)!r}", hint=f"the current folder is {Path.cwd()}") from error
    except (OSError, ValueError) as error:
        raise ImageError(f"{str(path)[:200]!r} cannot be read", hint=str(error)[:200]) from error
    return _from_bytes(data, path.name)


def _from_bytes(data: bytes, source: str) -> npt.NDArray[np.uint8]:
    """The image of a file's bytes; error messages call it ``source``."""
    if not data:
        raise ImageError(f"{source} is empty", hint="it has zero bytes: check that it was written completely")
    try:
        with Image.open(io.BytesIO(data)) as image:
            return _from_pil(image, source)
    except UnidentifiedImageError as error:
        raise ImageError(f"{source} is not an image", hint="give a format that Pillow reads") from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"{source} has too many pixels", hint=_TOO_LARGE) from error


def _from_pil(image: Image.Image, source: str) -> npt.NDArray[np.uint8]:
    # The size is in the header, so an image that is too large is refused before it is decoded.
    _check_size(image.height, image.width, source)
    try:
        upright = _apply_exif_rotation(image)
        if upright.mode in ("I", "F") or upright.mode.startswith("I;"):
            return _from_array(np.asarray(upright))
        if upright.mode == "RGB" and "transparency" not in upright.info:
            return np.array(upright)
        if upright.has_transparency_data:
            with_alpha = upright.convert("RGBA")
            white = Image.new("RGBA", with_alpha.size, "white")
            return np.array(Image.alpha_composite(white, with_alpha).convert("RGB"))
        return np.array(upright.convert("RGB"))
    except ImageError:
        raise
    except Exception as error:  # for broken files each of Pillow's decoders raises exceptions of its own
        raise ImageError(f"{source} is broken or cut off", hint=str(error)) from error


def _apply_exif_rotation(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # the pixels may be good although the EXIF block is broken; load() raises if they are not
        image.load()
        return image


def _from_array(array: AnyArray, *, is_tensor: bool = False) -> npt.NDArray[np.uint8]:
    array = _channels_last(array, is_tensor=is_tensor)
    _check_size(array.shape[0], array.shape[1], "the array")
    return scale_to_rgb(array)


def _channels_last(array: AnyArray, *, is_tensor: bool) -> AnyArray:
    """(H, W, C) of an array in one of the accepted shapes, C 1, 3 or 4.

    ``is_tensor``: also an array of one row is refused where its channels may be first or last, because torch puts
    channels first.
    """
    if array.size == 0:
        raise ImageError(f"the array has shape {array.shape}: no pixels", hint=_SHAPES)
    if array.ndim == 2:
        return array[..., None]
    if array.ndim != 3:
        raise ImageError(f"the array has shape {array.shape}", hint=f"{_SHAPES}; one image at a time")
    fits_last, fits_first = array.shape[2] in (1, 3, 4), array.shape[0] in (1, 3)
    is_one_row = array.shape[0] == 1 and array.shape[2] != 1
    if fits_last and fits_first and array.shape != (1, 1, 1) and (is_tensor or not is_one_row):
        raise ImageError(
            f"the array has shape {array.shape}: channels may be first or last",
            hint="give a PIL image, or add rows or columns until only one reading is possible",
        )
    if fits_last:
        return array
    if fits_first:
        return np.moveaxis(array, 0, 2)
    raise ImageError(f"the array has shape {array.shape}", hint=_SHAPES)


def _is_tensor(image: object) -> TypeGuard[_Tensor]:
    return hasattr(image, "detach") and hasattr(image, "cpu")


def _read_tensor(tensor: _Tensor) -> AnyArray:
    tensor = tensor.detach().cpu()
    try:
        return tensor.numpy()
    except TypeError:  # bfloat16, which numpy does not have
        return tensor.float().numpy()


def _is_labelled(image: object) -> TypeGuard[_LabelledArray]:
    return hasattr(image, "dims") and hasattr(image, "transpose")


def _read_labelled(array: _LabelledArray) -> AnyArray:
    """The values of an xarray DataArray, with its channels last where one of its dimensions is named as channels."""
    for axis, dimension in enumerate(array.dims):
        if str(dimension).lower() in _CHANNEL_DIMENSIONS:
            return np.moveaxis(np.asarray(array.values), axis, -1)
    return np.asarray(array.values)


def _check_size(height: int, width: int, source: str) -> None:
    if height * width > PIXELS_MAX:
        raise ImageError(f"{source} has {width} x {height} pixels", hint=_TOO_LARGE)
    if height * width == 0:
        raise ImageError(f"{source} has {width} x {height} pixels", hint="an image needs at least one")
