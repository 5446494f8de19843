"""load_rgb: anything that is an image to (H, W, 3) uint8. The network and the screen both see what it returns.

Rules, the same for files and arrays:

- EXIF rotation is applied, also to PIL images that carry it.
- Transparency is laid on white. Gray, palette and CMYK become RGB.
- 8-bit values stay as they are; float values within [0, 1] are multiplied by 255.
- Deeper values (16-bit and other integers, floats beyond [0, 1]) are scaled so that the image's smallest value becomes
  0 and its largest 255, over all channels together: 12-bit data in 16-bit files would be black otherwise. Wide integers
  (32 and 64 bit, Python's own) that lie within 0 to 255 are 8-bit values and stay.
- Arrays are (H, W), (H, W, 1), (H, W, 3), (H, W, 4), (1, H, W) or (3, H, W). Where a shape can be read both ways, a
  numpy array of one row is channels last, and everything else is refused.
"""

from __future__ import annotations

import io
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from samwidget.core import PIXELS_MAX
from samwidget.errors import ImageError
from samwidget.images.fetch import fetch

_WHAT_WORKS = "give a path, URL, bytes, PIL image, numpy array or torch tensor"
_SHAPES = "give (H, W), (H, W, 1), (H, W, 3), (H, W, 4), (1, H, W) or (3, H, W)"
_CHANNEL_NAMES = ("band", "bands", "channel", "channels", "c", "rgb")


def load_rgb(image: Any) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB, C-contiguous, of anything that is an image.

    Args:
        image: path, http(s) URL, bytes of an image file, PIL image, numpy array, torch tensor or xarray DataArray. An
            (H, W, 3) uint8 array in C order is returned itself, not copied.

    Raises:
        ImageError: missing, broken, too large, not an image, or values that are no picture; the hint says what to do.
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
    if hasattr(image, "detach") and hasattr(image, "cpu"):  # a torch tensor, without importing torch
        return _from_array(_numpy_of_tensor(image), is_tensor=True)
    if hasattr(image, "dims") and hasattr(image, "transpose"):
        return _from_array(_numpy_of_labelled(image))
    if hasattr(image, "__array__"):
        return _from_array(np.asarray(image))
    raise ImageError(f"a {type(image).__name__} is not an image", hint=_WHAT_WORKS)


def _from_file(path: Path) -> npt.NDArray[np.uint8]:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ImageError(f"there is no file {str(path)!r}", hint=f"the current folder is {Path.cwd()}") from error
    except (OSError, ValueError) as error:
        raise ImageError(f"{str(path)[:200]!r} cannot be read", hint=str(error)[:200]) from error
    return _from_bytes(data, path.name)


def _from_bytes(data: bytes, what: str) -> npt.NDArray[np.uint8]:
    if not data:
        raise ImageError(f"{what} is empty", hint="zero bytes; was it written to its end?")
    try:
        with Image.open(io.BytesIO(data)) as image:
            return _from_pil(image, what)
    except UnidentifiedImageError as error:
        raise ImageError(f"{what} is not an image", hint="it is in no format that Pillow reads") from error
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"{what} has too many pixels", hint=f"at most {PIXELS_MAX} are read; make it smaller"
        ) from error


def _from_pil(image: Image.Image, what: str) -> npt.NDArray[np.uint8]:
    # The header is enough to know the size: what is too large is never decoded.
    _check_size(image.height, image.width, what)
    try:
        upright = _upright(image)
        if upright.mode in ("I", "F") or upright.mode.startswith("I;"):
            return _from_array(np.asarray(upright))
        if upright.mode == "RGB" and "transparency" not in upright.info:
            return np.array(upright)
        if upright.has_transparency_data:
            picture = upright.convert("RGBA")
            white = Image.new("RGBA", picture.size, "white")
            return np.array(Image.alpha_composite(white, picture).convert("RGB"))
        return np.array(upright.convert("RGB"))
    except ImageError:
        raise
    except Exception as error:  # each of Pillow's decoders raises its own kinds for broken files
        raise ImageError(f"{what} is broken or cut off", hint=str(error)) from error


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # a broken EXIF block is no reason to refuse the pixels; broken pixels fail again here
        image.load()
        return image


