"""SamPredictor: the vocabulary that SAM users know, over any ``Segmenter``.

Owns the lock around the network, the embedding cache and the way out when the device's memory is full. It knows no
widget; the widget, servers and batch jobs share one predictor and pass embeddings around.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import RLock
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from samwidget.core import FoundObject, Frame, Masks, Prompt, make_prompt
from samwidget.errors import ClosedError, ModelError, PromptError, SamWidgetWarning
from samwidget.images import load_rgb
from samwidget.models import Embedding, EverythingDefaults, Segmenter, choose_device, load
from samwidget.predict.cleanup import clean as clean_logits
from samwidget.predict.embedding_cache import EmbeddingCache, content_key, free_memory
from samwidget.predict.everything import generate
from samwidget.predict.everything.generate import Progress

_CACHE_BYTES = 512 * 1024 * 1024
_T = TypeVar("_T")


class Prediction(NamedTuple):
    """What ``SamPredictor.predict`` returns.

    Attributes:
        masks: (C, H, W) bool at the image's own size, or float32 logits with ``return_logits``.
        scores: (C,) float32, the network's estimate of each mask's IoU, in its own order.
        low_res_logits: (C, h, w) float32, fit for ``mask_input``.
    """

    masks: npt.NDArray[Any]
    scores: npt.NDArray[np.float32]
    low_res_logits: npt.NDArray[np.float32]


class EmbedResult(NamedTuple):
    """What ``SamPredictor.embed_with_source`` returns.

    Attributes:
        embedding: the embedding of the image.
        from_cache: True if it came from memory or from the cache folder, False if this call ran the encoder.
    """

    embedding: Embedding
    from_cache: bool


class SamPredictor:
    """Encodes images once and answers prompts about them. Threads may share it: one at a time uses the network.

    Args:
        segmenter: the network.
        cache_bytes_max: budget for embeddings in memory; one of SAM ViT-B takes 4 MB, and 512 MB is the default.
        cache_folder: keeps embeddings on disk, so that a new kernel does not encode again; None does not.
        clean: drop islands and fill small holes (``samwidget.predict.cleanup.clean``). None leaves it to the network:
            the bundled one gains by it, SAM does not need it. Give False for objects that come in parts.
        device_reason: one sentence about why the network runs where it does.
        runs_on: the device of a network on another machine; None where it is the segmenter's own.

    Attributes:
        encodes: how often the encoder has run.
        note: what the user should know, such as a move to the CPU; empty while all is as asked.
        device_reason: as given.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        *,
        cache_bytes_max: int = _CACHE_BYTES,
        cache_folder: str | Path | None = None,
        clean: bool | None = None,
        device_reason: str = "",
        runs_on: torch.device | None = None,
    ) -> None:
        self.encodes = 0
        self.note = ""
        self.device_reason = device_reason
        self._runs_on = runs_on
        self._segmenter: Segmenter | None = segmenter
        self._name = segmenter.name
        self._clean = segmenter.cleans_masks if clean is None else clean
        self._cache = EmbeddingCache(cache_bytes_max, None if cache_folder is None else Path(cache_folder).expanduser())
        self._lock = RLock()
        self._embedding: Embedding | None = None

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path | None = None,
        *,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "auto",
        local_files_only: bool | None = None,
        cache_bytes_max: int = _CACHE_BYTES,
        cache_folder: str | Path | None = None,
        clean: bool | None = None,
    ) -> SamPredictor:
        """A predictor with a network by name.

        Args:
            model: None or ``nano`` for the bundled network, a hub id such as ``facebook/sam-vit-base``, or a folder.
            device: ``auto`` takes a GPU where there is one; or any torch device.
            dtype: ``auto`` takes float16 on CUDA and float32 elsewhere.
            local_files_only: True never downloads; None follows the environment variable HF_HUB_OFFLINE.
            cache_bytes_max: as the class.
            cache_folder: as the class.
            clean: as the class.

        Raises:
            ModelNotFoundError: no such network, or not here while offline.
            UnsupportedModelError: a family that samwidget cannot drive; no weights were downloaded.
            ModelError: weights that cannot be read, or a device that is not here.
        """
        choice = choose_device(device, dtype)
        segmenter = load(model, device=choice.device, dtype=choice.dtype, local_files_only=local_files_only)
        return cls(
            segmenter,
            cache_bytes_max=cache_bytes_max,
            cache_folder=cache_folder,
            clean=clean,
            device_reason=choice.reason,
        )

    @classmethod
    def from_endpoint(cls, url: str, *, key: str | None = None, timeout_s: float = 120.0) -> SamPredictor:
        """A predictor whose network is on another machine, for the widget here and the GPU over there.

        Against ``samwidget serve`` an image is sent once and questions are small. Against any other endpoint with the
        documented ``/score``, such as one of Azure ML, each question is the documented request with the image in it.

        Args:
            url: of the server, with or without ``/score``.
            key: the server's; None takes the environment variable SAMWIDGET_KEY, where there is one.
            timeout_s: for one answer, the waiting for a busy server included.

        Raises:
            EndpointError: no server there, or it refuses the key. So do later calls, where they would raise ModelError.
        """
        from samwidget.models.remote import open_remote

        segmenter = open_remote(url, key, timeout_s)
        return cls(segmenter, device_reason=f"the network runs at {url}", runs_on=segmenter.runs_on)

    @property
    def name(self) -> str:
        """The network's name."""
        return self._name

    @property
    def signature(self) -> str:
        """Name, weights, precision and preprocessing; equal ones answer alike. Raises ClosedError after ``close``."""
        return self._open().signature

    @property
    def device(self) -> torch.device:
        """Where the network runs now; raises ClosedError after ``close``."""
        here = self._open().device
        return here if self._runs_on is None else self._runs_on

    @property
    def thread_count(self) -> int:
        """The number of CPU threads that torch computes with in this process."""
        return torch.get_num_threads()

    @property
    def everything_defaults(self) -> EverythingDefaults:
        """What ``everything`` asks of this network unless told otherwise; raises ClosedError after ``close``."""
        return self._open().everything_defaults

    @property
    def frame(self) -> Frame | None:
        """Sizes of the image that is set; None before ``set_image``."""
        embedding = self._embedding
        return None if embedding is None else embedding.frame

    def embed(self, image: Any) -> Embedding:
        """The embedding of an image, from the cache where it has been seen; changes no state but the cache.

        Threads that ask for one image at the same time wait for one encoder run.

        Args:
            image: whatever ``load_rgb`` reads.

        Raises:
            ImageError: the image cannot be read.
            ModelError: the encoder failed.
            ClosedError: after ``close``.
        """
        return self.embed_with_source(image).embedding

    def embed_with_source(self, image: Any) -> EmbedResult:
        """The embedding of an image, and whether the cache had it; otherwise as ``embed``."""
        pixels = load_rgb(image)
        signature = self._open().signature
        key = content_key(pixels, signature)
        known = self._cache.get(key)
        if known is not None:
            return EmbedResult(known, from_cache=True)
        with self._lock:
            known = self._cache.get(key)  # another thread may have made it meanwhile
            if known is not None:
                return EmbedResult(known, from_cache=True)
            embedding = self._cache.read_file(key, signature)
            from_cache = embedding is not None
            if embedding is None:
                embedding = self._run(lambda segmenter: segmenter.encode(pixels))
                self.encodes += 1
                self._cache.write_file(key, embedding)
            embedding = self._on_device(embedding)
            self._cache.put(key, embedding)
            return EmbedResult(embedding, from_cache)

    def set_image(self, image: Any) -> None:
        """Makes this the image that ``predict`` asks about. On failure the previous image stays.

        Args:
            image: path, URL, bytes, PIL image, array or tensor; whatever ``load_rgb`` reads.

        Raises:
            ImageError: the image cannot be read.
            ModelError: the encoder failed.
            ClosedError: after ``close``.
        """
        self._embedding = self.embed(image)

    def reset_image(self) -> None:
        """Forgets the image; the cache keeps its embedding."""
        self._embedding = None

    def predict(
        self,
        point_coords: npt.ArrayLike | None = None,
        point_labels: npt.ArrayLike | None = None,
        box: npt.ArrayLike | None = None,
        mask_input: npt.ArrayLike | None = None,
        multimask_output: bool = True,
        return_logits: bool = False,
    ) -> Prediction:
        """Masks of one object in the image that is set.

        Args:
            point_coords: (N, 2) image pixels, x before y.
            point_labels: (N,), 1 includes and 0 excludes; None includes all.
            box: (4,) x0, y0, x1, y1 in image pixels.
            mask_input: (1, h, w) or (h, w) low-res logits of an earlier answer.
            multimask_output: three candidates, for prompts that can be read in several ways, such as one click; or one,
                for all others.
            return_logits: ``masks`` holds float32 logits instead of bool.

        Returns:
            ``(masks, scores, low_res_logits)``; C is 3 or 1.

        Raises:
            PromptError: no image is set, nothing was asked, or shapes, labels or places do not fit the image.
            ModelError: the decoder failed.
            ClosedError: after ``close``.
        """
        prompt = make_prompt(point_coords, point_labels, box, mask_input)
        masks = self.predict_many([prompt], multimask_output=multimask_output)[0]
        return Prediction(masks.to_logits() if return_logits else masks.to_bool(), masks.scores, masks.logits)

    def predict_many(
        self,
        prompts: Sequence[Prompt],
        embedding: Embedding | None = None,
        multimask_output: bool = True,
        *,
        threads: int | None = None,
    ) -> list[Masks]:
        """The answers to many prompts about one image, each as if asked alone.

        Args:
            prompts: points, boxes and masks, one object each.
            embedding: what ``embed`` returned; None takes the image that is set.
            multimask_output: three candidates per prompt, or one.
            threads: how many CPU threads the model may use; None is ``thread_count``. Only ``nano`` follows it.

        Raises:
            PromptError: as ``predict``, for any of the prompts, before the network runs.
            ModelError: the decoder failed, or the embedding is another network's.
            ClosedError: after ``close``.
        """
        signature = self._open().signature
        embedding = self._embedding if embedding is None else embedding
        if embedding is None:
            raise PromptError("no image is set", hint="call set_image(image) first")
        if embedding.signature != signature:
            raise ModelError(
                f"the embedding was made by {embedding.signature!r}, this is {signature!r}",
                hint="embed the image with this predictor",
            )
        if not prompts:
            return []
        frame = embedding.frame
        for prompt in prompts:
            _check(prompt, frame)
        logits, scores = self._run(
            lambda segmenter: segmenter.decode(
                self._on_device(embedding), prompts, multimask_output=multimask_output, threads=threads
            )
        )
        logits_array, score_array = logits.float().cpu().numpy(), scores.float().cpu().numpy()
        return [
            Masks(clean_logits(candidates, prompt, frame) if self._clean else candidates, row, frame, prompt)
            for candidates, row, prompt in zip(logits_array, score_array, prompts, strict=True)
        ]

    def generate_masks(self, image: Any, **options: Any) -> Iterator[Progress]:
        """All objects of an image while they are found: ``generate_masks`` with this predictor."""
        return generate.generate_masks(self, image, **options)

    def everything(self, image: Any, **options: Any) -> list[FoundObject]:
        """All objects of an image: ``everything`` with this predictor."""
        return generate.everything(self, image, **options)

    def close(self) -> None:
        """Frees the network and the embeddings; waits for a running call. Later calls raise ClosedError."""
        with self._lock:
            segmenter, self._segmenter = self._segmenter, None
            self._embedding = None
            self._cache.clear()
            if segmenter is not None:
                free_memory(segmenter.device)

    def _open(self) -> Segmenter:
        segmenter = self._segmenter
        if segmenter is None:
            raise ClosedError("the predictor is closed", hint="make a new one with SamPredictor.from_pretrained")
        return segmenter

    def _on_device(self, embedding: Embedding) -> Embedding:
        device = self._open().device
        is_there = all(tensor.device == device for tensor in embedding.tensors.values())
        return embedding if is_there else embedding.to(device)

    def _run(self, call: Callable[[Segmenter], _T]) -> _T:
        """Calls the network under the lock; where its device is out of memory, once more on the CPU."""
        with self._lock:
            segmenter = self._open()
            try:
                return call(segmenter)
            except (RuntimeError, MemoryError) as error:
                if not _is_out_of_memory(error):
                    raise ModelError(f"{self._name} failed", hint=f"{type(error).__name__}: {error}") from error
                if segmenter.device.type == "cpu":
                    raise ModelError(
                        f"{self._name} does not fit into memory", hint="free some, or take a smaller network"
                    ) from error
                full = segmenter.device
            # Outside the handler, since the error's traceback keeps the tensors that filled the device.
            self._move_to_cpu(segmenter, full)
            return self._run(call)

    def _move_to_cpu(self, segmenter: Segmenter, full: torch.device) -> None:
        cpu = torch.device("cpu")
        self._cache.clear()
        if self._embedding is not None:
            self._embedding = self._embedding.to(cpu)
        segmenter.to(cpu)
        free_memory(full)
        self.note = f"{full} is out of memory: {self._name} now runs on the CPU, slower"
        warnings.warn(self.note, SamWidgetWarning, stacklevel=2)


def _check(prompt: Prompt, frame: Frame) -> None:
    if prompt.is_empty:
        raise PromptError("the prompt is empty", hint="give a point, a box or a mask")
    prompt.check_inside(frame.image_hw)
    if prompt.mask is not None and prompt.mask.shape != frame.logits_hw:
        raise PromptError(
            f"mask_input has shape {prompt.mask.shape}, this network's logits are {frame.logits_hw}",
            hint="give low_res_logits of an earlier answer of the same network and image",
        )


def _is_out_of_memory(error: Exception) -> bool:
    # Apple's MPS and torch's CPU allocator raise plain RuntimeErrors.
    text = str(error).lower()
    return (
        isinstance(error, MemoryError | torch.cuda.OutOfMemoryError)
        or "out of memory" in text
        or "not enough memory" in text
        or "can't allocate memory" in text
    )
