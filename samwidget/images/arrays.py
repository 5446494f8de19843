"""Arrays of every library to a ``Raster``: which axis is which, what is masked, and the order of the channels.

It imports numpy alone: tensors, labelled arrays and masked arrays are known by their attributes. What the values mean
is ``scale``. Called by ``load``, and by ``decode`` for files that hold arrays.

Rules:

- Arrays are (H, W), (H, W, 1), (H, W, 3), (H, W, 4), (1, H, W) or (3, H, W). Where a shape fits two of these, a numpy
  array with one row is channels last; all other such arrays are refused.
- Arrays with one axis more are stacks of these, of which the caller chooses one with ``frame``.
- In a labelled array (xarray) rows are y or latitude and columns x or longitude, whatever their order.
- A pixel is masked where any of its channels is.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeGuard

import numpy as np

from samwidget.errors import ImageError
from samwidget.images.options import TOO_LARGE, AnyArray, Raster, ReadOptions, check_dtype, no_data_of

ACCEPTED = "give a path, URL, bytes, open file, PIL image, numpy array or torch tensor"
_SHAPES = "give (H, W), (H, W, 1), (H, W, 3), (H, W, 4), (1, H, W) or (3, H, W)"
_CHANNELS = ("band", "bands", "channel", "channels", "c", "rgb", "rgba")
_ROWS = ("y", "lat", "latitude", "row", "rows", "height", "northing")
_COLUMNS = ("x", "lon", "long", "longitude", "col", "cols", "column", "columns", "width", "easting")
# Dimensions of three or four images, which are no colours.
_STACKS = ("time", "t", "date", "z", "depth", "level", "frame", "frames", "page", "batch", "n")
# Attributes in which an array says which value is none, as GDAL and the CF conventions name them.
_NO_DATA_NAMES = ("_FillValue", "missing_value", "nodata", "nodatavals")


class _LabelledArray(Protocol):
    """The attributes of ``xarray.DataArray`` that are used here."""

    dims: Sequence[Hashable]
    values: AnyArray


def read_array(image: object, options: ReadOptions) -> Raster:
    """The raster of an array of any library.

    Raises:
        ImageError: it is not an array, its shape is not one of an image, or it is too large.
    """
    if isinstance(image, np.ndarray):
        return raster_of(image, options)
    if hasattr(image, "data_vars"):
        raise ImageError(
            f"a {type(image).__name__} holds several arrays", hint="give one: dataset['name'] or dataset.to_dataarray()"
        )
    if _is_tensor(image):
        return raster_of(_read_tensor(image, options), options, is_tensor=True)
    if _is_labelled(image):
        return _read_labelled(image, options)
    try:
        if hasattr(image, "__cuda_array_interface__") and hasattr(image, "get"):  # cupy
            return raster_of(np.asarray(image.get()), options)
        if hasattr(image, "__array__") or hasattr(image, "__array_interface__"):
            return raster_of(np.asarray(image), options)
        if hasattr(image, "__dlpack__"):
            return raster_of(np.from_dlpack(image), options)
    except ImageError:
        raise
    except Exception as error:  # whatever another library raises where its array is not here or not numbers
        raise ImageError(f"the {type(image).__name__} cannot be read as an array", hint=str(error)[:200]) from error
    raise ImageError(f"a {type(image).__name__} is not an image", hint=ACCEPTED)


def raster_of(array: AnyArray, options: ReadOptions, *, is_tensor: bool = False, source: str = "the array") -> Raster:
    """The raster of a numpy array, masked or not.

    Args:
        array: of one of the shapes at the top of this module.
        options: how it is read.
        is_tensor: also an array of one row is refused where its channels may be first or last, because torch puts
            channels first.
        source: what error messages call it.

    Raises:
        ImageError: the shape is not one of an image, or the array is too large.
    """
    check_dtype(array.dtype, source)
    array = _frame_of(array, options, source)
    values = _channels_last(np.asarray(np.ma.getdata(array)), source, is_tensor=is_tensor)
    options.check_size(values.shape[0], values.shape[1], source)
    no_data = None
    if np.ma.is_masked(array):
        mask = _channels_last(np.ma.getmaskarray(array), source, is_tensor=is_tensor)
        no_data = np.asarray(mask.any(axis=2))
    return Raster(_rgb_order(values, options), no_data)


def _frame_of(array: AnyArray, options: ReadOptions, source: str) -> AnyArray:
    """The frame that the caller chose; the array itself where it holds one image and the caller chose none."""
    if options.frame is None:
        if array.ndim == 4:
            raise ImageError(f"{source} has shape {array.shape}", hint=f"{_SHAPES}; choose an image with frame=")
        return array
    if array.ndim == 4 or (array.ndim == 3 and array.shape[2] not in (1, 3, 4) and array.shape[0] not in (1, 3)):
        frame: AnyArray = array[options.frame_of(len(array), source)]
        return frame
    options.frame_of(1, source)
    return array


def _channels_last(array: AnyArray, source: str, *, is_tensor: bool) -> AnyArray:
    """(H, W, C) of an array in one of the accepted shapes, C 1, 3 or 4."""
    if array.size == 0:
        raise ImageError(f"{source} has shape {array.shape}: no pixels", hint=_SHAPES)
    if array.ndim == 2:
        return array[..., None]
    if array.ndim != 3:
        raise ImageError(f"{source} has shape {array.shape}", hint=f"{_SHAPES}; one image at a time")
    fits_last, fits_first = array.shape[2] in (1, 3, 4), array.shape[0] in (1, 3)
    is_one_row = array.shape[0] == 1 and array.shape[2] != 1
    if fits_last and fits_first and array.shape != (1, 1, 1) and (is_tensor or not is_one_row):
        raise ImageError(
            f"{source} has shape {array.shape}: channels may be first or last",
            hint="give a PIL image, or add rows or columns until only one reading is possible",
        )
    if fits_last:
        return array
    if fits_first:
        return np.moveaxis(array, 0, 2)
    raise ImageError(f"{source} has shape {array.shape}", hint=_SHAPES)


def _rgb_order(values: AnyArray, options: ReadOptions) -> AnyArray:
    if options.image_format == "RGB" or values.shape[2] == 1:
        return values
    return values[..., [2, 1, 0, 3][: values.shape[2]]]


def _is_tensor(image: object) -> bool:
    return hasattr(image, "detach") and hasattr(image, "cpu")


def _read_tensor(tensor: Any, options: ReadOptions) -> AnyArray:  # Any: torch is not imported here
    """The values of a tensor on any device, of torch or of a library that has the same methods."""
    try:
        tensor = tensor.detach()
        if hasattr(tensor, "layout"):
            tensor = _dense_tensor(tensor, options)
        tensor = tensor.cpu()
        try:
            array: AnyArray = tensor.numpy()
        except TypeError:  # bfloat16, which numpy does not have
            array = tensor.float().numpy()
        return array
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # torch raises many kinds for tensors that cannot leave it
        raise ImageError("the tensor cannot be read", hint=f"give an array; it says: {str(error)[:200]}") from error


def _dense_tensor(tensor: Any, options: ReadOptions) -> Any:
    """The same values in one of torch's plain tensors; refused where there are none, or no real ones."""
    if tensor.is_meta:
        raise ImageError("the tensor has no values: its device is meta", hint="give a tensor with values")
    if tensor.is_complex():
        raise ImageError(f"the tensor has dtype {tensor.dtype}", hint="give tensor.abs(), for example")
    if str(tensor.layout) != "torch.strided":  # sparse: the tensor may be small where the image would not be
        if tensor.numel() > 4 * options.pixels_max:
            hint = TOO_LARGE.format(options.pixels_max)
            raise ImageError(f"the tensor has shape {tuple(tensor.shape)}", hint=hint)
        tensor = tensor.to_dense()
    return tensor.dequantize() if tensor.is_quantized else tensor.resolve_neg()