def _from_array(array: npt.NDArray[Any], *, is_tensor: bool = False) -> npt.NDArray[np.uint8]:
    array = _channels_last(array, is_tensor=is_tensor)
    _check_size(array.shape[0], array.shape[1], "the array")
    if array.dtype == np.uint8 and array.shape[2] == 3:
        return np.ascontiguousarray(array)
    if array.dtype.kind not in "buif":
        raise ImageError(f"the array holds {array.dtype}", hint="give integers, floats or booleans")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ImageError("the array holds NaN or infinity", hint="replace them, for example with np.nan_to_num")
    colour = _eight_bit(array[..., :3])
    if array.shape[2] == 4:
        colour = _on_white(colour, _opacity(array[..., 3]))
    return np.ascontiguousarray(np.broadcast_to(colour, (*colour.shape[:2], 3)))


def _channels_last(array: npt.NDArray[Any], *, is_tensor: bool) -> npt.NDArray[Any]:
    if array.size == 0:
        raise ImageError(f"the array has shape {array.shape}: no pixels", hint=_SHAPES)
    if array.ndim == 2:
        return array[..., None]
    if array.ndim != 3:
        raise ImageError(f"the array has shape {array.shape}", hint=f"{_SHAPES}; one image at a time")
    is_last, is_first = array.shape[2] in (1, 3, 4), array.shape[0] in (1, 3)
    is_one_row = array.shape[0] == 1 and array.shape[2] != 1
    if is_last and is_first and array.shape != (1, 1, 1) and (is_tensor or not is_one_row):
        raise ImageError(
            f"the array has shape {array.shape}: channels may be first or last",
            hint="give a PIL image, or add rows or columns, so that it is clear",
        )
    if is_last:
        return array
    if is_first:
        return np.moveaxis(array, 0, 2)
    raise ImageError(f"the array has shape {array.shape}", hint=_SHAPES)


def _eight_bit(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind == "b":
        return values.astype(np.uint8) * np.uint8(255)
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "f" and low >= 0 and high <= 1:
        return _rounded(values * 255)
    if values.dtype.kind in "iu" and values.dtype.itemsize >= 4 and low >= 0 and high <= 255:
        return values.astype(np.uint8)
    # float64 holds the span of any integers or floats that are scaled here; halves keep it from overflowing.
    span = high / 2 - low / 2
    share = (values.astype(np.float64) / 2 - low / 2) / (span or 1.0)
    return _rounded(share * 255)


def _opacity(alpha: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """(H, W) float32 in [0, 1]; integers count to their type's largest value, wide ones and floats may count to 255."""
    if alpha.dtype.kind in "iu" and alpha.dtype.itemsize < 4:
        full = float(np.iinfo(alpha.dtype).max)
    else:
        full = 1.0 if alpha.dtype.kind in "bf" and float(alpha.max()) <= 1 else max(255.0, float(alpha.max()))
    opacity: npt.NDArray[np.float32] = np.clip(alpha.astype(np.float32) / np.float32(full), 0, 1)
    return opacity


def _on_white(colour: npt.NDArray[np.uint8], opacity: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    return _rounded(255 + (colour.astype(np.float32) - 255) * opacity[..., None])


def _rounded(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    rounded: npt.NDArray[np.uint8] = np.rint(values).astype(np.uint8)
    return rounded


def _numpy_of_tensor(tensor: Any) -> npt.NDArray[Any]:
    tensor = tensor.detach().cpu()
    try:
        return tensor.numpy()  # type: ignore[no-any-return]
    except TypeError:  # bfloat16, which numpy does not know
        return tensor.float().numpy()  # type: ignore[no-any-return]


def _numpy_of_labelled(array: Any) -> npt.NDArray[Any]:
    """The values of an xarray DataArray, its channel dimension last where it names one."""
    names = [str(name) for name in array.dims]
    for index, name in enumerate(names):
        if name.lower() in _CHANNEL_NAMES:
            return np.moveaxis(np.asarray(array.values), index, -1)
    return np.asarray(array.values)


def _check_size(height: int, width: int, what: str) -> None:
    if height * width > PIXELS_MAX:
        raise ImageError(
            f"{what} has {width} x {height} pixels", hint=f"at most {PIXELS_MAX} are read; make it smaller"
        )
    if height * width == 0:
        raise ImageError(f"{what} has {width} x {height} pixels", hint="an image needs at least one")
