"""A network on another machine, as a ``Segmenter``: ``SamPredictor`` and the widget use it like one that is here.

Two kinds of server are understood. ``samwidget serve`` takes the image once, by the hash of its bytes, and answers
small questions with low-res logits. Any other endpoint with the documented ``/score``, such as one of Azure ML, gets
the documented request with the image in it, each time; logits are then made from the masks that come back.

The embedding of such a network is the image itself, as PNG, and the hash of that: what it takes to ask again, also
after the server forgot.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from typing import NamedTuple

import httpx
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from samwidget.core import Frame, Prompt, logits_of_mask
from samwidget.errors import EndpointError, FormatError, PromptError, SamWidgetError
from samwidget.formats.azure_ml import build_request, parse_response
from samwidget.models.remote.client import Endpoint
from samwidget.models.remote.wire import read_answer, write_question
from samwidget.models.segmenter import Embedding, EverythingDefaults, Segmenter

_PNG, _SHA256 = "png", "sha256"
_HERE = torch.device("cpu")
# Logits made from masks are as many as SAM's own; finer ones would cost the browser more.
_LOGITS_SIDE_MAX = 256


class RemoteSegmenter(Segmenter):
    """What both kinds share: tensors are here, on the CPU, and there are no weights to move.

    Attributes:
        runs_on: the device over there; None where the server does not say.
    """

    family = "remote"
    cleans_masks = False
    runs_on: torch.device | None = None

    @property
    def device(self) -> torch.device:
        """Where its answers are: here."""
        return _HERE

    def to(self, device: torch.device) -> None:
        """Does nothing: the weights are elsewhere."""


def open_remote(url: str, key: str | None, timeout_s: float) -> RemoteSegmenter:
    """The network behind an address.

    Args:
        url: as ``Endpoint``.
        key: as ``Endpoint``.
        timeout_s: as ``Endpoint``.

    Raises:
        EndpointError: no server there, or it refuses the key.
    """
    endpoint = Endpoint(url, key, timeout_s)
    response = endpoint.get("/models")
    if response.status_code in (401, 403, 503):
        raise endpoint.refusal(response)
    card = _card(response)
    return _Documented(endpoint) if card is None else _Native(endpoint, card)


class _Native(RemoteSegmenter):
    """The network of a ``samwidget serve``."""

    def __init__(self, endpoint: Endpoint, card: _Card) -> None:
        self.name = f"{card.name} at {endpoint.host}"
        self.signature = card.signature
        self.runs_on = card.device
        self.everything_defaults = card.everything_defaults
        self._endpoint = endpoint

    def encode(self, image: npt.NDArray[np.uint8]) -> Embedding:
        data = _png_of(image)
        sha256 = hashlib.sha256(data)
        known = self._endpoint.get(f"/images/{sha256.hexdigest()}")
        frame = self._frame_in(known) if known.is_success else self._upload(data, sha256.hexdigest())
        return Embedding({_PNG: _tensor_of(data), _SHA256: _tensor_of(sha256.digest())}, frame, self.signature)

    def decode(
        self, embedding: Embedding, prompts: Sequence[Prompt], *, multimask_output: bool, threads: int | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        sha256 = _bytes_of(embedding, _SHA256).hex()
        path = f"/images/{sha256}/masks"
        question = write_question(prompts, multimask_output, self.signature)
        response = self._endpoint.post(path, question, lets_pass=404)
        if response.status_code == 404:  # the server has forgotten the image, or is a new process
            self._upload(_bytes_of(embedding, _PNG), sha256)
            response = self._endpoint.post(path, question)
        logits, scores = read_answer(response.content)
        if scores.shape[0] != len(prompts) or logits.shape[2:] != embedding.frame.logits_hw:
            raise EndpointError(
                f"{self._endpoint.host} answers with logits of shape {logits.shape}",
                hint="are samwidget there and here of one version?",
            )
        return torch.from_numpy(logits), torch.from_numpy(scores)

    def _upload(self, data: bytes, sha256: str) -> Frame:
        return self._frame_in(self._endpoint.put(f"/images/{sha256}", data))

    def _frame_in(self, response: httpx.Response) -> Frame:
        """The frame that the server puts the image into."""
        try:
            answer = response.json()
            frame, signature = Frame.from_json(answer["frame"]), answer["signature"]
        except (ValueError, KeyError, TypeError) as error:
            raise EndpointError(f"{self._endpoint.host} does not say what became of the image") from error
        if signature != self.signature:
            raise EndpointError(
                f"{self._endpoint.host} runs another network now", hint="make the predictor again with from_endpoint"
            )
        return frame


class _Documented(RemoteSegmenter):
    """The network of an endpoint that knows the documented request alone."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.name = endpoint.host
        self.signature = f"documented request to {endpoint.base}"
        self._endpoint = endpoint

    def encode(self, image: npt.NDArray[np.uint8]) -> Embedding:
        image_hw = (image.shape[0], image.shape[1])
        logits_hw = (min(image_hw[0], _LOGITS_SIDE_MAX), min(image_hw[1], _LOGITS_SIDE_MAX))
        return Embedding(
            {_PNG: _tensor_of(_png_of(image))}, Frame.stretched(image_hw, image_hw, logits_hw), self.signature
        )

    def decode(
        self, embedding: Embedding, prompts: Sequence[Prompt], *, multimask_output: bool, threads: int | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if any(prompt.mask is not None for prompt in prompts):
            raise PromptError(
                f"{self.name} takes no mask as a prompt", hint="the documented request knows points and boxes"
            )
        rows = _rows_of_one_kind(prompts)
        asked = [[prompts[i] for i in row] for row in rows]
        has_points = [len(row[0].points_xy) > 0 for row in asked]
        request = build_request(
            [_bytes_of(embedding, _PNG)] * len(rows),
            points=[[p.points_xy for p in row] if has else None for row, has in zip(asked, has_points, strict=True)],
            labels=[[p.labels for p in row] if has else None for row, has in zip(asked, has_points, strict=True)],
            boxes=[None if row[0].box_xyxy is None else [p.box_xyxy for p in row] for row in asked],
            multimask_output=multimask_output,
        )
        answers = self._masks_in(self._endpoint.score(request), rows, embedding.frame)
        logits = np.stack(
            [[logits_of_mask(mask, embedding.frame) for mask in answers[i][0]] for i in range(len(prompts))]
        )
        return torch.from_numpy(logits), torch.from_numpy(np.stack([answers[i][1] for i in range(len(prompts))]))

    def _masks_in(
        self, response: httpx.Response, rows: Sequence[Sequence[int]], frame: Frame
    ) -> dict[int, tuple[npt.NDArray[np.bool_], npt.NDArray[np.float32]]]:
        """Masks and scores by number of the prompt."""
        try:
            answered = parse_response(response.content)
        except FormatError as error:
            raise self._unreadable(str(error)) from error
        if [len(row) for row in answered] != [len(row) for row in rows]:
            raise self._unreadable("it has not one prediction for each prompt")
        found = {
            i: masks for row, numbers in zip(answered, rows, strict=True) for i, masks in zip(numbers, row, strict=True)
        }
        if len({masks.shape for masks, _ in found.values()} | {(len(found[0][0]), *frame.image_hw)}) > 1:
            raise self._unreadable(f"its masks are not {frame.image_hw} all")
        return found

    def _unreadable(self, why: str) -> SamWidgetError:
        return EndpointError(f"the answer of {self.name} cannot be read", hint=why)


class _Card(NamedTuple):
    name: str
    signature: str
    device: torch.device
    everything_defaults: EverythingDefaults


def _card(response: httpx.Response) -> _Card | None:
    """What a ``samwidget serve`` says of its network; None where something else answers."""
    if not response.is_success:
        return None
    try:
        (card,) = response.json()
        defaults = EverythingDefaults(**card["everything_defaults"])
        return _Card(str(card["name"]), str(card["signature"]), torch.device(card["device"]), defaults)
    except (ValueError, KeyError, TypeError, RuntimeError):  # RuntimeError is torch's for a device that is none
        return None


def _rows_of_one_kind(prompts: Sequence[Prompt]) -> list[list[int]]:
    """Numbers of the prompts that one row can hold: with as many points each, and all with a box or none."""
    rows: dict[tuple[int, bool], list[int]] = {}
    for number, prompt in enumerate(prompts):
        rows.setdefault((len(prompt.points_xy), prompt.box_xyxy is None), []).append(number)
    return list(rows.values())


def _png_of(image: npt.NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _tensor_of(data: bytes) -> torch.Tensor:
    return torch.from_numpy(np.frombuffer(data, np.uint8).copy())


def _bytes_of(embedding: Embedding, name: str) -> bytes:
    return embedding.tensors[name].numpy().tobytes()
