"""LockedSegmenter: a segmenter that several threads share, and the embeddings of recent images.

Owns the lock, the cache, the move to the CPU when the device's memory is full, and the end: ``close``. It knows neither
images that are set nor what users give as prompts; ``SamPredictor``, which calls it, does.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from threading import RLock
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from samwidget.core import Prompt
from samwidget.errors import ClosedError, ModelError, SamWidgetWarning, UnsupportedModelError
from samwidget.models import MODELS, Embedding, Finder, Segmenter, Wanted
from samwidget.predict.caller_settings import without_settings_of_caller
from samwidget.predict.device_memory import free_memory, is_out_of_memory
from samwidget.predict.embedding_cache import EmbeddingCache, content_key

_T = TypeVar("_T")


class EmbedResult(NamedTuple):
    """What ``SamPredictor.embed_with_source`` returns.

    Attributes:
        embedding: the embedding of the image.
        from_cache: True if it came from memory or from the cache folder, False if this call ran the encoder.
    """

    embedding: Embedding
    from_cache: bool


class LockedSegmenter:
    """A segmenter that runs for one thread at a time, with torch's default settings, whatever the caller's are.

    Args:
        segmenter: the model.
        cache: keeps its embeddings.

    Attributes:
        name: of the model, also after ``close``.
        encodes: how often the encoder has run.
        note: says that the model moved to the CPU; empty if it did not.
    """

    def __init__(self, segmenter: Segmenter, cache: EmbeddingCache) -> None:
        self.name = segmenter.name
        self.encodes = 0
        self.note = ""
        self._segmenter: Segmenter | None = segmenter
        self._cache = cache
        self._lock = RLock()

    @property
    def segmenter(self) -> Segmenter:
        """The model; raises ClosedError after ``close``."""
        segmenter = self._segmenter
        if segmenter is None:
            raise ClosedError("the predictor is closed", hint="make a new one with SamPredictor.from_pretrained")
        return segmenter

    def encode(self, pixels: npt.NDArray[np.uint8], threads: int) -> EmbedResult:
        """The embedding of (H, W, 3) uint8 RGB pixels, from the cache if it has one.

        Threads that ask for the same image at the same time wait for one run of the encoder.

        Raises:
            ModelError: the encoder failed.
            ClosedError: after ``close``.
        """
        signature = self.segmenter.signature
        key = content_key(pixels, signature)
        cached = self._cache.get(key)
        if cached is not None:
            return EmbedResult(cached, from_cache=True)
        with self._lock:
            cached = self._cache.get(key)  # another thread may have encoded the image meanwhile
            if cached is not None:
                return EmbedResult(cached, from_cache=True)
            embedding = self._cache.read_file(key, signature)
            from_cache = embedding is not None
            if embedding is None:
                embedding = self.run(lambda segmenter: segmenter.encode(pixels, threads=threads))
                self.encodes += 1
                self._cache.write_file(key, embedding)
            embedding = self.on_device(embedding)
            self._cache.put(key, embedding)
            return EmbedResult(embedding, from_cache)

    def decode(
        self, embedding: Embedding, prompts: Sequence[Prompt], multimask_output: bool, threads: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Low-res logits (P, C, h, w) and scores (P, C) for P prompts; C is 3 with ``multimask_output``, else 1.

        Raises:
            ModelError: the decoder failed.
            ClosedError: after ``close``.
        """
        logits, scores = self.run(
            lambda segmenter: segmenter.decode(
                self.on_device(embedding), prompts, multimask_output=multimask_output, threads=threads
            )
        )
        return logits.float().cpu().numpy(), scores.float().cpu().numpy()

    def find(
        self, embedding: Embedding, wanted: Wanted, score_min: float, threads: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Low-res logits (N, h, w) and scores (N,) of the objects that are wanted, the best first.

        Raises:
            UnsupportedModelError: the model cannot read.
            PromptError: a phrase is too long for the model.
            ModelError: the model failed.
            ClosedError: after ``close``.
        """
        logits, scores = self.run(
            lambda segmenter: finder_of(segmenter).find(
                self.on_device(embedding), wanted, score_min=score_min, threads=threads
            )
        )
        return logits.float().cpu().numpy(), scores.float().cpu().numpy()

    def check_words(self, phrases: Sequence[str]) -> None:
        """Raises UnsupportedModelError where the model cannot read, PromptError where a phrase is too long for it."""

        def check(segmenter: Segmenter) -> None:
            finder = finder_of(segmenter)
            for phrase in phrases:
                finder.check_phrase(phrase)

        self.run(check)

    def on_device(self, embedding: Embedding) -> Embedding:
        """The embedding on the model's device; the same object if it is there already."""
        device = self.segmenter.device
        is_there = all(tensor.device == device for tensor in embedding.tensors.values())
        return embedding if is_there else embedding.to(device)

    def run(self, call: Callable[[Segmenter], _T]) -> _T:
        """What ``call`` returns for the segmenter. If the device is full, moves to the CPU and calls once more.

        Raises:
            ModelError: the call failed.
            ClosedError: after ``close``.
        """
        with self._lock:
            segmenter = self.segmenter
            try:
                with without_settings_of_caller(segmenter.device):
                    return call(segmenter)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise ModelError(f"{self.name} failed", hint=f"{type(error).__name__}: {error}") from error
                if segmenter.device.type == "cpu":
                    raise ModelError(
                        f"{self.name} does not fit into memory", hint="free memory, or take a smaller model"
                    ) from error
            # Outside the except block, because the error's traceback keeps the tensors that fill the device.
            self._move_to_cpu(segmenter)
            return self.run(call)

    def close(self) -> None:
        """Frees the model and the embeddings in memory, after a call that is running. Later calls raise ClosedError."""
        with self._lock:
            segmenter, self._segmenter = self._segmenter, None
            self._cache.clear()
            if segmenter is not None:
                free_memory(segmenter.device)

    def _move_to_cpu(self, segmenter: Segmenter) -> None:
        full_device, cpu = segmenter.device, torch.device("cpu")
        self._cache.clear()
        with without_settings_of_caller(cpu):
            segmenter.to(cpu)
        free_memory(full_device)
        self.note = f"{full_device} is out of memory: {self.name} now runs on the CPU, which is slower"
        warnings.warn(self.note, SamWidgetWarning, stacklevel=2)


def finder_of(segmenter: Segmenter) -> Finder:
    """The segmenter as one that can read; raises UnsupportedModelError where it cannot."""
    if isinstance(segmenter, Finder):
        return segmenter
    names = ", ".join(f'"{card.name}"' for card in MODELS if "text" in card.prompts)
    raise UnsupportedModelError(
        f"{segmenter.name} cannot read words",
        hint=f"load a model that can, with its tokenizer: {names}; or choose an object and find similar ones, "
        "which every model can do",
    )
