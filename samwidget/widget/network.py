"""Network: one image and the model that segments it. Owns loading, encoding and predicting, on the worker's thread.

The masks depend on the image and the prompt alone: each prompt holds all points and the box of its object, and no mask
of an earlier prompt. So undo is exact, and a request that is sent elsewhere gives the same masks. How a model computes
is up to ``predict`` and ``models``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from samwidget.core import Frame, Masks, Prompt, RunLengths
from samwidget.errors import ClosedError, ModelError, SamWidgetError
from samwidget.models import BUNDLED_NAME
from samwidget.predict import open_predictor

if TYPE_CHECKING:
    from samwidget.models import Embedding
    from samwidget.predict import SamPredictor
    from samwidget.predict.everything import Progress

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelSource:
    """Where a predictor comes from.

    Attributes:
        name: of the model.
        open: returns the predictor, and loads it if necessary; called again after it failed.
    """

    name: str
    open: Callable[[], SamPredictor]


BUNDLED = ModelSource(BUNDLED_NAME, lambda: open_predictor(None, "auto", "auto", None))


class Network:
    """A predictor and the embedding of one image.

    Args:
        image: (H, W, 3) uint8 RGB.
        source: of the predictor.
        threads: how many CPU threads compute for this widget; None takes the predictor's number.
    """

    def __init__(self, image: npt.NDArray[np.uint8], source: ModelSource, threads: int | None) -> None:
        self._image = image
        self.threads = threads
        self._source = source
        self._predictor: SamPredictor | None = None
        self._embedding: Embedding | None = None
        self._last_masks: Masks | None = None
        self.encode_s = 0.0
        """How long the encoder took when it ran last."""
        self.fetch: Callable[[ModelSource], None] = _is_here
        """Called before a model is loaded: downloads it where it is not here."""

    def for_image(self, image: npt.NDArray[np.uint8]) -> Network:
        """Returns the same model for another image, which is not encoded yet."""
        network = Network(image, self._source, self.threads)
        network._predictor, network.encode_s, network.fetch = self._predictor, self.encode_s, self.fetch
        return network

    def another(self, source: ModelSource) -> Network:
        """Returns another model for the same image, which is not loaded yet."""
        return Network(self._image, source, self.threads)

    def copy(self) -> Network:
        """Returns the same model with the same embedding, which stay when this one changes."""
        return copy(self)

    def become(self, other: Network) -> None:
        """Uses the model of another network, which has encoded the same image."""
        self._source, self._predictor, self._embedding = other._source, other._predictor, other._embedding
        self._last_masks, self.encode_s = None, other.encode_s

    @property
    def source(self) -> ModelSource:
        """Where the predictor comes from."""
        return self._source

    @property
    def is_ready(self) -> bool:
        """Whether there is a model, and the embedding of the image."""
        return self._embedding is not None

    @property
    def name(self) -> str:
        """The name of the model."""
        return self._source.name

    @property
    def is_bundled(self) -> bool:
        """Whether it is the bundled model with its defaults."""
        return self._source is BUNDLED

    @property
    def is_remote(self) -> bool:
        """Whether the model runs on another computer; False until it is loaded."""
        try:
            return self._predictor is not None and self._predictor.is_remote
        except ClosedError:  # as for the signature
            return False

    @property
    def predictor(self) -> SamPredictor | None:
        """The predictor; None until it is loaded and after ``close``."""
        return self._predictor

    @property
    def signature(self) -> str:
        """Name, weights and preprocessing of the model; empty while there is none."""
        try:
            return "" if self._predictor is None else self._predictor.signature
        except ClosedError:  # somebody closed the shared predictor; the next prompt reports it
            return ""

    @property
    def frame(self) -> Frame:
        """Ties image pixels to low-res logits; raises ClosedError while there is no model."""
        return self._predictor_and_embedding()[1].frame

    def use(self, source: ModelSource) -> None:
        """Forgets the model: the next ``load`` takes another one."""
        self.close()
        self._source = source

    def load(self) -> None:
        """Loads the model; does nothing where it is loaded.

        Raises:
            ModelError: there is no such model, or it cannot be loaded.
        """
        if self._predictor is None:
            self.fetch(self._source)
            self._predictor = _with_remedy(self._source.open, "the model could not be loaded")

    def encode(self) -> float:
        """Encodes the image; returns how long that took in seconds, 0.0 where a cache had the embedding.

        Raises:
            ModelError: the model failed.
        """
        predictor = self._predictor
        assert predictor is not None
        start = time.perf_counter()
        result = _with_remedy(
            lambda: predictor.embed_with_source(self._image, threads=self.threads), "the model failed on this image"
        )
        self._embedding = result.embedding
        if result.from_cache:
            return 0.0
        self.encode_s = time.perf_counter() - start
        return self.encode_s

    def encode_ahead(self, image: npt.NDArray[np.uint8]) -> None:
        """Encodes an image that may be shown next; the predictor's cache keeps it. Raises ModelError as ``encode``."""
        predictor, _ = self._predictor_and_embedding()
        _with_remedy(lambda: predictor.embed_with_source(image, threads=self.threads), "the model failed on an image")

    def predict(self, prompt: Prompt) -> Masks:
        """Returns the three candidates of a prompt.

        Those of the last prompt are kept, so a click costs nothing after its preview.

        Raises:
            PromptError: a part of the prompt is outside the image.
            ModelError: the model failed.
        """
        self.check_inside([prompt])
        if self._last_masks is None or self._last_masks.prompt != prompt:
            predictor, embedding = self._predictor_and_embedding()
            masks_list = _with_remedy(
                lambda: predictor.predict_many([prompt], embedding, threads=self.threads),
                "the model failed on this prompt",
            )
            self._last_masks = masks_list[0]
        return self._last_masks

    def check_inside(self, prompts: Sequence[Prompt]) -> None:
        """Raises PromptError where a part of a prompt is outside the image; needs no model."""
        for prompt in prompts:
            prompt.check_inside((self._image.shape[0], self._image.shape[1]))

    def predict_many(self, prompts: Sequence[Prompt]) -> list[Masks]:
        """Returns the three candidates of each prompt.

        Raises:
            PromptError: a part of a prompt is outside the image; raised before the model runs.
            ModelError: the model failed.
        """
        self.check_inside(prompts)
        predictor, embedding = self._predictor_and_embedding()
        return _with_remedy(
            lambda: predictor.predict_many(prompts, embedding, threads=self.threads), "the model failed on a prompt"
        )

    def everything(self, options: Mapping[str, Any], cancel: Event) -> Iterator[Progress]:
        """Yields the progress of a search of everything, as ``SamPredictor.generate_masks`` does.

        Args:
            options: of ``generate_masks``.
            cancel: ends the search when it is set.

        Raises:
            PromptError: an option is out of its range; raised before anything runs.
            TypeError: there is no such option.
            ModelError: the model failed, at any step.
        """
        predictor, _ = self._predictor_and_embedding()
        return _each_with_remedy(
            predictor.generate_masks(self._image, cancel=cancel, **{"threads": self.threads, **options}),
            "the model failed during the search",
        )

    def similar(
        self,
        examples: Sequence[RunLengths],
        excluded: Sequence[RunLengths],
        known: Sequence[RunLengths],
        max_objects: int | None,
        likeness_thresh: float | None,
        cancel: Event,
    ) -> Iterator[Progress]:
        """Yields the progress of a search for objects like the examples; arguments and errors of ``search_similar``."""
        predictor, embedding = self._predictor_and_embedding()
        return _each_with_remedy(
            predictor.search_similar(
                embedding,
                examples,
                excluded,
                known=known,
                max_objects=max_objects,
                likeness_thresh=likeness_thresh,
                cancel=cancel,
                threads=self.threads,
            ),
            "the model failed during the search",
        )

    def words(
        self, phrases: Sequence[str] | None, boxes: Any, excluded_boxes: Any, threshold: float | None, cancel: Event
    ) -> Iterator[Progress]:
        """Yields the progress of a search by words and example boxes; arguments and errors of ``search_words``."""
        predictor, embedding = self._predictor_and_embedding()
        return _each_with_remedy(
            predictor.search_words(
                embedding,
                phrases,
                boxes=boxes,
                excluded_boxes=excluded_boxes,
                threshold=threshold,
                cancel=cancel,
                threads=self.threads,
            ),
            "the model failed during the search",
        )

    def close(self) -> None:
        """Releases predictor and embedding; other widgets that share the predictor keep it."""
        self._predictor = self._embedding = self._last_masks = None

    def _predictor_and_embedding(self) -> tuple[SamPredictor, Embedding]:
        if self._predictor is None:
            raise ClosedError("the widget is closed, and its model with it", hint="make a new SamWidget")
        if self._embedding is None:  # asked by a function given to on_change, which hears of a new image at once
            self.encode()
        assert self._embedding is not None
        return self._predictor, self._embedding


def _is_here(_: ModelSource) -> None:
    """Downloads nothing."""


def _with_remedy(work: Callable[[], T], failure: str) -> T:
    """Returns the result of ``work``; any other error than ours becomes a ModelError with a remedy."""
    try:
        return work()
    except SamWidgetError:
        raise
    except BaseException as error:  # SystemExit too: it would end nothing here, and the widget would wait for ever
        log.exception("%s", failure)
        cause = ": ".join(part for part in (type(error).__name__, str(error)) if part)
        raise ModelError(f"{failure}: {cause}", hint=_remedy(error)) from error


def _remedy(error: BaseException) -> str:
    """How a user can mend an error that is not ours."""
    if isinstance(error, MemoryError):
        return "end other kernels and programs, or choose a smaller model"
    if isinstance(error, ImportError):
        return "install the package that is named, then restart the kernel"
    return "try again, or choose another model or device"


def _each_with_remedy(values: Iterator[T], failure: str) -> Iterator[T]:
    """Yields the same values; any other error than ours becomes a ModelError with a remedy."""
    while (value := _with_remedy(lambda: next(values, None), failure)) is not None:
        yield value
