"""Models on other machines as ``Segmenter``: ``SamPredictor`` and the widget use them like a model in this process.

Owns the two ways to ask a server; ``client`` makes the HTTP calls. ``samwidget serve`` gets the image once, named by
the hash of its bytes, and then answers small requests with low-res logits (``wire``). Any other endpoint with the
documented ``/score``, such as one of Azure ML, gets the documented request with the image in it each time; logits are
made from the masks that come back. ``SamPredictor.from_endpoint`` calls ``open_remote``.

The embedding of such a model is the image itself as PNG, and for ``samwidget serve`` its hash: with these a request can
be made also after the server has forgotten the image.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from samwidget.core import Frame, Prompt, logits_of_mask
from samwidget.errors import EndpointError, PromptError
from samwidget.formats.azure_ml import MaskSet, build_request, parse_response
from samwidget.images import encode_rgb_png
from samwidget.models.remote.client import BUSY, Endpoint
from samwidget.models.remote.transport import Response
from samwidget.models.remote.wire import read_response, write_request
from samwidget.models.segmenter import Embedding, EverythingDefaults, Segmenter

_PNG, _SHA256 = "png", "sha256"  # the tensors of an embedding, (N,) uint8
_CPU = torch.device("cpu")
# Logits made from masks are as many as SAM's own; finer ones would cost the browser more.
_LOGITS_SIDE_MAX = 256
# No model of ours has more logits, or more points for a search, on one side.
_LOGITS_SIDE_LIMIT = 1024
_NAME_MAX = 200
_HEAD_BYTES = 64 * 1024  # what is in a response besides its masks
_SAME_VERSION = "use the same version of samwidget here and on the server"


class RemoteSegmenter(Segmenter):
    """What both kinds of remote model share: tensors are on this machine's CPU, and there are no weights to move.

    Attributes:
        runs_on: the server's device; None where the server does not report it.
    """

    family = "remote"
    precision = "float32"  # as far as is known: a server does not tell it
    cleans_masks = False
    runs_on: torch.device | None = None

    @property
    def device(self) -> torch.device:
        """Where embeddings and masks are: the CPU of this machine."""
        return _CPU

    def to(self, device: torch.device) -> None:
        """Does nothing: the weights are on the server."""


def open_remote(url: str, key: str | None, timeout_s: float) -> RemoteSegmenter:
    """The model behind an address; asks the server once, for its kind.

    Args:
        url: as ``Endpoint``.
        key: as ``Endpoint``.
        timeout_s: as ``Endpoint``.

    Raises:
        EndpointError: there is no server, or it refuses the key.
    """
    endpoint = Endpoint(url, key, timeout_s)
    response = endpoint.call().get("/models")
    if response.status in (401, 403, *BUSY):
        raise endpoint.error_of(response)
    with endpoint.reading():
        model = _served_model(response)
    return _ScoreSegmenter(endpoint) if model is None else _ImageRoutesSegmenter(endpoint, model)


class _ImageRoutesSegmenter(RemoteSegmenter):
    """The model of a ``samwidget serve``, through its routes below ``/images``."""

    def __init__(self, endpoint: Endpoint, model: _ServedModel) -> None:
        self.name = f"{model.name} at {endpoint.host}"
        self.signature = model.signature
        self.runs_on = model.device
        self.everything_defaults = model.everything_defaults
        self._endpoint = endpoint

    def encode(self, image: npt.NDArray[np.uint8], *, threads: int | None = None) -> Embedding:
        png = encode_rgb_png(image)
        sha256 = hashlib.sha256(png)
        call = self._endpoint.call()
        response = call.get(f"/images/{sha256.hexdigest()}")
        if not response.is_success:
            response = call.put(f"/images/{sha256.hexdigest()}", png)
        frame = self._frame_in(response)
        if frame.image_hw != image.shape[:2]:
            raise EndpointError(
                f"{self._endpoint.host} describes an image of {frame.image_hw}, not {image.shape[:2]}",
                hint=_SAME_VERSION,
            )
        return Embedding({_PNG: _tensor_of(png), _SHA256: _tensor_of(sha256.digest())}, frame, self.signature)

    def decode(
        self, embedding: Embedding, prompts: Sequence[Prompt], *, multimask_output: bool, threads: int | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        sha256 = _bytes_of(embedding, _SHA256).hex()
        path = f"/images/{sha256}/masks"
        request = write_request(prompts, multimask_output, self.signature)
        shape = (len(prompts), _candidate_count(multimask_output), *embedding.frame.logits_hw)
        bytes_max = _HEAD_BYTES + 4 * math.prod(shape)
        call = self._endpoint.call()
        response = call.post(path, request, bytes_max=bytes_max, allowed_status=404)
        if response.status == 404:  # the server has forgotten the image, or was started again
            self._frame_in(call.put(f"/images/{sha256}", _bytes_of(embedding, _PNG)))
            response = call.post(path, request, bytes_max=bytes_max)
        with self._endpoint.reading():
            logits, scores = read_response(response.content)
        if logits.shape != shape:
            raise EndpointError(f"{self._endpoint.host} sent logits of shape {logits.shape}", hint=_SAME_VERSION)
        _check_numbers(self._endpoint.host, logits, scores)
        return torch.from_numpy(logits), torch.from_numpy(scores)

    def _frame_in(self, response: Response) -> Frame:
        """The frame of an image that the server knows; raises EndpointError where another model encoded it."""
        try:
            body = json.loads(response.content)
            frame, signature = Frame.from_json(body["frame"]), body["signature"]
            if max(frame.logits_hw) > _LOGITS_SIDE_LIMIT:
                raise ValueError(f"logits of {frame.logits_hw}")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise EndpointError(f"{self._endpoint.host} sent no frame of the image", hint=_SAME_VERSION) from error
        if signature != self.signature:
            raise EndpointError(
                f"{self._endpoint.host} runs another model now", hint="call SamPredictor.from_endpoint again"
            )
        return frame


class _ScoreSegmenter(RemoteSegmenter):
    """The model of an endpoint that knows only the documented request."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.name = endpoint.host
        self.signature = f"documented request to {endpoint.base}"
        self._endpoint = endpoint

    def encode(self, image: npt.NDArray[np.uint8], *, threads: int | None = None) -> Embedding:
        image_hw = (image.shape[0], image.shape[1])
        logits_hw = (min(image_hw[0], _LOGITS_SIDE_MAX), min(image_hw[1], _LOGITS_SIDE_MAX))
        frame = Frame.stretched(image_hw, image_hw, logits_hw)
        return Embedding({_PNG: _tensor_of(encode_rgb_png(image))}, frame, self.signature)

    def decode(
        self, embedding: Embedding, prompts: Sequence[Prompt], *, multimask_output: bool, threads: int | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if any(prompt.mask is not None for prompt in prompts):
            raise PromptError(
                f"{self.name} takes no mask as a prompt", hint="the documented request has only points and boxes"
            )
        rows = _rows_of_one_form(prompts)
        row_prompts = [[prompts[index] for index in row] for row in rows]
        request = build_request(
            [_bytes_of(embedding, _PNG)] * len(rows),
            points=[[p.points_xy for p in row] if len(row[0].points_xy) else None for row in row_prompts],
            labels=[[p.labels for p in row] if len(row[0].points_xy) else None for row in row_prompts],
            boxes=[[p.box_xyxy for p in row] if row[0].box_xyxy is not None else None for row in row_prompts],
            multimask_output=multimask_output,
        )
        height, width = embedding.frame.image_hw
        candidates = _candidate_count(multimask_output)
        # A PNG that is as large as its pixels, as base64.
        bytes_max = _HEAD_BYTES + len(prompts) * candidates * (_HEAD_BYTES + 3 * height * width // 2)
        response = self._endpoint.call().score(request, bytes_max=bytes_max)
        mask_sets = self._mask_sets_in(response, rows, embedding.frame, candidates)
        logits = np.stack([[logits_of_mask(mask, embedding.frame) for mask in masks] for masks, _ in mask_sets])
        return torch.from_numpy(logits), torch.from_numpy(np.stack([scores for _, scores in mask_sets]))

    def _mask_sets_in(
        self, response: Response, rows: Sequence[Sequence[int]], frame: Frame, candidates: int
    ) -> list[MaskSet]:
        """Masks and scores of each prompt, in the order of the prompts; raises EndpointError where they do not fit."""
        with self._endpoint.reading():
            predictions = parse_response(json.loads(response.content))
        if [len(row) for row in predictions] != [len(row) for row in rows]:
            raise self._unreadable("it does not have one prediction for each prompt")
        by_index = dict(zip(chain(*rows), chain(*predictions), strict=True))
        mask_sets = [by_index[index] for index in range(len(by_index))]
        if any(len(masks) != candidates for masks, _ in mask_sets):
            raise self._unreadable(f"not all of its predictions have {candidates} masks")
        if any(masks.shape[1:] != frame.image_hw for masks, _ in mask_sets):
            raise self._unreadable(f"not all of its masks have the size of the image, {frame.image_hw}")
        _check_numbers(self.name, *(scores for _, scores in mask_sets))
        return mask_sets

    def _unreadable(self, reason: str) -> EndpointError:
        return EndpointError(f"the response of {self.name} cannot be read", hint=reason)


class _ServedModel(NamedTuple):
    """A model as ``GET /models`` of a ``samwidget serve`` describes it."""

    name: str
    signature: str
    device: torch.device
    everything_defaults: EverythingDefaults


def _served_model(response: Response) -> _ServedModel | None:
    """The model in a response to ``GET /models``; None where the server is not a ``samwidget serve``.

    Raises:
        EndpointError: it looks like one, and its values make no sense.
    """
    if not response.is_success:
        return None
    try:
        (model,) = json.loads(response.content)
        name, signature, device, values = (model[key] for key in ("name", "signature", "device", "everything_defaults"))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    defaults = EverythingDefaults(**values)
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in defaults):
        raise EndpointError("the server describes a model with options that are not numbers", hint=_SAME_VERSION)
    if not (isinstance(defaults.points_per_side, int) and 0 < defaults.points_per_side <= _LOGITS_SIDE_LIMIT):
        raise EndpointError(f"the server asks for {defaults.points_per_side} points per side", hint=_SAME_VERSION)
    for text in (str(name), str(signature)):
        text.encode()  # half a surrogate pair, which JSON may bring, would fail later, and elsewhere
    return _ServedModel(str(name)[:_NAME_MAX], str(signature), torch.device(device), defaults)


def _candidate_count(multimask_output: bool) -> int:
    return 3 if multimask_output else 1


def _check_numbers(host: str, *arrays: npt.NDArray[np.float32]) -> None:
    """Raises EndpointError where a logit or a score is NaN or infinite."""
    if not all(np.isfinite(array).all() for array in arrays):
        raise EndpointError(f"{host} sent values that are not numbers", hint="see the server's log")


def _rows_of_one_form(prompts: Sequence[Prompt]) -> list[list[int]]:
    """Indices of the prompts, grouped into rows: in a row all have as many points, and all have a box or none has."""
    rows: dict[tuple[int, bool], list[int]] = {}
    for index, prompt in enumerate(prompts):
        rows.setdefault((len(prompt.points_xy), prompt.box_xyxy is None), []).append(index)
    return list(rows.values())


def _tensor_of(data: bytes) -> torch.Tensor:
    return torch.from_numpy(np.frombuffer(data, np.uint8).copy())


def _bytes_of(embedding: Embedding, name: str) -> bytes:
    return embedding.tensors[name].numpy().tobytes()
