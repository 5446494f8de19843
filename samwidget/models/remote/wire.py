"""What crosses between ``samwidget serve`` and a remote predictor: requests as JSON, responses as safetensors.

Owns the format, for both ends: ``segmenters`` writes requests and reads responses, ``serving.http.image_routes`` reads
requests and writes responses. HTTP itself is theirs. Low-res logits cross the wire, not masks, so that the receiver can
choose threshold and size. docs/serving.md shows an example of both.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from samwidget.core import Prompt
from samwidget.errors import FormatError, PromptError

_FLOAT16_MAX = np.float32(np.finfo(np.float16).max)
_LITTLE_ENDIAN = np.dtype("<f4")


def write_request(prompts: Sequence[Prompt], multimask_output: bool, signature: str) -> dict[str, object]:
    """A request for the masks of prompts on one image, as plain JSON values.

    Args:
        prompts: their masks are written as base64 of their float32 values, so nothing is rounded.
        multimask_output: three candidates per prompt, or one.
        signature: of the model that is expected; a server that runs another one refuses.
    """
    return {
        "prompts": [{**prompt.to_json(), "mask": _mask_to_json(prompt.mask)} for prompt in prompts],
        "multimask_output": multimask_output,
        "signature": signature,
    }


def read_request(value: object) -> tuple[list[Prompt], bool, str]:
    """The prompts, ``multimask_output`` (by default True) and signature (by default empty) of a parsed request.

    Raises:
        FormatError: not a request, or a prompt that is not written as it should be.
        PromptError: a prompt that cannot be asked. Both name the prompt, counted from 0.
    """
    if not isinstance(value, Mapping) or not isinstance(value.get("prompts"), list):
        raise FormatError("the request has no prompts", hint='give {"prompts": [{"points": [[x, y]], "labels": [1]}]}')
    multimask_output, signature = value.get("multimask_output", True), value.get("signature", "")
    if not isinstance(multimask_output, bool):
        raise FormatError("multimask_output is not a boolean", hint="give true or false")
    if not isinstance(signature, str):
        raise FormatError("signature is not a text", hint="copy it from /models, or leave it out")
    return [_read_prompt(prompt, index) for index, prompt in enumerate(value["prompts"])], multimask_output, signature


def write_response(logits: npt.NDArray[np.float32], scores: npt.NDArray[np.float32]) -> bytes:
    """A response, as the bytes of a safetensors file.

    Logits are rounded to float16. The rounding is relative, so each logit keeps its sign, and the outline of a mask
    moves by less than a hundredth of a pixel.

    Args:
        logits: (P, C, h, w) float32, C candidates for each of P prompts.
        scores: (P, C) float32.
    """
    half = np.clip(logits, -_FLOAT16_MAX, _FLOAT16_MAX).astype(np.float16)
    return save({"logits": half, "scores": np.ascontiguousarray(scores, np.float32)})


def read_response(data: bytes) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The logits (P, C, h, w) and the scores (P, C) of a response, both float32.

    Raises:
        FormatError: not safetensors, or other arrays than these.
    """
    try:
        arrays = load(data)
        logits, scores = arrays["logits"].astype(np.float32), arrays["scores"].astype(np.float32)
    except (SafetensorError, KeyError, ValueError) as error:
        raise FormatError("the response has no logits and scores", hint=str(error)) from error
    if logits.ndim != 4 or scores.shape != logits.shape[:2]:
        raise FormatError(f"the response has logits of shape {logits.shape} and scores of shape {scores.shape}")
    return logits, scores


def _read_prompt(value: object, index: int) -> Prompt:
    if not isinstance(value, Mapping):
        raise FormatError(f"prompt {index} is not a JSON object", hint='give {"points": [[x, y]], "labels": [1]}')
    try:
        return replace(Prompt.from_json(value), mask=_mask_from_json(value.get("mask")))
    except PromptError as error:
        raise PromptError(f"prompt {index}: {error.message}", hint=error.hint) from error
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise FormatError(f"prompt {index}: {error}") from error


def _mask_to_json(mask: npt.NDArray[np.float32] | None) -> dict[str, object] | None:
    if mask is None:
        return None
    data = mask.astype(_LITTLE_ENDIAN).tobytes()
    return {"hw": list(mask.shape), "float32": base64.b64encode(data).decode("ascii")}


def _mask_from_json(value: object) -> npt.NDArray[np.float32] | None:
    """The (h, w) mask of a prompt; the many ways in which it can be wrong raise what ``_read_prompt`` catches."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise TypeError("mask is not a JSON object")
    height, width = value["hw"]
    data = base64.b64decode(value["float32"], validate=True)
    return np.frombuffer(data, _LITTLE_ENDIAN).reshape(int(height), int(width)).astype(np.float32)
