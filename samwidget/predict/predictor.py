"""SamPredictor: the methods that SAM users know (``set_image``, ``predict``), for any ``Segmenter``.

Owns how a model is opened, the image that is set, and the masks that are made of what a model answers, once that was
checked to be numbers. ``locked_segmenter`` runs the model and keeps embeddings; ``everything`` searches. It does not
know about widgets: widgets, servers and batch runs may share one predictor and keep their embeddings.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from samwidget.core import Frame, Masks, Prompt, make_prompt
from samwidget.errors import ModelError, PromptError
from samwidget.images import Exif, ImageFormat, Scale, load_rgb
from samwidget.models import (
    Embedding,
    EverythingDefaults,
    Finder,
    Segmenter,
    Wanted,
    checked_threads,
    choose_device,
    load,
    run_in_threads,
    thread_count,
)
from samwidget.predict import find as searches
from samwidget.predict.caller_settings import without_settings_of_caller
from samwidget.predict.cleanup import remove_islands_and_holes
from samwidget.predict.embedding_cache import EmbeddingCache
from samwidget.predict.everything import generate
from samwidget.predict.locked_segmenter import EmbedResult, LockedSegmenter

# Three masks of 128 x 128 logits.
_SHARED_LOGITS_MIN = 3 * 128 * 128
_CACHE_BYTES = 512 * 1024 * 1024
T = TypeVar("T")


class Prediction(NamedTuple):
    """What ``SamPredictor.predict`` returns.

    Attributes:
        masks: (C, H, W) bool at the image's own size, or float32 logits with ``return_logits``.
        scores: (C,) float32, the model's estimate of each mask's IoU.
        low_res_logits: (C, h, w) float32, which can be given back as ``mask_input``.
    """

    masks: npt.NDArray[Any]  # Any: bool or float32, whichever was asked for
    scores: npt.NDArray[np.float32]
    low_res_logits: npt.NDArray[np.float32]


class _SetImage(threading.local):
    """The image that a thread has set."""

    embedding: Embedding | None = None


class SamPredictor:
    """Encodes images once and predicts masks for prompts.

    Threads may share a predictor; the model runs for one at a time. The image that is set belongs to the thread that
    set it, so each thread gets masks of its own image. To work on one image in several threads, share what ``embed``
    returns and give it to ``predict_many``.

    A predictor that was made by ``from_pretrained`` or ``from_endpoint`` can be pickled: its copy is made by the same
    call, with no image set. A key is not in the pickle. After a fork, a child may go on with the predictor if no other
    thread was using it.

    Args:
        segmenter: the model.
        cache_bytes_max: budget for embeddings in memory. An embedding of SAM ViT-B takes 4 MB; the default is 512 MB.
        cache_folder: folder that keeps embeddings on disk, so that a new kernel need not encode again; None for none.
        clean: whether to remove stray islands and fill small holes of each mask. None takes the model's own setting:
            on for ``nano``, whose masks it improves, and off for SAM. Give False for objects that consist of parts.
        device_reason: one sentence that says why the model runs on its device.
        runs_on: the device of a model on another computer; None for a model in this process.
        threads: how many CPU threads compute; None takes the environment variable SAMWIDGET_THREADS, or else the number
            of cores that this process may use. It does not change the masks.

    Attributes:
        device_reason: as given.
        thread_count: how many CPU threads compute.

    Raises:
        ModelError: the number of threads is below 1.
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
        threads: int | None = None,
    ) -> None:
        self.device_reason = device_reason
        self.thread_count = thread_count(threads)
        self._runs_on = runs_on
        self._clean = segmenter.cleans_masks if clean is None else clean
        folder = None if cache_folder is None else Path(cache_folder).expanduser()
        self._locked = LockedSegmenter(segmenter, EmbeddingCache(cache_bytes_max, folder))
        self._set_image = _SetImage()
        self._make_again: partial[SamPredictor] | None = None

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
        threads: int | None = None,
    ) -> SamPredictor:
        """A predictor with a model by name.

        Args:
            model: None or ``nano`` for the bundled model, a hub id such as ``facebook/sam-vit-base``, a folder, or a
                file of Meta's package such as ``sam_vit_b_01ec64.pth``.
            device: ``auto`` takes a GPU if there is one; or any torch device.
            dtype: ``auto`` takes float16 on CUDA and float32 elsewhere; ``fast`` also takes bfloat16 on a CPU that
                has it.
            local_files_only: True never downloads; None follows the environment variable HF_HUB_OFFLINE.
            cache_bytes_max: as for the class.
            cache_folder: as for the class.
            clean: as for the class.
            threads: as for the class.

        Raises:
            ModelNotFoundError: there is no such model, or it is not on this computer and samwidget is offline.
            UnsupportedModelError: samwidget cannot run this family of models; no weights were downloaded.
            ModelError: the weights cannot be read, the device is not available, or ``threads`` is not a whole number
                from 1.
        """
        checked_threads(threads)  # before the model is loaded, which takes seconds or a download
        choice = choose_device(device, dtype)
        with without_settings_of_caller(choice.device):
            segmenter = load(model, device=choice.device, dtype=choice.dtype, local_files_only=local_files_only)
        predictor = cls(
            segmenter,
            cache_bytes_max=cache_bytes_max,
            cache_folder=cache_folder,
            clean=clean,
            device_reason=choice.reason,
            threads=threads,
        )
        predictor._make_again = partial(
            cls.from_pretrained,
            model,
            device=device,
            dtype=dtype,
            local_files_only=local_files_only,
            cache_bytes_max=cache_bytes_max,
            cache_folder=cache_folder,
            clean=clean,
            threads=threads,
        )
        return predictor

    @classmethod
    def from_endpoint(cls, url: str, *, key: str | None = None, timeout_s: float = 120.0) -> SamPredictor:
        """A predictor whose model runs on another computer, for example one with a GPU.

        With ``samwidget serve`` the image is sent once, and each prompt is a small request. With any other endpoint
        that has the documented ``/score``, such as one of Azure ML, the image is sent with each prompt.

        Args:
            url: address of the server, with or without ``/score``.
            key: the server's key; None takes the environment variable SAMWIDGET_KEY if it is set.
            timeout_s: seconds for one response, including the wait for a busy server.

        Raises:
            EndpointError: there is no server, or it refuses the key. Later calls raise it where other predictors raise
                ModelError.
        """
        from samwidget.models.remote import open_remote

        segmenter = open_remote(url, key, timeout_s)
        predictor = cls(segmenter, device_reason=f"the model runs at {url}", runs_on=segmenter.runs_on)
        predictor._make_again = partial(cls.from_endpoint, url, timeout_s=timeout_s)  # pickles are no place for a key
        return predictor

    def __reduce__(self) -> tuple[Callable[[], SamPredictor], tuple[()]]:
        if self._make_again is None:
            raise TypeError(
                "a SamPredictor that was made of a segmenter cannot be copied or pickled; "
                "make it with from_pretrained, or make a new one where it is needed"
            )
        return self._make_again, ()

    @property
    def name(self) -> str:
        """The model's name."""
        return self._locked.name

    @property
    def encodes(self) -> int:
        """How often the encoder has run, for all users of this predictor: a statistic."""
        return self._locked.encodes

    @property
    def note(self) -> str:
        """What the user should know, such as a move to the CPU; empty if there is nothing."""
        return self._locked.note

    @property
    def signature(self) -> str:
        """Name, weights, precision and preprocessing of the model; models of equal signature give equal masks.

        Raises:
            ClosedError: after ``close``.
        """
        return self._segmenter.signature

    @property
    def device(self) -> torch.device:
        """The device that the model runs on now.

        Raises:
            ClosedError: after ``close``.
        """
        device = self._segmenter.device
        return device if self._runs_on is None else self._runs_on

    @property
    def precision(self) -> str:
        """The precision that the model's encoder computes with: ``float32``, ``float16`` or ``bfloat16``.

        Raises:
            ClosedError: after ``close``.
        """
        return self._segmenter.precision

    @property
    def is_remote(self) -> bool:
        """Whether the model runs on another computer.

        Raises:
            ClosedError: after ``close``.
        """
        return self._segmenter.family == "remote"

    @property
    def everything_defaults(self) -> EverythingDefaults:
        """The options of ``everything`` that suit the model and apply unless others are given.

        Raises:
            ClosedError: after ``close``.
        """
        return self._segmenter.everything_defaults

    @property
    def frame(self) -> Frame | None:
        """The sizes of the image that this thread has set; None if it has set none."""
        embedding = self._set_image.embedding
        return None if embedding is None else embedding.frame

    @property
    def embedding(self) -> Embedding | None:
        """The embedding of the image that this thread has set; None if it has set none."""
        return self._set_image.embedding

    def embed(
        self,
        image: object,
        image_format: ImageFormat = "RGB",
        *,
        scale: Scale = None,
        frame: int | None = None,
        exif: Exif = "auto",
        threads: int | None = None,
    ) -> Embedding:
        """The embedding of an image, from the cache if it has one. The image that is set stays set.

        Threads that ask for the same image at the same time wait for one run of the encoder.

        Args:
            image: path, URL, bytes, PIL image, array or tensor: whatever ``load_rgb`` reads.
            image_format: ``BGR`` for an array from OpenCV.
            scale: as for ``load_rgb``.
            frame: as for ``load_rgb``.
            exif: as for ``load_rgb``.
            threads: how many CPU threads this call may use; None is ``thread_count``.

        Raises:
            ImageError: the image cannot be read.
            ModelError: the encoder failed.
            ClosedError: after ``close``.
        """
        pixels = load_rgb(image, scale=scale, frame=frame, exif=exif, image_format=image_format)
        return self.embed_with_source(pixels, threads=threads).embedding

    def embed_with_source(self, image: object, *, threads: int | None = None) -> EmbedResult:
        """The embedding of an image, and whether it came from the cache; otherwise the same as ``embed``.

        An (H, W, 3) uint8 array is taken as what ``load_rgb`` returned, also where it has three rows.
        """
        is_read = type(image) is np.ndarray and image.dtype == np.uint8 and image.shape[2:] == (3,) and image.size > 0
        pixels = np.ascontiguousarray(image) if is_read else load_rgb(image)
        return self._locked.encode(pixels, self._threads_or_own(threads))

    def set_image(
        self,
        image: object,
        image_format: ImageFormat = "RGB",
        *,
        scale: Scale = None,
        frame: int | None = None,
        exif: Exif = "auto",
    ) -> None:
        """Sets the image that ``predict`` works on in this thread. If this fails, the previous image stays.

        Args:
            image: path, URL, bytes, PIL image, array or tensor: whatever ``load_rgb`` reads.
            image_format: ``BGR`` for an array from OpenCV.
            scale: as for ``load_rgb``.
            frame: as for ``load_rgb``.
            exif: as for ``load_rgb``.

        Raises:
            ImageError: the image cannot be read.
            ModelError: the encoder failed.
            ClosedError: after ``close``.
        """
        self._set_image.embedding = self.embed(image, image_format, scale=scale, frame=frame, exif=exif)

    def reset_image(self) -> None:
        """Unsets the image of this thread; its embedding stays in the cache."""
        self._set_image.embedding = None

    def predict(
        self,
        point_coords: npt.ArrayLike | None = None,
        point_labels: npt.ArrayLike | None = None,
        box: npt.ArrayLike | None = None,
        mask_input: npt.ArrayLike | None = None,
        multimask_output: bool = True,
        return_logits: bool = False,
    ) -> Prediction:
        """Masks of one object in the image that this thread has set.

        Args:
            point_coords: (N, 2) x, y in image pixels.
            point_labels: (N,), 1 to include and 0 to exclude; None includes all points.
            box: (4,) x0, y0, x1, y1 in image pixels.
            mask_input: (1, h, w) or (h, w) low-res logits of an earlier prediction.
            multimask_output: True gives three candidates, for ambiguous prompts such as one click; False gives one
                mask, for all other prompts.
            return_logits: return float32 logits in ``masks`` instead of bool.

        Returns:
            ``(masks, scores, low_res_logits)`` of C candidates, where C is 3 or 1.

        Raises:
            PromptError: this thread has set no image, the prompt is empty, or its shapes, labels or positions do not
                fit the image.
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
        check: bool = True,
    ) -> list[Masks]:
        """The masks of many prompts on one image; each is the same as if its prompt were given alone.

        Args:
            prompts: the prompts, one for each object.
            embedding: what ``embed`` returned; None takes the image that is set.
            multimask_output: three candidates for each prompt, or one mask.
            threads: how many CPU threads this call may use; None is ``thread_count``.
            check: refuse prompts that are empty, or that lie outside the image. False leaves them to the model, as
                Azure's service does.

        Raises:
            PromptError: as ``predict``, for any of the prompts; raised before the model runs.
            ModelError: the decoder failed or gave no numbers, or another model made the embedding.
            ClosedError: after ``close``.
        """
        signature, count = self._segmenter.signature, self._threads_or_own(threads)
        if embedding is None and self._set_image.embedding is not None:
            # It stays moved, because the model remembers what it has prepared for this very embedding.
            embedding = self._set_image.embedding = self._locked.on_device(self._set_image.embedding)
        if embedding is None:
            raise PromptError(
                "no image is set in this thread",
                hint="call set_image(image) here first; or share embed(image) and give it to predict_many",
            )
        self._check_made_here(embedding)
        prompts = _checked_prompts(prompts)
        if not prompts:
            return []
        frame = embedding.frame
        for prompt in prompts:
            _check_prompt(prompt, frame, check=check)
        logits, scores = self._locked.decode(embedding, prompts, multimask_output, count)

        def masks_of(index: int) -> Masks:
            candidates, row, prompt = logits[index], scores[index], prompts[index]
            if not (np.isfinite(candidates).all() and np.isfinite(row).all()):
                raise ModelError(
                    f"{self.name} gave infinite logits or scores, or some that are not numbers",
                    hint='load it with dtype="float32"; if it is in float32 already, its weights are damaged',
                )
            if self._clean:
                candidates = remove_islands_and_holes(candidates, prompt, frame)
            return Masks(candidates, row, frame, prompt, signature)

        # Small masks take a third of a millisecond each in steps of Python, which runs one thread at a time.
        return run_in_threads(masks_of, range(len(prompts)), count if logits[0].size >= _SHARED_LOGITS_MIN else 1)

    @property
    def reads_words(self) -> bool:
        """Whether ``find`` works with this model.

        Raises:
            ClosedError: after ``close``.
        """
        return isinstance(self._segmenter, Finder)

    def check_words(self, phrases: Sequence[str]) -> None:
        """Checks phrases before a search.

        Raises:
            UnsupportedModelError: the model cannot read.
            PromptError: a phrase is too long for the model.
            ClosedError: after ``close``.
        """
        self._locked.check_words(phrases)

    def find_wanted(
        self, embedding: Embedding, wanted: Wanted, *, score_min: float, threads: int | None = None
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Low-res logits (N, h, w) and scores (N,) of the objects that one phrase and boxes describe, the best first.

        Args:
            embedding: what ``embed`` returned.
            wanted: what to find.
            score_min: objects with a score above it are returned.
            threads: how many CPU threads this call may use; None is ``thread_count``.

        Raises:
            UnsupportedModelError: the model cannot read.
            ModelError: the model failed, or another model made the embedding.
            ClosedError: after ``close``.
        """
        self._check_made_here(embedding)
        return self._locked.find(embedding, wanted, score_min, self._threads_or_own(threads))

    def run(self, call: Callable[[Segmenter], T]) -> T:
        """What ``call`` returns for the model: no other thread uses it meanwhile, and torch's settings are the default.

        Raises:
            ModelError: the call failed.
            ClosedError: after ``close``.
        """
        return self._locked.run(call)

    generate_masks = generate.generate_masks
    everything = generate.everything
    find = searches.find_words
    find_similar = searches.find_similar
    search_similar = searches.search_similar
    search_words = searches.search_words

    def close(self) -> None:
        """Frees the model and the embeddings in memory, after a call that is running. Later calls raise ClosedError."""
        self._set_image.embedding = None
        self._locked.close()

    @property
    def _segmenter(self) -> Segmenter:
        """The model; raises ClosedError after ``close``."""
        return self._locked.segmenter

    def _check_made_here(self, embedding: Embedding) -> None:
        if not isinstance(embedding, Embedding):
            raise ModelError(f"the embedding is a {type(embedding).__name__}", hint="give what embed(image) returned")
        signature = self._segmenter.signature
        if embedding.signature != signature:
            raise ModelError(
                f"the embedding was made by {embedding.signature!r}, this is {signature!r}",
                hint="embed the image with this predictor",
            )

    def _threads_or_own(self, threads: int | None) -> int:
        return self.thread_count if threads is None else thread_count(threads)


def _checked_prompts(prompts: object) -> list[Prompt]:
    values: list[Any] = list(prompts) if isinstance(prompts, Iterable) else [prompts]
    if isinstance(prompts, Prompt) or not all(isinstance(value, Prompt) for value in values):
        kinds = sorted({type(value).__name__ for value in values})
        raise PromptError(f"the prompts are {', '.join(kinds)}", hint="give a list with a Prompt for each object")
    return values


def _check_prompt(prompt: Prompt, frame: Frame, *, check: bool) -> None:
    if check and prompt.is_empty:
        raise PromptError("the prompt is empty", hint="give a point, a box or a mask")
    if check:
        prompt.check_inside(frame.image_hw)
    if prompt.mask is not None and prompt.mask.shape != frame.logits_hw:
        raise PromptError(
            f"mask_input has shape {prompt.mask.shape}, this model's logits are {frame.logits_hw}",
            hint="give low_res_logits of an earlier prediction of the same model and image",
        )