def _is_labelled(image: object) -> TypeGuard[_LabelledArray]:
    return hasattr(image, "dims") and hasattr(image, "transpose")


def _read_labelled(array: _LabelledArray, options: ReadOptions) -> Raster:
    """The raster of an xarray DataArray, with its axes ordered by the names of its dimensions."""
    names = [str(name).lower() for name in array.dims]
    values = np.asarray(array.values)
    rows = [axis for axis, name in enumerate(names) if name in _ROWS]
    columns = [axis for axis, name in enumerate(names) if name in _COLUMNS]
    channels = [axis for axis, name in enumerate(names) if name in _CHANNELS]
    if len(rows) == len(columns) == 1 and len(channels) <= 1:
        raster = _read_named_axes(values, names, rows + columns + channels, options)
    else:
        raster = raster_of(np.moveaxis(values, channels[0], -1) if channels else values, options)
    for mark in _no_data_marks(array):
        if (no_data := no_data_of(raster.values, mark)) is not None:
            return replace(raster, no_data=no_data)
    return raster


def _read_named_axes(values: AnyArray, names: Sequence[str], image_axes: list[int], options: ReadOptions) -> Raster:
    """The raster of an array whose rows, columns and perhaps channels are known; other axes are stacks."""
    others = [axis for axis in range(values.ndim) if axis not in image_axes]
    values = values.transpose(others + image_axes)
    if values.size == 0:
        raise ImageError(f"the array has shape {values.shape}: no pixels", hint=_SHAPES)
    stack = values.reshape(-1, *values.shape[len(others) :])
    others = [axis for number, axis in enumerate(others) if values.shape[number] > 1]
    if options.frame is None and len(stack) > 1:
        # A third dimension of another name may still hold colours.
        if len(others) == 1 and len(image_axes) == 2 and len(stack) in (3, 4) and names[others[0]] not in _STACKS:
            stack = np.moveaxis(stack, 0, -1)[None]
        else:
            name = names[others[0]]
            raise ImageError(
                f"the array has {len(stack)} images along {name!r}", hint=f"give array.isel({name}=0), or frame=0"
            )
    image = stack[options.frame_of(len(stack), "the array")]
    image = image[..., None] if image.ndim == 2 else image
    if image.shape[2] not in (1, 3, 4):
        raise ImageError(f"the array has {image.shape[2]} channels", hint="select 1, 3 (RGB) or 4 (RGB and opacity)")
    options.check_size(image.shape[0], image.shape[1], "the array")
    return Raster(_rgb_order(image, options))


def _no_data_marks(array: _LabelledArray) -> list[Any]:
    attributes = getattr(array, "attrs", None)
    if not isinstance(attributes, Mapping):
        return []
    marks = [attributes[name] for name in _NO_DATA_NAMES if name in attributes]
    return [mark[0] if isinstance(mark, tuple | list) and mark else mark for mark in marks]
