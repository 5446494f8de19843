"""Engine: one image and the network that has seen it. Owns loading, encoding and asking; used on the worker's thread.

An answer depends on image and prompt alone: every question holds all points and the box of an object, and no mask of
an earlier answer. So undo is exact, and a request that is replayed elsewhere gives the same masks.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from samwidget.core import Frame, Masks, Prompt
from samwidget.errors import ClosedError, ModelError, SamWidgetError

if TYPE_CHECKING:
    from samwidget.models import Embedding
    from samwidget.predict import SamPredictor
    from samwidget.predict.everything import Progress

T = TypeVar("T")
log = logging.getLogger(__name__)


class Engine:
    """A predictor and the embedding of one image.

    Args:
        image: (H, W, 3) uint8 RGB.
        open_predictor: gives the predictor, loading it where need be; called again after it failed.
    """

    def __init__(self, image: npt.NDArray[np.uint8], open_predictor: Callable[[], SamPredictor]) -> None:
        self._image = image
        self._open_predictor = open_predictor
        self._predictor: SamPredictor | None = None
        self._embedding: Embedding | None = None
        self._last: Masks | None = None

    @property
    def predictor(self) -> SamPredictor | None:
        """The network; None until it is loaded."""
        return self._predictor

    @property
    def frame(self) -> Frame:
        """Ties the image's pixels to the network's; known once the image is encoded."""
        return self._ready()[1].frame

    def load(self) -> None:
        """Loads the network; does nothing where that is done.

        Raises:
            ModelError: there is no such network, or it cannot be loaded.
        """
        if self._predictor is None:
            self._predictor = _ours(self._open_predictor, "the network could not be loaded")

    def encode(self) -> float:
        """Encodes the image; returns the seconds that took, 0.0 where a cache had the embedding.

        Raises:
            ModelError: the network failed.
        """
        predictor = self._predictor
        assert predictor is not None
        start = time.perf_counter()
        result = _ours(lambda: predictor.embed_with_source(self._image), "the network failed on this image")
        self._embedding = result.embedding
        return 0.0 if result.from_cache else time.perf_counter() - start

    def ask(self, prompt: Prompt) -> Masks:
        """The network's masks for a prompt; the last answer is kept, so a click costs nothing after its preview.

        Raises:
            PromptError: the prompt lies outside the image.
            ModelError: the network failed.
        """
        prompt.check_inside((self._image.shape[0], self._image.shape[1]))
        if self._last is None or self._last.prompt != prompt:
            predictor, embedding = self._ready()
            # The browser draws the last masks meanwhile: the second of two cores costs it more than the 7 ms that the
            # model gains by it.
            threads = max(1, predictor.thread_count // 2)
            answers = _ours(
                lambda: predictor.predict_many([prompt], embedding=embedding, multimask_output=True, threads=threads),
                "the network failed on this prompt",
            )
            self._last = answers[0]
        return self._last

    def search(self, cancel: Event, options: Mapping[str, Any]) -> Iterator[Progress]:
        """The objects of the image while they are found: ``SamPredictor.generate_masks``.

        Args:
            cancel: ends the search.
            options: of ``generate_masks``.

        Raises:
            PromptError: an option out of its range, before anything runs.
            TypeError: an option that there is not.
            ModelError: the network failed, at any step.
        """
        predictor, _ = self._ready()
        return _ours_each(
            predictor.generate_masks(self._image, cancel=cancel, **options), "the network failed during the search"
        )

    def close(self) -> None:
        """Lets go of network and embedding; whoever else uses the network keeps it."""
        self._predictor = self._embedding = self._last = None

    def _ready(self) -> tuple[SamPredictor, Embedding]:
        if self._predictor is None or self._embedding is None:
            raise ClosedError("the widget is closed", hint="make a new one")
        return self._predictor, self._embedding


def _ours(work: Callable[[], T], failure: str) -> T:
    """What ``work`` returns; what it raises becomes an error that says what to do."""
    try:
        return work()
    except SamWidgetError:
        raise
    except Exception as error:
        log.exception("%s", failure)
        raise ModelError(
            f"{failure}: {type(error).__name__}: {error}", hint="try again, or choose another network or device"
        ) from error


def _ours_each(values: Iterator[T], failure: str) -> Iterator[T]:
    """The same values; what is raised on the way becomes an error that says what to do."""
    while (value := _ours(lambda: next(values, None), failure)) is not None:
        yield value
