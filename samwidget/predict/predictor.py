"""SamPredictor: the methods that SAM users know (``set_image``, ``predict``), for any ``Segmenter``.

Owns the lock around the model, the embedding cache, the check that what a model answers are numbers, and the fallback
to the CPU when the device's memory is full. It does not know about widgets: widgets, servers and batch runs may share
one predictor and keep their embeddings.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from threading import Event, RLock
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from samwidget.core import FoundObject, Frame, Masks, Prompt, make_prompt
from samwidget.errors import ClosedError, ModelError, PromptError, SamWidgetWarning
from samwidget.images import Exif, ImageFormat, Scale, load_rgb
from samwidget.models import (
    Embedding,
    EverythingDefaults,
    Segmenter,
    choose_device,
    load,
    run_in_threads,
    thread_count,
)
from samwidget.predict.caller_settings import without_settings_of_caller
from samwidget.predict.cleanup import remove_islands_and_holes
from samwidget.predict.device_memory import free_memory, is_out_of_memory
from samwidget.predict.embedding_cache import EmbeddingCache, content_key
from samwidget.predict.everything.generate import Progress, search
from samwidget.predict.everything.options import EverythingOptions

_CACHE_BYTES = 512 * 1024 * 1024
_T = TypeVar("_T")


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


class EmbedResult(NamedTuple):
    """What ``SamPredictor.embed_with_source`` returns.

    Attributes:
        embedding: the embedding of the image.
        from_cache: True if it came from memory or from the cache folder, False if this call ran the encoder.
    """

    embedding: Embedding
    from_cache: bool


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
        encodes: how often the encoder has run, for all users of this predictor: a statistic.
        note: what the user should know, such as a move to the CPU; empty if there is nothing.
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
        self.encodes = 0
        self.note = ""
        self.device_reason = device_reason
        self.thread_count = thread_count(threads)
        self._runs_on = runs_on
        self._segmenter: Segmenter | None = segmenter
        self._name = segmenter.name
        self._clean = segmenter.cleans_masks if clean is None else clean
        self._cache = EmbeddingCache(cache_bytes_max, None if cache_folder is None else Path(cache_folder).expanduser())
        self._lock = RLock()
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
            model: None or ``nano`` for the bundled model, a hub id such as ``facebook/sam-vit-base``, or a folder.
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
            ModelError: the weights cannot be read, or the device is not available.
        """
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
        return self._name

    @property
    def signature(self) -> str:
        """Name, weights, precision and preprocessing of the model; models of equal signature give equal masks.

        Raises:
            ClosedError: after ``close``.
        """
        return self._open_segmenter().signature

    @property
    def device(self) -> torch.device:
        """The device that the model runs on now.

        Raises:
            ClosedError: after ``close``.
        """
        device = self._open_segmenter().device
        return device if self._runs_on is None else self._runs_on

    @property
    def precision(self) -> str:
        """The precision that the model's encoder computes with: ``float32``, ``float16`` or ``bfloat16``.

        Raises:
            ClosedError: after ``close``.
        """
        return self._open_segmenter().precision

    @property
    def everything_defaults(self) -> EverythingDefaults:
        """The options of ``everything`` that suit the model and apply unless others are given.

        Raises:
            ClosedError: after ``close``.
        """
        return self._open_segmenter().everything_defaults

    @property
    def frame(self) -> Frame | None:
        """The sizes of the image that this thread has set; None if it has set none."""
        embedding = self._set_image.embedding
        return None if embedding is None else embedding.frame

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
        """The embedding of an image, and whether it came from the cache; otherwise the same as ``embed``."""
        pixels = load_rgb(image)
        signature = self._open_segmenter().signature
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
                count = self._threads_or_own(threads)
                embedding = self._run(lambda segmenter: segmenter.encode(pixels, threads=count))
                self.encodes += 1
                self._cache.write_file(key, embedding)
            embedding = self._on_device(embedding)
            self._cache.put(key, embedding)
            return EmbedResult(embedding, from_cache)

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
        signature = self._open_segmenter().signature
        embedding = self._set_image.embedding if embedding is None else embedding
        if embedding is None:
            raise PromptError(
                "no image is set in this thread",
                hint="call set_image(image) here first; or share embed(image) and give it to predict_many",
            )
        if embedding.signature != signature:
            raise ModelError(
                f"the embedding was made by {embedding.signature!r}, this is {signature!r}",
                hint="embed the image with this predictor",
            )
        if not prompts:
            return []
        frame = embedding.frame
        for prompt in prompts:
            _check_prompt(prompt, frame, check=check)
        count = self._threads_or_own(threads)
        logits, scores = self._run(
            lambda segmenter: segmenter.decode(
                self._on_device(embedding), prompts, multimask_output=multimask_output, threads=count
            )
        )
        logits_array, score_array = logits.float().cpu().numpy(), scores.float().cpu().numpy()

        def masks_of(index: int) -> Masks:
            candidates, row, prompt = logits_array[index], score_array[index], prompts[index]
            if not (np.isfinite(candidates).all() and np.isfinite(row).all()):
                raise ModelError(
                    f"{self._name} gave infinite logits or scores, or some that are not numbers",
                    hint='load it with dtype="float32"; if it is in float32 already, its weights are damaged',
                )
            if self._clean:
                candidates = remove_islands_and_holes(candidates, prompt, frame)
            return Masks(candidates, row, frame, prompt)

        return run_in_threads(masks_of, range(len(prompts)), count)

    def generate_masks(
        self,
        image: object,
        *,
        points_per_side: int | None = None,
        points_per_batch: int = 64,
        pred_iou_thresh: float | None = None,
        stability_score_thresh: float | None = None,
        stability_score_offset: float | None = None,
        box_nms_thresh: float = 0.7,
        crop_n_layers: int = 0,
        crop_nms_thresh: float = 0.7,
        crop_overlap_ratio: float = 512 / 1500,
        crop_n_points_downscale_factor: int = 1,
        point_grids: Sequence[npt.ArrayLike] | None = None,
        min_mask_region_area: int = 0,
        cancel: Event | None = None,
        threads: int | None = None,
    ) -> Iterator[Progress]:
        """The objects of an image while they are found: ``samwidget.generate_masks`` with this predictor.

        That function explains each option, what is yielded and which errors are raised.
        """
        options = EverythingOptions(
            points_per_side=points_per_side,
            points_per_batch=points_per_batch,
            pred_iou_thresh=pred_iou_thresh,
            stability_score_thresh=stability_score_thresh,
            stability_score_offset=stability_score_offset,
            box_nms_thresh=box_nms_thresh,
            crop_n_layers=crop_n_layers,
            crop_nms_thresh=crop_nms_thresh,
            crop_overlap_ratio=crop_overlap_ratio,
            crop_n_points_downscale_factor=crop_n_points_downscale_factor,
            point_grids=point_grids,
            min_mask_region_area=min_mask_region_area,
        )
        return search(self, image, options, cancel, threads)

    def everything(
        self,
        image: object,
        *,
        points_per_side: int | None = None,
        points_per_batch: int = 64,
        pred_iou_thresh: float | None = None,
        stability_score_thresh: float | None = None,
        stability_score_offset: float | None = None,
        box_nms_thresh: float = 0.7,
        crop_n_layers: int = 0,
        crop_nms_thresh: float = 0.7,
        crop_overlap_ratio: float = 512 / 1500,
        crop_n_points_downscale_factor: int = 1,
        point_grids: Sequence[npt.ArrayLike] | None = None,
        min_mask_region_area: int = 0,
        cancel: Event | None = None,
        threads: int | None = None,
    ) -> list[FoundObject]:
        """All objects of an image, the best first.

        Runs ``generate_masks`` to its end. ``samwidget.generate_masks`` explains each option and each error. With
        ``cancel`` set meanwhile, the objects that were found until then are returned.
        """
        options = EverythingOptions(
            points_per_side=points_per_side,
            points_per_batch=points_per_batch,
            pred_iou_thresh=pred_iou_thresh,
            stability_score_thresh=stability_score_thresh,
            stability_score_offset=stability_score_offset,
            box_nms_thresh=box_nms_thresh,
            crop_n_layers=crop_n_layers,
            crop_nms_thresh=crop_nms_thresh,
            crop_overlap_ratio=crop_overlap_ratio,
            crop_n_points_downscale_factor=crop_n_points_downscale_factor,
            point_grids=point_grids,
            min_mask_region_area=min_mask_region_area,
        )
        objects: tuple[FoundObject, ...] = ()
        for progress in search(self, image, options, cancel, threads):
            objects = progress.objects
        return list(objects)

    def close(self) -> None:
        """Frees the model and the embeddings in memory, after a call that is running. Later calls raise ClosedError."""
        with self._lock:
            segmenter, self._segmenter = self._segmenter, None
            self._set_image.embedding = None
            self._cache.clear()
            if segmenter is not None:
                free_memory(segmenter.device)

    def _open_segmenter(self) -> Segmenter:
        segmenter = self._segmenter
        if segmenter is None:
            raise ClosedError("the predictor is closed", hint="make a new one with SamPredictor.from_pretrained")
        return segmenter

    def _threads_or_own(self, threads: int | None) -> int:
        return self.thread_count if threads is None else thread_count(threads)

    def _on_device(self, embedding: Embedding) -> Embedding:
        """The embedding on the model's device; the same object if it is there already."""
        device = self._open_segmenter().device
        is_there = all(tensor.device == device for tensor in embedding.tensors.values())
        return embedding if is_there else embedding.to(device)

    def _run(self, call: Callable[[Segmenter], _T]) -> _T:
        """What ``call`` returns for the segmenter. If the device is full, moves to the CPU and calls once more."""
        with self._lock:
            segmenter = self._open_segmenter()
            try:
                with without_settings_of_caller(segmenter.device):
                    return call(segmenter)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise ModelError(f"{self._name} failed", hint=f"{type(error).__name__}: {error}") from error
                if segmenter.device.type == "cpu":
                    raise ModelError(
                        f"{self._name} does not fit into memory", hint="free memory, or take a smaller model"
                    ) from error
                full_device = segmenter.device
            # Outside the except block, because the error's traceback keeps the tensors that fill the device.
            self._move_to_cpu(segmenter, full_device)
            return self._run(call)

    def _move_to_cpu(self, segmenter: Segmenter, full_device: torch.device) -> None:
        cpu = torch.device("cpu")
        self._cache.clear()
        with without_settings_of_caller(cpu):
            if self._set_image.embedding is not None:
                self._set_image.embedding = self._set_image.embedding.to(cpu)
            segmenter.to(cpu)
        free_memory(full_device)
        self.note = f"{full_device} is out of memory: {self._name} now runs on the CPU, which is slower"
        warnings.warn(self.note, SamWidgetWarning, stacklevel=2)


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
