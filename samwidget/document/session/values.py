"""Objects as rows of a session file, and back. Pure functions; exact in both directions.

Owns how an array is packed (``PackedArray``), how an object of the history is written as JSON that names its arrays by
their hashes, and what the readable table of the present objects holds. ``writer`` and ``reader`` call it.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from samwidget.core import Frame, Masks, Prompt, RunLengths, SegmentedObject
from samwidget.document.session.checks import finite, integer, level, optional_text, text

Put = Callable[[npt.NDArray[Any]], str]
"""Takes an array and returns its hash."""
Get = Callable[[str], npt.NDArray[Any]]
"""Returns the array of a hash, read-only; raises ValueError where there is none."""

_DTYPES = ("<f4", "<i4")
# An array is the logits of a network or the run lengths of a mask: far below this, and a damaged shape is refused.
_ITEMS_MAX = 2**28


@dataclass(frozen=True)
class PackedArray:
    """An array as the table ``arrays`` holds it.

    Attributes:
        hash: SHA-256 of dtype, shape and bytes, 64 hex digits.
        dtype: ``<f4`` or ``<i4``, as numpy writes it: little-endian.
        shape: as a JSON list.
        data: zlib-compressed: the first byte of each number, then the second of each, and so on. Logits differ little
            from their neighbours, so in this order they take 15 % less and half the time.
    """

    hash: str
    dtype: str
    shape: str
    data: bytes


def hash_of(array: npt.NDArray[Any]) -> str:
    """The hash that names an array."""
    array = _little_endian(array)
    digest = hashlib.sha256(f"{array.dtype.str} {json.dumps(array.shape)} ".encode())
    digest.update(array.data)
    return digest.hexdigest()


def pack_array(array: npt.NDArray[Any], name: str) -> PackedArray:
    """The packed form of an array; ``name`` is its hash."""
    array = _little_endian(array)
    planes = np.ascontiguousarray(array.reshape(-1).view(np.uint8).reshape(-1, array.itemsize).T)
    # Only runs of equal bytes: a search for longer repeats takes twice as long, and finds 2 % more.
    packer = zlib.compressobj(1, strategy=zlib.Z_RLE)
    data = packer.compress(planes.data) + packer.flush()
    return PackedArray(name, array.dtype.str, json.dumps(array.shape), data)


def unpack_array(packed: PackedArray) -> npt.NDArray[Any]:
    """The array of a row of ``arrays``, read-only.

    Raises:
        ValueError: the row does not hold what was written.
    """
    try:
        shape = tuple(int(side) for side in json.loads(packed.shape))
        count = int(np.prod(shape, dtype=object))
        if packed.dtype not in _DTYPES or not 0 <= count <= _ITEMS_MAX or min(shape, default=0) < 0:
            raise ValueError(f"an array of type {packed.dtype!r} and shape {packed.shape}")
        unzip = zlib.decompressobj()
        data = unzip.decompress(packed.data, 4 * count + 1)
        planes = np.frombuffer(data, np.uint8).reshape(4, count)
        array = np.ascontiguousarray(planes.T).view(packed.dtype).reshape(shape)
    except (zlib.error, TypeError, OverflowError) as error:
        raise ValueError(f"an array cannot be unpacked: {error}") from error
    if hash_of(array) != packed.hash:
        raise ValueError(f"array {packed.hash[:12]} does not hold what was written")
    array.flags.writeable = False
    return array


def value_of_object(item: SegmentedObject, candidates: Masks | None, network_of: Callable[[str], str], put: Put) -> str:
    """An object of the history with its candidates as JSON.

    Args:
        item: the object.
        candidates: those of its prompt.
        network_of: returns the model that made the logits of a hash.
        put: takes the arrays, the object's logits first.
    """
    logits = put(item.logits)
    return json.dumps(
        {
            "id": item.id,
            "name": item.name,
            "class": item.class_name,
            "colour": item.colour,
            "visible": item.visible,
            "locked": item.locked,
            "network": network_of(logits),
            "score": item.score,
            "level": item.level,
            "frame": item.frame.to_json(),
            "logits": logits,
            "prompt": _value_of_prompt(item.prompt, put),
            "run_lengths": None if item.run_lengths is None else put(np.array(item.run_lengths.to_counts(), np.int32)),
            "candidates": None if candidates is None else _value_of_candidates(candidates, item.logits, logits, put),
        }
    )


def object_of_value(value: Mapping[str, Any], get: Get, get_candidates: Callable[[Any], Masks]) -> SegmentedObject:
    """The object that ``value_of_object`` wrote.

    Args:
        value: the JSON, decoded.
        get: gives the arrays.
        get_candidates: gives the candidates of the value's own field; objects that show one of them share its memory.

    Raises:
        ValueError, KeyError, TypeError: the value or an array is damaged; among them PromptError.
    """
    frame = Frame.from_json(value["frame"])
    logits = get(value["logits"])
    if value["candidates"] is not None:
        names = value["candidates"]["logits"]
        if value["logits"] in names:
            logits = get_candidates(value["candidates"]).logits[names.index(value["logits"])]
    prompt = prompt_of_value(value["prompt"], get)
    prompt.check_inside(frame.image_hw)
    run_lengths = None
    if value["run_lengths"] is not None:
        run_lengths = RunLengths.from_counts(get(value["run_lengths"]).tolist(), frame.image_hw)
    return SegmentedObject(
        id=integer(value["id"], 1),
        name=text(value["name"]),
        colour=text(value["colour"]),
        logits=logits,
        score=finite(value["score"]),
        frame=frame,
        prompt=prompt,
        level=level(value["level"]),
        visible=bool(value["visible"]),
        run_lengths=run_lengths,
        class_name=optional_text(value["class"]),
        locked=bool(value["locked"]),
        model=text(value["network"]),
    )


def candidates_of_value(value: Mapping[str, Any], get: Get) -> Masks:
    """The candidates that ``value_of_object`` wrote; raises as ``object_of_value``."""
    logits = np.stack([get(name) for name in value["logits"]])
    logits.flags.writeable = False
    frame = Frame.from_json(value["frame"])
    scores = np.array(value["scores"], np.float32)
    if logits.shape[1:] != frame.logits_hw or scores.shape != (len(logits),) or not np.isfinite(scores).all():
        raise ValueError(f"candidates of shape {logits.shape} with the scores {scores}")
    return Masks(logits, scores, frame, prompt_of_value(value["prompt"], get))


def prompt_of_value(value: Mapping[str, Any], get: Get) -> Prompt:
    """The prompt of an object or of candidates; raises as ``object_of_value``."""
    level(value["level"])
    prompt = Prompt.from_json(value)
    if value["mask"] is None:
        return prompt
    return Prompt(prompt.points_xy, prompt.labels, prompt.box_xyxy, get(value["mask"]), prompt.level)


def maker_of(item: SegmentedObject, candidates: Masks | None) -> str:
    """Who made the mask: ``mask`` where pixels were given or drawn, ``everything``, or ``prompt``."""
    if item.exact_mask is not None:
        return "mask"
    return "everything" if candidates is None else "prompt"


def _value_of_prompt(prompt: Prompt, put: Put) -> dict[str, Any]:
    return {**prompt.to_json(), "mask": None if prompt.mask is None else put(prompt.mask)}


def _value_of_candidates(
    candidates: Masks, known: npt.NDArray[np.float32], known_hash: str, put: Put
) -> dict[str, Any]:
    """The candidates as JSON; ``known`` is an array whose hash is known, mostly one of them."""

    def is_known(logits: npt.NDArray[np.float32]) -> bool:
        return logits.ctypes.data == known.ctypes.data and logits.shape == known.shape

    return {
        "logits": [known_hash if is_known(logits) else put(logits) for logits in candidates.logits],
        "scores": candidates.scores.tolist(),
        "frame": candidates.frame.to_json(),
        "prompt": _value_of_prompt(candidates.prompt, put),
    }


def _little_endian(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    dtype = np.dtype("<f4") if array.dtype.kind == "f" else np.dtype("<i4")
    return np.ascontiguousarray(array, dtype)
