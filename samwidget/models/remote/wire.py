"""What passes between a network on a server and its predictor over here: questions as JSON, answers as safetensors.

Owns this wire alone, for both of its ends: ``segment.remote`` writes questions and reads answers, ``serving.native``
the other way round. Low-res logits cross, not masks, so that thresholds and contours stay the receiver's affair.
docs/serving.md shows both.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from samwidget.core import Prompt
from samwidget.errors import FormatError, PromptError

_MOST = np.float32(np.finfo(np.float16).max)
_LITTLE_ENDIAN = np.dtype("<f4")


def write_question(prompts: Sequence[Prompt], multimask_output: bool, signature: str) -> dict[str, Any]:
    """Prompts about one image as plain JSON values.

    Args:
        prompts: a mask among them goes as base64 of its float32 values, and is exact.
        multimask_output: three candidates per prompt, or one.
        signature: of the network that is meant; a server with another one refuses.
    """
    return {
        "prompts": [{**prompt.to_json(), "mask": _mask_to_json(prompt.mask)} for prompt in prompts],
        "multimask_output": multimask_output,
        "signature": signature,
    }


def read_question(value: Any) -> tuple[list[Prompt], bool, str]:
    """Prompts, ``multimask_output`` and the signature that is meant; empty where the question names none.

    Raises:
        FormatError: not a question, or prompts that cannot be read. The message names the prompt, counted from 0.
    """
    if not isinstance(value, Mapping) or not isinstance(value.get("prompts"), list):
        raise FormatError("the question has no prompts", hint='give {"prompts": [{"points": [[x, y]], "labels": [1]}]}')
    several, signature = value.get("multimask_output", True), value.get("signature", "")
    if not isinstance(several, bool) or not isinstance(signature, str):
        raise FormatError("multimask_output is no boolean, or signature no text")
    return [_prompt(each, number) for number, each in enumerate(value["prompts"])], several, signature


def write_answer(logits: npt.NDArray[np.float32], scores: npt.NDArray[np.float32]) -> bytes:
    """An answer as safetensors bytes.

    The logits go as float16. Its rounding is relative, so a logit keeps its sign and the outline of a mask moves by
    less than a hundredth of a pixel.

    Args:
        logits: (P, C, h, w) float32, the candidates of each prompt.
        scores: (P, C) float32.
    """
    half = np.clip(logits, -_MOST, _MOST).astype(np.float16)
    return save({"logits": half, "scores": np.ascontiguousarray(scores, np.float32)})


def read_answer(data: bytes) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """(P, C, h, w) float32 logits and (P, C) float32 scores.

    Raises:
        FormatError: not safetensors, or other arrays than these.
    """
    try:
        arrays = load(data)
        logits, scores = arrays["logits"].astype(np.float32), arrays["scores"].astype(np.float32)
    except (SafetensorError, KeyError, ValueError) as error:
        raise FormatError("the answer holds no logits and scores", hint=str(error)) from error
    if logits.ndim != 4 or scores.shape != logits.shape[:2]:
        raise FormatError(f"the answer has logits of shape {logits.shape}, scores of {scores.shape}")
    return logits, scores


def _prompt(value: Any, number: int) -> Prompt:
    try:
        return replace(Prompt.from_json(value), mask=_mask_from_json(value.get("mask")))
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        message, hint = getattr(error, "message", str(error)), getattr(error, "hint", "")
        kind = PromptError if isinstance(error, PromptError) else FormatError
        raise kind(f"prompt {number}: {message}", hint=hint) from error


def _mask_to_json(mask: npt.NDArray[np.float32] | None) -> dict[str, Any] | None:
    if mask is None:
        return None
    data = mask.astype(_LITTLE_ENDIAN).tobytes()
    return {"hw": list(mask.shape), "float32": base64.b64encode(data).decode("ascii")}


def _mask_from_json(value: Any) -> npt.NDArray[np.float32] | None:
    if value is None:
        return None
    height, width = value["hw"]
    data = base64.b64decode(value["float32"], validate=True)
    return np.frombuffer(data, _LITTLE_ENDIAN).reshape(int(height), int(width)).astype(np.float32)
